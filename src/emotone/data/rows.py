"""Utterances of a feature store in a fixed order, read as batches of one view, normalised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.bundle.view.chunk import chunk_step, repeat_to
from emotone.bundle.view.moments import Moments
from emotone.bundle.view.view import CLIP, Chunks, Crop, FrameView, Normaliser, Segments, fill_up
from emotone.errors import EmotoneError


@dataclass
class Rows:
    """Utterances of a store in a fixed order, read as batches of one view.

    >>> rows = Rows([np.ones((70, 2), np.float32), np.zeros((99, 2), np.float32)], 2)
    >>> rows.batch([1, 0], Chunks(62, 11), Normaliser(np.zeros(2), np.ones(2))).shape
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
        normaliser: Normaliser | Sequence[Normaliser],
    ) -> NDArray[np.float32]:
        """Normalised batch [B, ...view, D] of one view, or of a crop per row; all of one shape.

        `normaliser` is one for all rows, or one per row.
        """
        batch: NDArray[np.float32] | None = None
        views = view if isinstance(view, Sequence) else [view] * len(rows)
        normalisers = [normaliser] * len(rows) if isinstance(normaliser, Normaliser) else normaliser
        for position, (row, own_view, own) in enumerate(zip(rows, views, normalisers, strict=True)):
            features = np.asarray(self.utterances[row], dtype=np.float32)
            index = own_view.index(len(features))
            if batch is None:
                batch = np.empty((len(rows), *index.shape, self.num_features), np.float32)
            # Every index is valid; any mode but "raise" writes without a copy in between.
            np.take(own(fill_up(own_view, features)), index, axis=0, out=batch[position], mode="clip")
        if batch is None:
            raise ValueError("a batch needs at least one row")
        return batch

    def chunks(
        self,
        rows: Sequence[int] | NDArray[np.intp],
        chunks: NDArray[np.intp],
        view: Chunks,
        normaliser: Normaliser | Sequence[Normaliser],
    ) -> NDArray[np.float32]:
        """Normalised single chunks [N, m, D]: `chunks[n]` of the utterance `rows[n]`, and nothing else is read.

        `normaliser` is one for all rows, or one per row.
        """
        found = np.empty((len(rows), view.chunk_frames, self.num_features), np.float32)
        if isinstance(normaliser, Normaliser):  # moments as large as a chunk: quicker than to repeat them per frame
            mean, std = (np.broadcast_to(part, found.shape[1:]).copy() for part in (normaliser.mean, normaliser.std))
            normaliser = [Normaliser(mean, std, normaliser.clip)] * len(rows)
        for position, (row, chunk, own) in enumerate(zip(rows, chunks, normaliser, strict=True)):
            features = repeat_to(self.utterances[row], view.chunk_frames)
            start = chunk * chunk_step(len(features), view.chunk_frames, view.num_chunks)
            frames = np.asarray(features[start : start + view.chunk_frames], dtype=np.float32)
            found[position] = own(frames)  # one by one: a chunk fits the cache
        return found

    def segments(
        self,
        rows: Sequence[int] | NDArray[np.intp],
        places: NDArray[np.intp],
        view: Segments,
        normaliser: Normaliser,
    ) -> NDArray[np.float32]:
        """Normalised single segments [N, m, D]: `places[n]` of the utterance `rows[n]`, and nothing else is read."""
        found = np.empty((len(rows), view.segment_frames, self.num_features), np.float32)
        filling = normaliser(fill_up(view, found[0, :0]))
        for segment, row, place in zip(found, rows, places, strict=True):
            start = place * view.segment_frames
            frames = np.asarray(self.utterances[row][start : start + view.segment_frames], dtype=np.float32)
            segment[: len(frames)] = normaliser(frames)
            segment[len(frames) :] = filling
        return found

    def normalisers_of(self, speakers: Sequence[Any], clip: float | None = CLIP) -> list[Normaliser]:
        """The normaliser of each row, by all frames of its speaker; rows of one speaker share it.

        Raises EmotoneError for a row without a speaker, or a speaker with a single row, which would become zeros.
        """
        codes, names = pd.factorize(np.asarray(speakers, dtype=object), sort=True)
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
        each = [Normaliser.of(one, clip) for one in moments]
        return [each[code] for code in codes]
