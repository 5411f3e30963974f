"""A manifest cut into shards by the hash of each row, on disk, so that every machine reads the rows of a shard alone.

Rows are shared out by the leading bits of their hash into `BUCKETS` files, then bucket by bucket into shards, so memory
is that of a bucket, a 256th of the manifest. Within a shard rows go by their hash; of equal rows the first stays. What
comes out depends on the rows alone: two machines that plan at once write the same folder, and the second one's is
dropped.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotone.archive.manifest import KEY_BYTES, Item
from emotone.archive.source import protocols_of
from emotone.base.files import new_folder, write_json
from emotone.errors import EmotoneError, missing_extra

BUCKETS = 256
SHARDS_PER_FILE = 256
ROWS_AT_ONCE = 50_000
ABOUT = "plan.json"


class Shard(NamedTuple):
    """A shard of a plan: its number, the name of its part file, and how many rows it has, each once."""

    number: int
    part: str
    num_rows: int


@dataclass(frozen=True)
class Plan:
    """The shards of a manifest. num_duplicates: rows left out. has_channels: whether any row names a channel.

    protocols: of addresses from which files are fetched.
    """

    folder: Path
    shards: list[Shard]
    num_rows: int
    num_duplicates: int
    has_channels: bool
    protocols: list[str]

    @property
    def name(self) -> str:
        """Of its folder: the hash of all rows."""
        return self.folder.name

    @classmethod
    def read(cls, folder: Path) -> Plan:
        """A plan that was written; raises EmotoneError where it is not there, or damaged."""
        try:
            about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            shards = [Shard(*shard) for shard in about["shards"]]
            del about["shards"]
            return cls(folder, shards, **about)
        except FileNotFoundError:
            raise EmotoneError(f"{folder}: the plan is gone; give the manifest again") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EmotoneError(
                f"{folder}: the plan cannot be read ({error}); remove it, give the manifest again"
            ) from None

    @classmethod
    def make(cls, items: Iterable[Item], into: Path, rows_per_shard: int, num_shards: int | None = None) -> Plan:
        """The plan of these rows, in a folder of its own below `into`, which may be there already.

        num_shards: as of an earlier plan, so that rows stay in their shards; None: as many as the rows need.
        """
        with tempfile.TemporaryDirectory(prefix=".plan-", dir=into) as scratch:
            buckets = _Buckets(Path(scratch))
            for rows in _in_batches(items):
                buckets.add(rows)
            buckets.close()
            num_shards = num_shards or max(1, round(buckets.num_rows / rows_per_shard))
            name = f"plan-{hashlib.blake2b(buckets.digest + num_shards.to_bytes(8), digest_size=8).hexdigest()}"
            if not (into / name / ABOUT).exists():
                # Another machine may write the same at this moment; whichever is first stays.
                with contextlib.suppress(OSError, EmotoneError), new_folder(into / name) as folder:
                    _write(buckets, num_shards, folder)
            return cls.read(into / name)

    def items(self, shard: Shard) -> tuple[list[bytes], list[Item], NDArray[np.int64]]:
        """The keys of a shard's rows in ascending order, the rows, and where each stands in the manifest, from 0."""
        pyarrow = import_pyarrow()
        first = shard.number // SHARDS_PER_FILE * SHARDS_PER_FILE
        group = sum(1 for other in self.shards[first : shard.number] if other.num_rows)
        try:
            table = pyarrow.parquet.ParquetFile(self.folder / _file(shard.number)).read_row_group(group)
        except (OSError, pyarrow.ArrowInvalid, IndexError) as error:
            raise EmotoneError(
                f"{self.folder}: the plan cannot be read ({error}); remove it, give the manifest again"
            ) from None
        columns = [table[name].to_pylist() for name in ("file", "start", "end", "channel", "language")]
        items = [Item(file.decode("utf-8", "surrogateescape"), *rest) for file, *rest in zip(*columns, strict=True)]
        return table["key"].to_pylist(), items, table["row"].to_numpy()


def import_pyarrow() -> Any:
    """pyarrow with its Parquet; raises EmotoneError where it is not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise missing_extra("pyarrow", "archive", "an archive") from None
    return pyarrow


def part_name(shard: int, keys: bytes) -> str:
    """The name of the part file of a shard whose rows have these keys.

    >>> part_name(7, b"")
    'part-000007-786a02f742015903.parquet'
    """
    return f"part-{shard:06d}-{hashlib.blake2b(keys).hexdigest()[:16]}.parquet"


def _file(shard: int) -> str:
    return f"rows-{shard // SHARDS_PER_FILE:05d}.parquet"


def _schema() -> Any:
    pyarrow = import_pyarrow()
    return pyarrow.schema(
        [
            ("key", pyarrow.binary(KEY_BYTES)),
            ("row", pyarrow.int64()),
            ("file", pyarrow.binary()),  # names need not be UTF-8
            ("start", pyarrow.float64()),
            ("end", pyarrow.float64()),
            ("channel", pyarrow.int32()),
            ("language", pyarrow.string()),
        ]
    )


def _in_batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) == ROWS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


class _Buckets:
    """Rows by the first byte of their hash, in files of a folder that is nobody else's."""

    def __init__(self, folder: Path) -> None:
        self.num_rows = 0
        self.has_channels = False
        self.protocols: set[str] = set()
        self._folder = folder
        self._hash = hashlib.blake2b()
        self._writers: dict[int, Any] = {}

    @property
    def digest(self) -> bytes:
        """Of all rows in their order."""
        return self._hash.digest()

    def add(self, items: list[Item]) -> None:
        """The next rows."""
        pyarrow = import_pyarrow()
        keys = [item.key for item in items]
        joined = b"".join(keys)
        self._hash.update(joined)
        files, starts, ends, channels, languages = zip(*items, strict=True)
        self.has_channels |= any(channel is not None for channel in channels)
        self.protocols.update(name for file in files if "://" in file for name in protocols_of(file))
        rows = range(self.num_rows, self.num_rows + len(items))
        encoded = [file.encode("utf-8", "surrogateescape") for file in files]
        table = pyarrow.table([keys, rows, encoded, starts, ends, channels, languages], _schema())
        self.num_rows += len(items)
        first = np.frombuffer(joined, np.uint8)[::KEY_BYTES]
        order = np.argsort(first, kind="stable")
        for bucket, places in zip(*_runs(first[order], order), strict=True):
            self._writer(int(bucket)).write_table(table.take(places))

    def _writer(self, bucket: int) -> Any:
        if bucket not in self._writers:
            pyarrow = import_pyarrow()
            self._writers[bucket] = pyarrow.ipc.new_stream(str(self._folder / str(bucket)), _schema())
        return self._writers[bucket]

    def close(self) -> None:
        """No more rows."""
        for writer in self._writers.values():
            writer.close()

    def tables(self) -> Iterator[Any]:
        """The rows of each bucket, in ascending order of their first byte."""
        pyarrow = import_pyarrow()
        for bucket in sorted(self._writers):
            with pyarrow.ipc.open_stream(str(self._folder / str(bucket))) as reader:
                yield reader.read_all()


def _runs(values: NDArray[Any], places: NDArray[np.intp]) -> tuple[NDArray[Any], list[NDArray[np.intp]]]:
    """The different values of an array that is in order, and the places that have each."""
    if not len(values):
        return values, []
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    return values[starts], np.split(places, starts[1:])


def _write(buckets: _Buckets, num_shards: int, folder: Path) -> None:
    """Shards as row groups of files of `SHARDS_PER_FILE`, and what there is to know of them as JSON, last."""
    shards = _ShardFiles(folder, num_shards)
    pyarrow = import_pyarrow()
    held = _schema().empty_table()
    for bucket in buckets.tables():
        held = pyarrow.concat_tables([held, bucket])
        held = shards.add(held, is_last=False)
    shards.add(held, is_last=True)
    shards.close()
    about = {
        "shards": shards.shards,
        "num_rows": sum(num_rows for _, _, num_rows in shards.shards),
        "num_duplicates": shards.num_duplicates,
        "has_channels": buckets.has_channels,
        "protocols": sorted(buckets.protocols),
    }
    write_json(folder / ABOUT, about)


class _ShardFiles:
    """The files of a plan, filled from the first shard on."""

    def __init__(self, folder: Path, num_shards: int) -> None:
        self.shards: list[Shard] = []
        self.num_duplicates = 0
        self._folder, self._num_shards = folder, num_shards
        self._writer: Any = None

    def add(self, table: Any, is_last: bool) -> Any:
        """Write the shards that are complete, and return the rows of the one that may not be."""
        if not len(table):
            if is_last:
                self._fill(self._num_shards)
            return table
        keys = np.frombuffer(b"".join(table["key"].to_pylist()), ">u8").reshape(-1, 2)
        high, low = keys[:, 0].astype(np.uint64), keys[:, 1].astype(np.uint64)
        shard = ((high >> np.uint64(32)) * np.uint64(self._num_shards)) >> np.uint64(32)
        order = np.lexsort((table["row"].to_numpy(), low, high))
        is_new = np.r_[True, (np.diff(high[order]) != 0) | (np.diff(low[order]) != 0)]
        self.num_duplicates += int((~is_new).sum())
        order = order[is_new]
        numbers, runs = _runs(shard[order], order)
        for number, places in zip(numbers.tolist(), runs, strict=True):
            if number == numbers[-1] and not is_last:
                return table.take(places)
            self._write(int(number), table.take(places))
        self._fill(self._num_shards)
        return table.slice(0, 0)

    def _write(self, number: int, table: Any) -> None:
        self._fill(number)
        if self._writer is None:
            parquet = import_pyarrow().parquet
            self._writer = parquet.ParquetWriter(self._folder / _file(number), _schema())
        self._writer.write_table(table.combine_chunks(), row_group_size=max(1, len(table)))
        self._append(len(table), b"".join(table["key"].to_pylist()))

    def _fill(self, number: int) -> None:
        """Shards without rows up to this number."""
        while len(self.shards) < number:
            self._append(0, b"")

    def _append(self, num_rows: int, keys: bytes) -> None:
        number = len(self.shards)
        self.shards.append(Shard(number, part_name(number, keys), num_rows))
        if (number + 1) % SHARDS_PER_FILE == 0:
            self.close()

    def close(self) -> None:
        """No more shards in this file."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None
