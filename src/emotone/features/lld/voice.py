"""Voice quality of voiced frames: jitter, shimmer and harmonics-to-noise ratio, from their periods."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotone.features.lld.frames import PUBLISHED, RATE_HZ, Frames
from emotone.features.lld.periods import Pairs, find_pairs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    Doubles = NDArray[np.float64]
    Ints = NDArray[np.intp]
    Bools = NDArray[np.bool_]

NO_HNR = -100.0
"""logHNR of an unvoiced frame, and the least of all; the greatest, of what repeats exactly, is 100."""
LEAST_CORRELATION = 0.5
"""Above which a pair of periods counts in all but IS13_ComParE: option minCC of openSMILE's later and earlier sets."""
MARGIN = 2
"""Samples at both ends of a period that its noise is not measured in."""
ROWS_AT_ONCE = 128


class Rules(Enum):
    """By whose rules voice and deltas are: those of a set of openSMILE, or corrected.

    The sets differ in one option: IS13 counts pairs of periods above a running minimum (`counting`), COMPARE_2016 above
    a correlation of .5. CORRECTED does, too, and is without the defects of both.
    """

    IS13 = "IS13_ComParE"
    COMPARE_2016 = "ComParE_2016"
    CORRECTED = "corrected"


class Run(NamedTuple):
    """Where a run of voiced frames goes on: the next period's first sample, the last period, its change, last results.

    position is in samples from the start of the frame to come; period is NaN before the first that counts, change (the
    absolute one) before the second. results: the last jitter, DDP and shimmer that there were.
    """

    position: int
    period: float = np.nan
    change: float = np.nan
    results: tuple[float, float, float] = (0.0, 0.0, 0.0)


def voice_quality(
    samples: Array,
    pitch_hz: Doubles,
    run: Run | None = None,
    lead: int = 0,
    rules: Rules = Rules.IS13,
    frames: Frames = PUBLISHED,
) -> tuple[Array, Run | None]:
    """jitterLocal, jitterDDP, shimmerLocal, logHNR of frames with these pitches [K]: float32 [K, 4], and what goes on.

    Samples [N] are those from `lead` before the first frame's start on; `run` is that of the frame before, for which
    `lead` is 800 or more. Unvoiced frames have 0, 0, 0, -100; corrected, the last is 0, too, as what is not there
    is in all columns of the voice. A pair counts by `counting`, or by its correlation alone (`LEAST_CORRELATION`).

    >>> buzz = np.where(np.arange(2048) % 80 == 40, 1, 0).astype(np.float32)
    >>> voice_quality(buzz, np.array([0.0, 200.0]))[0].tolist()
    [[0.0, 0.0, 0.0, -100.0], [0.0, 0.0, 0.0, 100.0]]
    """
    found = np.zeros((len(pitch_hz), 4), np.float32)
    found[:, 3] = 0.0 if rules is Rules.CORRECTED else NO_HNR
    voiced = np.flatnonzero(pitch_hz > 0)
    if not len(voiced):
        return found, None
    pairs, position = find_pairs(samples, pitch_hz, None if run is None else run.position, lead, frames)
    pair_frame = np.searchsorted(voiced, pairs.frame)
    begun = Run(0) if run is None or pitch_hz[0] == 0 else run
    run_of_frame = np.cumsum(np.diff(voiced, prepend=voiced[0]) > 1, dtype=np.intp)
    by_minimum = rules is Rules.IS13
    counts = counting(pairs.correlation, pair_frame) if by_minimum else pairs.correlation > LEAST_CORRELATION
    periods, run_of_pair = pairs.period[counts], run_of_frame[pair_frame[counts]]
    changes = _changes(periods, run_of_pair, begun.period)
    turns = _changes(changes, run_of_pair, begun.change)
    mean_period = _means(periods, pair_frame[counts], len(voiced))
    results = np.stack(
        [
            np.minimum(1.0, _means(changes, pair_frame[counts], len(voiced)) / mean_period),
            np.minimum(1.0, _means(turns, pair_frame[counts], len(voiced)) / mean_period),
            shimmer(samples, pairs, pair_frame, counts, len(voiced)),
        ],
        axis=1,
    )
    last = _carry_on(results, run_of_frame, begun.results)
    found[voiced, :3] = np.where(np.isnan(mean_period)[:, None], last, np.nan_to_num(results))
    found[voiced, 3] = log_hnr(samples, pairs, pair_frame, pitch_hz[voiced])
    if position is None:
        return found, None
    in_last = run_of_pair == run_of_frame[-1]
    kept = begun if run_of_frame[-1] == 0 else Run(0)
    period, change = periods[in_last], changes[in_last]
    return found, Run(
        position,
        float(period[-1]) if len(period) else kept.period,
        float(change[-1]) if len(change) else kept.change,
        tuple(last[-1].tolist()),
    )


def counting(correlation: Doubles, frame: Ints) -> Bools:
    """Whether each pair [P] counts: its correlation is above the least one of its frame so far, itself included.

    That least one is kept in single precision, so that a new minimum, which the first pair always is, counts where this
    rounds down. (Option useBrokenJitterThresh of openSMILE, which its set sets.)

    >>> counting(np.array([0.1, 0.5, 0.25, 0.1]), np.array([0, 0, 1, 1])).tolist()
    [False, True, False, False]
    """
    is_first = np.diff(frame, prepend=-1) != 0
    row = np.cumsum(is_first) - 1
    place = np.arange(len(frame)) - np.flatnonzero(is_first)[row]
    least = np.full((len(frame), int(place.max(initial=0)) + 1), np.inf)
    least[row, place] = correlation.astype(np.float32)
    return correlation > np.minimum.accumulate(least, axis=1)[row, place]


def _changes(values: Doubles, run: Ints, before: float) -> Doubles:
    """|difference| of each value [P] to the one before in its run; `before` is that of the first of all, or NaN."""
    if not len(values):
        return values
    previous = np.concatenate([[before if run[0] == 0 else np.nan], values[:-1]])
    previous[1:][run[1:] != run[:-1]] = np.nan
    previous[previous == 0] = np.nan
    return np.abs(values - previous)


def _means(values: Doubles, frame: Ints, num_frames: int) -> Doubles:
    """Mean of the values of each frame [F] that are numbers; NaN where none is."""
    there = ~np.isnan(values)
    count = np.bincount(frame[there], minlength=num_frames)
    total = np.bincount(frame[there], values[there], minlength=num_frames)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _carry_on(results: Doubles, run: Ints, begun: tuple[float, float, float]) -> Doubles:
    """The last of results [F, 3] that is a number, of each frame's run; 0 before the first."""
    is_there = ~np.isnan(results)
    results = np.nan_to_num(results)
    results[0] = np.where(is_there[0], results[0], begun)
    is_there[np.flatnonzero(np.diff(run, prepend=-1))] = True
    source = np.maximum.accumulate(np.where(is_there, np.arange(len(results))[:, None], 0), axis=0)
    return np.take_along_axis(results, source, axis=0)


def shimmer(samples: Array, pairs: Pairs, frame: Ints, counts: Bools, num_frames: int) -> Doubles:
    """Mean |A1 - A2| over the mean of all amplitudes A, of the pairs that count, at most 1: [F], NaN where none counts.

    An amplitude is the range of a period's samples 1..L-2.
    """
    length, frame = pairs.length[counts], frame[counts]
    first = _amplitudes(samples, pairs.start[counts], length)
    second = _amplitudes(samples, pairs.start[counts] + length, length)
    mean = _means((first + second) / 2, frame, num_frames)
    difference = _means(np.abs(first - second), frame, num_frames)
    return np.minimum(1.0, np.divide(difference, mean, out=np.full(num_frames, np.nan), where=mean > 0))


def _amplitudes(samples: Array, start: Ints, length: Ints) -> Doubles:
    """Greatest minus least sample 1..L-2 of each period [P]."""
    places, is_in = _gather(start + 1, length - 2, len(samples))
    values = samples[places]
    return np.where(is_in, values, -np.inf).max(axis=1, initial=-np.inf) - np.where(is_in, values, np.inf).min(
        axis=1, initial=np.inf
    )


def _gather(start: Ints, length: Ints, num_samples: int) -> tuple[Ints, Bools]:
    """Places of samples of pieces [P, longest], and which of them are in their piece."""
    steps = np.arange(int(length.max()) if len(length) else 0)
    return np.minimum(start[:, None] + steps, num_samples - 1), steps < length[:, None]


def log_hnr(samples: Array, pairs: Pairs, frame: Ints, pitch_hz: Doubles) -> Doubles:
    """Harmonics-to-noise ratio of each voiced frame, 20 log10(H / N) in dB: [F]; 0 of one without a pair.

    Of its n + 1 periods, W = round(T0) - 4 samples each from the third on: m is their mean; H = sqrt(sum_{d>=1} m_d^2 /
    W); N = sqrt(sum_i sum_{d<w_i} (x - m)^2 / sum w_i), w_i = min(W, L_i - 4), L_i from a period's start to the next
    one's. The last begins where the search ended, and is as long as the one before.
    """
    last = np.flatnonzero(np.diff(frame, append=len(pitch_hz)))
    start = np.concatenate([pairs.start, pairs.stop[last]])
    owner = np.concatenate([frame, frame[last]])
    order = np.argsort(owner, kind="stable")
    start, owner = start[order], owner[order]
    length = np.diff(start, append=0)
    ends = np.flatnonzero(np.diff(owner, append=len(pitch_hz)))
    length[ends] = length[ends - 1]
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    num = np.diff(first, append=len(owner))
    owner = owner[first]
    width = np.rint(RATE_HZ / pitch_hz[owner]).astype(np.intp) - 2 * MARGIN
    ratios = np.zeros(len(pitch_hz))
    by_width = np.argsort(width, kind="stable")
    for begin in range(0, len(by_width), ROWS_AT_ONCE):
        frames = by_width[begin : begin + ROWS_AT_ONCE]
        rows = np.concatenate([np.arange(first[one], first[one] + num[one]) for one in frames])
        ratios[owner[frames]] = _ratios(samples, start[rows], length[rows], num[frames], width[frames])
    return ratios


def _ratios(samples: Array, start: Ints, length: Ints, num: Ints, width: Ints) -> Doubles:
    """As `log_hnr`, of frames with so many (`num`) periods each and these widths W."""
    owner = np.repeat(np.arange(len(num)), num)
    first = np.cumsum(num) - num
    places, is_in = _gather(start + MARGIN, width[owner], len(samples))
    values = np.where(is_in, samples[places], np.float32(0.0)).astype(np.float64)
    mean = np.add.reduceat(values, first, axis=0) / num[:, None]
    harmonic = np.einsum("fd,fd->f", mean[:, 1:], mean[:, 1:]) / width
    own_width = np.minimum(width[owner], length - 2 * MARGIN)
    noise = np.where(np.arange(values.shape[1]) < own_width[:, None], values - mean[owner], 0.0)
    noise_square = np.bincount(owner, np.einsum("pd,pd->p", noise, noise)) / np.bincount(owner, own_width)
    ratio = harmonic / np.maximum(noise_square, np.finfo(np.float64).tiny)
    return np.clip(10 * np.log10(np.maximum(ratio, np.finfo(np.float64).tiny)), NO_HNR, -NO_HNR)
