"""What an archive is made of: a table of recordings or parts of them, or a folder, row by row in bounded memory."""

from __future__ import annotations

import csv
import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from emotone.audio.folder import walk_audio
from emotone.base.delimited import separator_of
from emotone.base.table_format import plain_text
from emotone.errors import EmotoneError, missing_extra, nearest, unknown

COLUMNS = {"file": "file", "start": "start_s", "end": "end_s", "channel": "channel", "language": "language"}
"""Of a manifest, each with its other name; all but the first may be missing or empty, others are passed over."""
KEY_BYTES = 16
ROWS_AT_ONCE = 20_000
"""Of Parquet."""


class Item(NamedTuple):
    """A row: a file, or the part of it from `start_s` to `end_s`, one channel of it, what language is spoken."""

    file: str
    start_s: float = 0.0
    end_s: float | None = None
    channel: int | None = None
    language: str | None = None

    @property
    def key(self) -> bytes:
        """Its identity, `KEY_BYTES` long: rows that are equal have the same, on every machine.

        >>> Item("a.wav").key == Item("a.wav", 0.0).key, Item("a.wav").key == Item("a.wav", 1.0).key
        (True, False)
        """
        text = f"{self.file}\0{self.start_s!r}\0{self.end_s!r}\0{self.channel}\0{self.language}"
        return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=KEY_BYTES).digest()


class Manifest:
    """A table (.csv, .tsv, .jsonl, .parquet) with `file` and perhaps `start, end, channel, language`, or a folder.

    Iterating gives its `Item`s in their order. Relative files of a table lie below its folder, `root`; those of a
    folder are as they are found from the working folder. `notes` has, at the end, what a folder holds beside audio.

    Raises EmotoneError for what is none, and while it is read, with its row, for a cell that cannot be used.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "calls.csv"
    ...     _ = path.write_text("file,start,end\\na.wav,,\\nb.wav,1.5,3")
    ...     [(item.file, item.start_s, item.end_s) for item in Manifest(path)]
    [('a.wav', 0.0, None), ('b.wav', 1.5, 3.0)]
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self.is_folder = path.is_dir()
        if not path.exists():
            raise EmotoneError(f"{path}: does not exist")
        if not self.is_folder and path.suffix.lower() not in READERS:
            raise unknown("format of a manifest", path.suffix or str(path), READERS)
        self.root = Path.cwd() if self.is_folder else path.absolute().parent

    def __iter__(self) -> Iterator[Item]:
        if self.is_folder:
            yield from map(Item, walk_audio(self.path, self.notes))
            return
        try:
            yield from self._rows()
        except (OSError, UnicodeError, csv.Error) as error:
            raise EmotoneError(f"{self.path}: cannot be read ({error})") from None

    def _rows(self) -> Iterator[Item]:
        names, rows = READERS[self.path.suffix.lower()](self.path)
        if not names:
            raise EmotoneError(f"{self.path}: is empty")
        places = [_place_of(column, other, names) for column, other in COLUMNS.items()]
        if places[0] is None:
            close = nearest("file", names)
            hint = f"; is it {close!r}?" if close else ""
            raise EmotoneError(f"{self.path}: has no column 'file'{hint} (columns: {', '.join(names)})")
        for number, row in enumerate(rows, start=1):
            try:
                if len(row) > len(names):
                    raise ValueError(f"has {len(row)} cells, the header {len(names)}; a name with a comma needs quotes")
                yield _item(*(None if place is None or place >= len(row) else row[place] for place in places))
            except (ValueError, TypeError) as error:
                raise EmotoneError(f"{self.path}, row {number}: {error}") from None


def _place_of(column: str, other: str, names: Sequence[str]) -> int | None:
    """Where a column stands, by either name."""
    return next((names.index(name) for name in (column, other) if name in names), None)


def _item(file: Any, start: Any, end: Any, channel: Any, language: Any) -> Item:
    """A row's cells as an item; raises ValueError for those that cannot be used."""
    if not isinstance(file, str) or not file.strip():
        raise ValueError("names no file")
    number = None if _is_empty(channel) else _number("channel", channel)
    if number is not None and (number != int(number) or number < 1):
        raise ValueError(f"channel must be a whole number from 1, not {channel!r}")
    return Item(
        file,
        0.0 if _is_empty(start) else _number("start", start),
        None if _is_empty(end) else _number("end", end),
        None if number is None else int(number),
        None if _is_empty(language) else str(language),
    )


def _is_empty(cell: Any) -> bool:
    return cell is None or cell == "" or (isinstance(cell, float) and math.isnan(cell))


def _number(column: str, cell: Any) -> float:
    """A number of a cell; an interval of time in seconds."""
    if hasattr(cell, "total_seconds"):
        return float(cell.total_seconds())
    try:
        value = float(cell)
    except (ValueError, TypeError):
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{column} must be a number{' of seconds' if column != 'channel' else ''}, not {cell!r:.60}")
    return value


# ---- formats: the names of columns, and rows as lists of cells --------------------------------------------------

Rows = tuple[Sequence[str], Iterator[Sequence[Any]]]


def _read_delimited(path: Path) -> Rows:
    def lines() -> Iterator[list[str]]:
        with open(path, newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
            header = file.readline()
            yield from csv.reader(itertools.chain([header], file), delimiter=separator_of(header, path))

    rows = lines()
    names = [name.strip() for name in next(rows, [])]
    num = len(names)  # a spreadsheet writes empty cells beyond them
    return names, ([plain_text(cell) for cell in (row if any(row[num:]) else row[:num])] for row in rows if row)


def _read_json_lines(path: Path) -> Rows:
    def objects() -> Iterator[Mapping[str, Any]]:
        with open(path, encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                try:
                    value = json.loads(line) if line.strip() else None
                except (ValueError, RecursionError):
                    value = 0
                if value is not None and not isinstance(value, dict):
                    raise EmotoneError(f"{path}, line {number}: is no JSON object")
                if value is not None:
                    yield value

    rows = objects()
    first = next(rows, None)
    if first is None:
        return [], iter(())
    names = list(dict.fromkeys([*first, *COLUMNS]))  # a later row may have what the first lacks
    names = [name for name in names if name in first or name != "file"]
    return names, ([row.get(name) for name in names] for row in itertools.chain([first], rows))


def _read_parquet(path: Path) -> Rows:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise missing_extra("pyarrow", "archive", "a manifest in Parquet") from None
    try:
        file = pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowInvalid as error:
        raise EmotoneError(f"{path}: is no Parquet file ({error})") from None
    wanted = [name for pair in COLUMNS.items() for name in dict.fromkeys(pair)]
    names = [name for name in file.schema_arrow.names if name in wanted]

    def rows() -> Iterator[Sequence[Any]]:
        for batch in file.iter_batches(ROWS_AT_ONCE, columns=names):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)

    return names or file.schema_arrow.names, rows() if names else iter(())


READERS: dict[str, Callable[[Path], Rows]] = {
    ".csv": _read_delimited,
    ".tsv": _read_delimited,
    ".jsonl": _read_json_lines,
    ".parquet": _read_parquet,
}
"""By suffix."""
