"""Smoothing and deltas of descriptors over time, as openSMILE has them, or corrected.

The six columns of the voice (F0, voicing, jitter, DDP, shimmer, HNR) are smoothed and differenced over their non-zero
values. K frames give K + 1 rows, corrected K.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

NUM_VOICE, NUM_SHORT = 6, 10
"""Columns of the voice, and those whose deltas end with the last row: the voice's, energies, zero crossings."""
NUM_REACHED = 2
"""Rows to each side that a delta is of."""
FIRST_DENOMINATOR = 10.0
"""2 (1^2 + 2^2): of deltas over two rows before and after."""


def smooth(rows: Array) -> Array:
    """Mean of each row and its two neighbours, of rows [n + 2, D]: float32 [n, D].

    Of the voice's columns only non-zero values count, and where the middle one is 0, the result is.

    >>> rows = np.array([[0.0, 0, 0, 0, 0, 0, 3], [4, 0, 0, 0, 0, 0, 0], [2, 5, 0, 0, 0, 0, 0]], np.float32)
    >>> smooth(rows)[0].tolist()
    [3.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    """
    before, here, after = rows[:-2], rows[1:-1], rows[2:]
    smoothed = (before + here + after) / np.float32(3.0)
    voice = rows[:, :NUM_VOICE]
    is_there = voice != 0
    count = is_there[:-2].astype(np.float32) + is_there[1:-1] + is_there[2:]
    total = voice[:-2] + voice[1:-1] + voice[2:]
    smoothed[:, :NUM_VOICE] = np.where(is_there[1:-1], total / np.maximum(count, 1.0), 0.0)
    return smoothed


def plain_deltas(rows: Array) -> Array:
    """(2 (s_(t+2) - s_(t-2)) + s_(t+1) - s_(t-1)) / 10 of rows [n + 4, D]: float32 [n, D] (HTK book).

    >>> plain_deltas(np.arange(5, dtype=np.float32)[:, None]).tolist()
    [[1.0]]
    """
    far, near = rows[4:] - rows[:-4], rows[3:-1] - rows[1:-3]
    far += far
    far += near
    far /= np.float32(FIRST_DENOMINATOR)
    return far


def voice_deltas(rows: Array, denominator: float) -> tuple[Array, float]:
    """Deltas of the voice's columns, of rows [n + 4, 6]: float32 [n, 6], and the denominator after them.

    A pair (t - k, t + k), k = 1, 2, counts where both values are non-zero. The denominator is never taken back: it
    begins at 10 and grows by k^2 with every pair that counts, column after column, so that deltas shrink with time. (An
    evident defect of openSMILE, with which the published networks were trained.)

    >>> voice_deltas(np.tile(np.arange(1, 6, dtype=np.float32)[:, None], 6), 10.0)[0].astype(float).round(3).tolist()
    [[0.667, 0.5, 0.4, 0.333, 0.286, 0.25]]
    """
    sums, weights = _pairs(rows)
    denominators = denominator + np.cumsum(weights.ravel(), dtype=np.float64)
    last = float(denominators[-1]) if len(denominators) else denominator
    return (sums / denominators.reshape(sums.shape)).astype(np.float32), last


def voice_slopes(rows: Array) -> Array:
    """Deltas of the voice's columns as they are meant, of rows [n + 4, 6]: float32 [n, 6], each of its five rows alone.

    sum k (s_(t+k) - s_(t-k)) / (2 sum k^2) over the pairs k = 1, 2 of which both values are non-zero (HTK book): the
    slope of a straight line is its slope, whichever of them count. 0 where none does.

    >>> ramp = np.arange(1, 6, dtype=np.float32)[:, None] * np.ones(6, np.float32)
    >>> ramp[0, 1] = ramp[1, 2] = ramp[0, 3] = ramp[3, 3] = 0.0
    >>> voice_slopes(ramp).tolist()
    [[1.0, 1.0, 1.0, 0.0, 1.0, 1.0]]
    """
    sums, weights = _pairs(rows)
    return np.divide(sums, 2 * weights, out=np.zeros_like(sums), where=weights > 0)


def _pairs(rows: Array) -> tuple[Array, Array]:
    """Of rows [n + 4, 6]: sum k (s_(t+k) - s_(t-k)) and sum k^2 over the pairs of non-zero values, float32 [n, 6]."""
    is_there = rows != 0
    far, near = is_there[4:] & is_there[:-4], is_there[3:-1] & is_there[1:-3]
    sums = 2 * (rows[4:] - rows[:-4]) * far + (rows[3:-1] - rows[1:-3]) * near
    return sums, np.float32(4.0) * far + near


class Contours:
    """Rows of descriptors [K, 65] block by block -> smoothed rows and their deltas, [K + 1, 130] in all.

    Smoothing repeats the first row once at the beginning and the last twice at the end; deltas repeat theirs twice.
    Those of the voice see the first K smoothed rows alone. Frames of the spectrum beyond the last row take the place of
    what is repeated. `corrected`: [K, 130]; the last row is repeated once, all deltas see all rows, and those of the
    voice are `voice_slopes`.

    >>> contours = Contours()
    >>> [len(contours.push(np.ones((4, 65), np.float32), is_last)) for is_last in (False, True)]
    [1, 8]
    """

    def __init__(self, corrected: bool = False) -> None:
        self._corrected = corrected
        self._raw: Array | None = None
        self._smooth: Array | None = None
        self._denominator = FIRST_DENOMINATOR

    def push(self, rows: Array, is_last: bool, beyond: Array | None = None) -> Array:
        """The rows that are known by now; the last block gives all that is left.

        beyond: columns of the spectrum [e, 59] of frames after the last one of all.
        """
        raw = rows if self._raw is None else np.concatenate([self._raw, rows])
        if self._raw is None and len(rows):
            raw = np.concatenate([rows[:1], rows])
        num_beyond = 0 if beyond is None else min(len(beyond), NUM_REACHED)
        if is_last:
            tail = np.repeat(raw[-1:], (1 if self._corrected else 2) + num_beyond, axis=0)
            if beyond is not None and num_beyond:
                tail[:, NUM_VOICE:] = beyond[np.minimum(np.arange(len(tail)), len(beyond) - 1)]
            raw = np.concatenate([raw, tail])
        self._raw = raw[-2:] if len(raw) else None
        smoothed = smooth(raw) if len(raw) > 2 else np.empty((0, rows.shape[1]), np.float32)
        if num_beyond:
            smoothed[-num_beyond:, :NUM_SHORT] = smoothed[-num_beyond - 1, :NUM_SHORT]
        return self._difference(smoothed, is_last, num_beyond)

    def _difference(self, rows: Array, is_last: bool, num_beyond: int) -> Array:
        known = rows if self._smooth is None else np.concatenate([self._smooth, rows])
        if self._smooth is None and len(rows):
            known = np.concatenate([rows[:1], rows[:1], rows])
        cut = known
        if is_last:
            known = np.concatenate([known, *[known[-1:]] * (NUM_REACHED - num_beyond)])
            cut = known.copy()
            cut[-3:] = cut[-4]
        self._smooth = known[-4:] if len(known) else None
        if len(known) < 5:
            return np.empty((0, 2 * rows.shape[1]), np.float32)
        deltas = plain_deltas(known)
        if self._corrected:
            deltas[:, :NUM_VOICE] = voice_slopes(known[:, :NUM_VOICE])
        else:
            deltas[:, :NUM_VOICE], self._denominator = voice_deltas(cut[:, :NUM_VOICE], self._denominator)
        return np.concatenate([known[2:-2], deltas], axis=1)
