"""Result tables on disk: CSV, JSON or Parquet, streamed as they come and resumed after an interruption.

While a prediction runs, every finished file is one line of `<output>.partial` (JSON lines, flushed), with the size and
time that the file had. A killed run leaves that file; the next run with the same model, settings and output goes on
after it, but for files that have changed. At the end the table is written in the order of the inputs and put in place
by atomic rename, so it is whole or not there. Two runs with one output would mix: the second is refused.

In CSV a text that a spreadsheet would take for a formula (it begins with =, +, -, @, a tab or a carriage return) has an
apostrophe before it, which `plain_text` takes away; numbers have none. JSON and Parquet hold texts as they are.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from emotone.base.files import file_state, replace_file, writing
from emotone.base.lock import try_lock
from emotone.errors import EmotoneError, missing_extra, unknown

FORMATS = (".csv", ".json", ".parquet")
TEXT_COLUMNS = {"file", "error", "language", "text", "inputs", "emotion", "note", "speaker", "channel"}
"""Columns that hold no numbers, besides those that a table names."""
FIRST_COLUMNS, LAST_COLUMN = ("file", "start_s", "end_s"), "error"
"""Columns by which a table is known to be one of Emotone's."""
UNCHECKED = "which did not keep their size and time: whether they have changed since is not known"
FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""How texts begin that are formulas to a spreadsheet, or were made none by an apostrophe."""
QUOTED = re.compile(r'[",\r\n]')
ROWS = b', "rows": '
"""What stands between the head of a line and its rows; within a text its quotes would have backslashes."""
Row = dict[str, Any]


class ResultFile:
    """The table of a run over many files; `settings` decide whether an interrupted run may be continued.

    texts: columns that hold text, besides `TEXT_COLUMNS`.

    Raises EmotoneError for a path that cannot be written, and unless `overwrite` for a file that is no such table.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, ResultFile(Path(folder) / "x.csv", ["file", "a"], {}) as results:
    ...     results.add("1.wav", [{"file": "1.wav", "a": 0.5}])
    ...     results.finish(["1.wav"], lambda rows: not rows)
    ...     print((Path(folder) / "x.csv").read_text(), end="")
    0
    file,a
    1.wav,0.5
    """

    def __init__(
        self,
        path: Path,
        columns: Sequence[str],
        settings: dict[str, Any],
        overwrite: bool = False,
        texts: Collection[str] = (),
    ) -> None:
        if path.suffix.lower() not in FORMATS:
            raise unknown("output format", path.suffix or str(path), FORMATS)
        if path.suffix.lower() == ".parquet":
            _import_pyarrow()
        if not path.absolute().parent.is_dir():
            raise EmotoneError(f"{path}: the folder does not exist")
        if path.is_dir():
            raise EmotoneError(f"{path}: is a folder")
        if not overwrite and path.exists() and not _is_ours(path):
            raise EmotoneError(f"{path}: is there already and no table that Emotone wrote; --overwrite replaces it")
        self.path = path
        self.columns = list(columns)
        self.texts = TEXT_COLUMNS | set(texts)
        self.partial = path.with_name(path.name + ".partial")
        self.unchecked: list[str] = []
        """Files done by an earlier version, which did not keep their size and time: nobody knows if they changed."""
        self.differs: list[str] = []
        """What an interrupted run into this table had otherwise, e.g. columns: what it did is dropped."""
        self._header = {"columns": self.columns, **settings}
        self._offsets: dict[str, int] = {}
        self._states: dict[str, tuple[int, int] | None] = {}
        self._file: IO[bytes] | None = None

    def __enter__(self) -> ResultFile:
        try:
            self._file = self._open()
        except OSError as error:
            raise EmotoneError(f"{self.partial}: cannot be written ({error.strerror})") from None
        with writing(self.path):
            self._read_finished()
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):  # of a full disk, which `add` has told
                self._file.close()

    def remaining(self, files: Sequence[str]) -> list[str]:
        """The files that an interrupted run has not done, or that have changed since."""
        before, now = self._states, {file: file_state(file) for file in files}
        self.unchecked = [file for file in files if file in before and before[file] is None]
        self._states = {**before, **now}
        return [file for file in files if file not in before or before[file] not in (None, now[file])]

    def add(self, file: str, rows: list[Row]) -> None:
        """Append the rows of one file; they are on disk when this returns."""
        assert self._file is not None
        state = self._states.get(file) or file_state(file)
        with writing(self.path):
            self._offsets[file] = self._file.seek(0, os.SEEK_END)
            self._file.write(json.dumps({"file": file, "state": state, "rows": rows}).encode() + b"\n")
            self._file.flush()

    def finish(self, files: Iterable[str], has_failed: Callable[[list[Row]], bool]) -> int:
        """Write the table with the rows of `files`, in that order, and remove the partial file.

        Returns the number of files whose rows `has_failed` says are those of a failure.
        """
        num_failed = 0

        def rows() -> Iterator[Row]:
            nonlocal num_failed
            for file in files:
                own = self._rows_of(file)
                num_failed += has_failed(own)
                yield from own

        with replace_file(self.path) as temporary:
            if self.path.suffix.lower() == ".parquet":
                _write_parquet(temporary, self.columns, rows(), self.texts)
            else:
                write = {".csv": write_csv, ".json": _write_json}[self.path.suffix.lower()]
                write(temporary, self.columns, rows())
        self.partial.unlink()
        return num_failed

    def _open(self) -> IO[bytes]:
        """The partial file, for this process alone; raises EmotoneError where another one has it."""
        while True:
            file = open(  # noqa: SIM115 - closed in __exit__
                self.partial, "r+b", opener=lambda path, flags: os.open(path, flags | os.O_CREAT, 0o666)
            )
            with contextlib.suppress(OSError):  # no locks here
                if not try_lock(file.fileno()):
                    file.close()
                    raise EmotoneError(f"{self.path}: another run is writing it")
            if self.partial.exists() and os.path.samestat(os.fstat(file.fileno()), os.stat(self.partial)):
                return file
            file.close()  # that of a run which has just finished

    def _rows_of(self, file: str) -> list[Row]:
        """The rows of one finished file."""
        assert self._file is not None
        self._file.seek(self._offsets[file])
        return json.loads(self._file.readline())["rows"]

    def _read_finished(self) -> None:
        """Index the complete lines; what a kill has cut off, or other settings have left, is dropped."""
        assert self._file is not None
        header = json.dumps(self._header).encode() + b"\n"
        if (before := self._file.readline()) != header:
            if self._file.readline():
                self.differs = _differences(before, self._header)
            self._file.seek(0)
            self._file.truncate()
            self._file.write(header)
            self._file.flush()
            return
        end, ends, heads = self._file.tell(), [self._file.tell()], []
        for line in iter(self._file.readline, b""):
            if not line.endswith(b"]}\n") or b"\0" in line:  # power that failed may leave zeros
                break
            heads.append(line.partition(ROWS)[0] + b"}")
            end += len(line)
            ends.append(end)
        # All at once and without their rows: a tenth of the time that the lines take.
        for start, head in zip(ends, json.loads(b"[" + b",".join(heads) + b"]"), strict=False):
            self._offsets[head["file"]] = start
            self._states[head["file"]] = tuple(head["state"]) if "state" in head else None
        self._file.truncate(end)


def _differences(line: bytes, header: dict[str, Any]) -> list[str]:
    """The keys in which the header of a partial file differs; all where it cannot be read.

    >>> _differences(b'{"columns": ["file"], "bundle": "ab"}', {"columns": ["file", "emotion"], "bundle": "ab"})
    ['columns']
    """
    try:
        before = dict(json.loads(line))
    except (ValueError, TypeError):
        return list(header)
    return [key for key in {**header, **before} if (key, header.get(key)) not in before.items()]


def _is_ours(path: Path) -> bool:
    """Whether a file is empty, or a table with such columns as Emotone's have."""
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet" and path.stat().st_size:
            columns = _import_pyarrow().parquet.read_schema(path).names
        else:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                first, second = file.readline().strip(), file.readline().rstrip(",\n")
            if not first or (first, second) == ("[", "]"):  # nothing, or no row
                return True
            columns = list(json.loads(second)) if suffix == ".json" else first.split(",")
    except (OSError, ValueError, TypeError):
        return False
    return tuple(columns[:3]) == FIRST_COLUMNS and columns[-1] == LAST_COLUMN


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Rows as CSV in UTF-8; a cell that is missing or None is empty."""
    # surrogateescape: a file name that is not valid UTF-8 is written with the bytes it has
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        for row in itertools.chain([dict(zip(columns, columns, strict=True))], rows):
            file.write(",".join([_csv_cell(row.get(column)) for column in columns]) + "\n")


def _csv_cell(value: Any) -> str:
    """A cell, quoted where it must be; a carriage return in a file name too, which Python's csv would leave bare.

    >>> _csv_cell('two "words"\\r'), _csv_cell(-0.5), _csv_cell(None), _csv_cell("=1+1")
    ('"two ""words""\\r"', '-0.5', '', "'=1+1")
    """
    if not isinstance(value, str):
        return "" if value is None else str(value)
    text = "'" + value if FORMULA.match(value) else value
    return '"' + text.replace('"', '""') + '"' if QUOTED.search(text) else text


def plain_text(cell: str) -> str:
    """The text of a CSV's cell, without the apostrophe that keeps a spreadsheet from taking it for a formula.

    >>> plain_text("'=1+1"), plain_text("'tis"), plain_text("-0.5")
    ('=1+1', "'tis", '-0.5')
    """
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def _write_json(path: Path, columns: list[str], rows: Iterator[Row]) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write("[")
        for number, row in enumerate(rows):
            file.write(",\n " if number else "\n ")
            file.write(json.dumps(row))
        file.write("\n]\n")


def _import_pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise missing_extra("pyarrow", "parquet", "Parquet output") from None
    return pyarrow


def _write_parquet(
    path: Path, columns: list[str], rows: Iterator[Row], texts: Collection[str], group_size: int = 20_000
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
