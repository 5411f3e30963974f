"""The overview of a report: every kind of target has its table, and what the numbers are of is said."""

from __future__ import annotations

import pandas as pd
from made_runs import AROUSAL, EMOTION, TARGETS, VALENCE, make_run, predictions

from emotone.base.page import Section
from emotone.bundle.target import UNBOUNDED, Target
from emotone.evaluate.numbers.interval import Interval
from emotone.evaluate.report.cells import interval_cell
from emotone.evaluate.report.overview import section
from emotone.evaluate.report.part import Evaluated
from emotone.evaluate.run_folder import Run


def sections_of(run: Run) -> dict[str, Section]:
    part = section(Evaluated(run))
    assert part.json == {"name": "mine", "result": run.result, "warnings": run.warnings}
    return {one.title: one for one in part.sections}


def test_kinds_of_targets_have_tables_of_their_own() -> None:
    relative = Target("dominance", "attribute", UNBOUNDED)
    test = predictions().assign(true_dominance=lambda t: t["true_arousal"], predicted_dominance=lambda t: t["id"].index)
    run = make_run(test, [AROUSAL, VALENCE, relative, EMOTION])
    sections = sections_of(run)
    assert list(sections) == ["Overview", "Relative scores", "Categories", "Where it comes from"]
    columns = [list((one.table or [])[0]) for one in list(sections.values())[:3]]
    assert columns[0] == ["target", "CCC", "Pearson", "RMSE"] and columns[1] == ["target", "Spearman", "Kendall"]
    assert columns[2] == ["target", "UAR", "accuracy", "macro F1"]
    first = (sections["Overview"].table or [])[0]
    assert first["CCC"] == interval_cell(Interval.from_json(run.result["metrics"]["arousal"]["ccc"]))
    assert [bool(one.note) for one in sections.values()] == [False, False, True, True]  # one note below the tables
    rows = {row["target"]: row for one in list(sections.values())[:3] for row in one.table or []}
    assert list(rows)[:3] == ["arousal", "arousal, chance", "valence"]
    assert rows["arousal, chance"]["CCC"] == ".000" and rows["emotion, chance"]["UAR"] == ".333"
    assert "Chance: the same guess for every utterance" in sections["Categories"].note


def test_repeats_have_a_spread() -> None:
    both = pd.concat([predictions(), predictions(seed=0).assign(repeat=1, predicted_arousal=4.0)], ignore_index=True)
    rows = {row["target"]: row for row in sections_of(make_run(both, [AROUSAL]))["Overview"].table or []}
    value = float(make_run(predictions(), [AROUSAL]).result["metrics"]["arousal"]["ccc"]["value"])
    assert rows["arousal, std over repeats"]["CCC"] == f"{value / 2**0.5:.3f}".removeprefix("0")


def test_the_text_says_who_was_tested() -> None:
    sections = sections_of(make_run(predictions(), notes=["arousal mapped"]))
    assert sections["Overview"].text == (
        "mine: leave-one-speaker-out by speaker. 120 utterances of 6 speakers, all of language da, corpus s. "
        "6 speakers are few: other ones may give quite other numbers, and intervals of so few are wide. arousal mapped."
    )
    test = predictions().assign(language=None, corpus=["a", "b"] * 60)
    test.loc[:2, "speaker"] = None
    text = sections_of(make_run(test, num_left_out=7, num_failed=2))["Overview"].text
    assert "120 utterances of 6 speakers, all of language unknown." in text
    assert "3 utterances of unknown speakers count as speakers of their own. 7 utterances of other classes" in text
    assert text.endswith("are left out. 2 utterances could not be read.")


def test_reports_can_be_compared_by_where_they_come_from() -> None:
    run = make_run(predictions(), TARGETS, num_parameters=12_345, start=["random", "random"], splits=["s1", "s2", "s1"])
    rows = {row[""]: row[" "] for row in sections_of(run)["Where it comes from"].table or []}
    assert rows == {
        "recipe hash": "0a1b2c",
        "seed": "3",
        "corpora": "mine (feed)",
        "splits": "s1, s2",
        "left out": "no label (2)",
        "versions": "emotone 1",
        "parameters": "12,345",
        "networks start": "random",
        "processor time": "1.5 minutes",
    }


def test_a_bundle_on_a_corpus_says_less() -> None:
    test = predictions()
    result = {"model": "tiny", **make_run(test).result}
    for key in ("hash", "seed", "splits", "versions", "left_out", "cpu_s"):
        del result[key]
    run = Run(make_run(test).folder, {"name": "mine"}, result, TARGETS, test, pd.DataFrame())
    rows = {row[""]: row[" "] for row in sections_of(run)["Where it comes from"].table or []}
    assert rows == {"model": "tiny", "corpora": "mine (feed)"}
