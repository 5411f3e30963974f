"""Result tables on disk: CSV, JSON or Parquet, streamed as they come and resumed after an interruption.

While a prediction runs, every finished file is one line of `<output>.partial` (JSON lines, flushed). A killed run
leaves that file; the next run with the same model, settings and output goes on after it. At the end the table is
written in the order of the inputs and put in place by atomic rename, so it is whole or not there.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from emotone.base.files import replace_file
from emotone.errors import EmotoneError, missing_extra, unknown

FORMATS = (".csv", ".json", ".parquet")
TEXT_COLUMNS = {"file", "error", "language", "text", "inputs"}
"""Columns that hold no numbers."""
Row = dict[str, Any]


class ResultFile:
    """The table of a run over many files; `settings` decide whether an interrupted run may be continued.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, ResultFile(Path(folder) / "x.csv", ["file", "a"], {}) as results:
    ...     results.add("1.wav", [{"file": "1.wav", "a": 0.5}])
    ...     results.finish(["1.wav"])
    ...     print((Path(folder) / "x.csv").read_text(), end="")
    file,a
    1.wav,0.5
    """

    def __init__(self, path: Path, columns: Sequence[str], settings: dict[str, Any]) -> None:
        if path.suffix.lower() not in FORMATS:
            raise unknown("output format", path.suffix or str(path), FORMATS)
        if path.suffix.lower() == ".parquet":
            _import_pyarrow()
        if not path.absolute().parent.is_dir():
            raise EmotoneError(f"{path}: the folder does not exist")
        if path.is_dir():
            raise EmotoneError(f"{path}: is a folder")
        self.path = path
        self.columns = list(columns)
        self.partial = path.with_name(path.name + ".partial")
        self._header = {"columns": self.columns, **settings}
        self._offsets: dict[str, int] = {}
        self._file: IO[bytes] | None = None

    def __enter__(self) -> ResultFile:
        try:
            self._file = open(self.partial, "r+b" if self.partial.exists() else "w+b")  # noqa: SIM115 - closed in __exit__
        except OSError as error:
            raise EmotoneError(f"{self.partial}: cannot be written ({error.strerror})") from None
        self._read_finished()
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def finished(self) -> set[str]:
        """Files that an interrupted run has already done."""
        return set(self._offsets)

    def add(self, file: str, rows: list[Row]) -> None:
        """Append the rows of one file; they are on disk when this returns."""
        assert self._file is not None
        self._offsets[file] = self._file.seek(0, os.SEEK_END)
        self._file.write(json.dumps({"file": file, "rows": rows}).encode() + b"\n")
        self._file.flush()

    def rows_of(self, file: str) -> list[Row]:
        """The rows of one finished file."""
        assert self._file is not None
        self._file.seek(self._offsets[file])
        return json.loads(self._file.readline())["rows"]

    def finish(self, files: Iterable[str]) -> None:
        """Write the table with the rows of `files`, in that order, and remove the partial file."""
        rows = (row for file in files for row in self.rows_of(file))
        write = {".csv": _write_csv, ".json": _write_json, ".parquet": _write_parquet}[self.path.suffix.lower()]
        with replace_file(self.path) as temporary:
            write(temporary, self.columns, rows)
        self.partial.unlink()

    def _read_finished(self) -> None:
        """Index the complete lines; what a kill has cut off, or other settings have left, is dropped."""
        assert self._file is not None
        header = json.dumps(self._header).encode() + b"\n"
        if self._file.readline() != header:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(header)
            self._file.flush()
            return
        end = self._file.tell()
        while (line := self._file.readline()).endswith(b"\n"):
            try:
                self._offsets[json.loads(line)["file"]] = end
            except ValueError:  # a machine that lost its power may leave zeros where a line should be
                break
            end = self._file.tell()
        self._file.truncate(end)


def _write_csv(path: Path, columns: list[str], rows: Iterator[Row]) -> None:
    # surrogateescape: a file name that is not valid UTF-8 is written with the bytes it has
    with open(path, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        for row in itertools.chain([dict(zip(columns, columns, strict=True))], rows):
            file.write(",".join(_csv_cell(row[column]) for column in columns) + "\n")


def _csv_cell(value: Any) -> str:
    """A cell, quoted where it must be; a carriage return in a file name too, which Python's csv would leave bare.

    >>> _csv_cell('two "words"\\r'), _csv_cell(0.5), _csv_cell(None)
    ('"two ""words""\\r"', '0.5', '')
    """
    text = "" if value is None else str(value)
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in '",\r\n') else text


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


def _write_parquet(path: Path, columns: list[str], rows: Iterator[Row], group_size: int = 20_000) -> None:
    pyarrow = _import_pyarrow()
    schema = pyarrow.schema(
        [(name, pyarrow.string() if name in TEXT_COLUMNS else pyarrow.float64()) for name in columns]
    )
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        group: list[Row] = []
        for row in rows:
            # Parquet text must be valid UTF-8
            words = {name: row[name].encode("utf-8", "backslashreplace").decode() for name in TEXT_COLUMNS & row.keys()}
            group.append(row | words)
            if len(group) == group_size:
                writer.write_table(pyarrow.Table.from_pylist(group, schema))
                group = []
        writer.write_table(pyarrow.Table.from_pylist(group, schema))
