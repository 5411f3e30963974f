"""Curves in a report: every point that was measured has its row, with its severity and what it changes."""

from __future__ import annotations

import copy

from made_runs import make_run, measured_curves, predictions

from emotone.evaluate.degraded.measured import MeasuredCurves
from emotone.evaluate.report.degraded import (
    CHANCE,
    MISSING_NOTE,
    ROBUSTNESS_NOTE,
    degradation_rows,
    missing_data,
    robustness,
)
from emotone.evaluate.report.part import Evaluated

RUN = make_run(predictions())


def missing_curves() -> MeasuredCurves:
    found = copy.deepcopy(measured_curves())
    curve = found["curves"].pop("noise")
    for point, severity in zip(curve["points"], (0.0, 10.0, 25.0), strict=True):
        point["severity"], point["is_clean"] = severity, severity == 0
    found["curves"]["bursts"] = {**curve, "title": "Missing bursts", "axis": "as in the table", "num_utterances": 5}
    return found


def test_rows_are_the_points_that_were_measured() -> None:
    rows = degradation_rows(measured_curves())
    assert len(rows) == 3 * 3 - 1  # at -5 dB there is no emotion
    assert rows[0] == {
        "degradation": "Noise (pink noise, not recorded)",
        "severity": "clean",
        "target": "arousal",
        "metric": "CCC",
        "value": ".500\u00a0[.400,\u00a0.600]",
        "change": "",
        "not scored": 0,
    }
    assert rows[3]["severity"] == "SNR (dB): 10" and rows[3]["change"] == "-.100\u00a0[-.200,\u00a0.000]"
    assert {row["metric"] for row in rows if row["target"] == "emotion"} == {"UAR"}
    assert degradation_rows(missing_curves())[3]["severity"] == "audio lost (%), 0.25 s at a time: 10"


def test_robustness_says_who_was_scored() -> None:
    found = measured_curves()
    found["notes"] = ["no babble: the corpus names no other speakers"]
    part = robustness(Evaluated(RUN, robustness=found))
    (shown,) = part.sections
    assert part.json == {"robustness": found} and (shown.title, shown.note) == (
        "Robustness",
        f"{ROBUSTNESS_NOTE} {CHANCE}",
    )
    assert shown.text == (
        "9 test utterances of 3 speakers, the same at every point, degraded and scored anew. They are a part of "
        "the 120, always the same, drawn over speakers in turn: the clean point is theirs, and not the overview's. "
        "No babble: the corpus names no other speakers."
    )
    found["num_utterances"] = 120
    assert "They are a part" not in robustness(Evaluated(RUN, robustness=found)).sections[0].text
    assert shown.figure.count("dB") == 1 and "arousal CCC" in shown.figure


def test_missing_data_says_which_points_are_of_fewer() -> None:
    part = missing_data(Evaluated(RUN, missing=missing_curves()))
    (shown,) = part.sections
    assert list(part.json) == ["missing"] and (shown.title, shown.note) == ("Missing data", f"{MISSING_NOTE} {CHANCE}")
    assert shown.text.endswith(" Bursts are of 5 of them, speakers in turn: their clean point is another.")
    whole = missing_curves()
    whole["curves"]["bursts"]["num_utterances"] = 9
    assert "Bursts" not in missing_data(Evaluated(RUN, missing=whole)).sections[0].text


def test_what_was_not_measured_is_null() -> None:
    assert robustness(Evaluated(RUN)).json == {"robustness": None} and not robustness(Evaluated(RUN)).sections
    assert missing_data(Evaluated(RUN)).json == {"missing": None} and not missing_data(Evaluated(RUN)).sections
