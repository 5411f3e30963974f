"""Groups in a report: what differs between them is shown, what all are of is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_runs import AROUSAL, EMOTION, TARGETS, make_run, predictions

from emotone.base.page import Section
from emotone.bundle.target import Target
from emotone.evaluate.report.groups import FAIRNESS, section
from emotone.evaluate.report.part import Evaluated


def sections_of(test: pd.DataFrame, targets: list[Target] | None = None) -> dict[str, Section]:
    part = section(Evaluated(make_run(test, targets)))
    assert list(part.json) == ["groups", "gender_differences"]
    return {one.title: one for one in part.sections}


def test_kinds_with_one_group_are_left_to_the_overview() -> None:
    sections = sections_of(predictions())  # one language and corpus
    assert list(sections) == ["Genders", "Differences between genders", "Durations", "Speakers"]
    assert sections["Genders"].level == 2 and sections["Differences between genders"].level == 3
    test = predictions().assign(language=["da", "de"] * 60, corpus=["x", "y"] * 60, gender="female")
    assert list(sections_of(test)) == ["Languages", "Corpora", "Durations", "Speakers"]


def test_rows_have_the_main_metric_of_each_target_or_all_of_one() -> None:
    rows = list(sections_of(predictions())["Genders"].table or [])
    assert [row["gender"] for row in rows] == ["female", "male"] and rows[0]["utterances"] == 60
    names = ["arousal CCC", "valence CCC", "emotion UAR", "arousal bias", "valence bias"]
    assert list(rows[0]) == ["gender", "utterances", "speakers", *names]
    alone = list(sections_of(predictions(), [EMOTION])["Genders"].table or [])
    assert list(alone[0])[3:] == ["emotion UAR", "emotion accuracy", "emotion macro F1"]
    test = predictions()
    bias = (test["predicted_arousal"] - test["true_arousal"])[test["gender"] == "female"].mean()
    assert rows[0]["arousal bias"] == pytest.approx(bias)


def test_groups_without_an_interval_are_counted() -> None:
    test = predictions().assign(gender=lambda table: np.where(table["speaker"] == "s0", "female", "male"))
    sections = sections_of(test)
    few = "Few: below 10 utterances or 3 speakers, of which little can be said."
    no_interval = "1 of 2 groups have fewer than two known speakers: no interval."
    assert sections["Genders"].note == f"Dotted: chance. {few} {no_interval}"
    assert [row["remark"] for row in sections["Genders"].table or []] == ["few speakers", ""]
    (pair,) = sections_of(test, [AROUSAL])["Differences between genders"].table or []
    assert pair["excludes 0"] is None and pair["pair"] == "female - male"
    assert sections_of(predictions())["Genders"].note == "Dotted: chance."


def test_a_group_of_few_utterances_has_a_remark() -> None:
    test = predictions().assign(language=lambda table: np.where(table.index < 9, "da", "de"))
    rows = {row["language"]: row["remark"] for row in sections_of(test)["Languages"].table or []}
    assert rows == {"da": "few utterances", "de": ""}
    test = predictions(60).assign(speaker=lambda table: table["speaker"].where(table.index > 5, "new"))
    rows = {row["speaker"]: row["remark"] for row in sections_of(test)["Speakers"].table or []}
    assert rows.pop("new") == "few utterances" and set(rows.values()) == {"few utterances"}  # 9 of each other


def test_pictures_show_chance() -> None:
    figure = sections_of(predictions(), [EMOTION])["Genders"].figure
    assert "stroke-dasharray" in figure


def test_differences_say_whether_they_exclude_zero() -> None:
    test = predictions(240, 12)
    women = test["gender"] == "female"
    test.loc[women, "predicted_arousal"] = test["true_arousal"]
    section = sections_of(test)["Differences between genders"]
    rows = {row["target"]: row for row in section.table or []}
    assert rows["arousal"]["excludes 0"] == "yes" and rows["arousal"]["metric"] == "CCC"
    assert list(rows) == [target.name for target in TARGETS] and section.note == FAIRNESS


def test_speakers_who_changed_their_gender_have_none() -> None:
    test = predictions()
    test.loc[test.index[test["speaker"] == "s0"][0], "gender"] = "female"
    figure = sections_of(test, [AROUSAL])["Speakers"].figure
    assert "female: mean" in figure and "male: mean" in figure and "unknown: mean" in figure
    assert figure.count("s0</text>") == 1  # few speakers have their names below


def test_the_worst_and_best_of_many_speakers_are_listed() -> None:
    test = predictions(3000, 120)
    part = section(Evaluated(make_run(test)))
    speakers = next(one for one in part.sections if one.title == "Speakers")
    values = {group["group"]: group["ccc"].value for group in part.json["groups"]["arousal"]["speaker"]}
    ordered = sorted(values, key=lambda name: values[name])
    assert [row["speaker"] for row in speakers.table or []] == ordered[:20] + ordered[-20:]
    assert "Of 120 speakers the worst and best 20 by arousal are listed; the JSON has all." in speakers.note
    assert "120 speakers, from worst to best" in speakers.figure


def test_speakers_without_a_value_have_no_legend(recwarn: pytest.WarningsRecorder) -> None:
    figure = sections_of(predictions(8, 8), [AROUSAL])["Speakers"].figure  # one utterance each, which has no CCC
    assert not [one for one in recwarn if "legend" in str(one.message)] and "mean" not in figure
