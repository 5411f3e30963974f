"""Temporal pyramid pooling: the means of a chunk's whole, its halves and its quarters, however long the chunk is.

A chunk's part of frames may be of any length, so a network sees all chunks alike and knows what came first in each.
Chunks are named by where they lie in their utterance's frames and are never copied out of them.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

PARTS = (1, 2, 4)
"""Into how many parts a chunk is divided, coarse to fine."""
NUM_MEANS = sum(PARTS)
MIN_FRAMES = 5
"""A shorter chunk is not divided: all means are that of the whole."""


def pool(
    frames: NDArray[np.float32], starts: ArrayLike, lengths: ArrayLike, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Chunk c = frames[starts[c] : starts[c] + lengths[c]] as its 7 means: frames [T, D] -> float32 [C, 7 * D].

    Order: the whole; two halves; four quarters. Parts have lengths[c] // k frames, the last also takes what remains. A
    batch may be pooled in one call: its utterances one after another in `frames`, any mixture of lengths. `frames` must
    be finite, as normalised ones are. `out`, contiguous, is written and returned instead of a new array. Raises
    ValueError for a chunk without frames or outside of `frames`, and for another `out`.

    >>> pool(np.arange(9, dtype=np.float32)[:, None], [0, 6], [9, 3]).round(3).tolist()
    [[4.0, 1.5, 6.0, 0.5, 2.5, 4.5, 7.0], [7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0]]
    """
    first, size = np.asarray(starts, np.intp), np.asarray(lengths, np.intp)
    end = first + size
    if ((first < 0) | (size < 1) | (end > len(frames))).any():
        raise ValueError(f"chunks must have frames, and lie within the {len(frames)} that there are")
    num_chunks, num_features = len(first), frames.shape[1]
    pooled = np.empty((num_chunks, NUM_MEANS * num_features), np.float32) if out is None else out
    if not pooled.flags.c_contiguous:
        raise ValueError("out must be contiguous")
    # One small product per chunk reads its frames where they lie. Sums by np.add.reduceat, or products of many chunks
    # copied together, took longer; running sums would lose the digits that means of normalised frames have.
    means = pooled.reshape(num_chunks * NUM_MEANS, num_features)
    rows = range(0, len(means), NUM_MEANS)
    for row, start, stop in zip(rows, first.tolist(), end.tolist(), strict=True):
        # The row too many is the first of the next chunk, which then is written; the last chunk has none.
        np.dot(_weights(stop - start)[: len(means) - row], frames[start:stop], out=means[row : row + NUM_MEANS + 1])
    return pooled


@lru_cache(maxsize=1024)
def _weights(num_frames: int) -> NDArray[np.float32]:
    """What each frame counts in each mean of a chunk, rows that sum to 1, and a row of zeros: [8, num_frames].

    Products of 8 rows take less time than products of 7.
    """
    weights = np.zeros((NUM_MEANS + 1, num_frames), np.float32)
    row = 0
    for num_parts in PARTS:
        size = num_frames // num_parts
        for part in range(num_parts):
            whole = num_parts == 1 or num_frames < MIN_FRAMES
            start = 0 if whole else part * size
            stop = num_frames if whole or part == num_parts - 1 else start + size
            weights[row, start:stop] = 1 / (stop - start)
            row += 1
    weights.flags.writeable = False
    return weights
