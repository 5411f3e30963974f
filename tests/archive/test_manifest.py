"""Manifests: the same rows from every format, and one line for what cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from emotone.archive.manifest import Item, Manifest
from emotone.errors import EmotoneError

ROWS = [Item("a.wav"), Item("b.wav", 1.5, 3.0, 2, "da")]


def write(folder: Path, suffix: str) -> Path:
    path = folder / f"m{suffix}"
    if suffix == ".parquet":
        columns = {"file": ["a.wav", "b.wav"], "start_s": [None, 1.5], "end_s": [None, 3.0], "mood": ["x", "y"]}
        pyarrow.parquet.write_table(pyarrow.table({**columns, "channel": [None, 2], "language": [None, "da"]}), path)
    elif suffix == ".jsonl":
        second = {"file": "b.wav", "start": 1.5, "end": 3, "channel": 2, "language": "da"}
        path.write_text('{"file": "a.wav"}\n\n' + json.dumps(second) + "\n")
    else:
        rows = [["file", "mood", "start", "end", "channel", "language"], ["a.wav", "x"]]
        rows.append(["b.wav", "y", "1.5", "3", "2", "da"])
        path.write_text("\n".join(("," if suffix == ".csv" else "\t").join(row) for row in rows) + "\n\n")
    return path


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_format_gives_the_same_rows(tmp_path: Path, suffix: str) -> None:
    manifest = Manifest(write(tmp_path, suffix))
    assert list(manifest) == ROWS and list(manifest) == ROWS and manifest.root == tmp_path


def test_a_table_of_a_spreadsheet_may_have_semicolons_and_empty_cells_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text('\ufefffile;start;end;;\n"a;b,c.wav";1.5;;;\nd.wav\n', encoding="utf-8")
    assert list(Manifest(tmp_path / "m.csv")) == [Item("a;b,c.wav", 1.5), Item("d.wav")]


def test_a_name_that_falls_into_two_cells_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("file\na.wav\ntalk, part 2.wav\n")
    with pytest.raises(EmotoneError, match="m.csv, row 2: has 2 cells, the header 1; a name with a comma needs quotes"):
        list(Manifest(tmp_path / "m.csv"))


def test_intervals_of_time_are_seconds(tmp_path: Path) -> None:
    times = pyarrow.array([1_500_000_000], pyarrow.duration("ns"))
    pyarrow.parquet.write_table(pyarrow.table({"file": ["a.wav"], "start": times}), tmp_path / "m.parquet")
    assert list(Manifest(tmp_path / "m.parquet")) == [Item("a.wav", 1.5)]


def test_a_folder_is_its_audio_and_says_what_else_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "calls" / "deep").mkdir(parents=True)
    for name in ("b.wav", "a.mp3", "deep/c.flac", "notes.txt", ".d.wav", "e.spx"):
        (tmp_path / "calls" / name).touch()
    monkeypatch.chdir(tmp_path)
    manifest = Manifest(Path("calls"))
    assert [item.file for item in manifest] == ["calls/a.mp3", "calls/b.wav", "calls/deep/c.flac"]
    assert manifest.root == tmp_path and "e.spx" in manifest.notes[0]


def test_keys_tell_rows_apart_and_know_names_that_are_no_text() -> None:
    items = [*ROWS, Item("a.wav", 1.0), Item("a.wav", 1.0, 2.0), Item("a.wav", channel=1), Item("a.wav", language="da")]
    assert len({item.key for item in [*items, Item("\udce4.wav")]}) == 7
    assert Item("a.wav", 0.1 + 0.2).key != Item("a.wav", 0.3).key


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("m.csv", "", "m.csv: is empty"),
        ("m.csv", "path,start\na,1\n", "m.csv: has no column 'file' (columns: path, start)"),
        ("m.csv", "File\na\n", "m.csv: has no column 'file'; is it 'File'? (columns: File)"),
        ("m.csv", "file,start\na.wav,x\n", "m.csv, row 1: start must be a number of seconds, not 'x'"),
        ("m.csv", "file,start\na.wav,1\n,2\n", "m.csv, row 2: names no file"),
        ("m.csv", "file,channel\na.wav,1.5\n", "m.csv, row 1: channel must be a whole number from 1, not '1.5'"),
        ("m.csv", "file,end\na.wav,inf\n", "m.csv, row 1: end must be a number of seconds, not 'inf'"),
        ("m.jsonl", '{"file": "a.wav"}\n[1]\n', "m.jsonl, line 2: is no JSON object"),
        ("m.parquet", "no", "m.parquet: is no Parquet file"),
        ("m.docx", "", "unknown format of a manifest '.docx'"),
    ],
)
def test_what_is_no_manifest_is_one_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(EmotoneError) as caught:
        list(Manifest(tmp_path / name))
    assert said in str(caught.value)
    with pytest.raises(EmotoneError, match="does not exist"):
        Manifest(tmp_path / "gone.csv")
