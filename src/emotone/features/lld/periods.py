"""Pitch periods in samples: each found by the correlation of a period with the next, run after run of voiced frames.

A period's length decides where the next begins, so runs are gone through period by period, many of them side by side.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotone.features.lld.frames import PUBLISHED, RATE_HZ

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


class Pairs(NamedTuple):
    """Pairs of neighbouring periods, in the order of their frames [P]: all that is measured of them.

    frame: its place in what was asked for. start, length: in samples, of the first period; the second is as long, and
    begins where the first ends. period: the length between samples, by a parabola. correlation: of the two periods, at
    the parabola's top.
    """

    frame: Ints
    start: Ints
    length: Ints
    period: Doubles
    correlation: Doubles


def find_pairs(
    samples: Array, pitch_hz: Doubles, position: int | None = None, lead: int = 0, hop: int = PUBLISHED.hop
) -> tuple[Pairs, int | None]:
    """The pairs of frames with these pitches [K], one every `hop` samples, 0 where unvoiced.

    Samples [N] are those from `lead` before the first frame on. A voiced frame has the pairs of periods between where
    the last one ended and its end, `hop` samples after its start, one at least. `position` is where the run goes on
    that the frame before the first belongs to, in samples from the first frame's start, and up to 800 before it; None:
    that frame is unvoiced. So is the result of the frame after the last.

    >>> buzz = np.where(np.arange(2048) % 80 == 40, 1, 0).astype(np.float32)
    >>> pairs, _ = find_pairs(buzz, np.full(2, 200.0))
    >>> pairs.frame.tolist(), pairs.start.tolist(), pairs.period.round(3).tolist()
    ([0, 1, 1, 1], [0, 80, 160, 240], [80.0, 80.0, 80.0, 80.0])
    """
    voiced = pitch_hz > 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], voiced, [False]])))
    frame, stop = edges[0::2].copy(), edges[1::2]
    if not len(frame):
        return Pairs(*(np.zeros(0, kind) for kind in (np.intp, np.intp, np.intp, float, float))), None
    at = lead + hop * frame
    if position is not None and frame[0] == 0:
        at[0] = lead + position
    period = RATE_HZ / np.where(voiced, pitch_hz, 1.0)
    high = np.ceil(RANGE[1] * period).astype(np.intp)
    leaves_at = lead + hop * np.arange(1, len(pitch_hz) + 1) - 2 * high - 1
    known = np.concatenate([samples, np.zeros(2 * (int(high[voiced].max()) + UNROLLED), np.float32)]).astype(np.float64)
    found: list[tuple[NDArray[np.generic], ...]] = []
    while len(frame):
        at = np.minimum(at, len(samples))  # long periods take more samples than their frames have
        best, exact, correlation = _correlate(known, at, period[frame])
        found.append((frame, at, best, exact, correlation))
        at = at + best
        frame = frame + (at >= leaves_at[frame])
        goes_on = frame < stop
        if not goes_on.all():
            frame, at, stop = frame[goes_on], at[goes_on], stop[goes_on]
    columns = [np.concatenate(parts) for parts in zip(*found, strict=True)]
    order = np.lexsort((columns[1], columns[0]))
    last = order[-1]
    after = int(columns[1][last] + columns[2][last]) - lead - hop * len(pitch_hz) if voiced[-1] else None
    order = order[~np.isnan(columns[4][order])]
    return Pairs(*(column[order] for column in columns)), after


def _correlate(samples: Doubles, at: Ints, period: Doubles) -> tuple[Ints, Doubles, Doubles]:
    """Step to the next period, exact length, and correlation of the periods at these samples of runs: each [R]."""
    if len(at) <= SIDE_BY_SIDE:
        return _best_lags(samples, at, period)
    best, exact, top = np.empty(len(at), np.intp), np.empty(len(at)), np.empty(len(at))
    order = np.argsort(period, kind="stable")
    for start in range(0, len(at), SIDE_BY_SIDE):
        part = order[start : start + SIDE_BY_SIDE]
        best[part], exact[part], top[part] = _best_lags(samples, at[part], period[part])
    return best, exact, top


def _best_lags(samples: Doubles, at: Ints, period: Doubles) -> tuple[Ints, Doubles, Doubles]:
    """As `_correlate`, of a few runs with similar periods.

    Pearson's correlation of x[s .. s + L) and x[s + L .. s + 2 L), in double precision, for lags L from int(.75 T0) to
    ceil(1.25 T0) - 1: its largest local maximum between them. Where there is none, the step is T0, rounded, and the
    pair is no pair: its correlation is NaN.
    """
    first, most = int(RANGE[0] * period.min()), math.ceil(RANGE[1] * period.max()) - 1
    last, lags, is_in = _lags(first, most)
    windows = samples[at[:, None] + np.arange(2 * last)]
    sums, squares = windows.cumsum(axis=1), (windows * windows).cumsum(axis=1)
    twice = slice(2 * first - 1, 2 * most, 2)
    x, xx = sums[:, first - 1 : most], squares[:, first - 1 : most]
    y, yy = sums[:, twice] - x, squares[:, twice] - xx
    row, step = windows.strides
    shifted = np.ndarray((len(at), len(lags), last), buffer=windows, offset=first * step, strides=(row, step, step))
    products = np.einsum("rln,rln->rl", shifted, windows[:, None, :last] * is_in)
    scaled = x / lags
    products -= scaled * y
    spread = (xx - scaled * x) * (yy - y * y / lags)
    if spread.min() <= 0:
        is_flat = spread <= 0
        products[is_flat], spread[is_flat] = 0.0, 1.0
    return _tops(products / np.sqrt(spread), lags, period)


@lru_cache(maxsize=64)
def _lags(first: int, most: int) -> tuple[int, Ints, Doubles]:
    """How many products a sum is over, lags from `first` to `most`, and 1 where a product is one of a lag [L, last]."""
    last = -(-most // UNROLLED) * UNROLLED
    lags = np.arange(first, most + 1)
    return last, lags, (np.arange(last) < lags[:, None]).astype(np.float64)


def _tops(correlation: Doubles, lags: Ints, period: Doubles) -> tuple[Ints, Doubles, Doubles]:
    """Step, exact length and height of the best of correlations [R, L] at these lags [L], as `_best_lags` says."""
    rows = np.arange(len(correlation))
    here, lag = correlation[:, 1:-1], lags[1:-1]
    is_peak = (here > correlation[:, :-2]) & (here > correlation[:, 2:])
    if len(rows) > 1:
        low, high = (RANGE[0] * period).astype(np.intp), np.ceil(RANGE[1] * period).astype(np.intp) - 1
        is_peak &= (lag > low[:, None]) & (lag < high[:, None])
    place = np.where(is_peak, here, -np.inf).argmax(axis=1)
    has_peak = is_peak[rows, place]
    before, top, after = correlation[rows, place], here[rows, place], correlation[rows, place + 2]
    best = lag[place]
    if has_peak.all():
        fall = before - after
        offset = fall / (2 * (before - 2 * top + after))
        return best, best + offset, top - fall * offset / 4
    bend = np.where(has_peak, before - 2 * top + after, -1.0)
    offset = (before - after) / (2 * bend)
    step = np.where(has_peak, best, np.rint(period).astype(np.intp))
    return step, best + offset, np.where(has_peak, top - (before - after) * offset / 4, np.nan)
