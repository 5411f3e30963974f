"""Utterances of feature stores as training reads them: batches of normalised tensors, whole or chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emotone.data.preferences import Preferences
from emotone.data.view import Chunks, Crop, View
from emotone.store import Rows

Labels = dict[str, Tensor]


class Examples(Protocol):
    """Utterances in a fixed order; `labels` {target: [N] or [N, K]}, empty where there are none.

    `pairs` {target: rows of which one has more of it} are there for systems that learn from such.
    """

    labels: Labels
    pairs: dict[str, Preferences]

    def __len__(self) -> int: ...

    @property
    def num_chunks(self) -> int:
        """Chunks per utterance; 1 where it is seen as a whole."""
        ...

    def groups(self, batch_size: int) -> list[NDArray[np.intp]]:
        """All rows, in batches that can be read together."""
        ...

    def batch(self, rows: NDArray[np.intp], crop: Sequence[Crop] | None = None) -> tuple[Tensor, Labels]:
        """Inputs and labels of these rows; a crop per row in training of some systems."""
        ...

    def chunks(self, rows: NDArray[np.intp], chunks: NDArray[np.intp]) -> Tensor:
        """Single chunks [N, m, D]: `chunks[n]` of the utterance `rows[n]`."""
        ...


@dataclass
class StoreExamples:
    """Rows of the store as batches of torch tensors (`Examples`).

    `mean` and `std` are [D], or [S, D] with `speakers` [N] saying which of them is a row's.
    """

    rows: Rows
    view: View
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    clip: float
    labels: Labels
    speakers: NDArray[np.intp] | None = None
    pairs: dict[str, Preferences] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def num_chunks(self) -> int:
        """Chunks per utterance; 1 where it is seen as a whole."""
        return self.view.num_chunks if isinstance(self.view, Chunks) else 1

    def groups(self, batch_size: int) -> list[NDArray[np.intp]]:
        """All rows, in batches of equal shape."""
        lengths = np.array([0 if isinstance(self.view, Chunks) else len(row) for row in self.rows.utterances])
        same = [np.flatnonzero(lengths == length) for length in np.unique(lengths)]
        return [rows[start : start + batch_size] for rows in same for start in range(0, len(rows), batch_size)]

    def batch(self, rows: NDArray[np.intp], crop: Sequence[Crop] | None = None) -> tuple[Tensor, Labels]:
        """Inputs [B, ...view, D] and the labels of these rows; utterances of unequal length only one at a time."""
        inputs = torch.from_numpy(self.rows.batch(list(rows), crop or self.view, *self._moments(rows), self.clip))
        return inputs, {name: label[torch.from_numpy(rows)] for name, label in self.labels.items()}

    def chunks(self, rows: NDArray[np.intp], chunks: NDArray[np.intp]) -> Tensor:
        """Single chunks [N, m, D] of these rows; only for a view of chunks."""
        assert isinstance(self.view, Chunks)
        return torch.from_numpy(self.rows.chunks(rows, chunks, self.view, *self._moments(rows), self.clip))

    def arrays(self) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """All of it at once, for systems that solve (`emotone.system.Arrays`)."""
        inputs, labels = self.batch(np.arange(len(self)))
        return inputs.numpy(), {name: label.numpy() for name, label in labels.items()}

    def _moments(self, rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        if self.speakers is None:
            return self.mean, self.std
        return self.mean[self.speakers[rows]], self.std[self.speakers[rows]]
