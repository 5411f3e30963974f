"""Metrics against audmetric, scipy and scikit-learn to 1e-12, and where the definitions part."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import audmetric
import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from emotone.errors import EmotoneError
from emotone.evaluate import metrics

TOLERANCE = {"rtol": 0, "atol": 1e-12}
score = st.one_of(st.integers(1, 7).map(float), st.floats(1, 7).map(lambda value: round(value, 6)))
pairs = st.lists(st.tuples(score, score), min_size=1, max_size=8)
label_pairs = st.lists(st.tuples(*[st.sampled_from(["anger", "calm", "fear", "other"])] * 2), min_size=1, max_size=8)


@given(pairs)
def test_ccc_is_audmetrics(values: list[tuple[float, float]]) -> None:
    p, t = np.array(values).T
    # Constants: audmetric's means are rounded, so that a constant may seem to vary; ours are exact.
    if len(np.unique(p)) > 1 and len(np.unique(t)) > 1:
        np.testing.assert_allclose(metrics.ccc(p, t), audmetric.concordance_cc(t, p), **TOLERANCE)


@given(pairs)
def test_pearson_is_scipys(values: list[tuple[float, float]]) -> None:
    p, t = np.array(values).T
    if len(p) == 1:
        assert math.isnan(metrics.pearson(p, t))
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy warns of constants and returns NaN, as we do
        expected = scipy.stats.pearsonr(p, t).statistic
    # Where values hardly vary, scipy's own mean is rounded by as much as the tolerance.
    tolerance = 1e-12 if min(np.ptp(p), np.ptp(t)) > 1e-2 else 1e-8
    np.testing.assert_allclose(metrics.pearson(p, t), expected, rtol=0, atol=tolerance)


@given(pairs)
def test_rmse_is_scikit_learns(values: list[tuple[float, float]]) -> None:
    p, t = np.array(values).T
    np.testing.assert_allclose(metrics.rmse(p, t), sklearn.metrics.root_mean_squared_error(t, p), **TOLERANCE)
    np.testing.assert_allclose(metrics.rmse(p, t) ** 2, audmetric.mean_squared_error(t, p), **TOLERANCE)


@given(label_pairs)
def test_class_metrics_are_scikit_learns(values: list[tuple[str, str]]) -> None:
    p, t = (list(column) for column in zip(*values, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of single and one-sided classes
        counts = sklearn.metrics.confusion_matrix(t, p)
        balanced = sklearn.metrics.balanced_accuracy_score(t, p)
        f1 = sklearn.metrics.f1_score(t, p, average="macro")
    np.testing.assert_allclose(metrics.uar(p, t), balanced, **TOLERANCE)
    np.testing.assert_allclose(metrics.macro_f1(p, t), f1, **TOLERANCE)
    np.testing.assert_allclose(metrics.macro_f1(p, t), audmetric.unweighted_average_fscore(t, p), **TOLERANCE)
    np.testing.assert_allclose(metrics.accuracy(p, t), audmetric.accuracy(t, p), **TOLERANCE)
    np.testing.assert_array_equal(metrics.confusion(p, t), counts)
    if set(p) <= set(t):
        np.testing.assert_allclose(metrics.uar(p, t), audmetric.unweighted_average_recall(t, p), **TOLERANCE)


def test_absent_classes() -> None:
    p, t = ["anger", "calm"], ["anger", "anger"]
    assert metrics.uar(p, t) == 0.5  # calm has no recall
    assert audmetric.unweighted_average_recall(t, p) == 0.25  # there it counts as 0
    np.testing.assert_allclose(metrics.macro_f1(p, t), (2 / 3 + 0) / 2, **TOLERANCE)


@given(pairs)
def test_ccc_by_hand(values: list[tuple[float, float]]) -> None:
    p, t = np.array(values).T
    denominator = p.var() + t.var() + (p.mean() - t.mean()) ** 2
    if len(p) > 1 and len(np.unique(p)) > 1 and len(np.unique(t)) > 1:
        expected = 2 * np.mean((p - p.mean()) * (t - t.mean())) / denominator
        np.testing.assert_allclose(metrics.ccc(p, t), expected, **TOLERANCE)
        assert -1 <= metrics.ccc(p, t) <= 1
        np.testing.assert_allclose(metrics.ccc(p, t), metrics.ccc(t, p), **TOLERANCE)


@pytest.mark.parametrize("constant", [0.1, 1 / 3, 3.0, 1e9 + 0.1])
@pytest.mark.parametrize("num", [2, 3, 7, 1000])
def test_constants_have_exactly_no_variance(constant: float, num: int) -> None:
    p, t = np.full(num, constant), np.linspace(1, 7, num)
    assert metrics.ccc(p, t) == metrics.ccc(t, p) == 0
    assert math.isnan(metrics.pearson(p, t)) and math.isnan(metrics.pearson(t, p))
    assert math.isnan(metrics.ccc(p, p)) and metrics.ccc(p, p + 1) == 0 and metrics.rmse(p, p) == 0


def test_single_values() -> None:
    assert math.isnan(metrics.ccc([1], [2])) and math.isnan(metrics.ccc([1], [1]))
    assert math.isnan(metrics.pearson([1], [1]))
    assert metrics.rmse([1], [3]) == 2
    assert metrics.accuracy(["a"], ["a"]) == metrics.uar(["a"], ["a"]) == metrics.macro_f1(["a"], ["a"]) == 1
    assert metrics.uar(["a"], ["b"]) == metrics.macro_f1(["a"], ["b"]) == 0


def test_large_offsets_lose_nothing() -> None:
    random = np.random.default_rng(0)
    p, t = random.normal(size=(2, 50))
    np.testing.assert_allclose(metrics.ccc(p + 1e6, t + 1e6), metrics.ccc(p, t), rtol=0, atol=1e-9)
    np.testing.assert_allclose(metrics.pearson(p + 1e6, t), metrics.pearson(p, t), rtol=0, atol=1e-9)
    assert metrics.pearson(t * 3 + 1, t) <= 1


@given(pairs)
def test_equations_on_moments_agree_with_the_arrays(values: list[tuple[float, float]]) -> None:
    p, t = np.array(values).T
    moments = metrics.moments(p, t)
    np.testing.assert_allclose(metrics.rmse_of_moments(moments), metrics.rmse(p, t), rtol=0, atol=1e-7)
    stacked = metrics.Moments(*(np.stack([part, part]) for part in moments))
    np.testing.assert_array_equal(metrics.ccc_of_moments(stacked), [metrics.ccc_of_moments(moments)] * 2)


def test_confusion_keeps_the_order_of_labels() -> None:
    counts = metrics.confusion(["b", "c", "a"], ["b", "b", "a"], labels=["c", "b", "a", "z"])
    assert counts.tolist() == [[0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    assert metrics.uar_of_confusion(counts) == 0.75
    with pytest.raises(EmotoneError, match="class 'c' is not one of a, b"):
        metrics.confusion(["c"], ["a"], labels=["a", "b"])


def test_labels_may_be_numbers_or_objects() -> None:
    assert metrics.uar([0, 1, 1], [0, 1, 0]) == 0.75
    assert metrics.accuracy(np.array(["a", "b"], dtype=object), np.array(["a", "a"])) == 0.5
    with pytest.raises(EmotoneError, match="both be names or both be numbers"):
        metrics.accuracy([0, 1], ["0", "1"])


@pytest.mark.parametrize("metric", [metrics.ccc, metrics.pearson, metrics.rmse])
@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [
        ([1, math.nan], [1, 2], "the prediction has 1 NaN or infinite values of 2"),
        ([1, 2], [math.inf, math.nan], "the target has 2 NaN or infinite values of 2"),
        ([1, 2], [1], "must be of one length"),
        ([], [], "N >= 1"),
        ([[1, 2]], [[1, 2]], "must be of one length"),
    ],
)
def test_numbers_that_are_refused(metric: Callable[..., float], prediction: list, target: list, message: str) -> None:
    with pytest.raises(EmotoneError, match=message):
        metric(prediction, target)


@pytest.mark.parametrize("metric", [metrics.accuracy, metrics.uar, metrics.macro_f1, metrics.confusion])
@pytest.mark.parametrize("missing", [None, math.nan])
def test_missing_labels_are_refused(metric: Callable[..., float], missing: object) -> None:
    labels = np.array(["a", missing], dtype=object)
    with pytest.raises(EmotoneError, match="the prediction has 1 missing labels of 2"):
        metric(labels, ["a", "b"])
    with pytest.raises(EmotoneError, match="the target has 1 missing labels of 2"):
        metric(["a", "b"], labels)
    with pytest.raises(EmotoneError, match="must be of one length"):
        metric(["a"], ["a", "b"])
