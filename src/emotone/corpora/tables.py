"""Label files of corpora: tables, JSON and text, their rows, and columns of numbers."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from emotone.base.delimited import read_delimited
from emotone.base.files import is_unicode, read_plain_text
from emotone.errors import EmotoneError, unknown

TEXT_SUFFIXES = (".csv", ".tsv")
EXCEL_SUFFIXES = (".xlsx", ".xls", ".ods")
TABLE_SUFFIXES = (*TEXT_SUFFIXES, ".parquet", ".json", ".jsonl", *EXCEL_SUFFIXES)
POINT_NUMBER = re.compile(r"[-+]?(0|[1-9]\d*)(\.\d+)?")
"""A number as text that nothing is lost of where it becomes one: `03` and `1e5` may be names."""
COMMA_NUMBER = re.compile(r"[-+]?\d*,\d+")
EXACT = 2**53
"""Whole numbers from here on are not all floats."""
SHOWN = 80
"""Characters of a cell that a message shows."""


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


def read_table(
    path: Path, columns: Iterable[str] = (), encoding: str = "utf-8", missing: Collection[str] = ()
) -> pd.DataFrame:
    """A table from CSV, TSV, Parquet, JSON (records), JSON lines or Excel's first sheet, cells as they stand there.

    Cells of text formats stay text, so `03` stays `03`; whole numbers of typed formats stay whole beside empty cells.
    Blanks at either end of text go. Null is what is empty, and the words `missing`; rows and nameless columns in which
    everything is empty are passed over. A CSV may be separated by commas, semicolons or tabs
    (`emotone.base.delimited`). Raises EmotoneError when the file is missing or unreadable, lacks one of the `columns`,
    has two of one name or text that is not Unicode, and when text is not of the `encoding`, naming the first line.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels.csv"
    ...     _ = path.write_text("file;speaker\\na.wav;03 \\nb.wav;NA\\n")
    ...     read_table(path, ["speaker"])["speaker"].tolist()
    ['03', 'NA']
    """
    suffix = require_file(path).suffix.lower()
    if suffix not in TABLE_SUFFIXES:
        raise unknown("table format", suffix, TABLE_SUFFIXES, where=str(path))
    try:
        table = _read(path, suffix, encoding)
    except ImportError as error:
        raise EmotoneError(f"{path}: tables of this format need a package that is not installed ({error})") from None
    except EmotoneError:
        raise
    except RecursionError:
        raise EmotoneError(f"{path}: cannot be read as a table (nested too deeply)") from None
    except Exception as error:  # whatever the parsers of the formats raise for what is none
        raise EmotoneError(f"{path}: cannot be read as a table ({error})") from None
    table = _tidy(table, path, set(missing))
    for column in columns:
        if column not in table:
            raise unknown("column", column, table.columns, where=str(path))
    return table


def note_other_sheets(path: Path) -> list[str]:
    """A note that names the sheets of a workbook of Excel that `read_table` does not read; none of other tables."""
    if path.suffix.lower() not in EXCEL_SUFFIXES:
        return []
    with pd.ExcelFile(path) as book:
        first, *others = map(str, book.sheet_names)
    return [f"{path}: its first sheet, {first}, is read, not {', '.join(others)}"] if others else []


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
    except (ValueError, RecursionError) as error:
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
        raise EmotoneError(f"{path}: {count} rows {problem}, e.g. row {row + 1} ({_shown(cells[row])})")


def to_words(cells: pd.Series, column: str, path: Path) -> pd.Series:
    """A column as text (`word`), null where it is; raises EmotoneError for rows that have a list or an object there.

    >>> to_words(pd.Series([7, None, 12], dtype="float64"), "speaker", Path("labels.json")).tolist()
    ['7', None, '12']
    """
    refuse_rows(cells, cells.map(pd.api.types.is_list_like).astype(bool), f"have a list or an object as {column}", path)
    return pd.Series([None if pd.isna(cell) else word(cell) for cell in cells], cells.index, dtype="object")


def word(value: Any) -> str:
    """A value as text: a whole number without its `.0`, letters with marks as one letter each (NFC).

    >>> word(7.0), word(2.5), word("Mu\u0308ller") == "Müller"
    ('7', '2.5', True)
    """
    return str(int(value)) if isinstance(value, float) and value.is_integer() else _one_form(str(value))


def is_decimal_comma(cells: pd.Series) -> bool:
    """Whether a column is text of numbers, at least one of them with a comma and none with a point.

    >>> is_decimal_comma(pd.Series(["2,5", "3", None])), is_decimal_comma(pd.Series(["2,5", "3.5"]))
    (True, False)
    """
    texts = cells[cells.notna()].tolist()
    if not all(
        isinstance(text, str) and (COMMA_NUMBER.fullmatch(text) or POINT_NUMBER.fullmatch(text)) for text in texts
    ):
        return False
    return any("," in text for text in texts) and not any("." in text for text in texts)


def to_one_type(cells: pd.Series, decimal: str = ".") -> pd.Series:
    """A column that any reader may have: numbers where all cells are, else as it is; text where it mixes types.

    Text is a number only where nothing would be lost of it: `03`, `1e5` and whole numbers from 2**53 stay text.

    >>> to_one_type(pd.Series(["7", None, "12"])).tolist(), to_one_type(pd.Series(["07", "12"])).tolist()
    ([7.0, nan, 12.0], ['07', '12'])
    """
    if not _holds_text(cells.dtype):
        return cells
    cells = cells.astype("object")
    known = cells[cells.notna()]
    numbers = [_number(cell, decimal) if _is_plain_number(cell, decimal) else None for cell in known]
    if numbers and all(number is not None and (number % 1 or abs(number) < EXACT) for number in numbers):
        is_whole = len(known) == len(cells) and all(number.is_integer() for number in numbers if number is not None)
        return pd.Series(numbers, known.index).reindex(cells.index).astype("int64" if is_whole else "float64")
    is_plain = known.map(type).nunique() <= 1 and not known.map(pd.api.types.is_list_like).any()
    is_plain = is_plain and not known.map(lambda cell: isinstance(cell, int) and abs(cell) >= EXACT).any()
    return cells if is_plain else cells.map(str, na_action="ignore")


def to_numbers(
    cells: pd.Series, column: str, path: Path, limits: Sequence[float] | None = None, decimal: str = "."
) -> pd.Series:
    """A column as float64, empty cells NaN; raises EmotoneError with the rows that are no number or outside `limits`.

    >>> to_numbers(pd.Series(["1.5", None]), "arousal", Path("labels.csv"), (1, 5)).tolist()
    [1.5, nan]
    """
    values = pd.Series([_number(cell, decimal) for cell in cells], cells.index, dtype="float64")
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
        import pyarrow.parquet

        # As pandas reads them, whole numbers become floats where a cell is empty.
        table = pyarrow.parquet.ParquetFile(path).read().to_pandas(integer_object_nulls=True)
        return table.reset_index() if any(name is not None for name in table.index.names) else table
    if suffix in EXCEL_SUFFIXES:
        cells = pd.read_excel(path, header=None, dtype=object, keep_default_na=False, na_values=[""])
        if cells.empty:
            raise ValueError("its first sheet is empty")
        return (
            cells[1:].set_axis(["" if pd.isna(name) else name for name in cells.iloc[0]], axis=1).reset_index(drop=True)
        )
    text = read_encoded_text(path, encoding)
    if suffix in TEXT_SUFFIXES:
        names, rows = read_delimited(text, path, skip_blanks=True)
        if not names:
            raise ValueError("nothing is in it")
        return pd.DataFrame(rows, columns=names, dtype=object)
    records = (
        [json.loads(line) for line in text.split("\n") if line.strip()] if suffix == ".jsonl" else json.loads(text)
    )
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ValueError("not a list of objects, one per row")
    columns = list(dict.fromkeys(name for record in records for name in record))
    cells = [[record.get(name) for name in columns] for record in records]
    return pd.DataFrame(cells, columns=pd.Index(columns, dtype=object), dtype=object)


def _tidy(table: pd.DataFrame, path: Path, missing: set[str]) -> pd.DataFrame:
    """The table with tidy names and text, without rows and nameless columns that are empty throughout."""
    names = [str(name).strip() for name in table.columns]
    for name in names:
        if names.count(name) > 1 and name or not is_unicode(name):
            problem = "has two columns of this name" if is_unicode(name) else "has a column that is not Unicode"
            raise EmotoneError(f"{path}: {problem}; rename it: {_shown(name)}")
    table.columns = [name or f"column {place}" for place, name in enumerate(names, start=1)]
    for column in table.columns[[_holds_text(dtype) for dtype in table.dtypes]]:
        cells = table[column].astype("object")
        stripped = [cell.strip() if isinstance(cell, str) else cell for cell in cells]
        wrong = pd.Series(
            [isinstance(cell, str) and not is_unicode(cell) for cell in stripped], table.index, dtype=bool
        )
        refuse_rows(cells, wrong, f"have text that is not Unicode as {column}", path)
        filled = [None if _is_missing(cell, missing) else cell for cell in stripped]
        table[column] = pd.Series(filled, table.index, dtype="object")
    nameless = [column for name, column in zip(names, table.columns, strict=True) if not name]
    table = table.drop(columns=[column for column in nameless if table[column].isna().all()])
    return table.dropna(how="all")


def _holds_text(dtype: Any) -> bool:
    return pd.api.types.is_string_dtype(dtype) or isinstance(dtype, pd.CategoricalDtype)


def _is_missing(cell: Any, missing: set[str]) -> bool:
    if isinstance(cell, str):
        return not cell or cell in missing
    return not pd.api.types.is_list_like(cell) and bool(pd.isna(cell))


def _number(cell: Any, decimal: str) -> float:
    """A cell as a number; NaN for what is none."""
    try:
        if isinstance(cell, str):
            if "_" in cell or (decimal == "," and "." in cell):
                return float("nan")
            return float(cell.replace(",", ".") if decimal == "," else cell)
        return float("nan") if isinstance(cell, bool) else float(cell)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def _is_plain_number(cell: Any, decimal: str) -> bool:
    if isinstance(cell, str):
        is_comma = decimal == "," and COMMA_NUMBER.fullmatch(cell)
        return bool(is_comma or POINT_NUMBER.fullmatch(cell))
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _one_form(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _shown(cell: Any) -> str:
    """A cell for a message: not all of a long one, and nothing that must be walked through."""
    if isinstance(cell, list | dict):
        return f"{'a list' if isinstance(cell, list) else 'an object'} of {len(cell)}"
    text = str(cell)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}.."


def _is_encoded(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
