"""The sign-flip test against enumeration by hand, under the null and with a planted difference; Holm and Friedman."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
from numpy.typing import NDArray

from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.evaluate.numbers.significance import (
    cliques,
    friedman,
    holm,
    sign_flip_test,
    signed_rank_test,
    smallest_p,
    standardised_difference,
)
from emotone.evaluate.numbers.statistics import PooledMetric

Systems = tuple[NDArray, NDArray, NDArray, NDArray]


def numbers(seed: int = 0, num: int = 40, num_speakers: int = 6) -> Systems:
    random = np.random.default_rng(seed)
    target = random.uniform(1, 7, num)
    a, b = target + random.normal(0, 1, num), target + random.normal(0, 1.5, num)
    return a, b, target, np.array([f"s{k}" for k in np.arange(num) % num_speakers])


def labels(seed: int = 0, num: int = 40, num_speakers: int = 6) -> Systems:
    a, b, target, speakers = numbers(seed, num, num_speakers)
    names = np.array(["anger", "calm", "fear"])
    classes = [names[(values / 2.5).astype(int).clip(0, 2)] for values in (a, b, target)]
    return classes[0], classes[1], classes[2], speakers


def ccc_by_hand(p: list[float], t: list[float]) -> float:
    mean_p, mean_t = sum(p) / len(p), sum(t) / len(t)
    var_p, var_t = sum((x - mean_p) ** 2 for x in p) / len(p), sum((x - mean_t) ** 2 for x in t) / len(t)
    covariance = sum((x - mean_p) * (y - mean_t) for x, y in zip(p, t, strict=True)) / len(p)
    return 2 * covariance / (var_p + var_t + (mean_p - mean_t) ** 2)


def uar_by_hand(p: list[str], t: list[str]) -> float:
    recalls = []
    for label in sorted(set(t)):
        of_label = [x for x, y in zip(p, t, strict=True) if y == label]
        recalls.append(sum(x == label for x in of_label) / len(of_label))
    return sum(recalls) / len(recalls)


def enumerate_by_hand(metric: Callable[..., float], a: list, b: list, t: list, speakers: list, repeats: list) -> float:
    """p by going through all subsets of speakers, row after row."""

    def difference(flipped: set[str]) -> float:
        total = 0.0
        for repeat in sorted(set(repeats)):
            rows = [row for row in range(len(t)) if repeats[row] == repeat]
            first = [b[row] if speakers[row] in flipped else a[row] for row in rows]
            second = [a[row] if speakers[row] in flipped else b[row] for row in rows]
            truth = [t[row] for row in rows]
            total += metric(first, truth) - metric(second, truth)
        return total / len(set(repeats))

    names = sorted(set(speakers))
    observed = abs(difference(set()))
    subsets = [set(part) for size in range(len(names) + 1) for part in itertools.combinations(names, size)]
    return sum(abs(difference(part)) >= observed - 1e-12 for part in subsets) / len(subsets)


@pytest.mark.parametrize("num_repeats", [1, 2])
@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(
    ("metric", "by_hand", "make"), [(metrics.ccc, ccc_by_hand, numbers), (metrics.uar, uar_by_hand, labels)]
)
def test_equals_enumeration_by_hand(
    metric: Callable[..., float],
    by_hand: Callable[..., float],
    make: Callable[..., Systems],
    seed: int,
    num_repeats: int,
) -> None:
    a, b, target, speakers = make(seed)
    repeats = np.arange(len(target)) // 6 % num_repeats
    expected = enumerate_by_hand(by_hand, *(x.tolist() for x in (a, b, target, speakers, repeats)))
    test = sign_flip_test(metric, a, b, target, speakers, repeats)
    assert test.is_exact and test.num_speakers == 6 and test.p == expected
    # Any function at all goes the general way.
    general = sign_flip_test(lambda p, t: metric(p, t), a, b, target, speakers, repeats)
    assert general.p == expected and general.effect_size == pytest.approx(test.effect_size, abs=1e-10)
    assert general.difference == pytest.approx(test.difference, abs=1e-12)


@pytest.mark.parametrize("metric", [metrics.ccc, metrics.pearson, metrics.rmse])
def test_accuracies_far_from_zero_lose_nothing(metric: Callable[..., float]) -> None:
    a, b, target, speakers = numbers(3)
    assert (
        sign_flip_test(metric, a + 1e4, b + 1e4, target + 1e4, speakers).p
        == sign_flip_test(metric, a, b, target, speakers).p
    )


def test_sampled_p_is_near_the_exact_one_and_counts_the_observed() -> None:
    a, b, target, speakers = numbers(2, 120, 12)
    exact = sign_flip_test(metrics.ccc, a, b, target, speakers)
    sampled = sign_flip_test(metrics.ccc, a, b, target, speakers, num_permutations=4000)
    assert exact.is_exact and not sampled.is_exact
    assert sampled.p == pytest.approx(exact.p, abs=4 * math.sqrt(exact.p * (1 - exact.p) / 4000) + 1 / 4000)
    assert sampled.p == sign_flip_test(metrics.ccc, a, b, target, speakers, num_permutations=4000).p
    far = sign_flip_test(metrics.ccc, target, -b, target, speakers, num_permutations=99)
    assert far.p >= far.smallest_p == 0.01


def test_same_or_exchanged_systems() -> None:
    a, b, target, speakers = numbers(1)
    same = sign_flip_test(metrics.ccc, a, a, target, speakers)
    assert same.p == 1 and same.difference == (0, 0, 0) and math.isnan(same.effect_size)
    forth, back = (sign_flip_test(metrics.ccc, *pair, target, speakers) for pair in ((a, b), (b, a)))
    assert forth.p == back.p and forth.effect_size == pytest.approx(-back.effect_size)
    assert forth.difference == pytest.approx((-back.difference.high, -back.difference.value, -back.difference.low))


def test_three_speakers_can_prove_nothing() -> None:
    a, _, target, speakers = numbers(0, 30, 3)
    test = sign_flip_test(metrics.ccc, target, -a, target, speakers)
    assert test.p == test.smallest_p == smallest_p(3) == 0.25
    one = sign_flip_test(metrics.ccc, target, a, target, ["x"] * 30)
    assert one.p == one.smallest_p == 1 and math.isnan(one.difference.low) and math.isnan(one.effect_size)


@pytest.mark.parametrize("num_speakers", [8, 20])
def test_errors_of_the_first_kind_are_as_often_as_claimed(num_speakers: int) -> None:
    """Speakers differ in how easy they are, and each system has speakers it is better at; neither is better overall."""
    random = np.random.default_rng(num_speakers)
    speakers = np.repeat(np.arange(num_speakers), 8)
    num_trials, num_found = 600, 0
    for trial in range(num_trials):
        rates = random.beta(2, 2, size=(2, num_speakers))
        target = random.integers(3, size=len(speakers))
        systems = [np.where(random.random(len(speakers)) < rate[speakers], target, 3 - target) for rate in rates]
        num_found += sign_flip_test(metrics.uar, *systems, target, speakers, num_permutations=199, seed=trial).p <= 0.05
    low, high = scipy.stats.binom.interval(0.999, num_trials, 0.05)
    assert low <= num_found <= high


def test_a_planted_difference_is_found() -> None:
    random = np.random.default_rng(0)
    speakers = np.repeat(np.arange(12), 20)
    num_found = 0
    for _ in range(40):
        target = random.uniform(1, 7, len(speakers))
        bias = random.normal(0, 0.4, (2, 12))[:, speakers]
        a, b = target + bias + random.normal(0, [[1.0], [2.5]], (2, len(speakers)))
        test = sign_flip_test(metrics.ccc, a, b, target, speakers)
        num_found += test.p <= 0.05 and test.difference.low > 0 and test.effect_size > 0.5
    assert num_found >= 36


def test_standardised_difference_of_means_is_that_of_the_speakers() -> None:
    random = np.random.default_rng(4)
    speakers, target = np.repeat(np.arange(9), 11), np.ones(99, int)
    a, b = random.random((2, 99)) < np.array([[0.8], [0.5]])
    differences = (a.astype(float) - b).reshape(9, 11).mean(axis=1)
    found = standardised_difference(PooledMetric(metrics.accuracy, [a.astype(int), b.astype(int)], target, speakers))
    assert found == pytest.approx(differences.mean() / differences.std(ddof=1), abs=1e-9)
    assert found * 3 == pytest.approx(scipy.stats.ttest_1samp(differences, 0).statistic, abs=1e-9)


def test_holm_by_its_definition() -> None:
    # Holm's own way: go up the sorted p, reject while p <= level / (tests left); the adjusted p is the least level.
    random = np.random.default_rng(0)
    for num in (1, 2, 5, 20):
        p = random.random(num) ** 3
        p[-1] = p[0]  # ties
        adjusted = holm(p)
        for level in (0.01, 0.05, 0.2, 0.7):
            rejected = np.zeros(num, dtype=bool)
            for place, test in enumerate(np.argsort(p)):
                if p[test] > level / (num - place):
                    break
                rejected[test] = True
            np.testing.assert_array_equal(adjusted <= level, rejected)
    # Values of R: p.adjust(c(.01, .02, .03, .04, .05), "holm")
    np.testing.assert_allclose(holm([0.01, 0.02, 0.03, 0.04, 0.05]), [0.05, 0.08, 0.09, 0.09, 0.09], atol=1e-15)
    assert holm([]).size == 0 and holm([0.6, 0.9]).tolist() == [1, 1]
    with pytest.raises(EmotoneError, match="in \\[0, 1\\]"):
        holm([0.5, float("nan")])


@pytest.mark.parametrize(("num_speakers", "num_systems"), [(5, 3), (12, 4), (40, 7)])
@pytest.mark.parametrize("decimals", [1, 8])  # one decimal: many ties
def test_friedman_as_scipy(num_speakers: int, num_systems: int, decimals: int) -> None:
    scores = np.random.default_rng(num_speakers).random((num_speakers, num_systems)).round(decimals)
    expected = scipy.stats.friedmanchisquare(*scores.T)
    found = friedman(scores)
    np.testing.assert_allclose(found[:2], (expected.statistic, expected.pvalue), rtol=1e-10)
    assert sum(found.mean_ranks) == pytest.approx(num_systems * (num_systems + 1) / 2)
    assert friedman(np.ones((3, 3))) == (0, 1, (2, 2, 2))


@pytest.mark.parametrize("scores", [np.ones((4, 2)), np.ones((1, 3)), np.ones(4), np.full((3, 3), np.nan)])
def test_friedman_refuses(scores: NDArray) -> None:
    with pytest.raises(EmotoneError, match="Friedman's test needs"):
        friedman(scores)


def test_cliques() -> None:
    p = np.ones((4, 4))
    assert cliques([1, 2, 3, 4], p) == [(0, 1, 2, 3)]
    p[0, 3] = p[3, 0] = 0.01
    assert cliques([1, 2, 3, 4], p) == [(0, 1, 2), (1, 2, 3)]
    assert cliques([4, 3, 2, 1], p) == [(3, 2, 1), (2, 1, 0)]
    assert cliques([1, 2, 3], np.zeros((3, 3))) == []
    # Neighbours that differ, though their neighbours do not: no bar may span them.
    p = np.ones((3, 3))
    p[0, 1] = p[1, 0] = 0.01
    assert cliques([1, 2, 3], p) == [(1, 2)]


@pytest.mark.parametrize("seed", range(5))
def test_signed_ranks_are_scipys(seed: int) -> None:
    a, b = np.random.default_rng(seed).normal(size=(2, 9))
    oracle = scipy.stats.wilcoxon(a, b, method="exact").pvalue
    assert signed_rank_test(a, b) == pytest.approx(oracle) == signed_rank_test(b, a)
    many, others = np.random.default_rng(seed).normal([[0.4], [0.0]], 1, (2, 40))
    oracle = scipy.stats.wilcoxon(many, others, method="exact").pvalue
    assert signed_rank_test(many, others) == pytest.approx(oracle, abs=0.015)  # 10,000 random flips


def test_signed_ranks_with_ties_are_those_of_all_flips() -> None:
    a = np.array([0.8, 0.5, 0.7, 0.6, 0.9, 0.3, 0.4])
    b = np.array([0.6, 0.5, 0.5, 0.7, 0.7, 0.3, 0.1])  # twice nothing, three times .2
    ranks = np.array([3, 3, -1, 3, 5])
    sums = [abs((ranks * flip).sum()) for flip in itertools.product([1, -1], repeat=5)]
    assert signed_rank_test(a, b) == np.mean(np.array(sums) >= ranks.sum())
    assert signed_rank_test(a, a) == 1


def test_signed_ranks_hold_their_level() -> None:
    random = np.random.default_rng(0)
    found = [signed_rank_test(*random.normal(size=(2, 8))) for _ in range(1000)]
    assert np.mean(np.array(found) <= 0.05) <= 0.065


def test_signed_ranks_need_a_score_for_every_speaker() -> None:
    for a, b in ((np.ones(3), np.ones(4)), (np.array([np.nan, 1]), np.ones(2))):
        with pytest.raises(EmotoneError, match="two scores for every speaker"):
            signed_rank_test(a, b)
