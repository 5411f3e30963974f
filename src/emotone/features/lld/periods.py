"""Pitch periods in samples: each found by the correlation of a period with the next, run after run of voiced frames.

A period's length decides where the next begins, so runs are gone through period by period, many of them side by side.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotone.features.lld.frames import PUBLISHED, RATE_HZ, Frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    Doubles = NDArray[np.float64]
    Ints = NDArray[np.intp]

RANGE = (0.75, 1.25)
"""Lengths of periods that are tried, over that of the pitch."""
UNROLLED = 32
"""Sums are over a multiple of so many products, so that a sum does not depend on what is summed beside it."""
SIDE_BY_SIDE = 16
"""Runs whose correlations are computed in one go: what they need stays in the cache."""


AROUND = np.arange(3)
"""A place and the two beside it, from the one before on."""
NO_PEAK = np.full((1, 3), np.nan)


class Pairs(NamedTuple):
    """Pairs of neighbouring periods, in the order of their frames [P]: all that is measured of them.

    frame: its place in what was asked for. start, length: in samples, of the first period; the second is as long, and
    begins where the first ends. stop: where the search of its frame ended, after pairs and steps. period: the length
    between samples, by a parabola. correlation: of the two periods, at the parabola's top.
    """

    frame: Ints
    start: Ints
    length: Ints
    stop: Ints
    period: Doubles
    correlation: Doubles


def find_pairs(
    samples: Array, pitch_hz: Doubles, position: int | None = None, lead: int = 0, frames: Frames = PUBLISHED
) -> tuple[Pairs, int | None]:
    """The pairs of frames with these pitches [K], 0 where unvoiced.

    Samples [N] are those from `lead` before the first frame on. A voiced frame has the pairs of periods between where
    the last one ended and where the next frame begins, one at least, if the longest one fits into the frame's samples
    (two periods below 63 Hz take more than 640). Where that one reaches the sample before the next frame, this begins
    with it once more. `position` is where the run goes on that the frame before the first belongs to, in samples from
    the first frame's start, and up to 800 before it; None: that frame is unvoiced. So is the result of the frame after
    the last.

    >>> buzz = np.where(np.arange(2048) % 80 == 40, 1, 0).astype(np.float32)
    >>> pairs, _ = find_pairs(buzz, np.full(2, 200.0))
    >>> pairs.frame.tolist(), pairs.start.tolist(), pairs.period.round(3).tolist()
    ([0, 1, 1, 1], [0, 80, 160, 240], [80.0, 80.0, 80.0, 80.0])
    """
    voiced = pitch_hz > 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], voiced, [False]])))
    frame, last = edges[0::2].copy(), edges[1::2]
    if not len(frame):
        return Pairs(*(np.zeros(0, kind) for kind in (np.intp, np.intp, np.intp, np.intp, float, float))), None
    at = lead + frames.hop * frame
    if position is not None and frame[0] == 0:
        at[0] = lead + position
    period = RATE_HZ / np.where(voiced, pitch_hz, 1.0)
    lags = np.stack([RANGE[0] * period, np.ceil(RANGE[1] * period) - 1, np.rint(period)]).astype(np.intp)
    ends_at = lead + frames.hop * np.arange(1, len(pitch_hz) + 1)
    leaves_at = ends_at - 2 * lags[1] - 3
    too_late = leaves_at + frames.pitch_size - frames.hop
    known = np.concatenate([samples, np.zeros(2 * (int(lags[1, voiced].max()) + 1 + UNROLLED), np.float32)])
    known = known.astype(np.float64)
    found: list[tuple[NDArray[np.generic], ...]] = []
    while len(frame):
        step, peak = _correlate(known, at, lags[:, frame])
        fits = at < too_late[frame]
        if not fits.all():
            step, peak = np.where(fits, step, 0), np.where(fits[:, None], peak, np.nan)
        stop = at + step
        found.append((frame, at, stop, peak))
        at = np.where(stop < ends_at[frame] - 1, stop, at)
        frame = frame + (stop >= leaves_at[frame])
        goes_on = frame < last
        if not goes_on.all():
            frame, at, last = frame[goes_on], at[goes_on], last[goes_on]
    frame, at, stop, peak = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((at, frame))
    frame, at, stop, peak = frame[order], at[order], stop[order], peak[order]
    goes_on_at = int(stop[-1] if stop[-1] < ends_at[-1] - 1 else at[-1])
    after = goes_on_at - lead - frames.hop * len(pitch_hz) if voiced[-1] else None
    return _measured(frame, at, stop, peak), after


def _measured(frame: Ints, at: Ints, stop: Ints, peak: Doubles) -> Pairs:
    """The pairs among steps [S] of frames from one sample to another, with correlations around their tops [S, 3]."""
    is_end = np.diff(frame, append=-1) != 0
    ended = stop[is_end][np.cumsum(is_end) - is_end]
    is_pair = ~np.isnan(peak[:, 1])
    frame, at, stop, ended = frame[is_pair], at[is_pair], stop[is_pair], ended[is_pair]
    before, top, behind = peak[is_pair].T
    fall = before - behind
    offset = fall / (2 * (before - 2 * top + behind))  # of a parabola through three points
    return Pairs(frame, at, stop - at, ended, stop - at + offset, top - fall * offset / 4)


def _correlate(samples: Doubles, at: Ints, lags: Ints) -> tuple[Ints, Doubles]:
    """Step to the next period [R], and the correlation of the periods at these samples of runs around its top [R, 3].

    lags [3, R]: the first and the last one that is tried, and the step where there is no top.
    """
    if len(at) == 1:
        return _best_lag(samples, at, lags)
    if len(at) <= SIDE_BY_SIDE:
        return _best_lags(samples, at, lags)
    step, peak = np.empty(len(at), np.intp), np.empty((len(at), 3))
    order = np.argsort(lags[2], kind="stable")
    for start in range(0, len(at), SIDE_BY_SIDE):
        part = order[start : start + SIDE_BY_SIDE]
        step[part], peak[part] = _best_lags(samples, at[part], lags[:, part])
    return step, peak


def _best_lag(samples: Doubles, at: Ints, lags: Ints) -> tuple[Ints, Doubles]:
    """As `_best_lags`, of a single run."""
    first, most, step = lags[:, 0].tolist()
    start = int(at[0])
    window = samples[start : start + 2 * _lags(first, most)[0]]
    correlation = _correlations(window[None], first, most)[0]
    here = correlation[1:-1]
    peaks = np.where((here > correlation[:-2]) & (here > correlation[2:]), here, -np.inf)
    place = int(peaks.argmax())
    if peaks[place] == -np.inf:
        return lags[2], NO_PEAK
    return np.array([first + 1 + place]), correlation[None, place : place + 3]


def _best_lags(samples: Doubles, at: Ints, lags: Ints) -> tuple[Ints, Doubles]:
    """As `_correlate`, of a few runs with similar periods.

    The step is that to the largest local maximum within the lags. Where there is none, it is the period of the pitch,
    rounded, and the pair is no pair: its correlation is NaN.
    """
    first, most = int(np.minimum.reduce(lags[0])), int(np.maximum.reduce(lags[1]))
    last, tried, _ = _lags(first, most)
    correlation = _correlations(samples[at[:, None] + np.arange(2 * last)], first, most)
    here, inner = correlation[:, 1:-1], tried[1:-1]
    is_peak = (here > correlation[:, :-2]) & (here > correlation[:, 2:])
    is_peak &= (inner > lags[0][:, None]) & (inner < lags[1][:, None])
    place = np.where(is_peak, here, -np.inf).argmax(axis=1)
    rows = np.arange(len(at))
    has_peak = is_peak[rows, place]
    peak = correlation[rows[:, None], place[:, None] + AROUND]
    if has_peak.all():
        return place + (first + 1), peak
    return np.where(has_peak, place + (first + 1), lags[2]), np.where(has_peak[:, None], peak, np.nan)


def _correlations(windows: Doubles, first: int, most: int) -> Doubles:
    """Pearson's correlation of x[0 .. L) and x[L .. 2 L) of windows x [R, n], for lags L from `first` to `most`.

    [R, most - first + 1], in double precision; NaN where either is constant, beside which there is no top.
    """
    last, lags, is_in = _lags(first, most)
    both = np.empty((2, *windows.shape))
    both[0] = windows
    np.multiply(windows, windows, out=both[1])
    sums = np.add.accumulate(both, axis=2)
    of_first = sums[:, :, first - 1 : most]
    (x, xx), (y, yy) = of_first, sums[:, :, 2 * first - 1 : 2 * most : 2] - of_first
    row, step = windows.strides
    shape = (len(windows), len(lags), last)
    shifted = np.ndarray(shape, buffer=windows, offset=first * step, strides=(row, step, step))
    products = np.einsum("rln,rln->rl", shifted, windows[:, None, :last] * is_in)
    scaled = x / lags
    products -= scaled * y
    spread = (xx - scaled * x) * (yy - y * y / lags)
    if np.minimum.reduce(spread, axis=None) <= 0:
        is_flat = spread <= 0
        products[is_flat], spread[is_flat] = np.nan, 1.0
    return products / np.sqrt(spread)


@lru_cache(maxsize=64)
def _lags(first: int, most: int) -> tuple[int, Ints, Doubles]:
    """How many products a sum is over, lags from `first` to `most`, and 1 where a product is one of a lag [L, last]."""
    last = -(-most // UNROLLED) * UNROLLED
    lags = np.arange(first, most + 1)
    return last, lags, (np.arange(last) < lags[:, None]).astype(np.float64)
