"""A part of an archive: the answers to the rows of one shard, in one Parquet file, whole or not there.

Beside the columns of the table it has, of every answer, `_key`, the identity of its row, and `_state`, by which its
input is known to be the one that was heard; of an archive that keeps what `emotone retrieve` needs `_moments`, too. The
footer says how many rows are answered, how many failed, and how much audio was heard.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from emotone.archive.manifest import KEY_BYTES
from emotone.archive.plan import import_pyarrow
from emotone.base.table_format import Row

KEY, STATE, MOMENTS = "_key", "_state", "_moments"
OWN = (KEY, STATE, MOMENTS)
"""Columns that no merged table has."""
ABOUT = b"emotone"


@dataclass
class Answer:
    """What is said of a row of the manifest: one row of the table or several. state: of its input, as it was heard."""

    key: bytes
    state: str
    rows: list[Row]
    moments: dict[str, Any] | None = None

    @property
    def error(self) -> str:
        """Why nothing of it was scored; "" where something was."""
        errors = [row["error"] for row in self.rows]
        return errors[0] if all(errors) and errors else ""


class Count(NamedTuple):
    """What the footer of a part says: rows of the manifest, those that failed, seconds of audio, and of work."""

    num_rows: int
    num_failed: int
    audio_s: float
    work_s: float


class Head(NamedTuple):
    """What a part is about: the keys of its answers in their order, its files with their states, what is counted."""

    keys: list[bytes]
    states: set[tuple[str, str]]
    counted: Count


@dataclass(frozen=True)
class PartForm:
    """What parts of an archive look like: columns of the table, those that hold texts, whether moments are kept."""

    columns: Sequence[str]
    texts: Collection[str] = field(default_factory=frozenset)
    moments: Sequence[str] | None = None
    """Names of the scores of each window; None: none are kept."""

    @functools.cached_property
    def schema(self) -> Any:
        """Of Arrow."""
        pyarrow = import_pyarrow()
        kinds = [(name, pyarrow.string() if name in self.texts else pyarrow.float64()) for name in self.columns]
        own = [(KEY, pyarrow.binary(KEY_BYTES)), (STATE, pyarrow.string())]
        if self.moments is not None:
            whole, real = pyarrow.list_(pyarrow.int64()), pyarrow.list_(pyarrow.float64())
            about = [("num_samples", pyarrow.int64()), ("speech_s", pyarrow.float64())]
            about += [("num_spoken", pyarrow.int64()), ("error", pyarrow.string())]
            windows = [("start", whole), ("stop", whole), ("speech", real), *((name, real) for name in self.moments)]
            own.append((MOMENTS, pyarrow.struct([*about, ("notes", pyarrow.list_(pyarrow.string())), *windows])))
        return pyarrow.schema([*kinds, *own])

    def write(self, path: Path, answers: Sequence[Answer], work_s: float) -> Count:
        """A new file, which is on the disk when this returns; raises OSError."""
        pyarrow = import_pyarrow()
        count = Count(
            len(answers),
            sum(bool(answer.error) for answer in answers),
            sum(max([row["end_s"] or 0.0 for row in answer.rows], default=0.0) for answer in answers),
            work_s,
        )
        schema = self.schema.with_metadata({ABOUT: json.dumps(count._asdict()).encode()})
        rows = [self._row(answer, place) for answer in answers for place in range(len(answer.rows))]
        columns = [[row.get(name) for row in rows] for name in schema.names]
        with open(path, "xb") as file:
            table = pyarrow.table(columns, schema)
            pyarrow.parquet.write_table(table, file, write_page_checksum=True, row_group_size=max(1, len(table)))
            file.flush()
            os.fsync(file.fileno())
        return count

    def _row(self, answer: Answer, place: int) -> Row:
        known = {name: value for name, value in answer.rows[place].items() if isinstance(value, str)}
        texts = {name: value.encode("utf-8", "backslashreplace").decode() for name, value in known.items()}
        own = {KEY: answer.key, STATE: answer.state, MOMENTS: answer.moments if place == 0 else None}
        return answer.rows[place] | texts | own

    def read(self, path: Path) -> dict[bytes, Answer]:
        """The answers by key; {} for what is no part: missing, cut off, damaged, of another form."""
        pyarrow = import_pyarrow()
        try:
            with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
                if file.schema_arrow.names != self.schema.names:
                    return {}
                return _answers(file.read().to_pylist())
        except (OSError, ValueError, pyarrow.ArrowException):
            return {}

    def head(self, path: Path) -> Head | None:
        """What tells whether a part still fits; None for what is no part."""
        pyarrow = import_pyarrow()
        try:
            with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
                if file.schema_arrow.names != self.schema.names:
                    return None
                count = Count(**json.loads(file.metadata.metadata[ABOUT]))
                keys, states, files = (column.to_pylist() for column in file.read([KEY, STATE, "file"]).columns)
        except (OSError, ValueError, KeyError, TypeError, pyarrow.ArrowException):
            return None
        return Head(list(dict.fromkeys(keys)), set(zip(files, states, strict=True)), count)


def _answers(rows: list[Row]) -> dict[bytes, Answer]:
    found: dict[bytes, Answer] = {}
    for row in rows:
        key, state, moments = row.pop(KEY), row.pop(STATE), row.pop(MOMENTS, None)
        found.setdefault(key, Answer(key, state, [], moments)).rows.append(row)
    return found


def read_count(path: Path) -> Count | None:
    """What the footer of a part says; None for what is no part."""
    pyarrow = import_pyarrow()
    try:
        with pyarrow.OSFile(str(path)) as file:  # half the time of a path
            metadata = pyarrow.parquet.ParquetFile(file).metadata.metadata or {}
            return Count(**json.loads(metadata[ABOUT]))
    except (OSError, ValueError, KeyError, TypeError, pyarrow.ArrowException):
        return None


def read_batches(path: Path, columns: Sequence[str], num_rows: int = 2_000) -> Iterator[Any]:
    """Some columns of a part, as batches of Arrow; raises what Arrow does."""
    pyarrow = import_pyarrow()
    with pyarrow.parquet.ParquetFile(path, page_checksum_verification=True) as file:
        yield from file.iter_batches(num_rows, columns=list(columns))
