"""Utterances of feature stores as training reads them: batches of normalised tensors, or of streams of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotone.bundle.view.streams import StreamNormalisers, Utterance, stack
from emotone.bundle.view.view import Chunks, Crop, FrameView, Normaliser, Segments, View, WordChunks
from emotone.bundle.view.word_chunks import count_word_chunks
from emotone.data.labels.preferences import Preferences
from emotone.data.rows import Rows

Labels = dict[str, Tensor]


class StreamTensors(NamedTuple):
    """A batch of speech and text (`emotone.bundle.view.streams.Streams`) as tensors."""

    speech: Tensor
    text: Tensor
    speech_length: Tensor
    text_length: Tensor

    def to(self, device: Any) -> StreamTensors:
        """The same on a device."""
        return StreamTensors(*(part.to(device) for part in self))


Inputs = Tensor | StreamTensors


def outputs_of(network: nn.Module, inputs: Inputs) -> dict[str, Tensor]:
    """The outputs {target: [B] or [B, K]} of a network for a batch."""
    return network(*inputs) if isinstance(inputs, StreamTensors) else network(inputs)


class Examples(Protocol):
    """Utterances in a fixed order; `labels` {target: [N] or [N, K]}, empty where there are none.

    `pairs` {target: pairs of rows, of which one has more of it} are for systems that learn from preferences.
    """

    labels: Labels
    pairs: dict[str, Preferences]

    @property
    def view(self) -> View:
        """The view of an utterance that the inputs are."""
        ...

    def __len__(self) -> int: ...

    def groups(self, batch_size: int) -> list[NDArray[np.intp]]:
        """All rows, in batches that can be read together."""
        ...

    def batch(
        self, rows: NDArray[np.intp], crop: Sequence[Crop] | None = None, random: np.random.Generator | None = None
    ) -> tuple[Any, Labels]:
        """Inputs and labels of these rows; a crop per row in training of some systems, parts by `random` in others."""
        ...


@dataclass
class StoreExamples:
    """Rows of the store as batches of torch tensors (`Examples`).

    `normaliser` is one for all rows, or one per row. `noisy` are the same rows with noise, a reader for each kind.
    """

    rows: Rows
    view: FrameView
    normaliser: Normaliser | list[Normaliser]
    labels: Labels
    pairs: dict[str, Preferences] = field(default_factory=dict)
    noisy: list[Rows] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def num_chunks(self) -> int:
        """Chunks per utterance; 1 where it is seen as a whole."""
        return self.view.num_chunks if isinstance(self.view, Chunks) else 1

    def groups(self, batch_size: int) -> list[NDArray[np.intp]]:
        """All rows, in batches of equal shape: of `batch_size` utterances, or of utterances with as many segments."""
        sizes = np.array([self._size(len(row)) for row in self.rows.utterances])
        batches = []
        for size in np.unique(sizes):
            rows, num = np.flatnonzero(sizes == size), batch_size
            if isinstance(self.view, Segments):
                num = max(1, batch_size // int(size))
            batches += [rows[start : start + num] for start in range(0, len(rows), num)]
        return batches

    def batch(
        self, rows: NDArray[np.intp], crop: Sequence[Crop] | None = None, random: np.random.Generator | None = None
    ) -> tuple[Tensor, Labels]:
        """Inputs [B, ...view, D] and the labels of these rows; utterances of unequal length only one at a time."""
        inputs = torch.from_numpy(self.rows.batch(list(rows), crop or self.view, self._normaliser(rows)))
        return inputs, labels_of(self.labels, rows)

    def chunks(self, rows: NDArray[np.intp], chunks: NDArray[np.intp]) -> Tensor:
        """Single chunks [N, m, D] of these rows; only for a view of chunks."""
        assert isinstance(self.view, Chunks)
        return torch.from_numpy(self.rows.chunks(rows, chunks, self.view, self._normaliser(rows)))

    @property
    def num_segments(self) -> NDArray[np.intp]:
        """Segments of each row: int [N]; only for a view of segments."""
        assert isinstance(self.view, Segments)
        return np.array([self.view.count(len(row)) for row in self.rows.utterances])

    def segments(self, rows: NDArray[np.intp], places: NDArray[np.intp]) -> Tensor:
        """Single segments [N, m, D] of these rows; only for a view of segments."""
        assert isinstance(self.view, Segments) and isinstance(self.normaliser, Normaliser)
        return torch.from_numpy(self.rows.segments(rows, places, self.view, self.normaliser))

    def noisy_segments(self, rows: NDArray[np.intp], places: NDArray[np.intp], kinds: NDArray[np.intp]) -> Tensor:
        """The same segments [N, m, D] with noise of the kind `kinds[n]`."""
        assert isinstance(self.view, Segments) and isinstance(self.normaliser, Normaliser)
        chosen = [self.noisy[kind].utterances[row] for row, kind in zip(rows, kinds, strict=True)]
        noisy = Rows(chosen, self.rows.num_features)
        return torch.from_numpy(noisy.segments(range(len(rows)), places, self.view, self.normaliser))

    def _size(self, num_frames: int) -> int:
        """The size that utterances of one batch must share: frames or segments; 0 where any go together."""
        if isinstance(self.view, Chunks):
            return 0
        return self.view.count(num_frames) if isinstance(self.view, Segments) else num_frames

    def arrays(self) -> tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]:
        """All inputs and labels at once, for systems that solve (`emotone.training.system.Arrays`)."""
        inputs, labels = self.batch(np.arange(len(self)))
        return inputs.numpy(), {name: label.numpy() for name, label in labels.items()}

    def _normaliser(self, rows: NDArray[np.intp]) -> Normaliser | list[Normaliser]:
        if isinstance(self.normaliser, Normaliser):
            return self.normaliser
        return [self.normaliser[row] for row in rows]


class ChunkExamples:
    """Every chunk as an example of its own, [1, m, D] with the label of its utterance, one utterance after another."""

    def __init__(self, utterances: StoreExamples) -> None:
        self.utterances, self.pairs = utterances, utterances.pairs
        self.labels = {name: label.repeat_interleave(self._per_row, 0) for name, label in utterances.labels.items()}

    @property
    def _per_row(self) -> int:
        return self.utterances.num_chunks

    @property
    def view(self) -> View:
        """The view of an utterance."""
        return self.utterances.view

    def __len__(self) -> int:
        return len(self.utterances) * self._per_row

    def groups(self, batch_size: int) -> list[NDArray[np.intp]]:
        """All chunks, in batches of those of `batch_size` utterances."""
        size = batch_size * self._per_row
        return [np.arange(start, min(start + size, len(self))) for start in range(0, len(self), size)]

    def batch(
        self, rows: NDArray[np.intp], crop: Sequence[Crop] | None = None, random: np.random.Generator | None = None
    ) -> tuple[Tensor, Labels]:
        """Inputs [B, 1, m, D] and labels of these chunks."""
        return self.utterances.chunks(*np.divmod(rows, self._per_row))[:, None], labels_of(self.labels, rows)


@dataclass
class StreamExamples:
    """Utterances of speech and text as batches of torch tensors (`Examples`), of any lengths together."""

    utterances: list[Utterance]
    view: WordChunks
    normalisers: StreamNormalisers
    labels: Labels
    pairs: dict[str, Preferences] = field(default_factory=dict)
    _room: NDArray[np.float32] | None = field(default=None, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.utterances)

    def groups(self, batch_size: int) -> list[NDArray[np.intp]]:
        """All rows, in batches of like length, which need little padding."""
        order = np.argsort([self._steps(one) for one in self.utterances], kind="stable")
        return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]

    def batch(
        self, rows: NDArray[np.intp], crop: Sequence[Crop] | None = None, random: np.random.Generator | None = None
    ) -> tuple[StreamTensors, Labels]:
        """Inputs and labels of these rows; with `random` as training sees them, a part of each chunk.

        A training batch lasts until the next one, which takes its memory: mapping 100 MB anew takes longer than to
        fill them.
        """
        room = None if random is None else self._room
        streams = stack([self.utterances[row] for row in rows], self.view, self.normalisers, random, room)
        if random is not None and (self._room is None or self._room.size < streams.speech.size):
            self._room = streams.speech
        return StreamTensors(*map(torch.from_numpy, streams)), labels_of(self.labels, rows)

    def _steps(self, one: Utterance) -> int:
        seen = one.seen(self.view)
        num_words = len(one.words) if isinstance(one.words, Sequence) else one.words
        num_frames = 0 if seen.speech is None else len(seen.speech)
        num_chunks = count_word_chunks(num_words, num_frames * self.view.hop_s) if num_frames else 0
        return max(num_chunks, 0 if seen.text is None else len(seen.text))


def labels_of(labels: Labels, rows: NDArray[np.intp]) -> Labels:
    """The labels of these rows."""
    return {name: label[torch.from_numpy(rows)] for name, label in labels.items()}


def predict_outputs(
    network: nn.Module, examples: Examples, batch_size: int, device: Any
) -> dict[str, NDArray[np.float32]]:
    """Outputs of all rows, in evaluation mode: {target: [N] or [N, K]}."""
    network.eval()
    groups = examples.groups(batch_size)
    with torch.inference_mode():
        parts = [outputs_of(network, examples.batch(rows)[0].to(device)) for rows in groups]
    order = np.argsort(np.concatenate(groups))
    return {name: torch.cat([part[name].float().cpu() for part in parts]).numpy()[order] for name in parts[0]}
