"""The worst errors of a report: the largest, once for each utterance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_runs import AROUSAL, EMOTION, LABELS, make_run, predictions

from emotone.base.page import Player
from emotone.bundle.target import UNBOUNDED, Target
from emotone.evaluate.report.part import Evaluated
from emotone.evaluate.report.worst import section, worst_errors


def test_worst_errors_are_the_largest() -> None:
    table = predictions()
    table.loc[7, "predicted_arousal"] = 99.0
    worst = worst_errors(table, AROUSAL)
    assert worst[0]["utterance"] == "s7.wav" and worst[0]["error"] == pytest.approx(99 - table.loc[7, "true_arousal"])
    assert np.all(np.diff([abs(row["error"]) for row in worst]) <= 0) and len(worst) == 12
    least = worst_errors(pd.concat([table, table.assign(repeat=1)], ignore_index=True), EMOTION)
    assert all(row["truth"] != row["prediction"] and row["p(truth)"] < row["p(prediction)"] for row in least)
    assert len({row["utterance"] for row in least}) == len(least)


def test_each_target_has_its_table() -> None:
    part = section(Evaluated(make_run(predictions())))
    assert [one.title for one in part.sections] == ["Worst errors", "Arousal", "Valence", "Emotion"]
    assert list(part.json["worst"]) == ["arousal", "valence", "emotion"] and part.sections[0].text == ""
    assert list(part.sections[1].table or []) == part.json["worst"]["arousal"]


def test_errors_can_be_listened_to(tones_recipe: Any) -> None:
    """Where the audio is at hand, by the utterance's id in its own corpus."""
    test = predictions(12).assign(corpus="tones", own_id=[f"{n:02d}" for n in range(12)])
    shown = section(Evaluated(make_run(test, [AROUSAL]))).sections[1]
    assert all(isinstance(row["listen"], Player) for row in shown.table or []) and len(shown.table or []) == 12
    assert shown.note.startswith("The clips, at most 15 s each, are part of this page: mind the licence")
    elsewhere = section(Evaluated(make_run(predictions(), [AROUSAL]))).sections[1]
    assert "12 of 12 utterances have no player" in elsewhere.note and "listen" not in (elsewhere.table or [])[0]


def test_none_is_said_and_relative_scores_have_no_error() -> None:
    perfect = predictions()
    for label in LABELS:
        perfect[f"p_{label}"] = (perfect["true_emotion"] == label).astype(float)
    part = section(Evaluated(make_run(perfect, [EMOTION])))
    assert [(one.title, one.text) for one in part.sections] == [("Worst errors", "There are none.")]
    relative = Target("arousal", "attribute", UNBOUNDED)
    part = section(Evaluated(make_run(predictions(), [relative])))
    assert part.json == {"worst": {}} and part.sections == []
