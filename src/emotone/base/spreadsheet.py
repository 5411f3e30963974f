"""Spreadsheets (.xlsx, ECMA-376) of plain cells, written row by row: numbers are numbers, texts are texts.

Texts stand in their cells ("inline strings"), of which none is ever a formula, and are as long as Excel takes: longer
ones end in "...". A sheet that is full is followed by another.
"""

from __future__ import annotations

import itertools
import re
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any
from xml.sax.saxutils import escape

MOST_ROWS, MOST_CHARACTERS = 1_048_576, 32_767
"""Rows of a sheet and characters of a cell, as Excel takes them."""
UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0d\x0e-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
"""Characters that XML has no way to write, or changes, and what would be read as the code of one (22.9.2.19)."""
FIRST_ROW, CELL_TEXT = re.compile(r"<row>(.*?)</row>", re.DOTALL), re.compile(r"<t xml:space=\"preserve\">(.*?)</t>")
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
SHEET_HEAD = (
    f'{DECLARATION}<worksheet xmlns="{MAIN}"><sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>\n'
)


def write_spreadsheet(path: Path, rows: Iterable[Sequence[Any]], most_rows: int = MOST_ROWS) -> None:
    """Rows of str, int, float and None, the first of them the head of every sheet, which stays in sight.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_spreadsheet(Path(folder) / "a.xlsx", [["file", "score"], ["=1+1", 0.5]])
    ...     read_first_row(Path(folder) / "a.xlsx")
    ['file', 'score']
    """
    left = iter(rows)
    head = next(left)
    num_sheets = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        following: Sequence[Any] | None = next(left, None)
        while num_sheets == 0 or following is not None:
            num_sheets += 1
            with archive.open(_entry(f"xl/worksheets/sheet{num_sheets}.xml"), "w", force_zip64=True) as file:
                file.write(SHEET_HEAD.encode())
                _write_row(file, head)
                for _ in range(most_rows - 1):
                    if following is None:
                        break
                    _write_row(file, following)
                    following = next(left, None)
                file.write(b"</sheetData></worksheet>\n")
        for name, content in _parts(num_sheets).items():
            archive.writestr(_entry(name), DECLARATION + content)


def read_first_row(path: Path) -> list[str]:
    """The texts of the first row of what `write_spreadsheet` wrote; raises ValueError for anything else."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open("xl/worksheets/sheet1.xml") as file:
            start = file.read(100_000).decode("utf-8", "replace")
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(str(error)) from None
    row = FIRST_ROW.search(start)
    if row is None:
        raise ValueError("no spreadsheet of ours")
    return CELL_TEXT.findall(row[1])


def _entry(name: str) -> zipfile.ZipInfo:
    """An entry of the archive without the time at which it is written, so that the same table is the same bytes."""
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _write_row(file: IO[bytes], row: Sequence[Any]) -> None:
    file.write(f"<row>{''.join(map(_cell, row))}</row>\n".encode())


def _cell(value: Any) -> str:
    """A cell; a text keeps its blanks, and characters that cannot stand in XML as their codes.

    >>> print(_cell(-0.5), _cell(None), _cell("=A1&B1"))
    <c><v>-0.5</v></c> <c/> <c t="inlineStr"><is><t xml:space="preserve">=A1&amp;B1</t></is></c>
    """
    if value is None or value == "":
        return "<c/>"
    if not isinstance(value, str):
        return f"<c><v>{value}</v></c>"
    text = value.encode("utf-8", "backslashreplace").decode()  # bytes of a file name that are no UTF-8
    if len(text) > MOST_CHARACTERS:
        text = text[: MOST_CHARACTERS - 3] + "..."
    text = UNWRITABLE.sub(lambda mark: f"_x{ord(mark[0]):04X}_", escape(text))
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def _parts(num_sheets: int) -> dict[str, str]:
    """What a workbook has besides its sheets."""
    numbers = range(1, num_sheets + 1)
    content = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    overrides = itertools.chain(
        [("/xl/workbook.xml", "sheet.main")], ((f"/xl/worksheets/sheet{n}.xml", "worksheet") for n in numbers)
    )
    types = "".join(f'<Override PartName="{part}" ContentType="{content}.{kind}+xml"/>' for part, kind in overrides)
    sheets = "".join(f'<sheet name="Sheet{n}" sheetId="{n}" r:id="rId{n}"/>' for n in numbers)
    targets = "".join(
        f'<Relationship Id="rId{n}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>' for n in numbers
    )
    rels = "application/vnd.openxmlformats-package.relationships+xml"
    return {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
        f'ContentType="{rels}"/><Default Extension="xml" ContentType="application/xml"/>{types}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{sheets}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{targets}</Relationships>',
    }
