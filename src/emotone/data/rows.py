"""Utterances of a feature store in a fixed order, read as batches of one view, normalised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.bundle.view.chunk import chunk_step, repeat_to
from emotone.bundle.view.normalise import Moments, normalise
from emotone.bundle.view.view import Chunks, Crop, FrameView, Segments, fill_up
from emotone.errors import EmotoneError


@dataclass
class Rows:
    """Utterances of a store in a fixed order, read as batches of one view.

    >>> rows = Rows([np.ones((70, 2), np.float32), np.zeros((99, 2), np.float32)], 2)
    >>> from emotone.bundle.view.view import Chunks
    >>> rows.batch([1, 0], Chunks(62, 11), np.zeros(2), np.ones(2)).shape
    (2, 11, 62, 2)
    """

    utterances: list[NDArray[Any]]
    num_features: int

    def __len__(self) -> int:
        return len(self.utterances)

    def batch(
        self,
        rows: Sequence[int],
        view: FrameView | Sequence[Crop],
        mean: NDArray[np.floating],
        std: NDArray[np.floating],
        clip: float = 3.0,
    ) -> NDArray[np.float32]:
        """Normalised batch [B, ...view, D] of one view, or of a crop per row; all of one shape.

        `mean` and `std` are [D], or [B, D] where rows are normalised differently; `clip` is infinite for none.
        """
        batch: NDArray[np.float32] | None = None
        for position, row in enumerate(rows):
            features = np.asarray(self.utterances[row], dtype=np.float32)
            own_view = view[position] if isinstance(view, Sequence) else view
            index = own_view.index(len(features))
            if batch is None:
                batch = np.empty((len(rows), *index.shape, self.num_features), np.float32)
            own_mean, own_std = (mean, std) if mean.ndim == 1 else (mean[position], std[position])
            # Every index is valid; any mode but "raise" writes without a copy in between.
            frames = normalise(fill_up(own_view, features), own_mean, own_std, clip)
            np.take(frames, index, axis=0, out=batch[position], mode="clip")
        if batch is None:
            raise ValueError("a batch needs at least one row")
        return batch

    def chunks(
        self,
        rows: Sequence[int] | NDArray[np.intp],
        chunks: NDArray[np.intp],
        view: Chunks,
        mean: NDArray[np.floating],
        std: NDArray[np.floating],
        clip: float = 3.0,
    ) -> NDArray[np.float32]:
        """Normalised single chunks [N, m, D]: `chunks[n]` of the utterance `rows[n]`, and nothing else is read.

        `mean` and `std` are [D], or [N, D] where rows are normalised differently.
        """
        found = np.empty((len(rows), view.chunk_frames, self.num_features), np.float32)
        by_row = mean.ndim == 2
        if not by_row:  # moments as large as a chunk: quicker than to repeat them for each of its frames
            mean, std = (np.broadcast_to(part, found.shape[1:]).copy() for part in (mean, std))
        for position, (row, chunk) in enumerate(zip(rows, chunks, strict=True)):
            features = repeat_to(self.utterances[row], view.chunk_frames)
            start = chunk * chunk_step(len(features), view.chunk_frames, view.num_chunks)
            frames = np.asarray(features[start : start + view.chunk_frames], dtype=np.float32)
            own_mean, own_std = (mean[position], std[position]) if by_row else (mean, std)
            found[position] = normalise(frames, own_mean, own_std, clip)  # one by one: a chunk fits the cache
        return found

    def segments(
        self,
        rows: Sequence[int] | NDArray[np.intp],
        places: NDArray[np.intp],
        view: Segments,
        mean: NDArray[np.floating],
        std: NDArray[np.floating],
        clip: float = 3.0,
    ) -> NDArray[np.float32]:
        """Normalised single segments [N, m, D]: `places[n]` of the utterance `rows[n]`, and nothing else is read."""
        found = np.empty((len(rows), view.segment_frames, self.num_features), np.float32)
        filling = normalise(fill_up(view, found[0, :0]), mean, std, clip)
        for segment, row, place in zip(found, rows, places, strict=True):
            start = place * view.segment_frames
            frames = np.asarray(self.utterances[row][start : start + view.segment_frames], dtype=np.float32)
            segment[: len(frames)] = normalise(frames, mean, std, clip)
            segment[len(frames) :] = filling
        return found

    def moments_of(self, groups: Sequence[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.intp]]:
        """Mean and deviation [S, D] over all frames of each group (e.g. speaker), and the group of every row: int [N].

        Raises EmotoneError for a row without a group, or a group with a single row, which would normalise to zeros.
        """
        codes, names = pd.factorize(np.asarray(groups, dtype=object), sort=True)
        counts = np.bincount(codes[codes >= 0], minlength=len(names))
        if (codes < 0).any() or (counts < 2).any():
            alone = f", and {names[counts < 2][0]!r} has only one" if (counts < 2).any() else ""
            raise EmotoneError(
                f"normalising per speaker needs a known speaker with two utterances or more: {int((codes < 0).sum())} "
                f"of {len(codes)} utterances have no speaker{alone}; use normalise.by=training"
            )
        moments = [Moments() for _ in names]
        for code, features in zip(codes, self.utterances, strict=True):
            moments[code].update(features)
        mean, std = (np.stack([getattr(one, part) for one in moments]).astype(np.float32) for part in ("mean", "std"))
        return mean, std, codes
