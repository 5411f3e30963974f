"""Relative scores against loops over the pairs of each fold."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from rankers import rank, shares_by_loops

from emotone.bundle.target import UNBOUNDED, Target
from emotone.errors import EmotoneError
from emotone.evaluate.numbers.ranking import assess_as_published
from emotone.evaluate.numbers.relative import describe_left_out, describe_test, published_test, shares_of_wins
from emotone.evaluate.scores import score_predictions

AROUSAL = Target("arousal", "attribute", UNBOUNDED)


def test_shares_equal_loops_over_the_pairs_of_a_fold() -> None:
    table = rank(num_repeats=2).sample(frac=1, random_state=1)  # rows in any order, as of any index
    assert shares_of_wins(table, "arousal").tolist() == shares_by_loops(table)


def test_without_curves_the_scores_decide() -> None:
    table = rank().drop(columns="curve_arousal")
    ranks = table.groupby("fold")["predicted_arousal"].rank()
    np.testing.assert_allclose(shares_of_wins(table, "arousal"), (ranks - 1) / 19)
    tied = table.assign(predicted_arousal=1.0)
    assert not shares_of_wins(tied, "arousal").any()


def test_a_fold_of_one_and_a_table_of_none() -> None:
    table = rank(7)
    assert shares_of_wins(table[table["id"] == "u000"], "arousal").tolist() == [0.5]
    assert shares_of_wins(table[:0], "arousal").shape == (0,)


def test_the_published_test_is_of_every_fold_by_itself() -> None:
    table = rank()
    about = score_predictions(table, [AROUSAL])["published_test"]["arousal"]
    assert (about["num_parts"], about["share"], len(about["folds"])) == (10, 0.1, 3)
    for fold in about["folds"]:
        own = table[table["fold"] == fold["fold"]]
        found = assess_as_published(np.stack(own["curve_arousal"].to_numpy()), own["true_arousal"])
        assert (fold["spearman"], fold["kendall_std"]) == (found.mean.spearman, found.std.kendall)
    assert about["kendall"] == pytest.approx(np.mean([fold["kendall"] for fold in about["folds"]]))


def test_folds_that_are_too_small_for_the_published_test_say_so() -> None:
    table = rank(45)  # 15 in each fold
    about = published_test(table, "arousal")
    assert [fold["note"] for fold in about["folds"]] == ["10% of 15 utterances are 1: too few to rank"] * 3
    assert math.isnan(about["spearman"])
    assert "3 of 3 folds left out: 10% of 15 utterances are 1: too few to rank" in describe_test(about)
    mixed = pd.concat([table, rank(60, 1).assign(fold=3)], ignore_index=True)
    about = published_test(mixed, "arousal")
    assert describe_left_out(about).startswith("3 of 4 folds left out") and about["spearman"] > 0


def test_margins_that_are_no_numbers_are_refused() -> None:
    table = rank(20, 1).drop(columns="curve_arousal").assign(predicted_arousal=[np.nan, *range(19)])
    with pytest.raises(EmotoneError, match="1 of 20 margins are NaN"):
        shares_of_wins(table, "arousal")
