"""Nothing to hear is no emotion: sounds are marked, speech is not, and a recording is judged by its speech."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
from voices import spoken

from emotone.audio.change.effects import add_noise
from emotone.audio.read import RATE_HZ, load_audio
from emotone.cli.main import main
from emotone.predict.predictor import Predictor

SECOND = np.arange(RATE_HZ) / RATE_HZ
NOISE = np.random.default_rng(0).normal(0, 0.1, 20 * RATE_HZ).astype(np.float32)


@pytest.fixture(scope="module", params=["default", "small"])
def predictor(request: pytest.FixtureRequest) -> Predictor:
    return Predictor.load(request.param, threads=1)


@pytest.fixture(scope="module")
def barks(shared: Path) -> list[Path]:
    """Sounds of ESC-10 without a voice: a bark, a helicopter, rain, a clock."""
    folders = ["001_dog_bark", "007_helicopter", "002_rain", "005_clock_tick"]
    return [min((shared / "data" / "esc10" / folder).iterdir()) for folder in folders]


def test_sounds_keep_their_scores_and_are_marked(predictor: Predictor, barks: list[Path]) -> None:
    tones = [np.sin(2 * np.pi * hz * SECOND).astype(np.float32) for hz in (100, 440, 3000)]
    for samples in [*map(load_audio, map(str, barks)), NOISE[: 3 * RATE_HZ], *tones]:
        prediction = predictor.predict(samples, RATE_HZ)
        assert prediction.note == "no speech found" and prediction.scores
        assert prediction.speech_share is not None and prediction.speech_share < 0.05


@pytest.mark.parametrize("name", ["default", "tiny"])
def test_speech_is_not_marked_whatever_lies_over_it(name: str, tiny_bundle: Path) -> None:
    predictor = Predictor.load(str(tiny_bundle) if name == "tiny" else name, threads=1)
    quiet = 0.01 if predictor.bundle.listens else 0.1  # the detector of other bundles depends on the level
    noisy = add_noise(spoken(4.0), NOISE[: 4 * RATE_HZ], 5)
    for samples in (spoken(0.5), spoken(11.0), spoken(4.0) * np.float32(quiet), noisy.astype(np.float32)):
        prediction = predictor.predict(samples, RATE_HZ)
        assert prediction.note == "" and prediction.speech_share is not None and prediction.speech_share > 0.3


@pytest.mark.parametrize("name", ["default", "tiny"])
def test_the_share_of_speech_counts_overlapping_windows_once(name: str, tiny_bundle: Path) -> None:
    predictor = Predictor.load(str(tiny_bundle) if name == "tiny" else name, threads=1)
    samples = np.concatenate([spoken(5.0), np.zeros(15 * RATE_HZ, np.float32)])
    alone = predictor.predict(samples[: 5 * RATE_HZ], RATE_HZ).speech_share
    share = predictor.predict(samples, RATE_HZ).speech_share
    assert alone is not None and share == pytest.approx(alone * 5 / 20, abs=0.02)


def test_a_recording_is_judged_by_its_speech(predictor: Predictor) -> None:
    """Noise around a sentence must not drown it."""
    speech = spoken(4.0)
    samples = np.concatenate([NOISE[: 8 * RATE_HZ], speech, NOISE[: 8 * RATE_HZ]])
    prediction = predictor.predict(samples, RATE_HZ, window_s=4.0, hop_s=4.0)
    assert prediction.windows is not None and prediction.note == ""
    assert prediction.window_notes == ["no speech found"] * 2 + [""] + ["no speech found"] * 2
    for name, score in prediction.scores.items():
        assert score == pytest.approx(prediction.windows.columns[name][2], abs=0.05)


def test_rows_and_stderr_say_it_once(barks: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "a.wav", spoken(2.0), RATE_HZ)
    files = [str(tmp_path / "a.wav"), *map(str, barks)]
    assert main(["predict", *files, "--model", "small", "--output", str(tmp_path / "x.csv")]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if "no speech" in line]
    assert notes == [f"note: 4 of 5 files, whose scores mean nothing, e.g. {files[1]}: no speech found"]
    rows = list(csv.DictReader((tmp_path / "x.csv").open()))
    assert [row["note"] for row in rows] == [""] + ["no speech found"] * 4
    assert float(rows[0]["speech_share"]) > 0.3 and all(row["emotion"] for row in rows)
