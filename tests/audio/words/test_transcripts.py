"""Transcripts as users have them: tables and texts, their mistakes, which is whose, the words of a window."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from emotone.audio.read import RATE_HZ, AudioError, Samples
from emotone.audio.words.transcripts import (
    Said,
    check_said,
    hear,
    match_files,
    read_text,
    read_transcripts,
    words_between,
)
from emotone.audio.words.whisper import Transcriber, Transcript, write_transcripts
from emotone.errors import EmotoneError

WORDS = [("So", 0.0, 0.4), ("good,", 0.5, 0.8)]
RECORDINGS = pd.DataFrame({"file": ["a.wav", "b.wav"], "text": ["So good, they said", "äh"], "language": ["en", "de"]})
TIMES = pd.DataFrame({"file": ["a.wav"] * 2, "text": ["So", "good,"], "start_s": [0.0, 0.5], "end_s": [0.4, 0.8]})


class Heard(Transcriber):
    """Hears in every piece one word, from its first second on."""

    identity = "heard"

    def __call__(self, samples: Samples, file: str = "array") -> Transcript:
        word = f"{samples[0]:.1f}"
        return Transcript(file, len(samples) / RATE_HZ, "en", word, [(word, 0.5, 1.0)])


def save(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".json":
        table.to_json(path, orient="records")
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, sep="\t" if path.suffix == ".tsv" else ",")  # with pandas's column of numbers
    return path


# ---- tables -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".parquet"])
def test_tables_of_all_formats(tmp_path: Path, suffix: str) -> None:
    path = save(RECORDINGS, tmp_path / f"x{suffix}")
    assert read_transcripts(path) == {"a.wav": "So good, they said", "b.wav": "äh"}
    assert read_transcripts(save(RECORDINGS.rename(columns={"text": "transcript"}), path))["b.wav"] == "äh"
    assert read_transcripts(save(TIMES, path)) == {"a.wav": WORDS}


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_what_transcribe_writes_is_read(tmp_path: Path, suffix: str) -> None:
    good, bad = str(tmp_path / "good, or not.wav"), str(tmp_path / "no.wav")
    soundfile.write(good, np.full(32_000, 0.5), 16_000)
    assert write_transcripts([good, bad], Heard(), tmp_path / f"words{suffix}", "words", quiet=True) == 1
    assert read_transcripts(tmp_path / f"words{suffix}") == {good: [("0.5", 0.5, 1.0)], bad: []}
    write_transcripts([good, bad], Heard(), tmp_path / f"whole{suffix}", "recording", quiet=True)
    assert read_transcripts(tmp_path / f"whole{suffix}") == {good: "0.5", bad: ""}


def test_separators_marks_and_odd_names(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b'\xef\xbb\xbffile; text\r\n"new\r\nline.wav";"so; ""good"""\r\n\r\n\xff.wav;\xc3\xa4h\r\n')
    assert read_transcripts(path) == {"new\r\nline.wav": 'so; "good"', os.fsdecode(b"\xff.wav"): "äh"}


MISTAKES = {
    "": "has no column file (it has: none)",
    "files,text\na.wav,so": "has no column file; did you mean 'files'? (it has: files, text)",
    "file,transcripts\na.wav,so": "has no column transcript or text; did you mean 'transcripts'?",
    "file,text,start_s\na.wav,so,0": "has the column start_s; times of words need both start_s and end_s",
    "file,text\na.wav,so, good": "1 of 1 rows do not have 2 cells, as the header has, e.g. row 1",
    'file,text\na.wav,"so': "cannot be read as a table (unexpected end of data)",
    "file,text\n,so\nb.wav,good": "1 of 2 rows have no file, e.g. row 1",
    "file,text\na.wav,\udcff": "1 of 1 rows have a text that is no text, e.g. row 1",
    "file,text,start_s,end_s\na.wav,so,0,x": "1 of 1 rows have no number as end_s, e.g. row 1",
    "file,text,start_s,end_s\na.wav,so,nan,1": "1 of 1 rows have no number as start_s",
    "file,text\na.wav,so\na.wav,good\nb.wav,day": "1 of 2 files have several rows that are not single words with",
    "file,text,start_s,end_s\na.wav,so good,0,1\na.wav,day,1,2": "e.g. 'a.wav'",
    "file,text,start_s,end_s\na.wav,so,0,1\na.wav,day,,": "several rows that are not single words",
}


@pytest.mark.parametrize(("content", "words"), MISTAKES.items())
def test_mistakes_in_tables_are_counted_in_one_line(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(EmotoneError) as caught:
        read_transcripts(path)
    assert str(caught.value).startswith(f"{path}: ") and words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.json", b"{}", "not a list of objects, one per row"),
        ("x.json", b"[[1]]", "not a list of objects"),
        ("x.json", b"[" * 100_000, "cannot be read as a table"),
        ("x.json", b"\xff", "cannot be read as a table"),
        ("x.json", json.dumps([{"file": "a.wav", "text": 5}]).encode(), "1 of 1 rows have a text that is no text"),
        ("x.json", b'[{"file": "a.wav", "text": "\\ud800"}]', "1 of 1 rows have a text that is no text"),
        ("x.json", b'[{"file": "a.wav"}, {"text": "so"}]', "1 of 2 rows have no file, e.g. row 2"),
        ("x.parquet", b"PAR1", "cannot be read as a table"),
        ("x.xlsx", b"", "unknown transcript format '.xlsx'"),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EmotoneError, match=words.replace("(", r"\(")):
        read_transcripts(tmp_path / name)


def test_rows_without_text_are_recordings_without_words(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("file,text\na.wav,\nb.wav,so\n")
    assert read_transcripts(tmp_path / "x.csv") == {"a.wav": "", "b.wav": "so"}
    (tmp_path / "x.json").write_text('[{"file": "a.wav", "text": null}, {"file": "b.wav"}]')
    assert read_transcripts(tmp_path / "x.json") == {"a.wav": "", "b.wav": ""}


# ---- texts ------------------------------------------------------------------------------------------------------


def test_a_text(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes("\ufeff So gööd\n".encode())
    assert read_text(tmp_path / "x.txt") == "So gööd"


def test_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("gööd".encode("latin-1"))
    (tmp_path / "large.txt").write_bytes(bytes(1_000_001))
    os.mkfifo(tmp_path / "pipe.txt")
    for name, reason in {
        "latin": "is no text in UTF-8", "large": "is larger than a transcript may be (1 MB)",
        "pipe": "is not a regular file", "none": "does not exist",
    }.items():  # fmt: skip
        with pytest.raises(AudioError) as caught:
            read_text(tmp_path / f"{name}.txt")
        assert caught.value.reason == reason


# ---- which is whose ---------------------------------------------------------------------------------------------


def test_files_match_by_path_then_absolute_path_then_base_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["x/a.wav", str(tmp_path / "b.wav"), "old/c.wav", "d.wav", "1/e.wav", "2/e.wav"]
    files = ["x/a.wav", "b.wav", "new/c.wav", "1/d.wav", "2/d.wav", "e.wav", "f.wav"]
    assert match_files(names, files) == {"x/a.wav": "x/a.wav", "b.wav": names[1], "new/c.wav": "old/c.wav"}
    assert match_files(["./x/a.wav"], files) == {"x/a.wav": "./x/a.wav"}


# ---- words ------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=30), st.floats(0.1, 5))
def test_every_word_is_in_one_of_adjoining_windows(gaps: list[tuple[float, float]], window_s: float) -> None:
    words, time_s = [], 0.0
    for number, (gap_s, length_s) in enumerate(gaps):
        words.append((str(number), time_s + gap_s, time_s + gap_s + length_s))
        time_s = words[-1][2]
    found = []
    num_windows = int(time_s / window_s)
    for number in range(num_windows + 1):
        end_s = time_s if number == num_windows else (number + 1) * window_s
        inside = words_between(words, number * window_s, end_s, is_last=number == num_windows)
        check_said(inside, window_s)
        found += [word for word, _, _ in inside]
    assert found == [word for word, _, _ in words]


def test_long_recordings_are_heard_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotone.audio.words.transcripts.PIECE_S", 2.0)
    samples = np.repeat([0.1, 0.2, 0.3], 32_000)[:80_000]
    soundfile.write(tmp_path / "x.wav", samples, 16_000, subtype="FLOAT")
    assert hear(str(tmp_path / "x.wav"), Heard()) == [("0.1", 0.5, 1.0), ("0.2", 2.5, 3.0), ("0.3", 4.5, 5.0)]
    with pytest.raises(AudioError, match="does not exist"):
        hear("none.wav", Heard())


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (5, "a transcript is text or a list of"),
        (["so"], "a transcript is text or a list of"),
        ([("so", 0.0)], "a transcript is text or a list of"),
        ([("so", "0", "1")], "a transcript is text or a list of"),
        ("\ud800", "has lone surrogates"),
        ([("so", 0.5, 0.1)], "its transcript: word 1, 'so' at 0.50-0.10 s, ends before it starts"),
        ([("so", 0.0, 0.9), ("good", 0.2, 1.0)], "word 2, 'good' at 0.20-1.00 s, overlaps the word before it"),
        ([("so", 2.0, 2.5)], r"lies outside the audio \(0.00-2.00 s\)"),
        ([("so", float("nan"), 1.0)], "ends before it starts"),
    ],
)
def test_what_is_no_transcript(said: Said, words: str) -> None:
    with pytest.raises(EmotoneError, match=words):
        check_said(said, 2.0)
