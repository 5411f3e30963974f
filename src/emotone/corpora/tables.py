"""Label files of corpora: tables, JSON and text, their rows, and columns of numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import pandas as pd

from emotone.base.files import read_plain_text
from emotone.errors import EmotoneError, unknown

SEPARATORS = (",", ";", "\t")
TEXT_SUFFIXES = (".csv", ".tsv")
EXCEL_SUFFIXES = (".xlsx", ".xls", ".ods")
TABLE_SUFFIXES = (*TEXT_SUFFIXES, ".parquet", ".json", ".jsonl", *EXCEL_SUFFIXES)


def require_file(path: Path) -> Path:
    """The path, which must be a file; raises EmotoneError naming it.

    >>> require_file(Path("nowhere/annotations.csv"))
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: nowhere/annotations.csv is missing
    """
    if not path.is_file():
        raise EmotoneError(f"{path} is missing")
    return path


def read_table(path: Path, columns: Iterable[str] = (), encoding: str = "utf-8") -> pd.DataFrame:
    """A table from CSV, TSV, Parquet, JSON (records), JSON lines or Excel; cells of text formats stay text.

    So `03` stays `03`; empty cells and pandas' usual words for nothing (`NA`, `NaN`, ..) are null. A CSV may be
    separated by commas, semicolons or tabs, whichever its first line has most of. Raises EmotoneError when the file is
    missing or unreadable, or lacks one of the `columns`, and when text is not of the `encoding`, naming the first line.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels.csv"
    ...     _ = path.write_text("file;speaker\\na.wav;03\\n")
    ...     read_table(path, ["speaker"])["speaker"].tolist()
    ['03']
    """
    suffix = require_file(path).suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        raise unknown("table format", suffix, TABLE_SUFFIXES, where=str(path))
    try:
        table = _read(path, suffix, encoding)
    except ImportError as error:
        raise EmotoneError(f"{path}: tables of this format need a package that is not installed ({error})") from None
    except (ValueError, OSError, KeyError, BadZipFile) as error:  # what the parsers of the formats raise
        raise EmotoneError(f"{path}: cannot be read as a table ({error})") from None
    table.columns = [str(column).strip() for column in table.columns]
    for column in columns:
        if column not in table:
            raise unknown("column", column, table.columns, where=str(path))
    return table


def read_encoded_text(path: Path, encoding: str = "utf-8") -> str:
    """The text of a file, without a byte order mark; raises EmotoneError naming the first line that is not `encoding`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels.csv"
    ...     _ = path.write_bytes("Jörg".encode("latin-1"))
    ...     read_encoded_text(path, "latin-1")
    'Jörg'
    """
    data = require_file(path).read_bytes()
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except LookupError:
        raise EmotoneError(f"encoding: {encoding!r} is not the name of one, such as utf-8, latin-1 or cp1252") from None
    except UnicodeDecodeError as error:
        first = data.count(b"\n", 0, error.start) + 1
        lines = data.splitlines()
        broken = sum(not _is_encoded(line, encoding) for line in lines)
        others = sum(not line.isascii() for line in lines) - broken
        mixed = f" ({others} others with such letters are, so it mixes encodings)" if broken and others > 0 else ""
        raise EmotoneError(
            f"{path}: {max(broken, 1)} of {len(lines)} lines are not {encoding} text, the first is line {first}{mixed};"
            " save it as UTF-8, or with the table reader set encoding, e.g. latin-1"
        ) from None


def read_json(path: Path) -> dict[str, Any]:
    """A label file that is one JSON object {name: labels}; raises EmotoneError for another one or a missing file."""
    try:
        content = json.loads(read_plain_text(path))
    except json.JSONDecodeError as error:
        raise EmotoneError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(content, dict):
        raise EmotoneError(f"{path}: must be a JSON object {{name: labels}}")
    return content


def rows_by_stem(table: pd.DataFrame, column: str, path: Path) -> dict[str, dict[str, Any]]:
    """Rows of a label table by the stem of the file they are about; raises EmotoneError for none and for repeated ones.

    >>> rows_by_stem(pd.DataFrame({"file": ["a.wav"], "emotion": ["A"]}), "file", Path("labels.csv"))
    {'a': {'file': 'a.wav', 'emotion': 'A'}}
    """
    refuse_rows(table[column], table[column].isna(), f"have no {column}", path)
    refuse_rows(table[column], table[column].duplicated(), f"repeat a {column}", path)
    return {Path(str(row[column])).stem: row for row in table.to_dict("records")}


def refuse_rows(cells: pd.Series, wrong: pd.Series, problem: str, path: Path) -> None:
    """Raise EmotoneError where rows are wrong: how many of the column's, and number and cell of the first.

    >>> cells = pd.Series([1.0, 9.0, 8.0])
    >>> refuse_rows(cells, cells > 7, "have arousal above 7", Path("labels.csv"))
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: labels.csv: 2 of 3 rows have arousal above 7, e.g. row 2 (9.0)
    """
    if wrong.any():
        row, count = wrong.idxmax(), f"{int(wrong.sum())} of {len(cells)}"
        raise EmotoneError(f"{path}: {count} rows {problem}, e.g. row {row + 1} ({cells[row]})")


def to_numbers(cells: pd.Series, column: str, path: Path, limits: Sequence[float] | None = None) -> pd.Series:
    """A column as float64, empty cells NaN; raises EmotoneError with the rows that are no number or outside `limits`.

    >>> to_numbers(pd.Series(["1.5", None]), "arousal", Path("labels.csv"), (1, 5)).tolist()
    [1.5, nan]
    """
    values = pd.to_numeric(cells, errors="coerce").astype("float64")
    refuse_rows(cells, values.isna() & cells.notna(), f"have no number as {column}", path)
    refuse_rows(cells, values.isin([float("inf"), float("-inf")]), f"have an infinite {column}", path)
    if limits is not None:
        low, high = limits
        refuse_rows(cells, (values < low) | (values > high), f"have {column} outside [{low:g}, {high:g}]", path)
    return values


def to_ratings(rows: pd.DataFrame, column: str, limits: tuple[float, float], source: str) -> pd.Series:
    """A column of ratings as numbers, NaN where none was given; raises EmotoneError counting what is out of limits.

    >>> rows = pd.DataFrame({"stem": ["a", "b"], "EmoAct": ["4.2", "7.5"]})
    >>> to_ratings(rows, "EmoAct", (1, 7), "labels.csv")
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: 1 of 2 rows have EmoAct outside [1, 7], e.g. '7.5' of b (labels.csv)
    """
    low, high = limits
    values = pd.to_numeric(rows[column], errors="coerce")
    is_empty = rows[column].isna() | rows[column].isin(("", "NaN", "nan"))
    wrong = ~is_empty & ~values.between(low, high)
    if wrong.any():
        first = rows[wrong].iloc[0]
        raise EmotoneError(
            f"{wrong.sum()} of {len(rows)} rows have {column} outside [{low:g}, {high:g}], e.g. {first[column]!r} of "
            f"{first['stem']} ({source})"
        )
    return values.astype("float64")


def _read(path: Path, suffix: str, encoding: str) -> pd.DataFrame:
    if suffix == ".parquet":
        return pd.read_parquet(path)
    if suffix in EXCEL_SUFFIXES:
        return pd.read_excel(path, dtype=str)
    text = read_encoded_text(path, encoding)
    if suffix in TEXT_SUFFIXES:
        header = text.partition("\n")[0]
        separator = "\t" if suffix == ".tsv" else max(SEPARATORS, key=header.count)
        return pd.read_csv(StringIO(text), sep=separator, dtype=str, skipinitialspace=True)
    rows = [json.loads(line) for line in text.splitlines() if line.strip()] if suffix == ".jsonl" else json.loads(text)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("not a list of objects, one per row")
    return pd.DataFrame(rows)


def _is_encoded(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
