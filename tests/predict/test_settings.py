"""Settings of the prediction of files: what makes no sense, and what a bundle cannot do."""

from __future__ import annotations

import dataclasses
import math
import pickle
from pathlib import Path
from typing import Any

import pytest

from emotone.errors import EmotoneError
from emotone.predict.predictor import Predictor
from emotone.predict.settings import PredictSettings


def test_they_cannot_be_changed_and_survive_another_process() -> None:
    settings = PredictSettings("small", 3.0, 1.0, True, "auto", "da", 2, "cuda", True)
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert hash(settings) == hash(dataclasses.replace(settings))
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.jobs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("given", "over"),
    [
        ({}, "recording"),
        ({"window_s": 3.0}, "windows"),
        ({"curve": True}, "curve"),
        ({"curve": True, "window_s": 3.0}, "curve"),
    ],
)
def test_rows_are_over(given: dict[str, Any], over: str) -> None:
    assert PredictSettings(**given).over == over


def test_a_hop_is_from_one_window_to_the_next() -> None:
    with pytest.raises(EmotoneError, match="give --window or --curve, too"):
        PredictSettings(hop_s=1.0)


def test_several_processes_have_one_thread_each() -> None:
    assert [PredictSettings(jobs=jobs).threads for jobs in (1, 2, 8)] == [0, 1, 1]


def test_transcripts_from_a_file() -> None:
    files = [PredictSettings(transcript=given).transcript_file for given in (None, "none", "auto", "said.csv", "")]
    assert files == [None, None, None, "said.csv", ""]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"window_s": 0.0}, "window must be from 0.1 to 600 seconds, not 0"),
        ({"window_s": math.nan}, "window must be"),
        ({"window_s": 2.0, "hop_s": 3.0}, r"hop must be from 0.05 seconds to the window \(2\), not 3"),
        ({"language": "da"}, "needs --transcript auto"),
        ({"language": "da", "transcript": "said.csv"}, "needs --transcript auto"),
    ],
)
def test_settings_that_make_no_sense(given: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError, match=words):
        PredictSettings(**given)


def test_what_a_bundle_cannot_do(tiny_bundle: Path) -> None:
    predictor = Predictor.load(str(tiny_bundle), threads=1)
    for fine in (PredictSettings(), PredictSettings(transcript="none"), PredictSettings(window_s=3.0)):
        fine.check(predictor)
    for transcript in ("auto", "said.csv"):
        with pytest.raises(EmotoneError, match="bundle tiny takes no transcripts"):
            PredictSettings(transcript=transcript).check(predictor)
    with pytest.raises(EmotoneError, match=r"bundle tiny has no curves; take one that has \(emotone pull emotion-"):
        PredictSettings(curve=True).check(predictor)
