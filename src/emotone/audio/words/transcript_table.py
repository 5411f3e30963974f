"""Tables of transcripts, as people and `emotone transcribe` write them: .csv, .tsv, .json and .parquet.

They have the columns `file` and `transcript` or `text`: a row per recording or, with `start_s` and `end_s`, a row per
word.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from emotone.audio.words.transcripts import TEXT_SUFFIX, TranscriptLike, is_text_or_none, read_bytes
from emotone.base.delimited import read_delimited
from emotone.base.files import plain_name
from emotone.base.table_format import Row
from emotone.errors import EmotoneError, missing_extra, nearest, unknown

FORMATS = (".csv", ".tsv", ".json", ".parquet", TEXT_SUFFIX)
TEXT_COLUMNS = ("transcript", "text")
TIME_COLUMNS = ("start_s", "end_s")
OF_RECORDINGS = "language"
"""The column that only tables of whole recordings have, whose times are those of the recordings."""
LARGEST_TABLE_BYTES = 100_000_000


def read_transcripts(path: Path) -> dict[str, TranscriptLike]:
    """The transcripts of a table by its file names: words where it has them with times, else text.

    Raises EmotoneError for a table that cannot be read or lacks a column, and for wrong rows, with their number.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "words.csv"
    ...     _ = path.write_text("file,start_s,end_s,text\\na.wav,0,0.4,So\\na.wav,0.5,0.8,good\\n")
    ...     read_transcripts(path)
    {'a.wav': [('So', 0.0, 0.4), ('good', 0.5, 0.8)]}
    """
    columns, rows = _read_table(path)
    file = _column(("file",), columns, path)
    text = _column(TEXT_COLUMNS, columns, path)
    _require([isinstance(row[file], str) and row[file] != "" for row in rows], f"have no {file}", path)
    _require([is_text_or_none(row[text]) for row in rows], f"have a {text} that is no text", path)
    timed = [name for name in TIME_COLUMNS if name in columns]
    if len(timed) == 1:
        raise EmotoneError(f"{path}: has the column {timed[0]}; times of words need both start_s and end_s")
    for name in timed:
        _require([_is_time(row[name]) for row in rows], f"have no number as {name}", path)
    rows_of: dict[str, list[Row]] = {}
    for row in rows:
        rows_of.setdefault(row[file], []).append(row)
    may_be_words = bool(timed) and OF_RECORDINGS not in columns
    found = {name: _transcript_of(own, text, may_be_words) for name, own in rows_of.items()}
    mixed = [name for name, transcript in found.items() if transcript is None]
    if mixed:
        raise EmotoneError(
            f"{path}: {len(mixed)} of {len(found)} files have several rows that are not single words with start_s and "
            f"end_s, e.g. {mixed[0]!r}"
        )
    return {name: transcript for name, transcript in found.items() if transcript is not None}


def match_files(names: Iterable[str], files: Sequence[str]) -> dict[str, str]:
    """The name that a table has for each file, {file: name}: the same path, or absolute path, or unique base name.

    Paths may be as Windows writes them, and in another Unicode form (`plain_name`).

    >>> match_files(["a.wav", "x/b.wav", "y/b.wav"], ["calls/a.wav", "calls/b.wav"])
    {'calls/a.wav': 'a.wav'}
    """
    names = list(names)
    exact = set(names)
    absolute = {plain_name(os.path.abspath(name)): name for name in names}
    base = {_base(name): name for name in names}
    num_names, num_files = Counter(map(_base, names)), Counter(map(_base, files))
    found = {}
    for file in files:
        own = _base(file)
        name = file if file in exact else absolute.get(plain_name(os.path.abspath(file)))
        if name is None and num_names[own] == num_files[own] == 1:
            name = base[own]
        if name is not None:
            found[file] = name
    return found


def _base(name: str) -> str:
    return plain_name(name).rpartition("/")[2]


def _transcript_of(rows: Sequence[Row], text: str, may_be_words: bool) -> TranscriptLike | None:
    """What the rows of one file say; None where they are neither words with times nor a single text."""
    spoken = [row for row in rows if (row[text] or "").strip()]
    timed = may_be_words and all(row[name] not in (None, "") for row in spoken for name in TIME_COLUMNS)
    if timed and all(len(row[text].split()) == 1 for row in spoken):
        return [(row[text].strip(), float(row["start_s"]), float(row["end_s"])) for row in spoken]
    if len(spoken) > 1:
        return None
    return spoken[0][text].strip() if spoken else ""


def _is_time(value: Any) -> bool:
    """Whether a cell is a number of seconds, or nothing."""
    try:
        return value in (None, "") or math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


def _column(wanted: Sequence[str], columns: Sequence[str], path: Path) -> str:
    """The first of the wanted columns that there is."""
    for name in wanted:
        if name in columns:
            return name
    close = next(filter(None, (nearest(name, columns) for name in wanted)), None)
    hint = f"; did you mean '{close}'?" if close else ""
    raise EmotoneError(f"{path}: has no column {' or '.join(wanted)}{hint} (it has: {', '.join(columns) or 'none'})")


def _require(is_right: Sequence[bool], problem: str, path: Path) -> None:
    """Raise EmotoneError where rows are not right: how many, and the number of the first."""
    if not all(is_right):
        wrong = f"{len(is_right) - sum(is_right)} of {len(is_right)} rows"
        raise EmotoneError(f"{path}: {wrong} {problem}, e.g. row {1 + is_right.index(False)}")


def _read_table(path: Path) -> tuple[list[str], list[Row]]:
    """Columns and rows of a table; every row has every column, None where it has no cell."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise unknown("transcript format", suffix or str(path), FORMATS, where=str(path))
    content = read_bytes(path, LARGEST_TABLE_BYTES)
    try:
        if suffix == ".parquet":
            return _read_parquet(content)
        if suffix == ".json":
            return _read_json(content.decode("utf-8-sig"))
        # As Emotone's own tables, in which a file name may be other bytes than UTF-8.
        columns, cells = read_delimited(content.decode("utf-8-sig", errors="surrogateescape"), path)
        return columns, [dict(zip(columns, row, strict=True)) for row in cells]
    except (ValueError, OSError, RecursionError) as error:
        raise EmotoneError(f"{path}: cannot be read as a table ({error})") from None


def _read_json(text: str) -> tuple[list[str], list[Row]]:
    rows = json.loads(text)
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise ValueError("not a list of objects, one per row")
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return columns, [dict.fromkeys(columns) | row for row in rows]


def _read_parquet(content: bytes) -> tuple[list[str], list[Row]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise missing_extra("pyarrow", "parquet", "reading Parquet") from None
    try:
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(content))
    except pyarrow.ArrowException as error:
        raise ValueError(error) from None
    return table.column_names, table.to_pylist()
