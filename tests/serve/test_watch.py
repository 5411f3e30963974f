"""What is decoded is counted: progress is told, and what is too long ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotone.audio.read import AudioError, load_audio
from emotone.serve.watch import Watch, seconds_by_header


@pytest.fixture
def minute(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "a.wav", np.zeros((8_000 * 100, 2)) + 0.1, 8_000)
    return tmp_path / "a.wav"


def test_progress(minute: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotone.serve.watch.REPORT_EVERY_S", 0.0)
    told: list[float] = []
    assert seconds_by_header(str(minute)) == 100.0 and seconds_by_header("nowhere") == 0.0
    with Watch(1_000, 10**9, 100.0, 2, told.append) as watch:
        load_audio(minute)
        load_audio(minute)
    assert told == pytest.approx([0.15, 0.3, 0.45, 0.5, 0.65, 0.8, 0.95, 0.99]) and watch.heard_s == pytest.approx(200)
    load_audio(minute)
    assert watch.heard_s == pytest.approx(200)  # it watches no longer


@pytest.mark.parametrize(
    ("seconds", "values", "words"), [(99.0, 10**9, "hours"), (1_000.0, 1_599_999, "1,599,999 samples")]
)
def test_limits(minute: Path, seconds: float, values: int, words: str) -> None:
    with Watch(seconds, values, 0.0, 1, lambda share: None), pytest.raises(AudioError, match=words):
        load_audio(minute)
    with Watch(100.0, 1_600_000, 0.0, 1, lambda share: None):
        load_audio(minute)
