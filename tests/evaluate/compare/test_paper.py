"""A comparison as tables for a paper: every number of it, with the spread of seeds."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from written_runs import predict, write_run

from emotone.evaluate.compare.paper import COLUMNS, comparison_tex, write_comparison
from emotone.evaluate.compare.runs import Comparison, compare_runs
from emotone.evaluate.numbers import metrics


@pytest.fixture
def three(tmp_path: Path) -> Comparison:
    """Three systems of two seeds each."""
    return compare_runs(
        [
            write_run(tmp_path / f"{k}-{seed}", predict(9 * k + seed, 0.5 + k), k, seed)
            for k in range(3)
            for seed in (0, 1)
        ]
    )


def test_the_csv_has_every_value_and_difference(three: Comparison, tmp_path: Path) -> None:
    write_comparison(three, tmp_path / "table.csv")
    table = pd.read_csv(tmp_path / "table.csv")
    assert tuple(table) == COLUMNS and len(table) == 2 * (3 + 3)
    own = table[(table["target"] == "arousal") & table["minus"].isna()].set_index("system")
    pairs = table[(table["target"] == "arousal") & table["minus"].notna()]
    result = three.results[0]
    for label, value in result.values.items():
        assert tuple(own.loc[label, ["low", "value", "high"]]) == pytest.approx(tuple(value))
    for number, label in enumerate(result.values):
        each = [predict(9 * number + seed, 0.5 + number) for seed in (0, 1)]
        ccc = [metrics.ccc(one["predicted_arousal"], one["true_arousal"]) for one in each]
        assert own.loc[label, "std_over_seeds"] == pytest.approx(np.std(ccc, ddof=1)) == result.spread[label]
    assert pairs["p_holm"].tolist() == pytest.approx([pair.p_holm for pair in result.pairs])
    assert set(table["seeds"]) == {2} and table["mean_rank"].notna().sum() == 6


def test_latex_has_the_systems_and_a_table_of_pairs_for_each_metric(three: Comparison) -> None:
    text = comparison_tex(three)
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 3 and "booktabs" in text
    result = three.results[0]
    label = next(iter(result.values))
    assert result.spread[label] is not None
    spread = f"{result.spread[label]:.3f}".removeprefix("0")
    assert f"{result.values[label]} $\\pm$ {spread}" in text and "mean of 2 seeds" in text
    assert "d\\_z" in text and "% arousal ccc: 48 utterances, 8 speakers" in text


def test_one_seed_has_no_spread(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / str(k), predict(k, 0.5 + k), k, warnings=["100%\nleak"]) for k in range(2)]
    found = compare_runs(runs)
    assert "pm" not in comparison_tex(found) and "% made size=0: 100\\% leak" in comparison_tex(found)
    write_comparison(found, tmp_path / "t.csv")
    with open(tmp_path / "t.csv") as file:
        assert {row["std_over_seeds"] for row in csv.DictReader(file)} == {""}
