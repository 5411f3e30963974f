"""Preference labels against nested loops over single votes, the reference labels, and the raters of EmoTale."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.corpora.readers.emotale import EmoTale
from emotone.data.labels import preferences
from emotone.data.labels.preferences import (
    compare_votes,
    count_votes,
    draw_partners,
    prefer_by_margin,
    prefer_by_votes,
    votes_of,
)
from emotone.errors import EmotoneError

NAN = float("nan")
ratings = st.lists(st.sampled_from([1.0, 1.5, 2.0, 3.0, 4.5, NAN]), max_size=6)
ALL = 1_000_000


def table(votes: list[list[float]]) -> tuple[list[str], list[str], list[float]]:
    """Ids, and the columns of a rater table in which utterance i has the votes of list i."""
    ids = [f"u{number}" for number in range(len(votes))]
    rows = [(name, vote) for name, own in zip(ids, votes, strict=True) for vote in own]
    return ids, [name for name, _ in rows], [vote for _, vote in rows]


def label_by_loops(first: list[float], second: list[float], threshold: Fraction = Fraction(3, 5)) -> int | None:
    outcomes = Counter((a > b) - (a < b) for a in first for b in second if a == a and b == b)
    outcome, num_times = outcomes.most_common(1)[0]
    if outcome == 0 or num_times < threshold * outcomes.total():
        return None
    return int(outcome > 0)


def pairs_of(found: preferences.Preferences) -> dict[tuple[int, int], int]:
    pairs = dict(zip(zip(found.first.tolist(), found.second.tolist(), strict=True), found.label.tolist(), strict=True))
    assert len(pairs) == len(found.label)
    return pairs


# ---- labels -----------------------------------------------------------------------------------------------------


def test_labels_and_shares_equal_the_reference(shared: Path) -> None:
    cases = json.loads((shared / "golden/functions.json").read_text())["preference"]
    assert {case["label"] for case in cases} == {0, 1, None}
    for case in cases:
        counts = count_votes(*table([case["ratings_1"], case["ratings_2"]]))
        labels, shares = compare_votes(counts[:1], counts[1:])
        assert labels.tolist() == [[preferences.UNDECIDED if case["label"] is None else case["label"]]]
        assert shares[:, 0, 0].tolist() == pytest.approx(case["share_greater_lower_equal"], abs=1e-15)


@given(st.lists(ratings, min_size=2, max_size=7), st.sampled_from(["0.6", "0.51", "0.75", "1"]))
def test_all_pairs_equal_loops_over_votes(votes: list[list[float]], threshold: str) -> None:
    rated = [number for number, own in enumerate(votes) if any(vote == vote for vote in own)]
    labels = {(i, j): label_by_loops(votes[i], votes[j], Fraction(threshold)) for i in rated for j in rated if i != j}
    expected = {pair: label for pair, label in labels.items() if label is not None}
    counts = count_votes(*table(votes))
    if not expected:
        with pytest.raises(EmotoneError, match="has a clear order|at least 2 utterances"):
            prefer_by_votes(counts, ALL, float(threshold))
        return
    found = prefer_by_votes(counts, ALL, float(threshold))
    assert pairs_of(found) == expected
    assert found.num_undecided == len(labels) - len(expected)
    assert found.num_unrated == len(votes) - len(rated)


def test_a_share_of_exactly_the_threshold_decides() -> None:
    for num_raters in range(1, 41):  # 3 n of 5 n compared votes are higher, in float32 and float64 alike
        first, second = [2.0] * num_raters, [1.0] * 3 + [2.0] * 2
        counts = count_votes(*table([first, second]))
        assert pairs_of(prefer_by_votes(counts, ALL)) == {(0, 1): 1, (1, 0): 0}
        assert compare_votes(counts, counts, np.nextafter(0.6, 1))[0].max() == preferences.UNDECIDED


def test_real_raters(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = EmoTale().read(shared / "data/emotale-da")
    assert corpus.raters is not None
    ids = corpus.utterances["id"].tolist()[::7]
    shuffled = corpus.raters.sample(frac=1, random_state=0)  # of all utterances, in any order
    votes = {name: own.tolist() for name, own in corpus.raters.groupby("id")["arousal"]}
    counts = count_votes(ids, shuffled["id"], shuffled["arousal"])
    monkeypatch.setattr(preferences, "BLOCK_PAIRS", 100)
    found = prefer_by_votes(counts, partners=0.4, seed=3)
    pairs = pairs_of(found)
    assert len(pairs) > 100 and set(pairs.values()) == {0, 1}
    assert all(label_by_loops(votes[ids[i]], votes[ids[j]]) == label for (i, j), label in pairs.items())
    assert len(pairs) + found.num_undecided == len(ids) * int(0.4 * len(ids)) and found.num_unrated == 0

    one = corpus.raters[corpus.raters["rater"] == "a1"]
    arousal = dict(zip(one["id"], one["arousal"], strict=True))
    of_one = prefer_by_votes(count_votes(ids, one["id"], one["arousal"]), ALL)
    assert all(label == (arousal[ids[i]] > arousal[ids[j]]) for (i, j), label in pairs_of(of_one).items())
    num_equal = sum(arousal[a] == arousal[b] for a in ids for b in ids) - len(ids)
    assert of_one.num_undecided == num_equal


def test_votes_on_other_utterances_and_missing_ones_do_not_count() -> None:
    places, values = votes_of(["a", "b", "c"], ["c", "x", "a", "c"], [3.0, 9.0, NAN, 1.0])
    assert (places.tolist(), values.tolist()) == ([2, 2], [3.0, 1.0])
    np.testing.assert_array_equal(count_votes(["a", "b"], ["x"], [1.0]), np.zeros((2, 0)))


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        ([[3.0], [3.0, 3.0], [3.0]], "none of 6 pairs of utterances has a clear order by their votes"),
        ([[3.0], [NAN], []], "at least 2 utterances with votes, not 1 of 3"),
        ([[], []], "at least 2 utterances with votes, not 0 of 2"),
        ([[], [float("inf"), 1.0]], "1 of 2 votes are infinite"),
        ([list(np.arange(1001.0)), [2.0]], "votes have 1001 different values, a scale has 1000 at most"),
    ],
)
def test_votes_that_say_nothing_are_refused(votes: list[list[float]], message: str) -> None:
    with pytest.raises(EmotoneError, match=message):
        prefer_by_votes(count_votes(*table(votes)), ALL)


@pytest.mark.parametrize(
    ("given_settings", "message"),
    [
        ({"threshold": 0.5}, r"threshold must be above 0.5 and at most 1, not 0.5"),
        ({"threshold": NAN}, r"threshold must be .* not nan"),
        ({"partners": 0}, r"partners must be a share below 1 or a whole number, not 0"),
        ({"partners": 2.5}, r"partners must be .* not 2.5"),
        ({"partners": float("inf")}, r"partners must be .* not inf"),
    ],
)
def test_settings_that_do_not_fit_are_refused(given_settings: dict[str, Any], message: str) -> None:
    with pytest.raises(EmotoneError, match=message):
        prefer_by_votes(np.eye(2, dtype=np.float32), **given_settings)


def test_other_things_that_do_not_fit() -> None:
    with pytest.raises(EmotoneError, match="1 votes are not those on 2 utterances"):
        count_votes(["a"], ["a", "a"], [1.0])
    with pytest.raises(EmotoneError, match="without votes cannot be compared"):
        compare_votes(np.zeros((1, 2), np.float32), np.ones((1, 2), np.float32))


# ---- without raters ---------------------------------------------------------------------------------------------


@given(st.lists(st.one_of(st.just(NAN), st.integers(10, 70).map(lambda tenths: tenths / 10)), min_size=2, max_size=8))
def test_margins_equal_a_loop(labels: list[float]) -> None:
    tenths = [round(label * 10) if label == label else None for label in labels]
    expected = {
        (i, j): int(a > b)
        for i, a in enumerate(tenths)
        for j, b in enumerate(tenths)
        if i != j and a is not None and b is not None and abs(a - b) >= 10
    }
    if not expected:
        with pytest.raises(EmotoneError, match="has a clear order by their labels|at least 2 utterances with labels"):
            prefer_by_margin(labels, 1.0, ALL)
        return
    found = prefer_by_margin(labels, 1.0, ALL)
    assert pairs_of(found) == expected and found.num_unrated == tenths.count(None)
    num_rated = len(labels) - found.num_unrated
    assert found.num_undecided == num_rated * (num_rated - 1) - len(expected)


def test_a_margin_is_met_all_but_for_rounding() -> None:
    assert 4.1 - 3.1 < 1  # by its rounding
    assert pairs_of(prefer_by_margin([4.1, 3.1], 1.0, ALL)) == {(0, 1): 1, (1, 0): 0}
    with pytest.raises(EmotoneError, match="has a clear order"):
        prefer_by_margin([4.1, 3.1 + 1e-6], 1.0, ALL)


@pytest.mark.parametrize("margin", [0.0, -1.0, NAN])
def test_margins_must_be_positive(margin: float) -> None:
    with pytest.raises(EmotoneError, match="margin must be above 0"):
        prefer_by_margin([1.0, 2.0], margin)


# ---- partners ---------------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(st.integers(2, 40), st.data())
def test_partners_are_different_others(num_utterances: int, data: st.DataObject) -> None:
    num_partners = data.draw(st.integers(1, num_utterances - 1))
    rows = np.arange(num_utterances)
    others = draw_partners(rows, num_utterances, num_partners, np.random.default_rng(data.draw(st.integers(0, 99))))
    assert others.shape == (num_utterances, num_partners)
    assert others.min() >= 0 and others.max() < num_utterances and not (others == rows[:, None]).any()
    assert all(len(set(row)) == num_partners for row in others.tolist())


def test_all_sets_of_partners_are_equally_likely() -> None:
    random, num_draws = np.random.default_rng(0), 5_000
    drawn = Counter(tuple(sorted(draw_partners(np.array([2]), 6, 3, random)[0].tolist())) for _ in range(num_draws))
    assert len(drawn) == 10 and all(2 not in others for others in drawn)
    counts = np.array(list(drawn.values()))
    chi_square = float(((counts - num_draws / 10) ** 2 / (num_draws / 10)).sum())
    assert chi_square < 27.9  # p = .001 at 9 degrees of freedom


@pytest.mark.parametrize(("partners", "number"), [(0.1, 4), (0.01, 1), (7, 7), (ALL, 44), (0.999, 44)])
def test_how_many_partners_and_their_seed(partners: float, number: int) -> None:
    labels = np.arange(45.0)  # all pairs are clear
    found = prefer_by_margin(labels, 1.0, partners, seed=5)
    assert np.bincount(found.first).tolist() == [number] * 45 and found.num_undecided == 0
    again, other = (prefer_by_margin(labels, 1.0, partners, seed=seed) for seed in (5, 6))
    np.testing.assert_array_equal(found.second, again.second)
    assert number == 44 or (found.second != other.second).any()


def test_blocks_change_no_label(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.random.default_rng(0).multinomial(5, [1 / 5] * 5, size=60).astype(np.float32)
    whole = prefer_by_votes(counts, ALL)
    for name in ("BLOCK_PAIRS", "BLOCK_CELLS"):
        monkeypatch.setattr(preferences, name, 130)
        assert pairs_of(prefer_by_votes(counts, ALL)) == pairs_of(whole)
