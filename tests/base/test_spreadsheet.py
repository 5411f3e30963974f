"""Spreadsheets as openpyxl and pandas read them."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from openpyxl.utils.escape import unescape

from emotone.base.spreadsheet import MOST_CHARACTERS, read_first_row, write_spreadsheet

TEXTS = [
    "=1+1",
    "@a",
    "+1",
    "-1",
    " two  blanks ",
    "שלום, عالم",
    "<b>&amp;</b>",
    'a "quote"',
    "two\nlines",
    "1e5",
    "😀",
]


def test_texts_stay_texts_and_numbers_numbers(tmp_path: Path) -> None:
    write_spreadsheet(tmp_path / "x.xlsx", [["name", "value"], *([text, 0.1 + 0.2] for text in TEXTS), [None, -1e-7]])
    sheet = openpyxl.load_workbook(tmp_path / "x.xlsx").active
    assert [row[0] for row in sheet.values] == ["name", *TEXTS, None]
    assert [cell.data_type for cell in sheet["A"]][:-1] == ["s"] * (1 + len(TEXTS))
    assert [cell.value for cell in sheet["B"]][1:] == [0.1 + 0.2] * len(TEXTS) + [-1e-7]
    assert sheet.freeze_panes == "A2"
    assert pd.read_excel(tmp_path / "x.xlsx", keep_default_na=False)["name"].tolist() == [*TEXTS, ""]


def test_characters_that_xml_does_not_have(tmp_path: Path) -> None:
    texts = ["\x00\x1f", "\r", "_x0041_", "\uffff", "\udcff"]
    write_spreadsheet(tmp_path / "x.xlsx", [["name"], *([text] for text in texts)])
    read = [unescape(row[0]) for row in openpyxl.load_workbook(tmp_path / "x.xlsx").active.values]
    assert read == ["name", *texts[:-1], r"\udcff"]


def test_sheets_that_are_full_go_on(tmp_path: Path) -> None:
    write_spreadsheet(tmp_path / "x.xlsx", [["n"], *([number] for number in range(7))], most_rows=4)
    sheets = openpyxl.load_workbook(tmp_path / "x.xlsx").worksheets
    assert [[row[0] for row in sheet.values] for sheet in sheets] == [["n", 0, 1, 2], ["n", 3, 4, 5], ["n", 6]]


def test_long_texts_are_cut_and_equal_tables_equal_bytes(tmp_path: Path) -> None:
    for name in ("x", "y"):
        write_spreadsheet(tmp_path / f"{name}.xlsx", [["n"], ["a" * 40_000]])
    value = openpyxl.load_workbook(tmp_path / "x.xlsx").active["A2"].value
    assert len(value) == MOST_CHARACTERS and value.endswith("a...")
    assert (tmp_path / "x.xlsx").read_bytes() == (tmp_path / "y.xlsx").read_bytes()


def test_other_files_are_none(tmp_path: Path) -> None:
    (tmp_path / "x.xlsx").write_bytes(b"PK")
    pd.DataFrame({"file": ["a"]}).to_excel(tmp_path / "y.xlsx", index=False)
    for name in ("x", "y"):
        with pytest.raises(ValueError):
            read_first_row(tmp_path / f"{name}.xlsx")
