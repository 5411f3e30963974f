"""The bootstrap over speakers against a slow loop, by seed, at its edges, and its coverage."""

from __future__ import annotations

import math
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.evaluate.numbers.interval import Interval
from emotone.evaluate.numbers.statistics import BLOCK_CELLS, PooledMetric, interval_over_speakers

bootstrap_over_speakers = partial(interval_over_speakers, method="percentile")
NUMBER_METRICS = (metrics.ccc, metrics.pearson, metrics.rmse)
CLASS_METRICS = (metrics.accuracy, metrics.uar, metrics.macro_f1)
RANK_METRICS = (metrics.spearman, metrics.kendall)


def scores(seed: int = 0, num: int = 60, num_speakers: int = 7) -> tuple[NDArray, NDArray, NDArray]:
    random = np.random.default_rng(seed)
    target = random.uniform(1, 7, num)
    speakers = np.array([f"s{k:02d}" for k in random.integers(num_speakers, size=num)])
    return target + random.normal(size=num), target, speakers


def labels(seed: int = 0) -> tuple[NDArray, NDArray, NDArray]:
    prediction, target, speakers = scores(seed)
    names = np.array(["anger", "calm", "fear", "other"])
    return names[(prediction / 2).astype(int).clip(0, 3)], names[(target / 2).astype(int)], speakers


def given(metric: Callable[..., float], seed: int) -> tuple[NDArray, NDArray, NDArray]:
    """Predictions, truth and speakers of the kind that a metric takes; those of ranks have ties."""
    if metric in CLASS_METRICS:
        return labels(seed)
    prediction, target, speakers = scores(seed)
    return (np.round(prediction), np.round(target, 1), speakers) if metric in RANK_METRICS else scores(seed)


def slow(metric: Callable[..., float], p: NDArray, t: NDArray, speakers: NDArray, num: int, seed: int) -> Interval:
    """One resample after the other, as one would do it by hand."""
    names = sorted(set(speakers.tolist()))
    random = np.random.default_rng(seed)
    values = []
    for drawn in random.integers(len(names), size=(num, len(names))):
        rows = [row for k in drawn for row in range(len(t)) if speakers[row] == names[k]]
        values.append(metric(p[rows], t[rows]))
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return Interval(low, metric(p, t), high)


def test_2000_resamples_unless_another_number_is_given() -> None:
    p, t, speakers = scores(1, num=20)
    expected = slow(metrics.rmse, p, t, speakers, num=2000, seed=0)
    np.testing.assert_allclose(bootstrap_over_speakers(metrics.rmse, p, t, speakers), expected, rtol=1e-12)
    interval = PooledMetric(metrics.rmse, [p], t, speakers).interval([1], method="percentile")
    np.testing.assert_allclose(interval, expected, rtol=1e-12)


@pytest.mark.parametrize("metric", [metrics.pearson, metrics.ccc])
def test_little_variation_is_not_rounding(metric: Callable[..., float]) -> None:
    """Each speaker's values vary by 1e-4 of the overall variance, so resamples of one speaker do too."""
    random = np.random.default_rng(0)
    speakers = np.repeat(["a", "b"], 8)
    t = np.repeat([0.0, 1.0], 8) + random.normal(0, 0.005, 16)
    p = t + random.normal(0, 0.01, 16)
    expected = slow(metric, p, t, speakers, num=200, seed=0)
    assert expected.low < 0.9  # of one speaker alone, while that of both is close to 1
    np.testing.assert_allclose(bootstrap_over_speakers(metric, p, t, speakers, num_resamples=200), expected, rtol=1e-6)


@pytest.mark.parametrize("metric", [metrics.accuracy, lambda p, t: metrics.accuracy(p, t)])
def test_a_resample_without_a_repeat_is_left_out(metric: Callable[..., float]) -> None:
    labels, speakers, repeats = ["x", "x", "x"], ["a", "a", "b"], [0, 1, 0]  # of two b there is no repeat 1
    interval = bootstrap_over_speakers(metric, labels, labels, speakers, num_resamples=50, repeats=repeats)
    assert interval == Interval(1.0, 1.0, 1.0)


@pytest.mark.parametrize("metric", NUMBER_METRICS + CLASS_METRICS + RANK_METRICS)
def test_equals_a_slow_loop(metric: Callable[..., float]) -> None:
    data = given(metric, 1)
    expected = slow(metric, *data, num=200, seed=3)
    interval = bootstrap_over_speakers(metric, *data, num_resamples=200, seed=3)
    np.testing.assert_allclose(interval, expected, rtol=0, atol=1e-12)
    # Any function at all goes the general way, with the same draws.
    general = bootstrap_over_speakers(lambda p, t: metric(p, t), *data, num_resamples=200, seed=3)
    np.testing.assert_allclose(general, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("metric", NUMBER_METRICS + CLASS_METRICS + RANK_METRICS)
def test_repeats_are_averaged_over_the_same_draws(metric: Callable[..., float]) -> None:
    first, second = (given(metric, seed) for seed in (1, 2))
    names = sorted(set(first[2]))
    random, values = np.random.default_rng(3), []
    for drawn in random.integers(len(names), size=(100, len(names))):
        kept = [[row for k in drawn for row in np.flatnonzero(part[2] == names[k])] for part in (first, second)]
        parts = zip((first, second), kept, strict=True)
        values.append(np.mean([metric(part[0][rows], part[1][rows]) for part, rows in parts]))
    low, high = np.nanpercentile(values, [2.5, 97.5])
    expected = (low, np.mean([metric(*part[:2]) for part in (first, second)]), high)
    p, t, speakers = (np.concatenate(both) for both in zip(first, second, strict=True))
    repeats = np.repeat([0, 1], len(first[0]))
    for each in (metric, lambda p, t: metric(p, t)):
        interval = bootstrap_over_speakers(each, p, t, speakers, num_resamples=100, seed=3, repeats=repeats)
        np.testing.assert_allclose(interval, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("metric", NUMBER_METRICS + CLASS_METRICS + RANK_METRICS)
def test_a_difference_has_the_draws_of_both(metric: Callable[..., float]) -> None:
    p, t, speakers = given(metric, 1)
    other = np.roll(p, 1)
    names = np.unique(speakers)
    values = []
    for drawn in np.random.default_rng(0).integers(len(names), size=(100, len(names))):
        rows = np.concatenate([np.flatnonzero(speakers == names[k]) for k in drawn])
        values.append(metric(p[rows], t[rows]) - metric(other[rows], t[rows]))
    expected = (np.nanquantile(values, 0.025), metric(p, t) - metric(other, t), np.nanquantile(values, 0.975))
    pooled = PooledMetric(metric, [p, other], t, speakers)
    np.testing.assert_allclose(
        pooled.interval([1, -1], num_resamples=100, method="percentile"), expected, rtol=0, atol=1e-12
    )


@pytest.mark.parametrize("metric", [metrics.ccc, *RANK_METRICS])
def test_blocks_do_not_change_the_draws(monkeypatch: pytest.MonkeyPatch, metric: Callable[..., float]) -> None:
    whole = bootstrap_over_speakers(metric, *scores(), num_resamples=501)
    monkeypatch.setattr("emotone.evaluate.numbers.statistics.BLOCK_CELLS", 50)
    monkeypatch.setattr("emotone.evaluate.numbers.resampled_ranks.BLOCK_CELLS", 100)
    assert bootstrap_over_speakers(metric, *scores(), num_resamples=501) == pytest.approx(whole, abs=1e-14)


@pytest.mark.parametrize("num_speakers", [30, 3000])
def test_ten_thousand_resamples_of_thirty_thousand_predictions(num_speakers: int) -> None:
    p, t, speakers = scores(0, 30_000, num_speakers)
    for prediction, target, metric in ((p, t, metrics.ccc), (p.astype(int), t.astype(int), metrics.uar)):
        started = time.process_time()
        bootstrap_over_speakers(metric, prediction, target, speakers, num_resamples=10_000)
        assert time.process_time() - started < 5
    tracemalloc.start()
    bootstrap_over_speakers(metrics.ccc, p, t, speakers, num_resamples=10_000)
    assert tracemalloc.get_traced_memory()[1] < 12 * 8 * BLOCK_CELLS
    tracemalloc.stop()


@pytest.mark.parametrize("metric", RANK_METRICS)
def test_ranks_of_thousands_of_predictions_take_seconds_and_little_memory(metric: Callable[..., float]) -> None:
    p, t, speakers = scores(0, 4000, 100)
    started = time.process_time()
    bootstrap_over_speakers(metric, p, t, speakers)
    assert time.process_time() - started < 6
    tracemalloc.start()
    bootstrap_over_speakers(metric, p, t, speakers, num_resamples=600)
    assert tracemalloc.get_traced_memory()[1] < 12 * 8 * BLOCK_CELLS
    tracemalloc.stop()


@pytest.mark.parametrize("metric", NUMBER_METRICS)
def test_large_offsets_lose_little(metric: Callable[..., float]) -> None:
    p, t, speakers = scores()
    expected = bootstrap_over_speakers(metric, p, t, speakers, num_resamples=50)
    shifted = bootstrap_over_speakers(metric, p + 1e4, t + 1e4, speakers, num_resamples=50)
    np.testing.assert_allclose(shifted, expected, rtol=0, atol=1e-9)


def test_deterministic_by_seed_and_independent_of_row_order() -> None:
    p, t, speakers = scores()
    first = bootstrap_over_speakers(metrics.ccc, p, t, speakers, num_resamples=100)
    assert first == bootstrap_over_speakers(metrics.ccc, p, t, speakers, num_resamples=100)
    assert first != bootstrap_over_speakers(metrics.ccc, p, t, speakers, num_resamples=100, seed=1)
    order = np.random.default_rng(5).permutation(len(t))
    moved = bootstrap_over_speakers(metrics.ccc, p[order], t[order], speakers[order], num_resamples=100)
    np.testing.assert_allclose(moved, first, rtol=0, atol=1e-12)
    assert first.low < first.value < first.high
    wider = bootstrap_over_speakers(metrics.ccc, p, t, speakers, num_resamples=100, level=0.99)
    assert wider.low < first.low and wider.high > first.high


def test_undefined_resamples_are_left_out() -> None:
    # Two speakers, each constant: only resamples that draw both have a correlation, and that is 1.
    p, t = np.array([1.1, 1.1, 1.1, 5.3, 5.3, 5.3]), np.array([2.0, 2.0, 2.0, 6.0, 6.0, 6.0])
    speakers = np.array(["a", "a", "a", "b", "b", "b"])
    interval = bootstrap_over_speakers(metrics.pearson, p, t, speakers, num_resamples=50)
    np.testing.assert_allclose(interval, (1, 1, 1), rtol=0, atol=1e-12)
    # Where one alone is drawn, ccc of the two constants is 0.
    assert bootstrap_over_speakers(metrics.ccc, p, t, speakers, num_resamples=50).low == 0
    for metric in (metrics.pearson, *RANK_METRICS):
        constant = bootstrap_over_speakers(metric, p, np.ones(6), speakers, num_resamples=50)
        assert all(math.isnan(end) for end in constant)


def test_one_speaker_has_no_interval() -> None:
    interval = bootstrap_over_speakers(metrics.accuracy, ["a", "b"], ["a", "a"], ["x", "x"])
    assert interval.value == 0.5 and math.isnan(interval.low) and math.isnan(interval.high)


@pytest.mark.parametrize(
    ("speakers", "settings", "message"),
    [
        (["x", None], {}, "1 of 2 utterances have no speaker"),
        (["x"], {}, "speakers must be of one length with the target"),
        (["x", "y"], {"repeats": [0]}, "repeats must be of one length with the target"),
        (["x", "y"], {"level": 1.5}, "level must lie in"),
        (["x", "y"], {"num_resamples": 0}, "num_resamples be positive"),
    ],
)
def test_refusals(speakers: list, settings: dict, message: str) -> None:
    with pytest.raises(EmotoneError, match=message):
        bootstrap_over_speakers(metrics.accuracy, ["a", "b"], ["a", "a"], speakers, **settings)


def test_coverage_where_speakers_differ() -> None:
    """Each of 25 speakers has an accuracy of his own: the interval covers the mean of all speakers' accuracies."""
    random = np.random.default_rng(0)
    num_trials, num_speakers, num_utterances = 300, 25, 12
    speakers = np.repeat(np.arange(num_speakers), num_utterances)
    covered = covered_by_utterances = 0
    for trial in range(num_trials):
        rates = random.beta(1.2, 0.8, size=num_speakers)  # mean .6
        right = (random.random(len(speakers)) < rates[speakers]).astype(int)
        ones = np.ones_like(right)
        interval = bootstrap_over_speakers(metrics.accuracy, right, ones, speakers, num_resamples=300, seed=trial)
        covered += interval.low <= 0.6 <= interval.high
        each = bootstrap_over_speakers(
            metrics.accuracy, right, ones, np.arange(len(right)), num_resamples=60, seed=trial
        )
        covered_by_utterances += each.low <= 0.6 <= each.high
    assert 0.89 <= covered / num_trials <= 0.98
    assert covered_by_utterances / num_trials < 0.75  # what drawing utterances would have claimed to be 95 %
