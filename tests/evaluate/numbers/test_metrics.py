"""Metrics against audmetric, scipy and scikit-learn to 1e-12, and where the definitions part."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import audmetric
import numpy as np
import pytest
import scipy.stats
import sklearn.calibration
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st

from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics

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


@given(pairs)
def test_rank_correlations_are_scipys(values: list[tuple[float, float]]) -> None:
    p, t = np.array(values).T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy warns of constants and single values and returns NaN, as we do
        kendall = scipy.stats.kendalltau(p, t, variant="b").statistic
        spearman = scipy.stats.spearmanr(p, t).statistic if len(p) > 1 else math.nan
    np.testing.assert_allclose(metrics.kendall(p, t), kendall, **TOLERANCE)
    np.testing.assert_allclose(metrics.spearman(p, t), spearman, **TOLERANCE)


@pytest.mark.parametrize("num_values", [3, 20, 10_000_000])
def test_rank_correlations_of_many_values_with_and_without_ties(num_values: int) -> None:
    random = np.random.default_rng(0)
    for num in (2, 3, 64, 1001, 30_000):
        t = random.integers(num_values, size=num).astype(float)
        p = np.where(random.random(num) < 0.5, t, random.integers(num_values, size=num))
        np.testing.assert_allclose(metrics.kendall(p, t), scipy.stats.kendalltau(p, t).statistic, **TOLERANCE)
        np.testing.assert_allclose(metrics.spearman(p, t), scipy.stats.spearmanr(p, t).statistic, **TOLERANCE)


@given(pairs)
def test_order_is_all_that_ranks_see(values: list[tuple[float, float]]) -> None:
    p, t = np.array(values).T
    for metric in (metrics.spearman, metrics.kendall):
        found = metric(p, t)
        np.testing.assert_array_equal(metric(np.exp(p), t**3), found)
        np.testing.assert_allclose(metric(t, p), found, **TOLERANCE)
        np.testing.assert_allclose(metric(-p, t), -found, **TOLERANCE)
        assert math.isnan(found) or -1 <= found <= 1


distributions = st.lists(
    st.tuples(st.integers(0, 2), st.lists(st.integers(0, 20), min_size=3, max_size=3).filter(any)),
    min_size=1,
    max_size=20,
)


def unpack(values: list[tuple[int, list[int]]]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities [N, 3] and targets [N] of whole numbers."""
    weights = np.array([row for _, row in values], float)
    return weights / weights.sum(axis=1, keepdims=True), np.array([label for label, _ in values])


@given(distributions)
def test_proper_scores_are_scikit_learns(values: list[tuple[int, list[int]]]) -> None:
    pytest.importorskip("sklearn", "1.7", reason="which scores several classes")
    p, t = unpack(values)
    labels = [0, 1, 2]
    np.testing.assert_allclose(metrics.log_loss(p, t), sklearn.metrics.log_loss(t, p, labels=labels), **TOLERANCE)
    expected = sklearn.metrics.brier_score_loss(t, p, labels=labels, scale_by_half=False)
    np.testing.assert_allclose(metrics.brier(p, t), expected, **TOLERANCE)
    assert 0 <= metrics.brier(p, t) <= 2 and 0 <= metrics.ece(p, t) <= 1


def test_brier_of_two_classes_is_twice_scikit_learns() -> None:
    p, t = np.array([[0.8, 0.2], [0.4, 0.6]]), np.array([0, 0])
    assert metrics.brier(p, t) == pytest.approx(2 * sklearn.metrics.brier_score_loss(t, p[:, 1], pos_label=1))


def test_a_true_class_without_probability_costs_36_nats() -> None:
    assert metrics.log_loss([[1.0, 0.0]], [1]) == pytest.approx(-math.log(np.finfo(float).eps))


@pytest.mark.parametrize("num_bins", [1, 2, 10, 15])
@given(values=distributions)
def test_reliability_is_scikit_learns(num_bins: int, values: list[tuple[int, list[int]]]) -> None:
    p, t = unpack(values)
    confidence, is_right = p.max(axis=1), p.argmax(axis=1) == t
    accuracy, mean = sklearn.calibration.calibration_curve(is_right, confidence, n_bins=num_bins)
    bins = metrics.reliability(p, t, num_bins)
    filled = bins.counts > 0
    np.testing.assert_allclose(bins.accuracy[filled], accuracy, **TOLERANCE)
    np.testing.assert_allclose(bins.confidence[filled], mean, **TOLERANCE)
    assert bins.counts.sum() == len(t) and np.isnan(bins.accuracy[~filled]).all()
    gap = np.abs(accuracy - mean) @ bins.counts[filled] / len(t)
    np.testing.assert_allclose(metrics.ece(p, t, num_bins), gap, **TOLERANCE)


def test_borders_belong_to_the_bin_below() -> None:
    bins = metrics.reliability([[0.5, 0.5], [0.6, 0.4], [1.0, 0.0]], [0, 0, 0], num_bins=2)
    assert bins.counts.tolist() == [1, 2]
    assert metrics.ece([[1.0, 0.0]], [0]) == 0 and metrics.ece([[1.0, 0.0]], [1]) == 1


@pytest.mark.parametrize(
    ("probabilities", "target", "message"),
    [
        ([[0.5, 0.4]], [0], "sum to 1"),
        ([[1.5, -0.5]], [0], "not be negative"),
        ([[math.nan, 1.0]], [0], "missing"),
        ([[0.5, 0.5]], [2], "class numbers from 0 to 1"),
        ([[0.5, 0.5]], [-1], "class numbers"),
        ([[0.5, 0.5]], [0.0], "class numbers"),
        ([[0.5, 0.5]], [0, 1], r"\[N, K\]"),
        ([0.5, 0.5], [0, 1], r"\[N, K\]"),
    ],
)
def test_probabilities_that_are_refused(probabilities: list, target: list, message: str) -> None:
    for metric in (metrics.ece, metrics.brier, metrics.log_loss):
        with pytest.raises(EmotoneError, match=message):
            metric(probabilities, target)


@given(label_pairs)
def test_scores_of_each_class_are_scikit_learns(values: list[tuple[str, str]]) -> None:
    p, t = (list(column) for column in zip(*values, strict=True))
    labels = ["anger", "calm", "fear", "other"]
    counts = metrics.confusion(p, t, labels)
    expected = sklearn.metrics.precision_recall_fscore_support(t, p, labels=labels, zero_division=np.nan)[:3]
    functions = (metrics.precision_of_confusion, metrics.recall_of_confusion, metrics.f1_of_confusion)
    for function, values_of in zip(functions, expected, strict=True):
        np.testing.assert_allclose(function(counts), values_of, **TOLERANCE)
    np.testing.assert_allclose(np.nanmean(metrics.recall_of_confusion(counts)), metrics.uar(p, t), **TOLERANCE)
    own, theirs = metrics.recall_of_confusion(counts), audmetric.recall_per_class(t, p, labels=labels)
    for label, recall in zip(labels, own, strict=True):  # audmetric has 0 for a class without a target
        assert theirs[label] == pytest.approx(0 if label not in t else recall, abs=1e-12)


@given(pairs)
def test_pearson_is_audmetrics_where_both_vary(values: list[tuple[float, float]]) -> None:
    p, t = np.array(values).T
    if len(p) > 1 and min(np.ptp(p), np.ptp(t)) > 1e-2:
        np.testing.assert_allclose(metrics.pearson(p, t), audmetric.pearson_cc(t, p), **TOLERANCE)


def test_moments_are_of_the_population() -> None:
    p, t = np.array([1.0, 2.0, 4.0]), np.array([2.0, 2.0, 6.0])
    assert metrics.moments(p, t).variance_p == pytest.approx(p.var(ddof=0))
    mixed = 2 * np.cov(p, t)[0, 1] / (p.var(ddof=1) + t.var(ddof=1) + (p.mean() - t.mean()) ** 2)
    assert metrics.ccc(p, t) != pytest.approx(mixed, abs=1e-3)  # sample moments are another number for small N


def test_what_others_say_of_single_values_and_constants() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert math.isnan(audmetric.concordance_cc([1], [1])) and math.isnan(metrics.ccc([1], [1]))
        assert math.isnan(audmetric.pearson_cc([1], [1])) and math.isnan(metrics.pearson([1], [1]))
        assert audmetric.concordance_cc([1, 2], [1, 1]) == metrics.ccc([1, 1], [1, 2]) == 0
        for metric in (metrics.spearman, metrics.kendall):
            assert math.isnan(metric([1], [2])) and math.isnan(metric([1, 1], [1, 2])) and metric([1, 2], [3, 9]) == 1
        assert math.isnan(scipy.stats.kendalltau([1, 1], [1, 2]).statistic)


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


@pytest.mark.parametrize("metric", [metrics.ccc, metrics.pearson, metrics.spearman, metrics.kendall, metrics.rmse])
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
