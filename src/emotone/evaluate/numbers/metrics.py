"""Metrics: plain functions `metric(prediction, target) -> float` on numpy arrays, each with its equation.

Numbers and labels come as one-dimensional arrays of equal length N >= 1; NaN and missing labels are errors. A metric
that its equation does not define (0/0) is NaN, never a made-up number. Functions ending in `_of_moments` and
`_of_confusion` hold the equations; they take leading axes, so that a bootstrap asks for thousands at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.errors import EmotoneError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)
"""What the log loss takes for 0, as scikit-learn does."""


class Moments(NamedTuple):
    """Population moments (division by N) of prediction p and target t, each of any shape [...]."""

    mean_difference: Floats
    variance_p: Floats
    variance_t: Floats
    covariance: Floats


def ccc(prediction: ArrayLike, target: ArrayLike) -> float:
    """Concordance correlation coefficient: 2 s_pt / (s_p^2 + s_t^2 + (m_p - m_t)^2), population moments, in [-1, 1].

    Lin, Biometrics 45(1), 1989. One constant input gives 0; NaN where agreement is not defined: a single value (N = 1),
    or two constants that are equal. Raises EmotoneError for NaN or unequal lengths.

    >>> round(ccc([1, 2, 3, 4], [2, 3, 4, 5]), 4)
    0.7143
    >>> ccc([3, 3, 3], [1, 2, 3])
    0.0
    """
    m = moments(prediction, target)
    return float(ccc_of_moments(m)) if np.size(target) > 1 else float("nan")


def pearson(prediction: ArrayLike, target: ArrayLike) -> float:
    """Pearson's correlation: s_pt / (s_p s_t), in [-1, 1].

    NaN where it is not defined: a single value, or a constant input. Raises EmotoneError for NaN or unequal lengths.

    >>> round(pearson([1, 2, 3, 4], [2, 4, 6, 9]), 4)
    0.9944
    """
    return float(pearson_of_moments(moments(prediction, target)))


def spearman(prediction: ArrayLike, target: ArrayLike) -> float:
    """Spearman's rank correlation: Pearson's of the ranks, where equal values share the mean of their ranks.

    NaN where it is not defined: a single value, or a constant input. Raises EmotoneError for NaN or unequal lengths.

    >>> round(spearman([1, 2, 3, 4], [1, 8, 8, 9]), 4)
    0.9487
    """
    p, t = _numbers(prediction, target)
    return pearson(_ranks(p), _ranks(t))


def kendall(prediction: ArrayLike, target: ArrayLike) -> float:
    """Kendall's tau-b: (P - Q) / sqrt((P + Q + T_p)(P + Q + T_t)), pairs P in the same and Q in the other order.

    T_p and T_t are pairs tied in the prediction or in the target alone. NaN where it is not defined: a single value, or
    a constant input. O(N log^2 N). Kendall, Biometrika 33(3), 1945. Raises EmotoneError for NaN or unequal lengths.

    >>> round(kendall([1, 2, 3, 4], [1, 8, 8, 9]), 4)
    0.9129
    """
    p, t = _numbers(prediction, target)
    N = len(p)
    order = np.lexsort((p, t))
    pairs, tied_p, tied_t = N * (N - 1) // 2, _num_tied(p), _num_tied(t)
    tied_both = _num_tied(np.stack([p, t], axis=1))
    num_other = _num_inversions(p[order])
    balance = pairs - tied_p - tied_t + tied_both - 2 * num_other
    return float(kendall_of_pairs(*(np.array(count, float) for count in (balance, pairs - tied_p, pairs - tied_t))))


def rmse(prediction: ArrayLike, target: ArrayLike) -> float:
    """Root mean squared error: sqrt(mean((p - t)^2)), in the unit of the inputs.

    Raises EmotoneError for NaN or unequal lengths.

    >>> rmse([1, 2], [1, 4]) ** 2
    2.0000000000000004
    """
    p, t = _numbers(prediction, target)
    return float(np.sqrt(np.mean((p - t) ** 2)))


def accuracy(prediction: ArrayLike, target: ArrayLike) -> float:
    """Weighted accuracy (WA): the share of utterances whose class is right.

    Raises EmotoneError for missing labels or unequal lengths.

    >>> accuracy(["anger", "fear"], ["anger", "anger"])
    0.5
    """
    p, t = _labels(prediction, target)
    return float(np.mean(p == t))


def uar(prediction: ArrayLike, target: ArrayLike) -> float:
    """Unweighted average recall (UA): mean over classes k of C_kk / sum_j C_kj, the classes that occur in the target.

    Classes absent from the target have no recall and are left out of the mean, also where they were predicted (as in
    scikit-learn's balanced accuracy; audmetric counts a recall of 0 for those). Raises EmotoneError for missing labels
    or unequal lengths.

    >>> uar(["anger", "anger", "fear", "anger"], ["anger", "anger", "fear", "fear"])
    0.75
    >>> uar(["anger", "calm"], ["anger", "anger"])
    0.5
    """
    return float(uar_of_confusion(confusion(prediction, target)))


def macro_f1(prediction: ArrayLike, target: ArrayLike) -> float:
    """Mean over classes of F1_k = 2 C_kk / (sum_j C_kj + sum_j C_jk), the classes in target or prediction.

    A class that was predicted but is absent from the target counts with 0; one that occurs in neither is left out.
    Raises EmotoneError for missing labels or unequal lengths.

    >>> round(macro_f1(["anger", "anger", "fear"], ["anger", "fear", "fear"]), 4)
    0.6667
    """
    return float(macro_f1_of_confusion(confusion(prediction, target)))


class Reliability(NamedTuple):
    """Per bin of confidence, [M] each: how many predictions, their mean confidence, the share that is right (NaN)."""

    counts: Ints
    confidence: Floats
    accuracy: Floats


def ece(probabilities: ArrayLike, target: ArrayLike, num_bins: int = 15) -> float:
    """Expected calibration error: sum over bins m of n_m / N |accuracy_m - confidence_m|, in [0, 1].

    Predictions are sorted by confidence (the largest probability) into M bins of equal width ((m - 1) / M, m / M].
    Guo et al., On Calibration of Modern Neural Networks, ICML 2017. `probabilities` [N, K], rows that sum to 1;
    `target` [N] the number 0..K-1 of the true class. Raises EmotoneError for what is not such.

    >>> round(ece([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]], [0, 1, 1]), 4)
    0.4
    """
    bins = reliability(probabilities, target, num_bins)
    filled = bins.counts > 0
    gaps = np.abs(bins.accuracy - bins.confidence)[filled]
    return float(gaps @ bins.counts[filled] / bins.counts.sum())


def reliability(probabilities: ArrayLike, target: ArrayLike, num_bins: int = 15) -> Reliability:
    """The bins of `ece`, with NaN where a bin is empty; arguments as there.

    >>> reliability([[0.9, 0.1], [0.4, 0.6]], [1, 1], 2).accuracy.tolist()
    [nan, 0.5]
    """
    p, t = _probabilities(probabilities, target)
    confidence, is_right = p.max(axis=1), p.argmax(axis=1) == t
    places = np.searchsorted(np.linspace(0, 1, num_bins + 1)[1:-1], confidence, side="left")
    counts = np.bincount(places, minlength=num_bins)
    means = [_ratio(np.bincount(places, values, num_bins), counts) for values in (confidence, is_right)]
    return Reliability(counts, *means)


def brier(probabilities: ArrayLike, target: ArrayLike) -> float:
    """Brier score: mean over utterances of sum_k (p_k - y_k)^2, y one-hot, in [0, 2].

    Brier, Monthly Weather Review 78(1), 1950; the sum over all classes, also where K = 2 (scikit-learn halves it there
    unless told not to). Arguments as of `ece`.

    >>> round(brier([[0.8, 0.2], [0.4, 0.6]], [0, 0]), 4)
    0.4
    """
    p, t = _probabilities(probabilities, target)
    return float(np.mean(np.sum((p - np.eye(p.shape[1])[t]) ** 2, axis=1)))


def log_loss(probabilities: ArrayLike, target: ArrayLike) -> float:
    """Mean negative natural log of the true class's probability, which is taken as 2.2e-16 at least.

    Arguments as of `ece`.

    >>> round(log_loss([[0.5, 0.5], [0.25, 0.75]], [0, 1]), 4)
    0.4904
    """
    p, t = _probabilities(probabilities, target)
    return float(-np.mean(np.log(np.clip(p[np.arange(len(t)), t], SMALLEST_PROBABILITY, 1))))


def confusion(prediction: ArrayLike, target: ArrayLike, labels: Sequence[Any] | None = None) -> Ints:
    """Counts C [K, K]: row = class of the target, column = predicted class.

    The order is that of `labels`, or all classes that occur, sorted. Raises EmotoneError for missing labels, unequal
    lengths, or a class that is not one of `labels`.

    >>> confusion(["b", "b", "a"], ["a", "b", "a"])
    array([[1, 1],
           [0, 1]])
    """
    p, t = _labels(prediction, target)
    names = np.unique(np.concatenate([p, t])) if labels is None else np.asarray(labels)
    order = np.argsort(names)
    places = []
    for given in (p, t):
        found = order[np.searchsorted(names, given, sorter=order).clip(max=len(names) - 1)]
        if not np.array_equal(names[found], given):
            stranger = given[names[found] != given][0]
            raise EmotoneError(f"class {str(stranger)!r} is not one of {', '.join(map(str, names))}")
        places.append(found)
    K = len(names)
    return np.bincount(places[1] * K + places[0], minlength=K * K).reshape(K, K).astype(np.int64)


def moments(prediction: ArrayLike, target: ArrayLike) -> Moments:
    """Population moments of two number arrays [N]."""
    p, t = _numbers(prediction, target)
    # Taken about the first value, so that a constant has exactly no variance.
    from_p, from_t = p - p[0], t - t[0]
    mean_p, mean_t = from_p.mean(), from_t.mean()
    dp, dt = from_p - mean_p, from_t - mean_t
    difference = (p[0] - t[0]) + (mean_p - mean_t)
    return Moments(*(np.asarray(value) for value in (difference, np.mean(dp * dp), np.mean(dt * dt), np.mean(dp * dt))))


def ccc_of_moments(m: Moments) -> Floats:
    """CCC from moments of any shape [...]; NaN where both are constant and equal."""
    return _ratio(2 * m.covariance, m.variance_p + m.variance_t + m.mean_difference**2)


def pearson_of_moments(m: Moments) -> Floats:
    """Pearson's correlation from moments of any shape [...]; NaN where one is constant."""
    # Two roots rather than the root of a product, which underflows first.
    return np.clip(_ratio(m.covariance, np.sqrt(m.variance_p) * np.sqrt(m.variance_t)), -1.0, 1.0)


def kendall_of_pairs(balance: Floats, untied_p: Floats, untied_t: Floats) -> Floats:
    """Kendall's tau-b from pairs of any shape [...]: those in the same minus those in the other order, those not tied.

    NaN where all are tied in one of the inputs.
    """
    # Two roots: the product of the pair counts would leave the whole numbers of a double first.
    return np.clip(_ratio(balance, np.sqrt(untied_p) * np.sqrt(untied_t)), -1.0, 1.0)


def rmse_of_moments(m: Moments) -> Floats:
    """RMSE from moments of any shape [...]: the variance of p - t plus the squared difference of the means."""
    return np.sqrt(np.maximum(m.variance_p + m.variance_t - 2 * m.covariance, 0) + m.mean_difference**2)


def accuracy_of_confusion(counts: NDArray[Any]) -> Floats:
    """Accuracy from counts [..., K, K]."""
    return _ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)))


def uar_of_confusion(counts: NDArray[Any]) -> Floats:
    """Unweighted average recall from counts [..., K, K], over the classes with a target."""
    return _mean_ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1))


def macro_f1_of_confusion(counts: NDArray[Any]) -> Floats:
    """Macro F1 from counts [..., K, K], over the classes with a target or a prediction."""
    return _mean_ratio(2 * np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1) + counts.sum(axis=-2))


def recall_of_confusion(counts: NDArray[Any]) -> Floats:
    """Recall of each class [..., K] from counts [..., K, K]; NaN without a target."""
    return _ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1))


def precision_of_confusion(counts: NDArray[Any]) -> Floats:
    """Precision of each class [..., K] from counts [..., K, K]; NaN where it was never predicted."""
    return _ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-2))


def f1_of_confusion(counts: NDArray[Any]) -> Floats:
    """F1 of each class [..., K] from counts [..., K, K]; NaN where it is neither target nor prediction."""
    return _ratio(2 * np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1) + counts.sum(axis=-2))


def _ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> Floats:
    """Elementwise ratio; NaN where the denominator is 0."""
    undefined = np.full(np.shape(denominator), np.nan)
    return np.divide(numerator, denominator, out=undefined, where=np.asarray(denominator) > 0)


def _mean_ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> Floats:
    """Mean over the last axis of the ratios whose denominator is not 0."""
    present = denominator > 0
    ratios = np.divide(numerator, denominator, out=np.zeros(denominator.shape), where=present)
    return _ratio(ratios.sum(axis=-1), present.sum(axis=-1))


def _ranks(values: Floats) -> Floats:
    """Ranks from 1; equal values share their mean."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]


def _num_tied(values: Floats) -> int:
    """Pairs of equal rows."""
    counts = np.unique(values, axis=0, return_counts=True)[1].astype(np.int64)
    return int(np.sum(counts * (counts - 1) // 2))


def _num_inversions(values: Floats) -> int:
    """Pairs i < j with values[i] > values[j], by a merge sort whose merges of one level are done together."""
    place = np.arange(len(values))
    total, size = 0, 1
    while size < len(values):
        blocks = place // (2 * size)
        order = np.lexsort((place, values, blocks))  # equal values stay in their order: they are no inversion
        is_left = place[order] // size % 2 == 0
        num_left = np.cumsum(is_left)
        num_left_to_end = np.cumsum(np.bincount(blocks[order], is_left))[blocks[order]]
        total += int((num_left_to_end - num_left)[~is_left].sum())
        size *= 2
    return total


def _probabilities(probabilities: ArrayLike, target: ArrayLike) -> tuple[Floats, Ints]:
    p, t = np.asarray(probabilities, dtype=np.float64), np.asarray(target)
    if p.ndim != 2 or t.shape != p.shape[:1] or not p.size:
        raise EmotoneError(f"probabilities must be [N, K] and the target [N], N >= 1, not {p.shape} and {t.shape}")
    if not (np.isfinite(p).all() and (p >= 0).all() and np.allclose(p.sum(axis=1), 1, rtol=0, atol=1e-6)):
        raise EmotoneError("probabilities must not be negative or missing, and sum to 1 for each utterance")
    if t.dtype.kind not in "iu" or t.min() < 0 or t.max() >= p.shape[1]:
        raise EmotoneError(f"the target must hold class numbers from 0 to {p.shape[1] - 1}")
    return p, t.astype(np.int64)


def _numbers(prediction: ArrayLike, target: ArrayLike) -> tuple[Floats, Floats]:
    p, t = np.asarray(prediction, dtype=np.float64), np.asarray(target, dtype=np.float64)
    _check_shapes(p, t)
    for name, values in (("prediction", p), ("target", t)):
        num_bad = int((~np.isfinite(values)).sum())
        if num_bad:
            raise EmotoneError(f"the {name} has {num_bad} NaN or infinite values of {len(values)}; leave them out")
    return p, t


def _labels(prediction: ArrayLike, target: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    p, t = np.asarray(prediction), np.asarray(target)
    _check_shapes(p, t)
    arrays = []
    for name, values in (("prediction", p), ("target", t)):
        # NaN is the one value that is unlike itself.
        num_bad = sum(label is None or label != label for label in values.tolist()) if values.dtype.kind in "Of" else 0
        if num_bad:
            raise EmotoneError(f"the {name} has {num_bad} missing labels of {len(values)}; leave them out first")
        arrays.append(np.array(values.tolist()) if values.dtype.kind == "O" else values)
    if (arrays[0].dtype.kind in "US") != (arrays[1].dtype.kind in "US"):
        raise EmotoneError("prediction and target must both be names or both be numbers")
    return arrays[0], arrays[1]


def _check_shapes(p: NDArray[Any], t: NDArray[Any]) -> None:
    if p.ndim != 1 or p.shape != t.shape or not p.size:
        raise EmotoneError(f"prediction and target must be of one length N >= 1, not of shapes {p.shape} and {t.shape}")
