"""Formats of tables: what lies at the edges of each. That all hold the same is tested with `ResultFile`."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from emotone.base.result_table import TEXT_COLUMNS
from emotone.base.table_format import TABLES, _write_parquet, table_format, write_csv
from emotone.errors import EmotoneError

COLUMNS = ["file", "arousal", "error"]


def test_large_parquet_tables_are_written_in_groups(tmp_path: Path) -> None:
    rows = [{**dict.fromkeys(COLUMNS), "file": f"{number}", "error": ""} for number in range(95)]
    _write_parquet(tmp_path / "x.parquet", COLUMNS, iter(rows), TEXT_COLUMNS, group_size=10)
    assert pd.read_parquet(tmp_path / "x.parquet")["file"].tolist() == [row["file"] for row in rows]


@pytest.mark.parametrize("suffix", TABLES)
def test_columns_are_read_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix.upper()}"
    form = table_format(path)
    form.write(path, COLUMNS, [{"file": 'a, "b".wav', "arousal": 4.0, "error": ""}], TEXT_COLUMNS)
    assert form.read_columns(path) == COLUMNS


def test_json_lines_are_lines(tmp_path: Path) -> None:
    rows = [{"file": "two\nlines\u2028.wav", "arousal": None, "error": ""}, {"file": "b", "arousal": 1.5, "error": "x"}]
    TABLES[".jsonl"].write(tmp_path / "x.jsonl", COLUMNS, rows, ())
    assert [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()] == rows


def test_formulas_stay_where_a_program_reads(tmp_path: Path) -> None:
    write_csv(tmp_path / "x.csv", ["file"], [{"file": "=1+1"}, {"file": "-a,b"}], with_formulas=True)
    assert (tmp_path / "x.csv").read_text() == 'file\n=1+1\n"-a,b"\n'


def test_another_suffix_is_one_line() -> None:
    with pytest.raises(EmotoneError, match="unknown output format '.xls'; did you mean '.xlsx'?"):
        table_format(Path("x.xls"))
