"""Ends of intervals over speakers against scipy and by hand, and how often they hold."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from emotone.evaluate.numbers import metrics
from emotone.evaluate.numbers.speaker_intervals import (
    bca_ends,
    few_speakers,
    percentile_ends,
    t_ends,
    t_ends_of_difference,
)
from emotone.evaluate.numbers.statistics import PooledMetric, interval_over_speakers


def means_without(values: np.ndarray) -> np.ndarray:
    return np.array([np.delete(values, place).mean() for place in range(len(values))])


@pytest.mark.parametrize("num", [2, 3, 12])
def test_t_of_a_mean_is_that_of_the_textbook(num: int) -> None:
    values = np.random.default_rng(num).normal(size=num)
    expected = scipy.stats.t.interval(0.9, num - 1, values.mean(), scipy.stats.sem(values))
    assert t_ends(values.mean(), means_without(values), 0.9) == pytest.approx(expected)
    other = np.random.default_rng(0).normal(1, 3, 5)
    welch = scipy.stats.ttest_ind(values, other, equal_var=False).confidence_interval(0.9)
    pair, without = (values.mean(), other.mean()), (means_without(values), means_without(other))
    assert t_ends_of_difference(pair, without, 0.9) == pytest.approx((welch.low, welch.high))


def test_bca_is_scipys() -> None:
    pytest.importorskip("scipy", "1.15", reason="of which bootstrap takes a generator")
    values = np.random.default_rng(0).exponential(size=30)
    random = np.random.default_rng(1)
    draws = values[random.integers(30, size=(40_000, 30))].mean(axis=1)
    expected = scipy.stats.bootstrap((values,), np.mean, n_resamples=40_000, rng=np.random.default_rng(2), method="BCa")
    ends = bca_ends(values.mean(), draws, means_without(values))
    assert ends == pytest.approx(expected.confidence_interval, abs=0.01)
    assert percentile_ends(draws) != pytest.approx(ends, abs=0.02)


def test_what_is_not_defined_is_left_out_or_nan() -> None:
    nan = float("nan")
    assert t_ends(0.5, np.array([0.4, nan, 0.6])) == t_ends(0.5, np.array([0.4, 0.6]))
    assert np.isnan([*t_ends(0.5, np.array([0.4, nan])), *bca_ends(0.5, np.array([]), np.ones(3))]).all()
    assert np.isnan([*percentile_ends(np.array([nan])), *t_ends_of_difference((1, 0), (np.ones(1), np.ones(3)))]).all()
    assert t_ends_of_difference((1.0, 0.5), (np.ones(3), np.ones(3))) == (0.5, 0.5)
    assert bca_ends(9.0, np.arange(5.0), np.arange(3.0)) == percentile_ends(np.arange(5.0))  # beyond all draws


def test_ends_are_within_what_a_metric_can_be() -> None:
    truth, speakers = np.array(list("aaabbb")), list("112233")
    interval = interval_over_speakers(metrics.accuracy, list("aaabba"), truth, speakers)
    assert interval.high == 1.0 and interval.low >= 0
    assert PooledMetric(metrics.accuracy, [list("aaabba"), truth], truth, speakers).interval([1, -1]).low < -0.5


def test_a_warning_below_ten_speakers() -> None:
    assert [bool(few_speakers(num)) for num in (1, 2, 9, 10)] == [True, True, True, False]


@pytest.mark.parametrize(("num", "least"), [(3, 0.88), (10, 0.9)])
def test_t_holds_where_the_bootstrap_does_not(num: int, least: float) -> None:
    """300 experiments whose speakers differ: accuracy, the true one of a speaker drawn from [.3, .9]."""
    random, held = np.random.default_rng(num), {"t": 0, "percentile": 0}
    for _ in range(300):
        speakers = np.repeat(np.arange(num), 20)
        truth = np.ones(num * 20, int)
        right = (random.random(num * 20) < random.uniform(0.3, 0.9, num)[speakers]).astype(int)
        for method in held:
            low, _, high = interval_over_speakers(metrics.accuracy, right, truth, speakers, 200, method=method)  # type: ignore[arg-type]
            held[method] += low <= 0.6 <= high
    assert held["t"] / 300 > least and held["t"] > held["percentile"]
