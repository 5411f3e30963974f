"""Label tables beside the audio, and what a reader says about its corpus."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import pandas as pd

from emotone.corpora.corpus import ATTRIBUTES, SPLITS, UTTERANCE_COLUMNS
from emotone.corpora.files import compare_with_rows, find_files, leaves_folder
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


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """The text of a file, without a byte order mark; raises EmotoneError naming the first line that is not `encoding`.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels.csv"
    ...     _ = path.write_bytes("Jörg".encode("latin-1"))
    ...     read_text(path, "latin-1")
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


def locate_rows(
    table: pd.DataFrame, audio: Sequence[str], path: Path, incomplete: bool
) -> tuple[pd.DataFrame, list[str]]:
    """The rows with the audio file of each, which may have another suffix than the `file` they name, and notes.

    `audio` are paths relative to the folder of the table at `path`. Raises EmotoneError for rows without a file, with
    one outside the folder, and, unless `incomplete`, without audio.

    >>> locate_rows(pd.DataFrame({"file": ["a.wav"]}), ["a.flac"], Path("labels.csv"), False)[0]["file"].tolist()
    ['a.flac']
    """
    files = table["file"]
    refuse_rows(files, files.isna(), "have no file", path)
    refuse_rows(files, files.map(leaves_folder), f"name a file outside {path.parent}", path)
    found = pd.Series(find_files(files, audio), files.index, dtype="object")
    notes = compare_with_rows(audio, found.fillna(files).tolist(), path, incomplete)
    if not found.notna().any():
        raise EmotoneError(f"{path}: none of its {len(found)} rows has audio in {path.parent}")
    return table.assign(file=found)[found.notna()], notes


def check_columns(columns: Mapping[str, str]) -> None:
    """Raise EmotoneError where a column map names no column of Emotone, or one of the table's twice."""
    for column in columns:
        if column not in UTTERANCE_COLUMNS:
            raise unknown("column", column, UTTERANCE_COLUMNS, where="columns")
    if len(set(columns.values())) < len(columns):
        raise EmotoneError("columns: one column of the table serves only one of Emotone's columns")


def check_ranges(ranges: Mapping[str, Sequence[float]]) -> None:
    """Raise EmotoneError where ranges are of no attribute, or not [lowest, highest]."""
    for attribute, limits in ranges.items():
        if attribute not in ATTRIBUTES:
            raise unknown("attribute", attribute, ATTRIBUTES, where="ranges")
        if len(limits) != 2 or not limits[0] < limits[1]:
            raise EmotoneError(f"ranges: {attribute} must be [lowest, highest], not {list(limits)}")


def check_splits(splits: Mapping[str, str]) -> None:
    """Raise EmotoneError where a map of split names leads to no split of Emotone."""
    for split in splits.values():
        if split not in SPLITS:
            raise unknown("split", split, SPLITS, where="splits")


def map_splits(words: pd.Series, splits: Mapping[str, str], where: str) -> pd.Series:
    """A column of split names in Emotone's, which need not be mapped; raises EmotoneError with all unknown ones.

    >>> map_splits(pd.Series(["train", "dev"]), {"dev": "validation"}, "labels.csv").tolist()
    ['train', 'validation']
    """
    hint = f"set splits to map them, e.g. splits={{dev: validation}} (known: {', '.join(SPLITS)})"
    return map_words(words, {split: split for split in SPLITS} | dict(splits), "split names", where, hint)


def map_emotions(words: pd.Series, emotions: Mapping[str, str | None], where: str) -> tuple[pd.Series, list[str]]:
    """A column of emotions by the map, with notes on what it leaves out; without a map it stays as it is.

    >>> map_emotions(pd.Series(["joy", "?"]), {"joy": "happiness", "?": None}, "labels.csv")[1]
    ["labels.csv: 1 of 2 labels are left out, as emotions says: '?' (1)"]
    """
    if not emotions:
        return words, []
    names = {str(word): name for word, name in emotions.items()}  # YAML reads 1 as a number
    mapped = map_words(words, names, "emotions", where, "map each of them in emotions, or to null to leave it out")
    counts = words[words.notna() & mapped.isna()].value_counts()
    if counts.empty:
        return mapped, []
    out = ", ".join(f"{word!r} ({count})" for word, count in counts.items())
    return mapped, [f"{where}: {counts.sum()} of {words.notna().sum()} labels are left out, as emotions says: {out}"]


def map_words(words: pd.Series, names: Mapping[str, str | None], kind: str, where: str, hint: str) -> pd.Series:
    """A column in other words, null where `names` says null; raises EmotoneError with every word that is not mapped.

    >>> map_words(pd.Series(["joy", "?"]), {"joy": "happiness", "?": None}, "emotions", "labels.csv", "").tolist()
    ['happiness', None]
    """
    counts = words.dropna().map(str).value_counts()
    missing = [f"{word} ({count})" for word, count in counts.items() if word not in names]
    if missing:
        raise EmotoneError(f"{where}: {len(missing)} {kind} are not mapped: {', '.join(missing)}; {hint}")
    return pd.Series([None if pd.isna(word) else names[str(word)] for word in words], words.index, dtype="object")


def meta_of(reader: Any, notes: Iterable[str] = ()) -> dict[str, Any]:
    """A reader's `Corpus.meta`, as JSON types: native ranges, categories, licence, citation, language, notes."""
    return {
        "ranges": {name: list(limits) for name, limits in reader.attributes.items()},
        "emotions": list(reader.emotions),
        "licence": reader.licence,
        "citation": reader.citation,
        "language": reader.language,
        "notes": list(notes),
    }


def translate(value: str, names: Mapping[str, str], kind: str, where: str) -> str:
    """The corpus's word for something in Emotone's words; raises EmotoneError for a word it does not have.

    >>> translate("surprised", {"surprised": "surprise"}, "emotion", "data.tsv")
    'surprise'
    """
    if value not in names:
        raise unknown(kind, str(value), names, where=where)
    return names[value]


def _read(path: Path, suffix: str, encoding: str) -> pd.DataFrame:
    if suffix == ".parquet":
        return pd.read_parquet(path)
    if suffix in EXCEL_SUFFIXES:
        return pd.read_excel(path, dtype=str)
    text = read_text(path, encoding)
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
