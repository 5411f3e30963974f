"""Label files: formats, encodings, rows and numbers; every mistake counted and named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emotone.corpora.tables import (
    is_decimal_comma,
    read_encoded_text,
    read_json,
    read_table,
    rows_by_stem,
    to_numbers,
    to_one_type,
    to_ratings,
    to_words,
)
from emotone.errors import EmotoneError

PATH = Path("corpus/labels.csv")


def write_table(path: Path, table: pd.DataFrame) -> Path:
    if path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.suffix in (".json", ".jsonl"):
        table.to_json(path, orient="records", lines=path.suffix == ".jsonl")
    elif path.suffix == ".xlsx":
        table.to_excel(path, index=False)
    else:
        table.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    return path


def test_cells_of_text_tables_stay_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbffile;speaker;x\r\na.wav; 03;NA\r\n")
    table = read_table(tmp_path / "a.csv", ["speaker"])
    assert table["speaker"].tolist() == ["03"] and table["x"].tolist() == ["NA"]
    assert list(table) == ["file", "speaker", "x"]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl", ".parquet", ".xlsx"])
def test_only_empty_cells_are_missing_and_blanks_at_ends_are_not_read(tmp_path: Path, suffix: str) -> None:
    cells = ["NA", "None", "null", "nan", "N/A", " a b ", "\u00a0c", "   ", "", None]
    rows = pd.DataFrame({"file": [f"{k}.wav" for k in range(len(cells))], " x ": cells})
    path = write_table(tmp_path / f"labels{suffix}", rows)
    table = read_table(path, ["x"])
    assert table["x"].tolist() == ["NA", "None", "null", "nan", "N/A", "a b", "c", None, None, None]
    assert read_table(path, missing=["NA", "a b"])["x"].tolist()[:6] == [None, "None", "null", "nan", "N/A", None]


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".parquet", ".xlsx"])
def test_whole_numbers_stay_whole_beside_empty_cells(tmp_path: Path, suffix: str) -> None:
    largest = 2**53 + 1 if suffix != ".xlsx" else 10**14 + 1  # of Excel's 15 digits
    numbers = [7, largest, None, 12, largest + 1]
    rows = pd.DataFrame({"file": list("abcde"), "speaker": pd.array(numbers, dtype="Int64")}, dtype=object)
    rows["speaker"] = rows["speaker"].where(rows["speaker"].notna(), None)
    path = write_table(tmp_path / f"labels{suffix}", rows)
    words = to_words(read_table(path)["speaker"], "speaker", PATH)
    assert words.tolist() == [None if number is None else str(number) for number in numbers]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,x\na,1\nb\nc,1,2\n", "2 of 3 rows do not have 2 cells, as the header has, e.g. row 2 (1)"),
        ("a,b\n1,2,3\n", "1 of 1 rows do not have 2 cells, as the header has, e.g. row 1 (3)"),  # not an index
        ('a,b\n1,"x\n', "cannot be read as a table (line 2: unexpected end of data)"),
        ('a,b\n1,"x"y\n', "cannot be read as a table (line 2:"),
        ("a, a\n1,2\n", "has two columns of this name; rename it: a"),
    ],
)
def test_ragged_rows_and_wrong_marks_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(EmotoneError) as error:
        read_table(tmp_path / "a.csv")
    assert message in str(error.value)


def test_rows_and_nameless_columns_without_anything_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("file,x,,\na.wav,1,,\n,,,\n\nb.wav,2,,,,\n")
    table = read_table(tmp_path / "a.csv")
    assert table.to_dict("list") == {"file": ["a.wav", "b.wav"], "x": ["1", "2"]} and table.index.tolist() == [0, 2]
    (tmp_path / "a.csv").write_text(",file\n0,a.wav\n")  # as pandas writes its index
    assert list(read_table(tmp_path / "a.csv")) == ["column 1", "file"]


def test_an_index_with_a_name_is_a_column(tmp_path: Path) -> None:
    pd.DataFrame({"file": ["a.wav"], "x": [1]}).set_index("file").to_parquet(tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").to_dict("list") == {"file": ["a.wav"], "x": [1]}


def test_deep_and_strange_json_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for content, message in (
        ("[" * 200_000, "nested too deeply"),
        ('[{"a": ' + "9" * 5_000 + "}]", "cannot be read as a table"),
        ('[{"a": "\\ud800"}]', "1 of 1 rows have text that is not Unicode as a"),
        ('[{"\\ud800": 1}]', "has a column that is not Unicode"),
    ):
        path.write_text(content)
        with pytest.raises(EmotoneError, match=message):
            read_table(path)


def test_words_are_text_and_nothing_else() -> None:
    cells = pd.Series([7, 7.0, 2.5, True, "x", None, float("nan"), "Mu\u0308"], dtype=object)
    assert to_words(cells, "x", PATH).tolist() == ["7", "7", "2.5", "True", "x", None, None, "M\u00fc"]
    with pytest.raises(EmotoneError) as error:
        to_words(pd.Series(["a", ["b"], {"c": 1}], dtype=object), "speaker", PATH)
    assert (
        str(error.value)
        == "corpus/labels.csv: 2 of 3 rows have a list or an object as speaker, e.g. row 2 (a list of 1)"
    )


@pytest.mark.parametrize("cell", [True, [1], {"a": 1}, "1_0", "NA", "nan", "1,5", "", 10**400, "1.234,5"])
def test_what_is_no_number_is_refused(cell: object) -> None:
    with pytest.raises(EmotoneError, match="1 of 2 rows have no number as arousal, e.g. row 2"):
        to_numbers(pd.Series(["1", cell], dtype=object), "arousal", PATH)


def test_decimal_commas() -> None:
    cells = pd.Series(["2,5", "-0,125", ",5", "3", None])
    assert to_numbers(cells, "arousal", PATH, decimal=",").tolist()[:4] == [2.5, -0.125, 0.5, 3.0]
    with pytest.raises(EmotoneError, match=r"1 of 2 rows have no number as arousal, e.g. row 2 \(2.5\)"):
        to_numbers(pd.Series(["2,5", "2.5"]), "arousal", PATH, decimal=",")
    assert is_decimal_comma(cells)
    for others in (["1", "2"], ["2,5", "2.5"], ["2,5", "x"], ["a,b"], [2.5, "2,5"], ["1,2,3"], [None], []):
        assert not is_decimal_comma(pd.Series(others, dtype=object))
    assert not is_decimal_comma(pd.Series([np.nan, np.nan])) and not is_decimal_comma(pd.Series([1.5, 2]))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "2"], [1, 2]),
        (["1", None], [1.0, None]),
        (["1.5", "-2"], [1.5, -2.0]),
        ([1, None, 2.5], [1.0, None, 2.5]),
        (["01", "2"], ["01", "2"]),
        (["1e5"], ["1e5"]),
        ([str(2**53 + 1)], [str(2**53 + 1)]),
        ([2**53 + 1, None], [str(2**53 + 1), None]),
        ([1, "x"], ["1", "x"]),
        ([True, False, None], [True, False, None]),
        ([[1, 2], None], ["[1, 2]", None]),
        ([{"a": 1}], ["{'a': 1}"]),
        ([None, None], [None, None]),
        ([], []),
    ],
)
def test_columns_of_any_content_become_one_type(cells: list[object], expected: list[object]) -> None:
    found = to_one_type(pd.Series(cells, dtype=object))
    assert [None if pd.isna(cell) else cell for cell in found] == expected
    numbers = [cell for cell in expected if isinstance(cell, int | float) and not isinstance(cell, bool)]
    assert (found.dtype.kind in "if") == bool(numbers)


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
    path = write_table(tmp_path / f"a{suffix}", pd.DataFrame({"file": ["a.wav", "b.wav"], "speaker": ["03", None]}))
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
