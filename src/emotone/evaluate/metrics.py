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


def _ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> Floats:
    """Elementwise ratio; NaN where the denominator is 0."""
    undefined = np.full(np.shape(denominator), np.nan)
    return np.divide(numerator, denominator, out=undefined, where=np.asarray(denominator) > 0)


def _mean_ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> Floats:
    """Mean over the last axis of the ratios whose denominator is not 0."""
    present = denominator > 0
    ratios = np.divide(numerator, denominator, out=np.zeros(denominator.shape), where=present)
    return _ratio(ratios.sum(axis=-1), present.sum(axis=-1))


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
