"""Results of many files on disk, streamed as they come and resumed after an interruption: tables, or another form.

While a prediction runs, every finished file is one line of `<output>.partial` (JSON lines, flushed), with the size and
time that the file had. A killed run leaves that file; the next run with the same model, settings and output goes on
after it, but for files that have changed. At the end the rows are written, in the order of the inputs, in their form
(`emotone.base.table_format`, or one that is given), and put in place by atomic rename, so they are whole or not there.
Two runs with one output would mix: the second is refused.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

from emotone.base.files import discard, file_state, replace_file, writing
from emotone.base.lock import try_lock
from emotone.base.table_format import Row, TableFormat, table_format
from emotone.errors import EmotoneError

TEXT_COLUMNS = {"file", "error", "language", "text", "inputs", "emotion", "note", "speaker", "channel"}
"""Columns that hold no numbers, besides those that a table names."""
FIRST_COLUMNS, LAST_COLUMN = ("file", "start", "end"), "error"
"""How columns begin and end by which a table is known to be one of Emotone's; times may have their unit behind them."""
UNCHECKED = "which did not keep their size and time: whether they have changed since is not known"
ROWS = b', "rows": '
"""What stands between the head of a line and its rows; within a text its quotes would have backslashes."""


ENDING = b'{"ending": true}\n'
"""A line before a run puts its output in place: what lies there afterwards is its own."""


class Done(NamedTuple):
    """A finished file: its rows, and its length in seconds; None where that is not known."""

    file: str
    rows: list[Row]
    duration_s: float | None = None


class Form(Protocol):
    """What the rows of all files become at the end."""

    def check(self, path: Path, overwrite: bool) -> None:
        """Raise EmotoneError, before any work, for a path that it cannot or must not write."""

    def write(self, path: Path, columns: Sequence[str], texts: Collection[str], done: Iterable[Done]) -> None:
        """Put it in place, whole or not at all."""


class TableForm:
    """One table of all rows."""

    def __init__(self, form: TableFormat) -> None:
        self._format = form

    def check(self, path: Path, overwrite: bool) -> None:
        """Raise EmotoneError for a package that is missing, no place for a file, and a file that is no such table."""
        self._format.check()
        check_place(path)
        if path.is_dir():
            raise EmotoneError(f"{path}: is a folder")
        if not overwrite and path.exists() and not self._is_ours(path):
            raise EmotoneError(f"{path}: is there already and no table that Emotone wrote; --overwrite replaces it")

    def write(self, path: Path, columns: Sequence[str], texts: Collection[str], done: Iterable[Done]) -> None:
        """The rows of all files below each other."""
        with replace_file(path) as temporary:
            self._format.write(temporary, columns, (row for file in done for row in file.rows), texts)

    def _is_ours(self, path: Path) -> bool:
        """Whether a file is empty, or a table without rows or with such columns as Emotone's have."""
        try:
            columns = self._format.read_columns(path) if path.stat().st_size else []
        except (OSError, ValueError, TypeError):
            return False
        begins = [column.removesuffix("_s") for column in columns[:3]]
        return not columns or (tuple(begins) == FIRST_COLUMNS and columns[-1] == LAST_COLUMN)


def check_place(path: Path) -> None:
    """Raise EmotoneError where the folder that a file or folder would be in does not exist."""
    if not path.absolute().parent.is_dir():
        raise EmotoneError(f"{path}: the folder does not exist")


class ResultFile:
    """The results of a run over many files; `settings` decide whether an interrupted run may be continued.

    texts: columns that hold text, besides `TEXT_COLUMNS`. form: what is written; None: the table of the path's suffix.

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
        form: Form | None = None,
    ) -> None:
        self._form = TableForm(table_format(path)) if form is None else form
        self.partial = path.with_name(path.name + ".partial")
        try:
            self._form.check(path, overwrite)
        except EmotoneError:
            if overwrite or not self._was_ending():
                raise
            self._form.check(path, overwrite=True)
        self.path = path
        self.columns = list(columns)
        self.texts = TEXT_COLUMNS | set(texts)
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

    def add(self, file: str, rows: list[Row], duration_s: float | None = None) -> None:
        """Append the rows of one file, which is of that length; they are on disk when this returns."""
        assert self._file is not None
        state = self._states.get(file) or file_state(file)
        with writing(self.path):
            self._offsets[file] = self._file.seek(0, os.SEEK_END)
            known = {} if duration_s is None else {"duration_s": duration_s}
            self._file.write(json.dumps({"file": file, "state": state, **known, "rows": rows}).encode() + b"\n")
            self._file.flush()

    def finish(self, files: Iterable[str], has_failed: Callable[[list[Row]], bool]) -> int:
        """Write the rows of `files`, in that order, and remove the partial file.

        Returns the number of files whose rows `has_failed` says are those of a failure.
        """
        num_failed = 0

        def done() -> Iterator[Done]:
            nonlocal num_failed
            for file in files:
                found = self.done(file)
                num_failed += has_failed(found.rows)
                yield found

        assert self._file is not None
        with writing(self.path):
            self._file.seek(0, os.SEEK_END)
            self._file.write(ENDING)
            self._file.flush()
        self._form.write(self.path, self.columns, self.texts, done())
        if sys.platform == "win32":  # which removes no file that is open; elsewhere nobody may come between
            self._file.close()
        discard(self.partial)
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
            if sys.platform == "win32":  # where what is open stays where it is
                return file
            if self.partial.exists() and os.path.samestat(os.fstat(file.fileno()), os.stat(self.partial)):
                return file
            file.close()  # that of a run which has just finished

    def _was_ending(self) -> bool:
        """Whether a run was killed after it had put its output in place, or shortly before."""
        try:
            with open(self.partial, "rb") as file:
                return ENDING in file
        except OSError:
            return False

    def done(self, file: str) -> Done:
        """The rows of one finished file."""
        assert self._file is not None
        self._file.seek(self._offsets[file])
        line = json.loads(self._file.readline())
        return Done(file, line["rows"], line.get("duration_s"))

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
            if line == ENDING:
                end += len(line)
                ends[-1] = end
                continue
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
