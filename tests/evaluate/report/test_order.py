"""Relative scores in a report: their order and the published test, and nothing that needs a scale."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emotone.bundle.target import UNBOUNDED, Target
from emotone.evaluate.report.order import section
from emotone.evaluate.report.part import Evaluated
from emotone.evaluate.report.report import build_report
from emotone.evaluate.run_folder import Run
from emotone.evaluate.scores import score_predictions, summarise_folds

AROUSAL = Target("arousal", "attribute", UNBOUNDED)
VALENCE = Target("valence", "attribute", (1, 7))
EMOTION = Target("emotion", "category", labels=("calm", "tense"))


def make_run(targets: list[Target], num: int = 120, num_folds: int = 3) -> Run:
    random = np.random.default_rng(0)
    truth = random.uniform(1, 7, num)
    test = pd.DataFrame(
        {
            "id": [f"u{n}" for n in range(num)],
            "own_id": [f"u{n}" for n in range(num)],
            "corpus": "mine",
            "speaker": [f"s{n % 8}" for n in range(num)],
            "gender": np.where(np.arange(num) % 2, "female", "male"),
            "duration_s": 2.0,
            "repeat": 0,
            "fold": np.arange(num) % num_folds,
            "true_arousal": truth,
            "true_valence": truth,
            "predicted_arousal": 100 * truth + random.normal(0, 60, num),
            "predicted_valence": truth,
            "true_emotion": np.where(truth > 4, "tense", "calm"),
            "p_calm": 0.4,
            "p_tense": 0.6,
        }
    )
    result = {"protocol": "mine", "hash": "x", "seed": 0, **score_predictions(test, targets)}
    if num_folds > 1:
        result["folds"] = summarise_folds(test, targets)
    return Run(Path("run"), {"name": "mine"}, result, targets, test, pd.DataFrame())


def test_the_order_has_the_numbers_of_the_result() -> None:
    run = make_run([AROUSAL, VALENCE])
    order, published, folds = section(Evaluated(run)).sections
    spearman = run.result["metrics"]["arousal"]["spearman"]["value"]
    assert f"arousal: Spearman {spearman:.3f}" in order.figure and "valence" not in order.figure
    about = run.result["published_test"]["arousal"]
    (row,) = published.table or []
    assert (row["target"], row["Spearman"], row["Kendall"]) == ("arousal", about["spearman"], about["kendall"])
    exact = run.result["folds"]["arousal"]["kendall"]["each"]
    assert [row["Kendall"] for row in folds.table or []] == [fold["value"] for fold in exact]
    assert [row["Spearman, published"] for row in folds.table or []] == [fold["spearman"] for fold in about["folds"]]


def test_what_is_left_out_is_said_and_one_fold_has_no_table() -> None:
    run = make_run([AROUSAL], num=16, num_folds=1)
    _, published = section(Evaluated(run)).sections
    (row,) = published.table or []
    assert row[""] == "1 of 1 folds left out: 10% of 16 utterances are 1: too few to rank"


def test_scores_on_a_range_have_no_order_section() -> None:
    run = make_run([VALENCE])
    assert section(Evaluated(run)).sections == []


@pytest.mark.parametrize("targets", [[AROUSAL], [AROUSAL, VALENCE], [VALENCE, EMOTION, AROUSAL]])
def test_the_whole_report_of_relative_scores(targets: list[Target]) -> None:
    about, page = build_report(make_run(targets))
    json.dumps(about, allow_nan=False)
    assert "arousal" not in about["calibration"] and "arousal" not in about["worst"]
    assert "bias" not in about["groups"]["arousal"]["gender"][0]
    assert about["result"]["published_test"]["arousal"]["folds"][2]["num_utterances"] == 40
    assert "<h2>Order</h2>" in page
    titles = {AROUSAL: "Relative scores", VALENCE: "Attributes", EMOTION: "Categories"}
    assert [f"<h3>{titles[target]}</h3>" in page for target in targets] == [n > 0 for n in range(len(targets))]
    assert ("<h2>True and predicted</h2>" in page) == (VALENCE in targets)


def test_many_utterances_are_counted_in_hexagons() -> None:
    run = make_run([AROUSAL], num=4000)
    assert len(section(Evaluated(run)).sections[0].figure) < 200_000
