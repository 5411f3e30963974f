"""Tests of a ranker against loops over chunk pairs and scipy's rank correlations."""

from __future__ import annotations

import math
from time import process_time

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from emotone.errors import EmotoneError
from emotone.evaluate.numbers import ranking
from emotone.evaluate.numbers.metrics import kendall, spearman
from emotone.evaluate.numbers.ranking import assess_all_pairs, assess_as_published, count_wins
from emotone.evaluate.numbers.statistics import interval_over_speakers


def ranks_by_loops(margins: list[list[float]]) -> tuple[list[int], list[int]]:
    """Wins and ranks: the majority over chunk pairs of every ordered pair of utterances; half of them are class 0."""
    wins = []
    for one in margins:
        classes = [[int(a > b) for a, b in zip(one, other, strict=True)] for other in margins]
        wins.append(sum(votes.count(1) > votes.count(0) for votes in classes))
    return wins, [1 + sum(other > own for other in wins) for own in wins]


def simulate(num_utterances: int, num_chunks: int = 22) -> tuple[np.ndarray, np.ndarray]:
    """Margins that follow the labels, with noise per utterance and chunk."""
    random = np.random.default_rng(num_utterances)
    labels = random.integers(4, 29, num_utterances) / 4
    per_utterance = labels + random.normal(0, 1, num_utterances)
    return per_utterance[:, None] + random.normal(0, 2, (num_utterances, num_chunks)), labels


@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2, max_side=7), elements=st.integers(0, 2).map(float)))
def test_wins_equal_loops_ties_included(margins: np.ndarray) -> None:
    assert count_wins(margins).tolist() == ranks_by_loops(margins.tolist())[0]


def test_half_of_the_chunks_are_no_win_for_either() -> None:
    assert count_wins([[1.0] * 11 + [0.0] * 11, [0.0] * 11 + [1.0] * 11]).tolist() == [0, 0]
    assert count_wins([[1.0] * 12 + [0.0] * 10, [0.0] * 12 + [1.0] * 10]).tolist() == [1, 0]
    assert count_wins(np.eye(300) * 2 + np.arange(300)[:, None]).tolist() == list(range(300))  # more than 255 chunks


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    margins, _ = simulate(50)
    wins = count_wins(margins)
    monkeypatch.setattr(ranking, "BLOCK_CELLS", 170)
    np.testing.assert_array_equal(count_wins(margins), wins)


def test_agreement_over_all_pairs_equals_scipy() -> None:
    margins, labels = simulate(60)
    _, predicted = ranks_by_loops(margins.tolist())
    true = [1 + sum(other > own for other in labels) for own in labels]
    found = assess_all_pairs(margins, labels)
    assert found.spearman == pytest.approx(scipy.stats.spearmanr(predicted, true).statistic, abs=1e-12)
    assert found.kendall == pytest.approx(scipy.stats.kendalltau(predicted, true).statistic, abs=1e-12)
    assert 0.3 < found.kendall < found.spearman < 0.95


def test_parts_are_ranked_by_themselves() -> None:
    margins, labels = simulate(200)
    found = assess_as_published(margins, labels, seed=4)
    random = np.random.default_rng(4)
    expected = []
    for _ in range(10):
        part = random.choice(200, 20, replace=False)
        _, predicted = ranks_by_loops(margins[part].tolist())
        expected.append(
            [
                -scipy.stats.spearmanr(predicted, labels[part]).statistic,
                -scipy.stats.kendalltau(predicted, labels[part]).statistic,
            ]
        )
    np.testing.assert_allclose(np.stack([found.spearman, found.kendall], axis=1), expected, atol=1e-12)
    np.testing.assert_allclose(found.mean, np.mean(expected, axis=0), atol=1e-12)
    np.testing.assert_allclose(found.std, np.std(expected, axis=0), atol=1e-12)
    whole = assess_as_published(margins, labels, num_parts=1, share=1.0)
    np.testing.assert_allclose(whole.mean, assess_all_pairs(margins, labels), atol=1e-12)


def test_parts_without_an_order_are_left_out() -> None:
    labels = np.zeros(40)
    labels[:4] = 1  # most parts of four utterances have one label only
    margins, _ = simulate(40)
    found = assess_as_published(margins, labels)
    undefined = np.isnan(found.spearman)
    assert 0 < undefined.sum() < 10
    assert found.mean.spearman == pytest.approx(found.spearman[~undefined].mean())
    assert math.isnan(assess_as_published(margins, np.ones(40)).mean.kendall)


def test_intervals_over_speakers_keep_the_wins() -> None:
    """An utterance's wins are its score: a resample does not count them anew."""
    margins, labels = simulate(120)
    speakers = [str(number % 12) for number in range(120)]
    for metric, value in zip((spearman, kendall), assess_all_pairs(margins, labels), strict=True):
        interval = interval_over_speakers(metric, count_wins(margins), labels, speakers, num_resamples=100)
        assert interval.value == pytest.approx(value, abs=1e-12)
        assert interval.low < value < interval.high
        alone = interval_over_speakers(metric, count_wins(margins), labels, ["1"] * 120)
        assert math.isnan(alone.low) and alone.value == interval.value


def test_a_thousand_utterances_take_seconds() -> None:
    margins, labels = simulate(1000)
    began_s = process_time()
    assess_as_published(margins, labels)
    assess_all_pairs(margins, labels)
    assert process_time() - began_s < 2


@pytest.mark.parametrize(
    ("margins", "labels", "message"),
    [
        ([[1.0, np.nan]] * 20, [1.0] * 20, "of .* margins are NaN or infinite"),
        ([1.0] * 20, [1.0] * 20, r"margins must be \[utterances, chunks\]"),
        ([[1.0]] * 20, [1.0] * 19, "20 utterances need as many labels"),
        ([[1.0]] * 19, [1.0] * 19, "10% of 19 utterances are 1: too few to rank"),
        ([[1.0]] * 20, [np.nan] * 20, "the target has 2 NaN"),
    ],
)
def test_what_cannot_be_ranked_is_refused(margins: list, labels: list[float], message: str) -> None:
    with pytest.raises(EmotoneError, match=message):
        assess_as_published(margins, labels)


def test_parts_that_make_no_sense_are_refused() -> None:
    with pytest.raises(EmotoneError, match=r"share in \(0, 1\] and at least 1 part, not 1.5 and 10"):
        assess_as_published(*simulate(20), share=1.5)
    with pytest.raises(EmotoneError, match="not 0.1 and 0"):
        assess_as_published(*simulate(20), num_parts=0)
