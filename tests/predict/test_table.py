"""The table of predictions: columns, rows, and lines for people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotone.bundle.target import COLUMNS
from emotone.predict.curve import Curve
from emotone.predict.prediction import Over, Prediction, failed
from emotone.predict.predictor import Predictor
from emotone.predict.table import Table, name_width

LABELS = ["anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"]
ATTRIBUTES = ["arousal", "dominance", "valence"]


@pytest.mark.parametrize(
    ("over", "scores"),
    [("recording", ATTRIBUTES + LABELS), ("windows", ATTRIBUTES + LABELS), ("curve", ATTRIBUTES)],
)
def test_columns_are_those_of_the_bundle(tiny_bundle: Path, over: Over, scores: list[str]) -> None:
    table = Table.of(Predictor.load(str(tiny_bundle), threads=1), over)
    emotion, heard = ([], []) if over == "curve" else (["emotion"], ["speech_share", "note"])
    assert table.columns == ["file", "start_s", "end_s", *emotion, *scores, *heard, "error"]


def test_inputs_are_a_column_where_bundles_take_text() -> None:
    table = Table("recording", ["arousal"], has_inputs=True)
    [row] = table.rows(Prediction("a.wav", 0.0, 2.0, {"arousal": 4.0}, window_inputs=["speech", "speech+text"]))
    assert list(row) == table.columns and row["inputs"] == "speech+text"
    assert table.line(row, 5) == "a.wav     0.00     2.00 speech+text     4.000"
    assert len(table.header(5)) == len(table.line(row, 5))


def test_the_most_probable_category_stands_before_the_scores() -> None:
    table = Table(
        "recording",
        ["arousal", "fear", "happiness"],
        has_inputs=True,
        choices={"emotion": {name: name for name in ("fear", "happiness")}},
    )
    scores = ["arousal", "fear", "happiness"]
    assert table.columns == ["file", "start_s", "end_s", "inputs", "emotion", *scores, "speech_share", "note", "error"]
    assert [name for name in table.columns if name not in table.scores] == list(COLUMNS)  # which no bundle may use
    probabilities = {"fear": 0.25, "happiness": 0.75}
    [row] = table.rows(Prediction("a.wav", 0.0, 2.0, {"arousal": 4.0}, probabilities, window_inputs=["speech"]))
    assert list(row) == table.columns and row["emotion"] == "happiness"
    assert table.line(row, 5) == "a.wav     0.00     2.00 speech      happiness     4.000     0.250     0.750"
    assert len(table.header(5)) == len(table.line(row, 5))
    [row] = table.rows(failed("a.wav", "is silent"))
    assert list(row) == table.columns and row["emotion"] is None
    assert table.line(row, 5) == "a.wav     0.00     0.00             error: is silent"
    assert "emotion" not in Table("recording", ["arousal"], has_inputs=False).header(5)


def test_windows_are_rows_and_one_that_failed_says_why() -> None:
    windows = Curve(np.array([0.0, 4.0]), np.array([4.0, 6.5]), {"fear": np.array([0.25, np.nan])}, ["", "is silent"])
    table = Table("windows", ["fear"], has_inputs=False)
    rows = table.rows(Prediction("a.wav", windows=windows))
    assert [row["fear"] for row in rows] == [0.25, None]
    marked = table.rows(Prediction("a.wav", windows=windows, window_notes=["no speech found", ""]))[0]
    assert table.line(marked, 5) == "a.wav     0.00     4.00     0.250  (no speech found)"
    assert [table.line(row, 5) for row in rows] == [
        "a.wav     0.00     4.00     0.250",
        "a.wav     4.00     6.50 error: is silent",
    ]


def test_text_that_failed_has_no_times() -> None:
    table = Table("recording", ["arousal"], has_inputs=False)
    [row] = table.rows(failed("said.txt", "does not exist"))
    unknown = dict.fromkeys(["start_s", "end_s", "arousal", "speech_share"])
    assert row == {"file": "said.txt", **unknown, "note": "", "error": "does not exist"}
    assert table.line(row, 8) == "said.txt                   error: does not exist"


def test_long_names_are_cut_in_front_and_stay_on_their_line() -> None:
    table = Table("recording", ["arousal"], has_inputs=False)
    [row] = table.rows(Prediction("calls/new\nline.wav", 0.0, 1.0, {"arousal": 1.0}))
    assert table.line(row, 13).startswith("...\\nline.wav     0.00")
    assert table.line(row, 19).startswith("calls/new\\nline.wav     0.00")


def test_the_column_of_files_is_as_wide_as_it_must_be() -> None:
    assert [name_width(files) for files in (["a"], ["talk.wav", "a.wav"], ["n" * 100])] == [4, 8, 48]
