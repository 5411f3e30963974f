"""Tables of transcripts: all formats, their mistakes, and which row is about which file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from emotone.audio.words.transcript_table import match_files, read_transcripts
from emotone.errors import EmotoneError

WORDS = [("So", 0.0, 0.4), ("good,", 0.5, 0.8)]
RECORDINGS = pd.DataFrame({"file": ["a.wav", "b.wav"], "text": ["So good, they said", "äh"], "language": ["en", "de"]})
TIMES = pd.DataFrame({"file": ["a.wav"] * 2, "text": ["So", "good,"], "start_s": [0.0, 0.5], "end_s": [0.4, 0.8]})


def save(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".json":
        table.to_json(path, orient="records")
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, sep="\t" if path.suffix == ".tsv" else ",")  # with pandas's column of numbers
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".parquet"])
def test_tables_of_all_formats(tmp_path: Path, suffix: str) -> None:
    path = save(RECORDINGS, tmp_path / f"x{suffix}")
    assert read_transcripts(path) == {"a.wav": "So good, they said", "b.wav": "äh"}
    assert read_transcripts(save(RECORDINGS.rename(columns={"text": "transcript"}), path))["b.wav"] == "äh"
    assert read_transcripts(save(TIMES, path)) == {"a.wav": WORDS}


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
    'file,text\na.wav,"so': "cannot be read as a table (line 2: unexpected end of data)",
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


# ---- which is whose ---------------------------------------------------------------------------------------------


def test_files_match_by_path_then_absolute_path_then_base_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["x/a.wav", str(tmp_path / "b.wav"), "old/c.wav", "d.wav", "1/e.wav", "2/e.wav"]
    files = ["x/a.wav", "b.wav", "new/c.wav", "1/d.wav", "2/d.wav", "e.wav", "f.wav"]
    assert match_files(names, files) == {"x/a.wav": "x/a.wav", "b.wav": names[1], "new/c.wav": "old/c.wav"}
    assert match_files(["./x/a.wav"], files) == {"x/a.wav": "./x/a.wav"}


def test_names_of_other_systems() -> None:
    files = ["x/Ma\u0308rz.wav", "y/Ma\u0308rz.wav", "Ju\u0308li.wav"]  # as macOS may have them
    names = ["x\\M\u00e4rz.wav", "./y/M\u00e4rz.wav", "C:\\calls\\J\u00fcli.wav"]
    assert match_files(names, files) == dict(zip(files, names, strict=True))
    assert match_files([names[0], files[0]], files[:1]) == {files[0]: files[0]}
