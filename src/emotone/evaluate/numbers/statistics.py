"""Intervals that respect speakers: utterances of one speaker are alike, so speakers are what is drawn again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.evaluate.numbers.interval import Interval
from emotone.evaluate.numbers.resampled_ranks import resampled_kendall, resampled_spearman
from emotone.evaluate.numbers.speaker_intervals import DEFAULT_METHOD, Method, bca_ends, percentile_ends, t_ends

Metric = Callable[[Any, Any], float]
Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

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
OF_RANKS: dict[Metric, Callable[[Floats, Floats, Codes, Floats], Floats]] = {
    metrics.spearman: resampled_spearman,
    metrics.kendall: resampled_kendall,
}
RANGES: dict[Metric, tuple[float, float]] = {
    **dict.fromkeys(OF_CONFUSION, (0.0, 1.0)),
    **dict.fromkeys((metrics.ccc, metrics.pearson, *OF_RANKS), (-1.0, 1.0)),
    metrics.rmse: (0.0, float("inf")),
}
"""What metrics can be."""
RESOLUTION = 1e-13
"""A resample's variance below this share of the overall one is rounding, not variation: it counts as constant."""
BLOCK_CELLS = 2**21
"""Resamples are made in blocks of so many numbers (16 MiB), whatever their count and that of speakers."""


def interval_over_speakers(
    metric: Metric,
    prediction: ArrayLike,
    target: ArrayLike,
    speakers: ArrayLike,
    num_resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    repeats: ArrayLike | None = None,
    method: Method = DEFAULT_METHOD,
) -> Interval:
    """The interval of `metric(prediction, target)` over speakers, which are what an experiment draws.

    By default Student's t on the jackknife over speakers, which covers best (results/coverage.md);
    "percentile" and "bca" are of a cluster bootstrap: each of `num_resamples` draws as many speakers as there are, with
    replacement, and keeps all their utterances (Davison & Hinkley, Bootstrap Methods and their Application, 1997,
    section 3.8); the same seed gives the same interval. `repeats` says of which repetition of the experiment a row is:
    the metric is taken per repeat and averaged, speakers are left out of or drawn for all repeats together. The metrics
    of `evaluate.metrics` are computed at once, any other function is called on each. What is not defined (NaN) is left
    out. One speaker says nothing of others: the ends are NaN. Raises EmotoneError for unequal lengths, missing speakers
    or what the metric refuses.

    >>> interval = interval_over_speakers(metrics.accuracy, list("aabbab"), list("abbbab"), list("112233"))
    >>> [round(number, 3) for number in interval]
    [0.116, 0.833, 1.0]
    """
    pooled = PooledMetric(metric, [prediction], target, speakers, repeats)
    return pooled.interval([1], num_resamples, seed, level, method)


class PooledMetric:
    """A metric over the utterances of all speakers, for Q systems that scored the same N rows.

    It answers what the metric would be if speakers counted otherwise than once (`weighted`), or if two systems
    exchanged their predictions for some of them (`exchanged`). The mean over repeats is taken everywhere.

    >>> pooled = PooledMetric(metrics.accuracy, [["a", "a"], ["b", "b"]], ["a", "b"], ["x", "y"])
    >>> pooled.weighted(np.array([[3, 1]]))
    array([[0.75, 0.25]])
    >>> pooled.exchanged(np.array([[0, 1]]))
    array([[1., 0.]])
    """

    def __init__(
        self,
        metric: Metric,
        predictions: Sequence[ArrayLike],
        target: ArrayLike,
        speakers: ArrayLike,
        repeats: ArrayLike | None = None,
    ) -> None:
        self._metric, self._target = metric, _array(target)
        self._predictions = [_array(prediction) for prediction in predictions]
        self._speakers = _codes("speaker", speakers, len(self._target))
        self._repeats = np.zeros_like(self._speakers)
        if repeats is not None:
            self._repeats = _codes("repeat", repeats, len(self._target))
        self.num_speakers = int(self._speakers.max()) + 1
        self._num_repeats = int(self._repeats.max()) + 1
        self.values = np.array([self._recomputed(prediction) for prediction in self._predictions])
        if metric in OF_CONFUSION:
            self._sums, self._of_sums = self._confusions()
        elif metric in OF_MOMENTS:
            self._sums, self._of_sums = self._moments()
        else:
            self._sums = np.zeros((self.num_speakers, len(self._predictions), 0, 0))

    def interval(
        self,
        contrast: ArrayLike,
        num_resamples: int = 2000,
        seed: int = 0,
        level: float = 0.95,
        method: Method = DEFAULT_METHOD,
    ) -> Interval:
        """Interval of the systems' values times `contrast` [Q], e.g. [1, -1] for a difference, by a method.

        A single system's ends are within what its metric can be.
        """
        if not 0 < level < 1 or num_resamples < 1:
            raise EmotoneError(
                f"level must lie in (0, 1) and num_resamples be positive, not {level} and {num_resamples}"
            )
        value = float(self.values @ np.asarray(contrast))
        if self.num_speakers == 1:
            return Interval(float("nan"), value, float("nan"))
        wanted = np.asarray(contrast)
        without = np.empty(0) if method == "percentile" else self.without_one() @ wanted
        draws = np.empty(0) if method == "t" else self.drawn(num_resamples, seed) @ wanted
        if method == "t":
            low, high = t_ends(value, without, level)
        elif method == "percentile":
            low, high = percentile_ends(draws, level)
        else:
            low, high = bca_ends(value, draws, without, level)
        if np.count_nonzero(wanted) == 1:
            least, most = RANGES.get(self._metric, (-np.inf, np.inf))
            low, high = np.clip([low, high], least, most).tolist()
        return Interval(low, value, high)

    def without_one(self) -> Floats:
        """The metric [S, Q] without each speaker in turn."""
        S, found = self.num_speakers, []
        for rows in self.blocks(S):
            times = np.ones((len(rows), S), dtype=np.int64)
            times[np.arange(len(rows)), rows] = 0
            found.append(self.weighted(times))
        return np.concatenate(found)

    def drawn(self, num_resamples: int, seed: int) -> Floats:
        """The metric [P, Q] of as many speakers as there are, drawn with replacement."""
        random, S = np.random.default_rng(seed), self.num_speakers
        found = []
        for rows in self.blocks(num_resamples):
            drawn = random.integers(S, size=(len(rows), S)) + np.arange(len(rows))[:, None] * S
            times = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
            found.append(self.weighted(times))
        return np.concatenate(found)

    def blocks(self, num: int) -> Iterator[range]:
        """0..num-1 in ranges, each so short that its resamples need little memory."""
        num_cells = len(self._target) if self._metric in OF_RANKS else self._sums[0].size
        size = max(1, BLOCK_CELLS // max(self.num_speakers, num_cells))
        return (range(start, min(start + size, num)) for start in range(0, num, size))

    def weighted(self, times: NDArray[Any]) -> Floats:
        """The metric [P, Q] when speaker s counts times[p, s] times; times [P, S] of whole numbers."""
        if self._sums.size:
            return self._of_sums(np.tensordot(times.astype(np.float64), self._sums, axes=1)).mean(axis=-1)
        if self._metric in OF_RANKS:
            return np.stack([self._of_ranks(system, times.astype(np.float64)) for system in self._predictions], axis=1)
        utterances = np.arange(len(self._target))
        kept = [np.repeat(utterances, row[self._speakers]) for row in times]
        return np.array([[self._recomputed(system, rows) for system in self._predictions] for rows in kept])

    def exchanged(self, flips: NDArray[Any]) -> Floats:
        """The metrics [P, 2] of two systems that exchange the predictions for speakers with flips[p, s] = 1."""
        if self._sums.size:
            first, second = self._sums.sum(axis=0)
            moved = np.tensordot(flips.astype(np.float64), self._sums[:, 1] - self._sums[:, 0], axes=1)
            return self._of_sums(np.stack([first + moved, second - moved], axis=1)).mean(axis=-1)
        pairs = []
        first, second = self._predictions
        for row in flips.astype(bool):
            flipped = row[self._speakers]
            pairs.append([np.where(flipped, second, first), np.where(flipped, first, second)])
        return np.array([[self._recomputed(system) for system in pair] for pair in pairs])

    def _of_ranks(self, prediction: NDArray[Any], times: Floats) -> Floats:
        """A rank correlation [P] when speakers count so many times [P, S], mean over repeats."""
        of_ranks, p, t = OF_RANKS[self._metric], prediction.astype(np.float64), self._target.astype(np.float64)
        parts = [self._repeats == number for number in range(self._num_repeats)]
        return np.mean([of_ranks(p[part], t[part], self._speakers[part], times) for part in parts], axis=0)

    def _recomputed(self, prediction: NDArray[Any], rows: Codes | slice = slice(None)) -> float:
        """The metric of some rows by calling it, mean over repeats; NaN where a repeat has no row."""
        p, t, repeats = prediction[rows], self._target[rows], self._repeats[rows]
        parts = [repeats == number for number in range(self._num_repeats)]
        return float(np.mean([self._metric(p[part], t[part]) if part.any() else np.nan for part in parts]))

    def _confusions(self) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Confusion counts [S, Q, R, K * K] and the metric of such counts [..., K * K]."""
        labels = np.unique(np.concatenate([self._target, *self._predictions]))
        K = len(labels)
        cells = [np.searchsorted(labels, self._target) * K + np.searchsorted(labels, p) for p in self._predictions]
        sums = [self._summed(each, K * K) for each in cells]
        of_confusion = OF_CONFUSION[self._metric]
        return np.stack(sums, axis=1), lambda counts: of_confusion(counts.reshape(*counts.shape[:-1], K, K))

    def _moments(self) -> tuple[Floats, Callable[[Floats], Floats]]:
        """Sums of powers [S, Q, R, 6] and the metric of such sums.

        They are taken about the overall means, so that little is lost where the moments are formed from them.
        """
        p, t = np.array(self._predictions, dtype=np.float64), self._target.astype(np.float64)
        mean_p, mean_t = p.mean(), t.mean()
        dp, dt = p - mean_p, t - mean_t
        sums = []
        for d in dp:
            terms = (np.ones_like(d), d, dt, d * d, dt * dt, d * dt)
            sums.append(np.concatenate([self._summed(0, 1, weights=term) for term in terms], axis=-1))
        scales = np.mean(dp * dp), np.mean(dt * dt)
        of_sums = partial(_metric_of_sums, OF_MOMENTS[self._metric], mean_p - mean_t, scales)
        return np.stack(sums, axis=1), of_sums

    def _summed(self, cells: Codes | int, num_cells: int, weights: Floats | None = None) -> Floats:
        """How often (or with what weight) each cell occurs per speaker and repeat: [S, R, num_cells]."""
        S, R = self.num_speakers, self._num_repeats
        places = (self._speakers * R + self._repeats) * num_cells + cells
        counts = np.bincount(places, weights=weights, minlength=S * R * num_cells)
        return counts.reshape(S, R, num_cells).astype(np.float64)


def _array(values: ArrayLike) -> NDArray[Any]:
    """An array; names as text rather than objects, which are slow to sort."""
    array = np.asarray(values)
    is_text = array.dtype.kind == "O" and all(isinstance(value, str) for value in array.tolist())
    return array.astype(str) if is_text else array


def _codes(kind: str, names: ArrayLike, num_utterances: int) -> Codes:
    """Speakers or repeats as 0..S-1, in their sorted order: int64 [N]."""
    given = np.asarray(names, dtype=object)
    if given.shape != (num_utterances,):
        raise EmotoneError(f"{kind}s must be of one length with the target ({num_utterances}), not {given.shape}")
    num_missing = sum(name is None or name != name for name in given.tolist())
    if num_missing:
        raise EmotoneError(f"{num_missing} of {num_utterances} utterances have no {kind}: no interval over speakers")
    return np.unique(np.array([str(name) for name in given.tolist()]), return_inverse=True)[1].astype(np.int64)


def _metric_of_sums(
    of_moments: Callable[[metrics.Moments], Floats], offset: float, scales: tuple[float, float], sums: Floats
) -> Floats:
    """The metric [...] of sums [..., 6]: count, p, t, pp, tt, pt, about means that lie `offset` apart."""
    with np.errstate(invalid="ignore"):  # no utterance at all: the means are NaN and so is the metric
        sum_p, sum_t, sum_pp, sum_tt, sum_pt = np.moveaxis(sums[..., 1:] / sums[..., :1], -1, 0)
    variance_p = _variance(sum_pp, sum_p, scales[0])
    variance_t = _variance(sum_tt, sum_t, scales[1])
    covariance = np.where((variance_p > 0) & (variance_t > 0), sum_pt - sum_p * sum_t, 0.0)
    return of_moments(metrics.Moments(offset + (sum_p - sum_t), variance_p, variance_t, covariance))


def _variance(mean_square: Floats, mean: Floats, overall: float) -> Floats:
    variance = mean_square - mean**2
    return np.where(variance > RESOLUTION * overall, variance, 0.0)
