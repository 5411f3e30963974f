"""A database's header and tables as plain data, written by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from emotone.corpora.audformat_database import Database, two_letters
from emotone.errors import EmotoneError

HEADER = """
name: example
splits: {dev: {type: dev}}
schemes:
  emotion: {dtype: str, labels: {joy: {colour: yellow}, rage: {}}}
  arousal: {dtype: float, minimum: 1, maximum: 7}
  person: {dtype: str, labels: people}
tables:
  files: {type: filewise, columns: {text: {}}}
  parts: {type: segmented, split_id: dev, columns: {emotion: {scheme_id: emotion}, level: {scheme_id: arousal}}}
misc_tables:
  people: {columns: {age: {scheme_id: arousal}}}
"""
TABLES = {
    "files": "file,text\na.wav,007\nb.wav,\n",
    "parts": "file,start,end,emotion,level\na.wav,0 days,0 days 00:00:01.5,joy,2\na.wav,0 days 00:00:01.5,,rage,\n",
    "people": "person,age\ns1,3\ns2,4.5\n",
}


@pytest.fixture
def database(tmp_path: Path) -> Database:
    (tmp_path / "db.yaml").write_text(HEADER)
    for name, text in TABLES.items():
        (tmp_path / f"db.{name}.csv").write_text(text)
    return Database.open(tmp_path)


def test_filewise_rows_are_whole_files(database: Database) -> None:
    table = database.table("files")
    assert table.rows.index.tolist() == [("a.wav", 0.0, math.inf), ("b.wav", 0.0, math.inf)]
    assert table.rows["text"].iloc[0] == "007" and pd.isna(table.rows["text"].iloc[1])
    assert (table.segmented, table.split) == (False, None)


def test_segments_have_times_in_seconds_and_values_of_their_schemes(database: Database) -> None:
    table = database.table("parts")
    assert table.rows.index.tolist() == [("a.wav", 0.0, 1.5), ("a.wav", 1.5, math.inf)]
    assert table.rows["emotion"].tolist() == ["joy", "rage"]
    assert table.rows["level"].iloc[0] == 2.0 and math.isnan(table.rows["level"].iloc[1])
    assert table.segmented and table.split == ("dev", "dev")


def test_labels_stand_in_the_header_or_in_a_misc_table(database: Database) -> None:
    assert database.labels("emotion") == {"joy": {"colour": "yellow"}, "rage": {}}
    assert database.labels("person") == {"s1": {"age": 3.0}, "s2": {"age": 4.5}}
    assert database.labels("arousal") is None and database.labels(None) is None
    assert database.misc_table("people")["person"].tolist() == ["s1", "s2"]


def test_unknown_tables_and_labels_are_named(database: Database) -> None:
    with pytest.raises(EmotoneError, match="unknown table 'file'; did you mean 'files'"):
        database.table("file")
    path = database.folder / "db.parts.csv"
    path.write_text(path.read_text().replace("rage", "fury"))
    with pytest.raises(EmotoneError, match=r"1 of 2 rows have a emotion that scheme emotion does not list.* \(fury\)"):
        database.table("parts")


@pytest.mark.parametrize(("code", "expected"), [("deu", "de"), ("de", "de"), ("tgl", "tl"), ("xxx", "xxx"), ("", "")])
def test_languages_have_two_letters_where_they_can(code: str, expected: str) -> None:
    pytest.importorskip("iso639")
    assert two_letters(code) == expected


def test_cells_are_read_as_those_of_other_tables(database: Database) -> None:
    path = database.folder / "db.parts.csv"
    path.write_text("file,start,end,emotion,level\na.wav ,0 days,1s, joy ,2\nNA,1s,,rage,\n")
    table = database.table("parts")
    assert table.rows.index.tolist() == [("a.wav", 0.0, 1.0), ("NA", 1.0, math.inf)]
    assert table.rows["emotion"].tolist() == ["joy", "rage"]
    whole = pd.DataFrame({"file": ["a.wav", "b.wav"], "text": pd.array([2**53 + 1, None], dtype="Int64")})
    whole.to_parquet(database.folder / "db.files.parquet")
    assert database.table("files").rows["text"].tolist() == [str(2**53 + 1), None]


@pytest.mark.parametrize("text", ["[" * 5_000, "tables: {since: 2001-13-01}", "tables: {a: " + "9" * 5_000 + "}", "\t"])
def test_headers_that_yaml_stumbles_over_are_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "db.yaml").write_text(text)
    with pytest.raises(EmotoneError, match=r"db.yaml: is no (YAML of plain values|audformat header)"):
        Database.open(tmp_path)


def test_a_segment_without_a_start_begins_with_its_file(database: Database) -> None:
    (database.folder / "db.parts.csv").write_text("file,start,end,emotion,level\na.wav,,0 days 00:00:01.5,joy,2\n")
    assert database.table("parts").rows.index.tolist() == [("a.wav", 0.0, 1.5)]
