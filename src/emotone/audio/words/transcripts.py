"""What is said in recordings, as prediction is given it: text, or words with times, from files or from Whisper.

A table (.csv, .tsv, .json, .parquet) has the columns `file` and `transcript` or `text`, as `emotone transcribe` writes
it: a row per recording or, with `start_s` and `end_s`, a row per word. A `.txt` file is the text of one recording.
"""

from __future__ import annotations

import csv
import json
import math
import os
import stat
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, TypeGuard

from emotone.audio.read import RATE_HZ, AudioError, read_blocks
from emotone.audio.words.alignment import Word, check_words
from emotone.audio.words.whisper import Transcriber, in_order
from emotone.base.result_table import Row
from emotone.errors import EmotoneError, missing_extra, nearest, unknown

Said = str | Sequence[Word]
"""What is said in a recording: text, or words in order with their times."""

TEXT = ".txt"
FORMATS = (".csv", ".tsv", ".json", ".parquet", TEXT)
SEPARATORS = (",", ";", "\t")
TEXT_COLUMNS = ("transcript", "text")
TIME_COLUMNS = ("start_s", "end_s")
OF_RECORDINGS = "language"
"""The column that only tables of whole recordings have, whose times are those of the recordings."""
LARGEST_TEXT_BYTES = 1_000_000
LARGEST_TABLE_BYTES = 100_000_000
PIECE_S = 300.0
"""Seconds that Whisper is given at once, so that memory does not grow with duration: ten of its own windows."""


def is_text_file(path: str | os.PathLike[str]) -> bool:
    """Whether an input is a transcript rather than audio, which its suffix says.

    >>> is_text_file("talk.txt"), is_text_file("talk.wav")
    (True, False)
    """
    return os.path.splitext(os.fspath(path))[1].lower() == TEXT


def read_text(path: str | os.PathLike[str]) -> str:
    """The text of a file in UTF-8 of up to 1 MB; raises AudioError, as for any other input that cannot be used."""
    try:
        return _read_bytes(path, LARGEST_TEXT_BYTES).decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise AudioError(path, "is no text in UTF-8") from None


def read_transcripts(path: Path) -> dict[str, Said]:
    """What a table says is said in each file that it names: words where it has them with times, else text.

    Raises EmotoneError, which counts the wrong rows, for a table that cannot be read, or lacks a column that it needs.

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
    _require([_is_text(row[text]) for row in rows], f"have a {text} that is no text", path)
    timed = [name for name in TIME_COLUMNS if name in columns]
    if len(timed) == 1:
        raise EmotoneError(f"{path}: has the column {timed[0]}; times of words need both start_s and end_s")
    for name in timed:
        _require([_is_time(row[name]) for row in rows], f"have no number as {name}", path)
    rows_of: dict[str, list[Row]] = {}
    for row in rows:
        rows_of.setdefault(row[file], []).append(row)
    may_be_words = bool(timed) and OF_RECORDINGS not in columns
    found = {name: _said(own, text, may_be_words) for name, own in rows_of.items()}
    mixed = [name for name, said in found.items() if said is None]
    if mixed:
        raise EmotoneError(
            f"{path}: {len(mixed)} of {len(found)} files have several rows that are not single words with start_s and "
            f"end_s, e.g. {mixed[0]!r}"
        )
    return {name: said for name, said in found.items() if said is not None}


def match_files(names: Iterable[str], files: Sequence[str]) -> dict[str, str]:
    """Which of a table's names is which file: {file: name}, by path, else absolute path, else unique base name.

    >>> match_files(["a.wav", "x/b.wav", "y/b.wav"], ["calls/a.wav", "calls/b.wav"])
    {'calls/a.wav': 'a.wav'}
    """
    names = list(names)
    exact = {name: name for name in names}
    absolute = {os.path.abspath(name): name for name in names}
    base = {os.path.basename(name): name for name in names}
    num_names = Counter(map(os.path.basename, names))
    num_files = Counter(map(os.path.basename, files))
    found = {}
    for file in files:
        own = os.path.basename(file)
        name = exact.get(file) or absolute.get(os.path.abspath(file))
        if name is None and num_names[own] == num_files[own] == 1:
            name = base[own]
        if name is not None:
            found[file] = name
    return found


def hear(file: str, transcriber: Transcriber) -> list[Word]:
    """Words of a recording of any length; raises AudioError where it cannot be read."""
    words: list[Word] = []
    num_samples = 0
    for samples in read_blocks(file, block_s=PIECE_S):
        begin_s = num_samples / RATE_HZ
        words += [(word, begin_s + start_s, begin_s + end_s) for word, start_s, end_s in transcriber(samples).words]
        num_samples += len(samples)
    return words


def check_said(said: Said, duration_s: float | None = None) -> None:
    """Raise EmotoneError for what is no transcript, and for words in disorder or outside of audio of this duration.

    >>> check_said([("so", 0.0, 0.3)], 1.0)
    >>> check_said(["so", "good"])
    Traceback (most recent call last):
    emotone.errors.EmotoneError: a transcript is text or a list of (word, start_s, end_s), not ['so', 'good']
    """
    if isinstance(said, str):
        if not _is_text(said):
            raise EmotoneError("a transcript is text in Unicode; this one has lone surrogates")
    elif _are_words(said):
        check_words(said, math.inf if duration_s is None else duration_s, where="its transcript")
    else:
        raise EmotoneError(f"a transcript is text or a list of (word, start_s, end_s), not {repr(said)[:60]}")


def text_of(said: Said) -> str:
    """The words of a transcript as one text.

    >>> text_of([("So", 0.0, 0.4), ("good", 0.5, 0.8)])
    'So good'
    """
    return said if isinstance(said, str) else " ".join(word for word, _, _ in said)


def words_between(words: Sequence[Word], start_s: float, end_s: float, is_last: bool = False) -> list[Word]:
    """Those of words in order whose middle lies in start_s..end_s, with times from `start_s` on and within it.

    At the ends of a recording (`start_s` 0, `is_last`) it takes what aligners, which round, have put outside of it.

    >>> words_between([("So", 0.0, 0.4), ("good", 0.5, 1.2), ("day", 1.2, 1.5)], 0.5, 1.0)
    [('good', 0.0, 0.5)]
    """

    def middle(word: Word) -> float:
        return (word[1] + word[2]) / 2

    first = bisect_left(words, start_s, key=middle) if start_s > 0 else 0
    past = len(words) if is_last else bisect_left(words, end_s, key=middle)
    return in_order([(word, begin - start_s, end - start_s) for word, begin, end in words[first:past]], end_s - start_s)


def _said(rows: Sequence[Row], text: str, may_be_words: bool) -> Said | None:
    """What the rows of one file say; None where they are neither words with times nor a single text."""
    spoken = [row for row in rows if (row[text] or "").strip()]
    timed = may_be_words and all(row[name] not in (None, "") for row in spoken for name in TIME_COLUMNS)
    if timed and all(len(row[text].split()) == 1 for row in spoken):
        return [(row[text].strip(), float(row["start_s"]), float(row["end_s"])) for row in spoken]
    if len(spoken) > 1:
        return None
    return spoken[0][text].strip() if spoken else ""


def _are_words(said: object) -> TypeGuard[Sequence[Word]]:
    return isinstance(said, Sequence) and all(map(_is_word, said))


def _is_word(word: Any) -> bool:
    if not isinstance(word, Sequence) or len(word) != 3 or not _is_text(word[0]):
        return False
    return all(isinstance(time_s, int | float) for time_s in word[1:])


def _is_text(value: Any) -> bool:
    """Whether a cell is text that can be encoded, or nothing."""
    return value is None or (isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value))


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


def _read_bytes(path: str | os.PathLike[str], largest: int) -> bytes:
    """The content of a file; raises AudioError for what is none, and for more than it may hold."""
    try:
        about = os.stat(path)  # before it is opened, which waits where it is a pipe
        if not stat.S_ISREG(about.st_mode):
            raise AudioError(path, "is not a regular file")
        if about.st_size > largest:
            raise AudioError(path, f"is larger than a transcript may be ({largest / 1e6:g} MB)")
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise AudioError(path, "does not exist") from None
    except (OSError, ValueError) as error:
        raise AudioError(path, f"cannot be read ({error})") from None


def _read_table(path: Path) -> tuple[list[str], list[Row]]:
    """Columns and rows of a table; every row has every column, None where it has no cell."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise unknown("transcript format", suffix or str(path), FORMATS, where=str(path))
    content = _read_bytes(path, LARGEST_TABLE_BYTES)
    try:
        if suffix == ".parquet":
            return _read_parquet(content)
        if suffix == ".json":
            return _read_json(content.decode("utf-8-sig"))
        # As Emotone's own tables, in which a file name may be other bytes than UTF-8.
        return _read_csv(content.decode("utf-8-sig", errors="surrogateescape"), suffix, path)
    except (ValueError, OSError, RecursionError, csv.Error) as error:
        raise EmotoneError(f"{path}: cannot be read as a table ({error})") from None


def _read_csv(text: str, suffix: str, path: Path) -> tuple[list[str], list[Row]]:
    header = text.partition("\n")[0]
    separator = "\t" if suffix == ".tsv" else max(SEPARATORS, key=header.count)
    lines = [line for line in csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True) if line]
    columns = [name.strip() for name in lines[0]] if lines else []
    cells = lines[1:]
    _require([len(row) == len(columns) for row in cells], f"do not have {len(columns)} cells, as the header has", path)
    return columns, [dict(zip(columns, row, strict=True)) for row in cells]


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
