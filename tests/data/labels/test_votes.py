"""Raters' votes on tables of utterances against loops over single votes: corpora, ranges, copies, votes that lack."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotone.bundle.target import Target
from emotone.corpora.corpus import Corpus
from emotone.data.labels.votes import PreferenceRule, check_votes, vote_statistics
from emotone.data.recipe_yaml import from_json
from emotone.data.selection import Selection
from emotone.errors import EmotoneError

NAN = float("nan")
BY_VOTES, BY_MARGIN = PreferenceRule(), PreferenceRule("margin", margin=7.0)
ALL = 1000
RANGES = {"first": (1.0, 7.0), "second": (0.0, 100.0)}
Given = dict[str, dict[str, list[float]]]


def random_votes(seed: int = 0) -> Given:
    """{corpus: {utterance: votes}} on the scale of each: 0 to 4 votes, some of them missing, all equal, or one."""
    random = np.random.default_rng(seed)
    given: Given = {}
    for name, (low, high) in RANGES.items():
        scale = np.linspace(low, high, 7)
        votes = {f"u{n:02d}": [*random.choice(scale, n % 5)] for n in range(14)}
        votes["u03"][1], votes["u01"] = NAN, [NAN]
        votes["u04"] = [scale[2]] * 4
        given[name] = votes
    return given


def selection(given: Given, **settings: Any) -> Selection:
    """A recipe's corpora with these votes, and labels in the recipe's range; ids are the same words in each corpus."""
    corpora, tables = {}, []
    for name, votes in given.items():
        ids = list(votes)
        raters = [(id_, str(n), vote) for id_, own in votes.items() for n, vote in enumerate(own)]
        random = np.random.default_rng(len(ids))
        raters = [raters[place] for place in random.permutation(len(raters))]
        meta = {"ranges": {"arousal": list(RANGES[name]), "valence": list(RANGES[name])}}
        table = pd.DataFrame({"id": ids, "file": [f"{id_}.wav" for id_ in ids], "arousal": RANGES[name][0]})
        votes_table = pd.DataFrame(raters, columns=["id", "rater", "arousal"]) if raters else None
        corpora[name] = Corpus(name, Path("audio"), table, votes_table, meta)
        labels = random.uniform(1, 7, len(ids))
        table = pd.DataFrame({"id": [f"{name}/{id_}" for id_ in ids], "own_id": ids, "corpus": name})
        tables.append(table.assign(utterance=table["id"], arousal=labels))
    about = {
        "name": "here",
        "corpora": list(given),
        "targets": ["arousal"],
        "feature": "mel",
        "system": "emotion-ranker",
    }
    recipe = from_json({**about, "ranges": {"arousal": [1, 7]}, **settings}, "here")
    target = Target("arousal", "attribute", (1.0, 7.0))
    table = pd.concat(tables, ignore_index=True).sample(frac=1, random_state=1, ignore_index=True)
    return Selection(recipe, corpora, table, [target], {}, {})


def copies_of(table: pd.DataFrame) -> pd.DataFrame:
    """Two training copies of every utterance, as augmentation makes them."""
    return pd.concat([table.assign(store_id=table["own_id"] + f"#{n}.0") for n in range(2)], ignore_index=True)


def mapped(given: Given, row: Any) -> list[float]:
    """The votes on a row of the table, on 1..7."""
    low, high = RANGES[row.corpus]
    votes = given[row.corpus][row.utterance.split("/")[1]]
    return [1 + 6 * (vote - low) / (high - low) for vote in votes if not np.isnan(vote)]


def prefer_in_loops(first: list[float], second: list[float]) -> int | None:
    outcomes = [np.sign(round(a - b, 9)) for a, b in itertools.product(first, second)]
    for label, sign in ((1, 1), (0, -1)):
        if outcomes and outcomes.count(sign) / len(outcomes) >= 0.6:
            return label
    return None


@pytest.mark.parametrize("copied", [False, True])
def test_preferences_equal_loops_over_votes_and_stay_within_a_corpus(copied: bool) -> None:
    given = random_votes()
    data = selection(given)
    table = copies_of(data.table) if copied else data.table
    pairs = PreferenceRule(partners=ALL).prefer(data, table, "arousal", "train")
    rows, expected = list(table.itertuples()), {}
    for a, b in itertools.permutations(range(len(rows)), 2):
        label = prefer_in_loops(mapped(given, rows[a]), mapped(given, rows[b]))
        if rows[a].corpus == rows[b].corpus and label is not None:
            expected[a, b] = label
    found = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert dict(zip(found, pairs.label.tolist(), strict=True)) == expected and len(found) == len(expected) > 100
    unrated = [row for row in rows if not mapped(given, row)]
    assert pairs.num_unrated == len(unrated) > 0
    rated = pd.Series([row.corpus for row in rows if mapped(given, row)]).value_counts()
    assert pairs.num_undecided == sum(num * (num - 1) for num in rated) - len(found)
    own = [tuple(row.utterance for row in (rows[a], rows[b])) for a, b in found]
    assert all(a != b for a, b in own)  # copies of one utterance are equal


def test_margins_equal_a_loop_and_stay_within_a_corpus() -> None:
    data = selection(random_votes())
    data.table.loc[3, "arousal"] = NAN
    pairs = PreferenceRule("margin", margin=1.5, partners=ALL).prefer(data, data.table, "arousal", "train")
    rows = list(data.table.itertuples())
    expected = {
        (a, b): int(rows[a].arousal > rows[b].arousal)
        for a, b in itertools.permutations(range(len(rows)), 2)
        if rows[a].corpus == rows[b].corpus and abs(rows[a].arousal - rows[b].arousal) >= 1.5
    }
    found = zip(zip(pairs.first, pairs.second, strict=True), pairs.label, strict=True)
    assert dict(found) == expected and pairs.num_unrated == 1


@pytest.mark.parametrize("copied", [False, True])
def test_statistics_equal_loops_in_the_recipe_s_range(copied: bool) -> None:
    given = random_votes(1)
    data = selection(given)
    table = copies_of(data.table) if copied else data.table
    mean, std = vote_statistics(data, table, "arousal")
    votes = [mapped(given, row) for row in table.itertuples()]
    np.testing.assert_allclose(mean, [np.mean(own) if own else NAN for own in votes], atol=1e-12)
    np.testing.assert_allclose(std, [np.std(own) if own else NAN for own in votes], atol=1e-12)
    assert np.isnan(mean).any() and (std == 0).any() and (std > 1).any()


def test_part_of_a_table_has_the_votes_of_its_own_rows() -> None:
    given = random_votes(2)
    data = selection(given)
    part = data.table[data.table["corpus"] == "second"].iloc[4:].reset_index(drop=True)
    mean, _ = vote_statistics(data, part, "arousal")
    whole, _ = vote_statistics(data, data.table, "arousal")
    places = [data.table.index[data.table["id"] == id_][0] for id_ in part["id"]]
    np.testing.assert_array_equal(mean, whole[places])


def test_one_rater_decides_every_pair_of_unequal_votes() -> None:
    given = {"first": {"a": [2.0], "b": [2.0], "c": [5.0], "d": []}}
    pairs = PreferenceRule(partners=ALL).prefer(selection(given), selection(given).table, "arousal", "train")
    assert len(pairs.label) == 4 and (pairs.num_undecided, pairs.num_unrated) == (2, 1)


def test_the_seed_draws_the_partners() -> None:
    data = selection(random_votes())
    found = [PreferenceRule(partners=3).prefer(data, data.table, "arousal", "train", seed) for seed in (1, 1, 2)]
    assert found[0].second.tolist() == found[1].second.tolist() != found[2].second.tolist()


# ---- what cannot be ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("votes", "rule", "words"),
    [
        (
            {"a": [4.0], "b": [4.0, 4.0]},
            PreferenceRule(),
            "none of 2 pairs of utterances has a clear order by their votes",
        ),
        ({"a": [4.0], "b": []}, BY_VOTES, "need at least 2 utterances with votes, not 1 of 2"),
        ({"a": [], "b": []}, BY_VOTES, "need at least 2 utterances with votes, not 0 of 2"),
        (
            {"a": [1.0], "b": [2.0]},
            PreferenceRule("margin", margin=7.0),
            "none of 2 pairs of utterances has a clear order",
        ),
    ],
)
def test_what_has_no_order_is_one_line(votes: dict[str, list[float]], rule: PreferenceRule, words: str) -> None:
    data = selection({"first": votes})
    with pytest.raises(EmotoneError) as caught:
        rule.prefer(data, data.table, "arousal", "validation", 0)
    line = str(caught.value)
    assert words in line and line.startswith("corpus first, validation part, arousal: ") and "\n" not in line


def test_corpora_without_votes_are_named() -> None:
    both = random_votes()
    check_votes(selection(both), "here", "do")
    lacking = both | {"second": {name: [] for name in both["second"]}}
    with pytest.raises(EmotoneError, match="^here: corpus second has no raters' votes on arousal, only one label; do$"):
        check_votes(selection(lacking), "here", "do")
    missing = both | {"second": {name: [NAN] for name in both["second"]}}
    with pytest.raises(EmotoneError, match="corpus second has no raters' votes on arousal"):
        check_votes(selection(missing), "here", "do")


def test_a_teacher_s_scores_are_no_votes() -> None:
    """They are of the copy that is heard, on the teacher's range; the raters' votes would be of another."""
    data = selection(random_votes(), teacher=["default"])
    with pytest.raises(EmotoneError, match="^here: a teacher's scores of arousal are no raters' votes; do$"):
        check_votes(data, "here", "do")
    assert np.isnan(vote_statistics(data, data.table, "arousal")).all()
