"""Result tables: five formats that agree, and runs that go on wherever they were killed."""

from __future__ import annotations

import csv
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl.utils.escape import unescape

from emotone.base.result_table import Done, ResultFile
from emotone.base.table_format import TABLES, plain_text
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


def is_bad(rows: list[dict[str, Any]]) -> bool:
    return any(row.get("error") for row in rows)


def write(path: Path, table: Table, settings: dict[str, Any] = SETTINGS) -> None:
    with ResultFile(path, COLUMNS, settings) as results:
        for file in results.remaining(list(table)):
            results.add(file, table[file])
        results.finish(table, is_bad)


@settings(max_examples=40)
@given(tables)
def test_all_formats_hold_the_same_table(table: Table) -> None:
    expected = [row for rows in table.values() for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"x{suffix}" for suffix in TABLES]
        for path in paths:
            write(path, table)
        with open(paths[0], newline="", encoding="utf-8") as file:
            read = [[plain_text(cell) for cell in row] for row in csv.reader(file)]
        assert read[0] == COLUMNS
        assert read[1:] == [["" if row[name] is None else str(row[name]) for name in COLUMNS] for row in expected]
        assert json.loads(paths[1].read_text()) == expected
        assert [json.loads(line) for line in paths[2].read_text().splitlines()] == expected
        frame = pd.read_parquet(paths[3])
        assert list(frame.columns) == COLUMNS
        assert frame.astype(object).where(frame.notna(), None).to_dict("records") == expected
        head, *cells = openpyxl.load_workbook(paths[4]).active.values
        assert list(head) == COLUMNS
        assert [[unescape(cell or "") if isinstance(cell, str | None) else cell for cell in row] for row in cells] == [
            ["" if row[name] is None else row[name] for name in COLUMNS] for row in expected
        ]
        assert sorted(os.listdir(folder)) == [f"x{suffix}" for suffix in sorted(TABLES)]


@settings(max_examples=60)
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
            num_done = max(0, content[:cut].count(b"\n") - 1)  # but for the header
            assert results.remaining(list(table)) == list(table)[num_done:]
        write(killed, table)
        assert killed.read_bytes() == whole.read_bytes()
        assert not partial.exists()


def test_rows_come_in_the_order_of_the_inputs(tmp_path: Path) -> None:
    with ResultFile(tmp_path / "x.csv", ["file"], {}) as results:
        for file in ("c", "a", "b", "gone"):
            results.add(file, [{"file": file}])
        assert results.finish(["a", "b", "c"], is_bad) == 0
    assert (tmp_path / "x.csv").read_text().split() == ["file", "a", "b", "c"]


def test_other_settings_start_again(tmp_path: Path) -> None:
    with ResultFile(tmp_path / "x.csv", COLUMNS, SETTINGS) as results:
        results.add("a.wav", [{"file": "a.wav"}])
    with ResultFile(tmp_path / "x.csv", COLUMNS, SETTINGS) as results:
        assert results.remaining(["a.wav"]) == []
    for other in ({**SETTINGS, "window_s": 3.0}, {**SETTINGS, "bundle": "abd"}):
        with ResultFile(tmp_path / "x.csv", COLUMNS, other) as results:
            assert results.remaining(["a.wav"]) == ["a.wav"] and results.differs
            results.add("a.wav", [{"file": "a.wav"}])
    with ResultFile(tmp_path / "x.csv", COLUMNS[:-2] + COLUMNS[-1:], SETTINGS) as results:
        assert results.differs == ["columns", "bundle"]
    with ResultFile(tmp_path / "x.csv", COLUMNS, SETTINGS) as results:
        assert results.differs == []  # nothing was done that is dropped


def test_damaged_lines_are_done_again(tmp_path: Path) -> None:
    with ResultFile(tmp_path / "x.csv", ["file"], {}) as results:
        for file in ("a", "b"):
            results.add(file, [{"file": file}])
    with open(results.partial, "ab") as file:
        file.write(bytes(50) + b"\n")
    write_again = ResultFile(tmp_path / "x.csv", ["file"], {})
    with write_again as results:
        assert results.remaining(list("abc")) == ["c"]
        results.add("c", [{"file": "c"}])
        results.finish("abc", is_bad)
    assert (tmp_path / "x.csv").read_text().split() == ["file", "a", "b", "c"]


def test_a_given_form_gets_what_was_done(tmp_path: Path) -> None:
    class Form:
        def check(self, path: Path, overwrite: bool) -> None:
            assert path == tmp_path / "out" and overwrite

        def write(self, path: Path, columns: Any, texts: Any, done: Any) -> None:
            path.write_text(repr(list(done)))

    for _ in range(2):  # what is read back after a kill has its length, too
        with ResultFile(tmp_path / "out", ["file"], {}, overwrite=True, form=Form()) as results:
            if results.remaining(["a"]):
                results.add("a", [{"file": "a"}], 2.5)
    with ResultFile(tmp_path / "out", ["file"], {}, overwrite=True, form=Form()) as results:
        results.add("b", [])
        assert results.finish(["a", "b"], is_bad) == 0
    assert (tmp_path / "out").read_text() == repr([Done("a", [{"file": "a"}], 2.5), Done("b", [])])


def test_an_old_table_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("old")
    with ResultFile(path, ["file"], {}, overwrite=True) as results:
        results.add("a", [{"file": "a"}])
        assert path.read_text() == "old"
        with pytest.raises(KeyError):
            results.finish(["a", "never added"], is_bad)
        assert path.read_text() == "old" and results.partial.exists()


@pytest.mark.parametrize("suffix", TABLES)
def test_names_that_are_not_utf8(tmp_path: Path, suffix: str) -> None:
    file = os.fsdecode(b"\xff\xfe.wav")
    write(tmp_path / f"x{suffix}", {file: [{**dict.fromkeys(COLUMNS), "file": file, "error": f"{file}: is odd"}]})
    if suffix == ".csv":
        assert (tmp_path / "x.csv").read_bytes().startswith(b"file,start_s,end_s,arousal,anger,error\n\xff\xfe.wav,")
    elif suffix in (".json", ".jsonl"):
        assert json.loads((tmp_path / f"x{suffix}").read_text().strip("[]\n"))["file"] == file
    elif suffix == ".xlsx":
        assert openpyxl.load_workbook(tmp_path / "x.xlsx").active["A2"].value == r"\udcff\udcfe.wav"
    else:
        assert pd.read_parquet(tmp_path / "x.parquet")["file"].tolist() == [r"\udcff\udcfe.wav"]


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


# ---- what has changed, what others write or wrote ---------------------------------------------------------------


def test_a_file_that_has_changed_is_done_again(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("same.wav", "longer.wav", "later.wav", "gone.wav", "new.wav")]
    for file in files[:-1]:
        Path(file).write_text("old")
    with ResultFile(tmp_path / "x.csv", ["file"], {}) as results:
        assert results.remaining(files) == files
        for file in files[:-1]:
            results.add(file, [{"file": "old"}])
    Path(files[1]).write_text("longer")
    os.utime(files[2], ns=(1, 1))
    os.unlink(files[3])
    with ResultFile(tmp_path / "x.csv", ["file"], {}) as results:
        assert results.remaining(files) == files[1:] and results.unchecked == []
        for file in files[1:]:
            results.add(file, [{"file": "new", "error": "bad"}])
        assert results.finish(files, is_bad) == 4
    assert (tmp_path / "x.csv").read_text().split() == ["file", "old", *["new"] * 4]


def test_a_file_that_changes_while_it_is_done_is_done_again(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    file.write_text("old")
    with ResultFile(tmp_path / "x.csv", ["file"], {}) as results:
        assert results.remaining([str(file)]) == [str(file)]
        file.write_text("longer")  # after its state was kept
        results.add(str(file), [])
    with ResultFile(tmp_path / "x.csv", ["file"], {}) as results:
        assert results.remaining([str(file)]) == [str(file)]


def test_lines_of_an_earlier_version_are_kept_and_named(tmp_path: Path) -> None:
    header, line = {"columns": ["file"]}, {"file": "a.wav", "rows": [{"file": "a.wav"}]}
    (tmp_path / "x.csv.partial").write_text(f"{json.dumps(header)}\n{json.dumps(line)}\n")
    with ResultFile(tmp_path / "x.csv", ["file"], {}) as results:
        assert results.remaining(["a.wav", "b.wav"]) == ["b.wav"] and results.unchecked == ["a.wav"]
        results.add("b.wav", [{"file": "b.wav"}])
        results.finish(["a.wav", "b.wav"], is_bad)
    assert (tmp_path / "x.csv").read_text().split() == ["file", "a.wav", "b.wav"]


def test_the_second_of_two_runs_is_refused(tmp_path: Path) -> None:
    with ResultFile(tmp_path / "x.csv", COLUMNS, {}) as first:
        first.add("a", [{"file": "a"}])
        with pytest.raises(EmotoneError, match="x.csv: another run is writing it"):
            ResultFile(tmp_path / "x.csv", ["file"], {}).__enter__()
        first.finish(["a"], is_bad)
    write(tmp_path / "x.csv", {"b": [{**dict.fromkeys(COLUMNS), "file": "b", "error": ""}]})
    assert (tmp_path / "x.csv").read_text().endswith("\nb,,,,,\n") and len(os.listdir(tmp_path)) == 1


def test_on_windows_a_run_goes_on_and_leaves_nothing(tmp_path: Path, windows: None) -> None:
    table = {file: [{"file": file, "arousal": 1.5, "error": ""}] for file in ("a", "b")}
    with ResultFile(tmp_path / "x.csv", COLUMNS, SETTINGS) as results:
        results.add("a", table["a"])
        with (
            pytest.raises(EmotoneError, match="another run is writing it"),
            ResultFile(results.path, COLUMNS, SETTINGS),
        ):
            pass
    with ResultFile(tmp_path / "x.csv", COLUMNS, SETTINGS) as results:
        assert results.remaining(["a", "b"]) == ["b"]
        results.add("b", table["b"])
        results.finish(table, is_bad)
    assert os.listdir(tmp_path) == ["x.csv"]
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 3


def test_a_full_disk_is_one_line_that_names_the_table(tmp_path: Path, full_disk: Callable[[int], Any]) -> None:
    rows = [{**dict.fromkeys(COLUMNS), "file": "a" * 500, "error": ""}]
    message = "x.csv: cannot be written (File too large)"
    with full_disk(300), pytest.raises(EmotoneError) as caught, ResultFile(tmp_path / "x.csv", COLUMNS, {}) as results:
        results.add("a", rows)
    assert str(caught.value).endswith(message)
    with pytest.raises(EmotoneError) as caught, ResultFile(tmp_path / "x.csv", COLUMNS, {}) as results:
        assert results.remaining(["a"]) == ["a"]  # half a line is none
        results.add("a", rows)
        with full_disk(300):
            results.finish(["a"], is_bad)
    assert str(caught.value).endswith(message) and os.listdir(tmp_path) == ["x.csv.partial"]
    write(tmp_path / "x.csv", {"a": rows}, {})
    assert os.listdir(tmp_path) == ["x.csv"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", b"file,label\na.wav,anger\n"),
        ("x.json", b"{}"),
        ("x.json", b"[1]"),
        ("x.jsonl", b'{"text": "a"}\n'),
        ("x.parquet", b"PAR1"),
        ("x.xlsx", b"PK"),
        ("x.csv", b"\xff"),
    ],
)
def test_what_emotone_did_not_write_stays(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(EmotoneError, match=f"{name}: is there already .*; --overwrite replaces it"):
        ResultFile(path, COLUMNS, SETTINGS)
    assert path.read_bytes() == content
    with ResultFile(path, COLUMNS, SETTINGS, overwrite=True) as results:
        results.finish([], is_bad)
    assert path.read_bytes() != content


@pytest.mark.parametrize("suffix", TABLES)
def test_emotone_s_own_tables_are_replaced(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    tables: list[Table] = [{}, {"a": [{**dict.fromkeys(COLUMNS), "file": "a", "error": ""}]}]
    for table in (*tables, *tables):
        write(path, table)
    path.write_bytes(b"")  # as `mktemp` makes one
    write(path, {})


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "\ta", "\ra", "'=1", "''-", "'tis", "a=1", ""])
def test_no_text_is_a_formula_and_all_read_back(tmp_path: Path, text: str) -> None:
    cells = dict.fromkeys(COLUMNS) | {"file": text, "start_s": -0.5, "arousal": -1e-7, "error": text}
    write(tmp_path / "x.csv", {"a": [cells]})
    with open(tmp_path / "x.csv", newline="", encoding="utf-8") as file:
        _, row = csv.reader(file)
    assert not row[0] or row[0][0] not in "=+-@\t\r"
    assert row[0] == ("'" + text if text.lstrip("'")[:1] in ("=", "+", "-", "@", "\t", "\r") else text)
    assert [plain_text(cell) for cell in row] == [text, "-0.5", "", "-1e-07", "", text]
    assert row[1] == "-0.5" and row[3] == "-1e-07"  # numbers stay numbers
