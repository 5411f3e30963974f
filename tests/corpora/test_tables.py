"""Label files: formats, encodings, rows and numbers; every mistake counted and named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emotone.corpora.tables import read_encoded_text, read_json, read_table, rows_by_stem, to_numbers, to_ratings
from emotone.errors import EmotoneError

PATH = Path("corpus/labels.csv")


def test_cells_of_text_tables_stay_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbffile;speaker;x\r\na.wav; 03;NA\r\n")
    table = read_table(tmp_path / "a.csv", ["speaker"])
    assert table["speaker"].tolist() == ["03"] and table["x"].isna().all() and list(table) == ["file", "speaker", "x"]


@pytest.mark.parametrize(
    ("data", "encoding", "message"),
    [
        (b"a\nJ\xf6rg\nRen\xe9\n", "utf-8", "2 of 3 lines are not utf-8 text, the first is line 2; save it as UTF-8"),
        (b"J\xc3\xb6rg\nRen\xe9\n", "utf-8", "1 of 2 lines are not utf-8 text, the first is line 2 (1 others"),
        (b"a\x81\n", "cp1252", "1 of 1 lines are not cp1252 text, the first is line 1; save"),
        (b"a\n", "latin-9000", "encoding: 'latin-9000' is not the name of one"),
    ],
)
def test_text_of_another_encoding_names_its_first_line(
    tmp_path: Path, data: bytes, encoding: str, message: str
) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(EmotoneError) as error:
        read_encoded_text(tmp_path / "a.csv", encoding)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["1", "x", "y"], "2 of 3 rows have no number as arousal, e.g. row 2 (x)"),
        (["1", "-inf"], "1 of 2 rows have an infinite arousal, e.g. row 2 (-inf)"),
        (["0.5", "1", "9"], "2 of 3 rows have arousal outside [1, 7], e.g. row 1 (0.5)"),
    ],
)
def test_wrong_numbers_are_counted(cells: list[str], message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        to_numbers(pd.Series(cells), "arousal", PATH, (1, 7))
    assert str(error.value) == f"{PATH}: {message}"
    np.testing.assert_array_equal(to_numbers(pd.Series(["1", None, 7]), "arousal", PATH, (1, 7)), [1, np.nan, 7])


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["a.wav", None], "1 of 2 rows have no file, e.g. row 2"),
        (["a.wav", "b.wav", "a.wav", "a.wav"], "2 of 4 rows repeat a file, e.g. row 3 (a.wav)"),
    ],
)
def test_rows_are_found_by_the_stem_of_their_file(files: list[str | None], message: str) -> None:
    with pytest.raises(EmotoneError) as error:
        rows_by_stem(pd.DataFrame({"file": files}), "file", PATH)
    assert message in str(error.value)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".json", ".jsonl", ".xlsx"])
def test_a_table_of_every_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    table = pd.DataFrame({"file": ["a.wav", "b.wav"], "speaker": ["03", None]})
    if suffix == ".parquet":
        table.to_parquet(path)
    elif suffix in (".json", ".jsonl"):
        table.to_json(path, orient="records", lines=suffix == ".jsonl")
    elif suffix == ".xlsx":
        table.to_excel(path, index=False)
    else:
        table.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    found = read_table(path, ["file", "speaker"])
    assert found["file"].tolist() == ["a.wav", "b.wav"] and found["speaker"][0] == "03" and pd.isna(found["speaker"][1])
    with pytest.raises(EmotoneError, match="unknown column 'speakers'; did you mean 'speaker'"):
        read_table(path, ["speakers"])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", None, "a.csv is missing"),
        ("a.doc", b"x", "unknown table format '.doc'"),
        ("a.parquet", b"PAR1", "cannot be read as a table"),
        ("a.json", b'{"a": 1}', "not a list of objects, one per row"),
        ("a.csv", b"", "cannot be read as a table"),
    ],
)
def test_what_is_no_table_is_one_line(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(EmotoneError) as error:
        read_table(tmp_path / name)
    assert message in str(error.value) and name in str(error.value)


def test_label_files_are_json_objects(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    path.write_bytes(b"\xef\xbb\xbf" + '{"a.wav": {"emotion": "fröhlich"}}'.encode())
    assert read_json(path) == {"a.wav": {"emotion": "fröhlich"}}
    for content, message in (("[1]", r"must be a JSON object \{name: labels\}"), ("{", "not readable as JSON")):
        path.write_text(content)
        with pytest.raises(EmotoneError, match=message):
            read_json(path)


def test_ratings_are_numbers_within_their_limits_or_not_given() -> None:
    rows = pd.DataFrame({"stem": ["a", "b", "c", "d"], "EmoAct": ["4.2", "", "NaN", None]})
    np.testing.assert_array_equal(to_ratings(rows, "EmoAct", (1, 7), "x.csv"), [4.2, np.nan, np.nan, np.nan])
    for cells in (["4.2", "7.5", "0", "1"], ["7", "high", "0.5", None]):
        with pytest.raises(EmotoneError) as error:
            to_ratings(rows.assign(EmoAct=cells), "EmoAct", (1, 7), "x.csv")
        assert str(error.value) == f"2 of 4 rows have EmoAct outside [1, 7], e.g. {cells[1]!r} of b (x.csv)"
