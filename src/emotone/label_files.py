"""Label tables beside the audio, and what a reader says about its corpus."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import pandas as pd

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


def read_table(path: Path, columns: Iterable[str] = ()) -> pd.DataFrame:
    """A table from CSV, TSV, Parquet, JSON (records), JSON lines or Excel; cells of text formats stay text.

    So `03` stays `03`; empty cells and pandas' usual words for nothing (`NA`, `NaN`, ..) are null. A CSV may be
    separated by commas, semicolons or tabs, whichever its first line has most of. Raises EmotoneError when the file is
    missing or unreadable, or lacks one of the `columns`.

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
        table = _read(path, suffix)
    except ImportError as error:
        raise EmotoneError(f"{path}: tables of this format need a package that is not installed ({error})") from None
    except UnicodeDecodeError:
        raise EmotoneError(f"{path}: is not UTF-8 text") from None
    except (ValueError, OSError, KeyError, BadZipFile) as error:  # what the parsers of the formats raise
        raise EmotoneError(f"{path}: cannot be read as a table ({error})") from None
    table.columns = [str(column).strip() for column in table.columns]
    for column in columns:
        if column not in table:
            raise unknown("column", column, table.columns, where=str(path))
    return table


def meta_of(reader: Any) -> dict[str, Any]:
    """A reader's `Corpus.meta`: native ranges, categories, licence, citation, language, as JSON types."""
    return {
        "ranges": {name: list(limits) for name, limits in reader.attributes.items()},
        "emotions": list(reader.emotions),
        "licence": reader.licence,
        "citation": reader.citation,
        "language": reader.language,
    }


def translate(value: str, names: Mapping[str, str], kind: str, where: str) -> str:
    """The corpus's word for something in Emotone's words; raises EmotoneError for a word it does not have.

    >>> translate("surprised", {"surprised": "surprise"}, "emotion", "data.tsv")
    'surprise'
    """
    if value not in names:
        raise unknown(kind, str(value), names, where=where)
    return names[value]


def _read(path: Path, suffix: str) -> pd.DataFrame:
    if suffix in TEXT_SUFFIXES:
        with open(path, encoding="utf-8-sig") as file:
            header = file.readline()
        separator = "\t" if suffix == ".tsv" else max(SEPARATORS, key=header.count)
        return pd.read_csv(path, sep=separator, dtype=str, encoding="utf-8-sig", skipinitialspace=True)
    if suffix == ".parquet":
        return pd.read_parquet(path)
    if suffix in EXCEL_SUFFIXES:
        return pd.read_excel(path, dtype=str)
    text = path.read_text(encoding="utf-8-sig")
    rows = [json.loads(line) for line in text.splitlines() if line.strip()] if suffix == ".jsonl" else json.loads(text)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("not a list of objects, one per row")
    return pd.DataFrame(rows)
