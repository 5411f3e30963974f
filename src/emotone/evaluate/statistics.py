"""Intervals that respect speakers: utterances of one speaker are alike, so speakers are what is drawn again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.errors import EmotoneError
from emotone.evaluate import metrics

Metric = Callable[[Any, Any], float]
Floats = NDArray[np.float64]

OF_CONFUSION: dict[Metric, Callable[[Floats], Floats]] = {
    metrics.accuracy: metrics.accuracy_of_confusion,
    metrics.uar: metrics.uar_of_confusion,
    metrics.macro_f1: metrics.macro_f1_of_confusion,
}
OF_MOMENTS: dict[Metric, Callable[[metrics.Moments], Floats]] = {
    metrics.ccc: metrics.ccc_of_moments,
    metrics.pearson: metrics.pearson_of_moments,
    metrics.rmse: metrics.rmse_of_moments,
}
RESOLUTION = 1e-13
"""A resample's variance below this share of the overall one is rounding, not variation: it counts as constant."""


class Interval(NamedTuple):
    """A metric's value and the ends of its confidence interval.

    >>> print(Interval(0.612, 0.658, 0.7))
    .658 [.612, .700]
    """

    low: float
    value: float
    high: float

    def __str__(self) -> str:
        low, value, high = (re.sub(r"^(-?)0\.", r"\1.", f"{number:.3f}") for number in self)
        return f"{value} [{low}, {high}]"


def bootstrap_over_speakers(
    metric: Metric,
    prediction: ArrayLike,
    target: ArrayLike,
    speakers: ArrayLike,
    num_resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """Percentile interval of `metric(prediction, target)` from a cluster bootstrap over speakers.

    Each resample draws as many speakers as there are, with replacement, and keeps all their utterances, as often as the
    speaker was drawn (Davison & Hinkley, Bootstrap Methods and their Application, 1997, section 3.8). The metrics of
    `evaluate.metrics` come from per-speaker sums, any other function is called on each resample. Resamples where the
    metric is undefined (NaN) are left out. One speaker says nothing about others: the ends are NaN. The same seed gives
    the same interval. Raises EmotoneError for unequal lengths, missing speakers or what the metric refuses.

    >>> bootstrap_over_speakers(metrics.accuracy, ["a", "a", "b"], ["a", "b", "b"], ["1", "1", "2"])
    Interval(low=0.5, value=0.6666666666666666, high=1.0)
    """
    p, t = np.asarray(prediction), np.asarray(target)
    codes = _speaker_codes(speakers, len(t))
    if not 0 < level < 1 or num_resamples < 1:
        raise EmotoneError(f"level must lie in (0, 1) and num_resamples be positive, not {level} and {num_resamples}")
    value = float(metric(p, t))
    num_speakers = int(codes.max()) + 1
    if num_speakers == 1:
        return Interval(float("nan"), value, float("nan"))
    draws = np.random.default_rng(seed).integers(num_speakers, size=(num_resamples, num_speakers))
    values = _resampled(metric, p, t, codes, draws)
    values = values[np.isfinite(values)]
    if not len(values):
        return Interval(float("nan"), value, float("nan"))
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), value, float(high))


def _speaker_codes(speakers: ArrayLike, num_utterances: int) -> NDArray[np.int64]:
    """Speakers as 0..S-1, in their sorted order: int64 [N]."""
    names = np.asarray(speakers, dtype=object)
    if names.shape != (num_utterances,):
        raise EmotoneError(f"speakers must be of one length with the target ({num_utterances}), not {names.shape}")
    num_missing = sum(name is None or name != name for name in names.tolist())
    if num_missing:
        raise EmotoneError(f"{num_missing} of {num_utterances} utterances have no speaker: no interval over speakers")
    return np.unique(np.array([str(name) for name in names.tolist()]), return_inverse=True)[1].astype(np.int64)


def _resampled(
    metric: Metric, p: NDArray[Any], t: NDArray[Any], codes: NDArray[np.int64], draws: NDArray[np.int64]
) -> Floats:
    """The metric of every resample [R]; draws [R, S] are speaker codes."""
    S = draws.shape[1]
    if metric in OF_CONFUSION or metric in OF_MOMENTS:
        times = np.stack([np.bincount(row, minlength=S) for row in draws]).astype(np.float64)
        if metric in OF_CONFUSION:
            return OF_CONFUSION[metric](_confusions(p, t, codes, times))
        return OF_MOMENTS[metric](_moments(p, t, codes, times))
    order = np.argsort(codes, kind="stable")
    utterances = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    rows = (np.concatenate([utterances[speaker] for speaker in row]) for row in draws)
    return np.array([metric(p[row], t[row]) for row in rows], dtype=np.float64)


def _confusions(p: NDArray[Any], t: NDArray[Any], codes: NDArray[np.int64], times: Floats) -> Floats:
    """Confusion counts [R, K, K] when speaker s counts times[r, s] times."""
    labels = np.unique(np.concatenate([p, t]))
    K = len(labels)
    cells = np.searchsorted(labels, t) * K + np.searchsorted(labels, p)
    per_speaker = np.bincount(codes * K * K + cells, minlength=times.shape[1] * K * K).reshape(-1, K * K)
    return (times @ per_speaker).reshape(-1, K, K)


def _moments(p: NDArray[Any], t: NDArray[Any], codes: NDArray[np.int64], times: Floats) -> metrics.Moments:
    """Population moments [R] when speaker s counts times[r, s] times.

    Sums are taken about the overall means, so that little is lost where the moments are formed from them.
    """
    mean_p, mean_t = p.mean(dtype=np.float64), t.mean(dtype=np.float64)
    dp, dt = p - mean_p, t - mean_t
    terms = np.stack([np.ones_like(dp), dp, dt, dp * dp, dt * dt, dp * dt])
    per_speaker = np.stack([np.bincount(codes, weights=term, minlength=times.shape[1]) for term in terms], axis=1)
    count, sum_p, sum_t, sum_pp, sum_tt, sum_pt = (times @ per_speaker).T
    shift_p, shift_t = sum_p / count, sum_t / count
    variance_p = _variance(sum_pp / count, shift_p, np.mean(dp * dp))
    variance_t = _variance(sum_tt / count, shift_t, np.mean(dt * dt))
    covariance = np.where((variance_p > 0) & (variance_t > 0), sum_pt / count - shift_p * shift_t, 0.0)
    return metrics.Moments((mean_p - mean_t) + (shift_p - shift_t), variance_p, variance_t, covariance)


def _variance(mean_square: Floats, mean: Floats, overall: np.floating) -> Floats:
    variance = mean_square - mean**2
    return np.where(variance > RESOLUTION * overall, variance, 0.0)
