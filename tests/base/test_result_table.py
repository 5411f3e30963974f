"""Result tables: three formats that agree, and runs that go on wherever they were killed."""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotone.base.result_table import FORMATS, ResultFile, _write_parquet
from emotone.errors import EmotoneError

COLUMNS = ["file", "start_s", "end_s", "arousal", "anger", "error"]
SETTINGS = {"bundle": "abc", "window_s": None, "hop_s": None}
Table = dict[str, list[dict[str, Any]]]

names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
scores = st.none() | st.floats(-10, 10).map(lambda value: float(f"{value:.6g}"))
row = st.fixed_dictionaries(
    {
        "start_s": st.floats(0, 1e5),
        "end_s": st.floats(0, 1e5),
        "arousal": scores,
        "anger": scores,
        "error": st.sampled_from(["", "is silent", 'is "odd", truly']),
    },
)
tables = st.dictionaries(names, st.lists(row, min_size=1, max_size=3), min_size=1, max_size=6).map(
    lambda table: {file: [{"file": file, **row} for row in rows] for file, rows in table.items()}
)


def write(path: Path, table: Table, settings: dict[str, Any] = SETTINGS) -> None:
    with ResultFile(path, COLUMNS, settings) as results:
        for file, rows in table.items():
            if file not in results.finished:
                results.add(file, rows)
        results.finish(table)


@settings(deadline=None, max_examples=40)
@given(tables)
def test_all_formats_hold_the_same_table(table: Table) -> None:
    expected = [row for rows in table.values() for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"x{suffix}" for suffix in FORMATS]
        for path in paths:
            write(path, table)
        with open(paths[0], newline="", encoding="utf-8") as file:
            read = list(csv.reader(file))
        assert read[0] == COLUMNS
        assert read[1:] == [["" if row[name] is None else str(row[name]) for name in COLUMNS] for row in expected]
        assert json.loads(paths[1].read_text()) == expected
        frame = pd.read_parquet(paths[2])
        assert list(frame.columns) == COLUMNS
        assert frame.astype(object).where(frame.notna(), None).to_dict("records") == expected
        assert sorted(os.listdir(folder)) == ["x.csv", "x.json", "x.parquet"]


@settings(deadline=None, max_examples=60)
@given(tables, st.data())
def test_resuming_gives_the_same_wherever_the_run_was_killed(table: Table, data: st.DataObject) -> None:
    """A kill leaves the partial file cut off at any byte."""
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = Path(folder) / "whole.csv", Path(folder) / "killed.csv"
        write(whole, table)
        with ResultFile(killed, COLUMNS, SETTINGS) as results:
            for file, rows in table.items():
                results.add(file, rows)
        partial = results.partial
        content = partial.read_bytes()
        cut = data.draw(st.integers(0, len(content)))
        partial.write_bytes(content[:cut])
        with ResultFile(killed, COLUMNS, SETTINGS) as results:
            complete_lines = content[:cut].count(b"\n")
            assert len(results.finished) == max(0, complete_lines - 1)  # but for the header
            assert list(results.finished - set(table)) == []
        write(killed, table)
        assert killed.read_bytes() == whole.read_bytes()
        assert not partial.exists()


def test_rows_come_in_the_order_of_the_inputs(tmp_path: Path) -> None:
    with ResultFile(tmp_path / "x.csv", ["file"], {}) as results:
        for file in ("c", "a", "b", "gone"):
            results.add(file, [{"file": file}])
        results.finish(["a", "b", "c"])
    assert (tmp_path / "x.csv").read_text().split() == ["file", "a", "b", "c"]


def test_other_settings_start_again(tmp_path: Path) -> None:
    with ResultFile(tmp_path / "x.csv", COLUMNS, SETTINGS) as results:
        results.add("a.wav", [{"file": "a.wav"}])
    with ResultFile(tmp_path / "x.csv", COLUMNS, SETTINGS) as results:
        assert results.finished == {"a.wav"}
    for other in ({**SETTINGS, "window_s": 3.0}, {**SETTINGS, "bundle": "abd"}):
        with ResultFile(tmp_path / "x.csv", COLUMNS, other) as results:
            assert results.finished == set()
            results.add("a.wav", [{"file": "a.wav"}])


def test_damaged_lines_are_done_again(tmp_path: Path) -> None:
    with ResultFile(tmp_path / "x.csv", ["file"], {}) as results:
        for file in ("a", "b"):
            results.add(file, [{"file": file}])
    with open(results.partial, "ab") as file:
        file.write(bytes(50) + b"\n")
    write_again = ResultFile(tmp_path / "x.csv", ["file"], {})
    with write_again as results:
        assert results.finished == {"a", "b"}
        results.add("c", [{"file": "c"}])
        results.finish("abc")
    assert (tmp_path / "x.csv").read_text().split() == ["file", "a", "b", "c"]


def test_an_old_table_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("old")
    with ResultFile(path, ["file"], {}) as results:
        results.add("a", [{"file": "a"}])
        assert path.read_text() == "old"
        with pytest.raises(KeyError):
            results.finish(["a", "never added"])
        assert path.read_text() == "old" and results.partial.exists()


@pytest.mark.parametrize("suffix", FORMATS)
def test_names_that_are_not_utf8(tmp_path: Path, suffix: str) -> None:
    file = os.fsdecode(b"\xff\xfe.wav")
    write(tmp_path / f"x{suffix}", {file: [{**dict.fromkeys(COLUMNS), "file": file, "error": f"{file}: is odd"}]})
    if suffix == ".csv":
        assert (tmp_path / "x.csv").read_bytes().startswith(b"file,start_s,end_s,arousal,anger,error\n\xff\xfe.wav,")
    elif suffix == ".json":
        assert json.loads((tmp_path / "x.json").read_text())[0]["file"] == file
    else:
        assert pd.read_parquet(tmp_path / "x.parquet")["file"].tolist() == [r"\udcff\udcfe.wav"]


def test_large_parquet_tables_are_written_in_groups(tmp_path: Path) -> None:
    rows = [{**dict.fromkeys(COLUMNS), "file": f"{number}", "error": ""} for number in range(95)]
    _write_parquet(tmp_path / "x.parquet", COLUMNS, iter(rows), group_size=10)
    assert pd.read_parquet(tmp_path / "x.parquet")["file"].tolist() == [row["file"] for row in rows]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("x.cvs", "unknown output format '.cvs'; did you mean '.csv'?"),
        ("x", "unknown output format"),
        ("nowhere/x.csv", "the folder does not exist"),
        ("folder.csv", "is a folder"),
    ],
)
def test_bad_outputs_are_refused_before_any_work(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(EmotoneError) as caught:
        ResultFile(tmp_path / name, COLUMNS, SETTINGS)
    assert words in str(caught.value)


def test_parquet_extra_is_named_where_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(EmotoneError, match=r"emotone\[parquet\]"):
        ResultFile(tmp_path / "x.parquet", COLUMNS, SETTINGS)


def test_a_folder_in_the_place_of_the_partial_file(tmp_path: Path) -> None:
    (tmp_path / "x.csv.partial").mkdir()
    with pytest.raises(EmotoneError, match="cannot be written"), ResultFile(tmp_path / "x.csv", COLUMNS, SETTINGS):
        pass
