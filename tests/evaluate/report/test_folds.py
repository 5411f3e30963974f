"""Folds in a report: each by itself, their statistics, and those that published tables average."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_runs import EMOTION, TARGETS, make_run, predictions

from emotone.evaluate.report.folds import IEMOCAP_TESTED, published_folds, section
from emotone.evaluate.report.part import Evaluated
from emotone.evaluate.run_folder import Run
from emotone.evaluate.scores import summarise_folds


def in_folds(num_folds: int = 3, num_repeats: int = 2) -> Run:
    one = predictions(150, 15)
    one["fold"] = one["speaker"].str[1:].astype(int) % num_folds
    other = one.assign(predicted_arousal=one["predicted_arousal"] + 1)
    test = pd.concat([table.assign(repeat=n) for n, table in enumerate((one, other)[:num_repeats])], ignore_index=True)
    return make_run(test, folds=summarise_folds(test, TARGETS))


def test_rows_are_folds_with_the_value_of_each_repeat() -> None:
    run = in_folds()
    part = section(Evaluated(run))
    first, *others = part.sections
    assert part.json == {"published_folds": None} and [row["folds and repeats"] for row in first.table or []] == [6] * 9
    assert [one.title for one in others][:3] == ["Arousal: CCC", "Arousal: Pearson", "Arousal: RMSE"]
    each = run.result["folds"]["arousal"]["ccc"]["each"]
    rows = list(others[0].table or [])
    assert [row["repeat 1"] for row in rows] == [fold["value"] for fold in each if fold["repeat"] == 1]
    assert rows[0]["mean"] == pytest.approx((rows[0]["repeat 0"] + rows[0]["repeat 1"]) / 2)
    assert rows[1]["tested"] == "s1, s10, s13, s4, s7" and others[0].folds == "All folds"


def test_one_repeat_has_no_mean_and_long_lists_of_speakers_are_cut() -> None:
    run = in_folds(2, 1)
    run.test["speaker"] = "speaker " + run.test["speaker"]
    rows = list(section(Evaluated(run)).sections[1].table or [])
    assert list(rows[0]) == ["fold", "tested", "repeat 0"] and len(rows[0]["tested"]) == 61


def test_a_fold_without_two_classes_is_a_gap() -> None:
    run = in_folds()
    run.test.loc[run.test["fold"] == 1, "true_emotion"] = "calm"
    run.result["folds"] = summarise_folds(run.test, run.targets)
    shown = {one.title: list(one.table or []) for one in section(Evaluated(run)).sections}
    assert [row["mean"] is None for row in shown["Emotion: UAR"]] == [False, True, False]


def test_one_fold_has_no_section() -> None:
    part = section(Evaluated(make_run(predictions())))
    assert part.sections == [] and part.json == {"published_folds": None}


def test_published_folds_are_those_of_five_speakers() -> None:
    speakers = [f"{number}{gender}" for number in range(1, 6) for gender in "FM"]
    test = predictions(200, 10)
    test["speaker"] = [speakers[n % 10] for n in range(200)]
    test["fold"] = np.arange(200) % 10
    run = make_run(test, [EMOTION], folds=summarise_folds(test, [EMOTION]))
    assert published_folds(run) is None
    run.recipe["split"] = {"name": "iemocap"}
    found = published_folds(run)
    assert found == summarise_folds(test[test["speaker"].isin(IEMOCAP_TESTED)], [EMOTION])
    assert found is not None and len(found["emotion"]["uar"]["each"]) == 5
    assert section(Evaluated(run)).sections[-1].title == "The published five folds"
    run.test = test[test["speaker"] != "1M"]
    assert published_folds(run) is None
