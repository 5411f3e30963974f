"""Predictions as table rows, as a table of pandas, and what they are of."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emotone.errors import EmotoneError
from emotone.predict.curve import Curve
from emotone.predict.prediction import Over, Prediction, failed
from emotone.predict.predictor import Predictor

OVERS: tuple[Over, ...] = ("recording", "windows", "curve")

HEARD = ["speech_share", "note"]


@pytest.fixture
def prediction() -> Prediction:
    """Two windows, of which the second failed, and a curve of three points, of one attribute and two categories."""
    windows = Curve(
        np.array([0.0, 4.0]),
        np.array([8.0, 11.123456789]),
        {"arousal": np.array([4.123456789, np.nan]), "high": np.array([0.75, np.nan]), "low": np.array([0.25, np.nan])},
        ["", "is silent"],
    )
    curve = Curve(
        np.array([0, 0.25, 0.5]), np.array([1, 1.25, 1.5]), {"arousal": np.array([4, 5, np.nan])}, ["", "", "x"]
    )
    scores, probabilities = {"arousal": 4.123456789}, {"high": 0.75, "low": 0.25}
    return Prediction("a.wav", 0.0, 11.123456, scores, probabilities, windows, curve)


def test_a_recording_is_a_row(prediction: Prediction) -> None:
    assert prediction.rows(["arousal", "high", "valence"]) == [
        {
            "file": "a.wav",
            "start_s": 0.0,
            "end_s": 11.123456,
            "arousal": 4.12346,
            "high": 0.75,
            "valence": None,
            "speech_share": None,
            "note": "",
            "error": "",
        }
    ]


def test_windows_and_points_are_rows(prediction: Prediction) -> None:
    prediction.window_speech_share, prediction.window_notes = [0.03125, 0.0], ["no speech found", ""]
    first, second = prediction.rows(["arousal", "low"], "windows")
    scores, heard = {"arousal": 4.12346, "low": 0.25}, {"speech_share": 0.031, "note": "no speech found"}
    assert first == {"file": "a.wav", "start_s": 0.0, "end_s": 8.0, **scores, **heard, "error": ""}
    assert second == {
        "file": "a.wav",
        "start_s": 4.0,
        "end_s": 11.123457,
        "arousal": None,
        "low": None,
        "speech_share": 0.0,
        "note": "",
        "error": "is silent",
    }
    points = prediction.rows(["arousal"], "curve")
    assert [(row["start_s"], row["arousal"], row["error"]) for row in points] == [
        (0.0, 4.0, ""),
        (0.25, 5.0, ""),
        (0.5, None, "x"),
    ]


def test_the_emotion_of_a_row_is_its_own(prediction: Prediction) -> None:
    assert prediction.windows is not None
    prediction.windows.columns |= {"high": np.array([0.25, np.nan]), "low": np.array([0.75, np.nan])}
    columns, choices = ["arousal", "high", "low"], {"emotion": {"high": "high", "low": "low"}}
    [row] = prediction.rows(columns, choices=choices)
    assert list(row) == ["file", "start_s", "end_s", "emotion", *columns, *HEARD, "error"] and row["emotion"] == "high"
    assert [row["emotion"] for row in prediction.rows(columns, "windows", choices=choices)] == ["low", None]
    for over in OVERS:
        [row] = failed("a.wav", "is silent").rows(columns, over, choices=choices)
        heard = [] if over == "curve" else HEARD
        assert list(row) == ["file", "start_s", "end_s", "emotion", *columns, *heard, "error"]
        assert row["emotion"] is None


@pytest.mark.parametrize("over", OVERS)
def test_numbers_are_those_of_json(prediction: Prediction, over: Over) -> None:
    for row in prediction.rows(["arousal"], over):
        assert list(row) == ["file", "start_s", "end_s", "arousal", *([] if over == "curve" else HEARD), "error"]
        assert all(type(row[name]) in (float, type(None)) for name in ("start_s", "end_s", "arousal"))


def test_rows_over_something_else_are_refused(prediction: Prediction) -> None:
    with pytest.raises(EmotoneError, match="unknown kind of rows 'utterance'; did you mean 'utterances'"):
        prediction.rows(["arousal"], "utterance")  # type: ignore[arg-type]


@pytest.mark.parametrize("over", OVERS)
def test_what_failed_is_one_row_whatever_rows_are_over(over: Over) -> None:
    [row] = failed("a.wav", "does not exist").rows(["arousal"], over)
    heard = {} if over == "curve" else {"speech_share": None, "note": ""}
    assert row == {"file": "a.wav", "start_s": 0.0, "end_s": 0.0, "arousal": None, **heard, "error": "does not exist"}
    [row] = failed("said.TXT", "does not exist").rows(["arousal"], over)
    assert (row["start_s"], row["end_s"]) == (None, None)


def test_inputs_are_those_of_all_windows(prediction: Prediction) -> None:
    assert prediction.inputs == ""
    prediction.window_inputs = ["speech", ""]
    assert prediction.inputs == "speech"
    prediction.window_inputs = ["text", "speech"]
    assert prediction.inputs == "speech+text"
    assert [row["inputs"] for row in prediction.rows([], "windows", with_inputs=True)] == ["text", "speech"]
    [row] = prediction.rows([], with_inputs=True)
    assert list(row) == ["file", "start_s", "end_s", "inputs", *HEARD, "error"] and row["inputs"] == "speech+text"


def test_the_emotion_is_the_most_probable_category(prediction: Prediction) -> None:
    assert prediction.emotion == "high"
    assert failed("a.wav", "is silent").emotion is None


def test_to_frame(prediction: Prediction, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = prediction.to_frame()
    assert isinstance(frame, pd.DataFrame) and list(frame) == ["file", "start_s", "end_s", "arousal", "error"]
    assert frame["start_s"].tolist() == [0.0, 0.25, 0.5]
    assert frame["arousal"].tolist()[:2] == [4.0, 5.0] and math.isnan(frame["arousal"][2])
    assert len(failed("a.wav", "is silent").to_frame()) == 1
    prediction.curve = prediction.windows
    frame = prediction.to_frame()
    assert list(frame)[3:] == ["emotion", "arousal", "high", "low", "error"]
    assert frame["emotion"][0] == "high" and frame["emotion"].isna().tolist() == [False, True]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(EmotoneError, match="needs the package pandas"):
        prediction.to_frame()


def test_rows_and_frame_of_what_a_bundle_scores(tiny_bundle: Path) -> None:
    predictor = Predictor.load(str(tiny_bundle), threads=1)
    noise = np.random.default_rng(0).normal(0, 0.1, 20 * 16_000).astype(np.float32)
    prediction = predictor.predict(noise, 16_000, window_s=5.0, hop_s=5.0)
    for over in OVERS:
        for row in prediction.rows(predictor.columns, over, choices=predictor.choices):
            heard = [] if over == "curve" else HEARD  # a bundle without curves: windows in their place
            assert list(row) == ["file", "start_s", "end_s", "emotion", *predictor.columns, *heard, "error"]
            assert row[row["emotion"]] == max(row[name] for name in predictor.categories)
            values = [row[name] for name in predictor.columns]
            assert all(isinstance(value, float) and value == float(f"{value:.6g}") for value in values)
    frame = prediction.to_frame()
    assert frame["start_s"].tolist() == [0.0, 5.0, 10.0, 15.0] and frame["valence"].notna().all()
