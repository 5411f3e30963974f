"""Tables as text, separated by commas, semicolons or tabs: all rows as long as the header, or refused."""

from __future__ import annotations

import csv
from io import StringIO
from pathlib import Path

from emotone.base.table_format import plain_text
from emotone.errors import EmotoneError

SEPARATORS = (",", ";", "\t")


def read_delimited(text: str, path: Path, skip_blanks: bool = False) -> tuple[list[str], list[list[str]]]:
    """Names of the columns and rows of cells, as many as there are names, of a table whose file is at `path`.

    They are separated as `separator_of` says. Lines with nothing in them are passed over, and so are empty cells beyond
    the header, which spreadsheets write, and apostrophes before formulas (`emotone.base.table_format.plain_text`). With
    `skip_blanks` a quotation mark may stand behind blanks. Raises EmotoneError for wrong quotation marks, with the
    line, and for rows that have more or fewer cells than the header, with the number of the first.

    >>> read_delimited('file;said\\na.wav;"so; good"\\n', Path("said.csv"))
    (['file', 'said'], [['a.wav', 'so; good']])
    """
    separator = separator_of(text.partition("\n")[0], path)
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=skip_blanks)
    try:
        lines = [line for line in reader if line]
    except csv.Error as error:
        raise EmotoneError(f"{path}: cannot be read as a table (line {reader.line_num}: {error})") from None
    names = [name.strip() for name in lines[0]] if lines else []
    rows = [[*map(plain_text, line if any(line[len(names) :]) else line[: len(names)])] for line in lines[1:]]
    wrong = [number for number, row in enumerate(rows, start=1) if len(row) != len(names)]
    if wrong:
        raise EmotoneError(
            f"{path}: {len(wrong)} of {len(rows)} rows do not have {len(names)} cells, as the header has, e.g. row "
            f"{wrong[0]} ({len(rows[wrong[0] - 1])})"
        )
    return names, rows


def separator_of(header: str, path: Path) -> str:
    """What separates cells: a tab in a `.tsv`, elsewhere whichever of `SEPARATORS` the first line has most of.

    >>> separator_of("file;start,end;channel", Path("calls.csv"))
    ';'
    """
    return "\t" if path.suffix.lower() == ".tsv" else max(SEPARATORS, key=header.count)
