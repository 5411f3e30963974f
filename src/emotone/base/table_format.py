"""Formats of tables of results: CSV, JSON, JSON lines, Parquet, spreadsheets; all hold the same cells.

In CSV a text that a spreadsheet would take for a formula (it begins with =, +, -, @, a tab or a carriage return) has an
apostrophe before it, which `plain_text` takes away; numbers have none. The others hold texts as they are.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from emotone.base.spreadsheet import read_first_row, write_spreadsheet
from emotone.errors import missing_extra, unknown

FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""How texts begin that are formulas to a spreadsheet, or were made none by an apostrophe."""
QUOTED = re.compile(r'[",\r\n]')
Row = dict[str, Any]


class TableFormat(NamedTuple):
    """How a table is written, and how the names of its columns are read, by which a file is known to be one of ours.

    write: path, columns, rows, and which columns hold texts. read_columns: raises ValueError, OSError or another error
    of the format for a file that is none. suffix: of its files. check: raises EmotoneError where a package is missing.
    """

    suffix: str
    write: Callable[[Path, Sequence[str], Iterable[Row], Collection[str]], None]
    read_columns: Callable[[Path], list[str]]
    check: Callable[[], Any] = lambda: None


def table_format(path: Path) -> TableFormat:
    """The format of a path by its suffix; raises EmotoneError for another one.

    >>> table_format(Path("scores.CSV")).suffix
    '.csv'
    """
    if path.suffix.lower() not in TABLES:
        raise unknown("output format", path.suffix or str(path), TABLES)
    return TABLES[path.suffix.lower()]


def write_csv(
    path: Path, columns: Sequence[str], rows: Iterable[Row], texts: Collection[str] = (), with_formulas: bool = False
) -> None:
    """Rows as CSV in UTF-8; a cell that is missing or None is empty. with_formulas: texts stay as they are."""
    cell = _quoted_cell if with_formulas else _csv_cell
    # surrogateescape: a file name that is not valid UTF-8 is written with the bytes it has
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        for row in itertools.chain([dict(zip(columns, columns, strict=True))], rows):
            file.write(",".join([cell(row.get(column)) for column in columns]) + "\n")


def _csv_cell(value: Any) -> str:
    """A cell, quoted where it must be; a carriage return in a file name too, which Python's csv would leave bare.

    >>> _csv_cell('two "words"\\r'), _csv_cell(-0.5), _csv_cell(None), _csv_cell("=1+1")
    ('"two ""words""\\r"', '-0.5', '', "'=1+1")
    """
    return _quoted_cell("'" + value if isinstance(value, str) and FORMULA.match(value) else value)


def _quoted_cell(value: Any) -> str:
    if not isinstance(value, str):
        return "" if value is None else str(value)
    return '"' + value.replace('"', '""') + '"' if QUOTED.search(value) else value


def plain_text(cell: str) -> str:
    """The text of a CSV's cell, without the apostrophe that keeps a spreadsheet from taking it for a formula.

    >>> plain_text("'=1+1"), plain_text("'tis"), plain_text("-0.5")
    ('=1+1', "'tis", '-0.5')
    """
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def read_csv_columns(path: Path) -> list[str]:
    """The names of a CSV's columns, as far as they are Emotone's and so need no quotes."""
    return _first_lines(path)[0].split(",")


def _first_lines(path: Path) -> tuple[str, str]:
    """The first two lines of a text, without what ends them."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.readline().strip(), file.readline().rstrip(",\n")


def _write_json(path: Path, columns: Sequence[str], rows: Iterable[Row], texts: Collection[str]) -> None:
    with open(path, "w", encoding="ascii", newline="\n") as file:
        file.write("[")
        for number, row in enumerate(rows):
            file.write(",\n " if number else "\n ")
            file.write(json.dumps(row))
        file.write("\n]\n")


def _read_json_columns(path: Path) -> list[str]:
    lines = _first_lines(path)
    return [] if lines == ("[", "]") else list(json.loads(lines[1]))


def _write_json_lines(path: Path, columns: Sequence[str], rows: Iterable[Row], texts: Collection[str]) -> None:
    with open(path, "w", encoding="ascii", newline="\n") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def _read_json_lines_columns(path: Path) -> list[str]:
    return list(json.loads(_first_lines(path)[0]))


def _write_spreadsheet(path: Path, columns: Sequence[str], rows: Iterable[Row], texts: Collection[str]) -> None:
    write_spreadsheet(path, itertools.chain([list(columns)], ([row.get(name) for name in columns] for row in rows)))


def _import_pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise missing_extra("pyarrow", "parquet", "Parquet output") from None
    return pyarrow


def _write_parquet(
    path: Path, columns: Sequence[str], rows: Iterable[Row], texts: Collection[str], group_size: int = 20_000
) -> None:
    pyarrow = _import_pyarrow()
    schema = pyarrow.schema([(name, pyarrow.string() if name in texts else pyarrow.float64()) for name in columns])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        group: list[Row] = []
        for row in rows:
            # Parquet text must be valid UTF-8
            known = [(name, row[name]) for name in texts if row.get(name) is not None]
            group.append(row | {name: text.encode("utf-8", "backslashreplace").decode() for name, text in known})
            if len(group) == group_size:
                writer.write_table(pyarrow.Table.from_pylist(group, schema))
                group = []
        writer.write_table(pyarrow.Table.from_pylist(group, schema))


def _read_parquet_columns(path: Path) -> list[str]:
    pyarrow = _import_pyarrow()
    try:
        return pyarrow.parquet.read_schema(path).names
    except pyarrow.ArrowInvalid as error:
        raise ValueError(str(error)) from None


TABLES: dict[str, TableFormat] = {
    form.suffix: form
    for form in (
        TableFormat(".csv", write_csv, read_csv_columns),
        TableFormat(".json", _write_json, _read_json_columns),
        TableFormat(".jsonl", _write_json_lines, _read_json_lines_columns),
        TableFormat(".parquet", _write_parquet, _read_parquet_columns, _import_pyarrow),
        TableFormat(".xlsx", _write_spreadsheet, read_first_row),
    )
}
"""Formats of tables by suffix."""
