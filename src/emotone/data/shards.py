"""Shards of a feature store on disk: how they are written, read back, and kept while they are not full yet.

shard-00000.data       rows of all its utterances one after another, [frames, D], memory-mapped for reading
shard-00000.parquet    `INDEX`: a row for each utterance; renamed into place last, without it no shard
shard-00000.partial    utterances of a shard that is not full yet, as they came: a line of JSON, then its rows
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.base.files import discard, replace_file, writing
from emotone.errors import EmotoneError

INDEX = {"id": str, "offset": int, "frames": int, "error": str, "note": str, "state": str, "content": str}
"""Columns of an index: the first row in the data, the number of rows, and what `Extracted` says; state and content are
missing in what earlier versions wrote, the note in what the first ones did."""
REMEDY = "remove this folder and extract again"


class Extracted(NamedTuple):
    """An utterance on its way into a store.

    `values` are its features [T, D]; of a batched feature, until a batch is full, its samples or its text. With an
    `error` they do not count. A `note` says what of them is not used. `state` and `content` are the identity of what
    they were made of: the same features would be made again where one of them is the same.
    """

    id: str
    values: Any
    error: str = ""
    note: str = ""
    state: str = ""
    content: str = ""


def write_shard(folder: Path, number: int, shard: list[Extracted], dtype: str) -> None:
    """Data first, index last, both by atomic rename; the partial shard is removed."""
    frames = [0 if one.error else len(one.values) for one in shard]
    offsets = np.concatenate([[0], np.cumsum(frames)[:-1]]).astype(np.int64)
    with replace_file(data_path(folder, number)) as temporary, open(temporary, "wb") as file:
        for one in shard:
            if not one.error:
                file.write(cast(one.values, dtype, data_path(folder, number)).tobytes())
    columns = {name: [getattr(one, name) for one in shard] for name in INDEX if name in Extracted._fields}
    table = pd.DataFrame(columns | {"offset": offsets, "frames": frames})[list(INDEX)]
    with replace_file(data_path(folder, number).with_suffix(".parquet")) as temporary:
        table.to_parquet(temporary, index=False)
    discard(partial_path(folder, number))


def remove_shard(folder: Path, number: int) -> None:
    """Index first: data without it is no shard."""
    discard(data_path(folder, number).with_suffix(".parquet"))
    discard(data_path(folder, number))


def unfinished(folder: Path) -> list[Path]:
    """What runs that were killed, or one that is under way, have left: partial shards, and data without an index."""
    data = [path for path in folder.glob("shard-*.data") if not path.with_suffix(".parquet").exists()]
    return [*folder.glob("shard-*.partial"), *data]


def read_shards(folder: Path, num_features: int, dtype: str) -> tuple[pd.DataFrame, dict[int, NDArray[Any]]]:
    """The indexes of all finished shards with their number as `shard`, and the rows of each; damage is an error."""
    tables, shards = [_no_rows()], {}
    for path in sorted(folder.glob("shard-*.parquet")):
        number = _number(path)
        tables.append(_read_index(path).assign(shard=number))
        shards[number] = _map(data_path(folder, number), int(tables[-1]["frames"].sum()), num_features, dtype)
    return pd.concat([table for table in tables if len(table)] or tables), shards


class PartialShard:
    """The utterances of a shard that is not full yet; each is on disk when `add` returns."""

    def __init__(self, folder: Path, number: int, num_features: int, dtype: str) -> None:
        self.path = partial_path(folder, number)
        self._shape, self._dtype, self._data = (-1, num_features), dtype, data_path(folder, number)

    def read(self) -> Iterator[tuple[Extracted, int]]:
        """The utterances that came whole, each with the size of the file up to its end."""
        if not self.path.is_file():
            return
        with open(self.path, "rb") as file:
            while (line := file.readline()).endswith(b"\n"):
                try:
                    about = json.loads(line)
                    num_bytes = about.pop("num_bytes")
                    values = np.frombuffer(file.read(num_bytes), self._dtype).reshape(self._shape)
                    if values.nbytes == num_bytes:
                        yield Extracted(values=values, **about), file.tell()
                except (ValueError, TypeError, KeyError, AttributeError):  # cut off, or not written by this version
                    return

    def add(self, one: Extracted) -> None:
        """Append an utterance."""
        rows = b"" if one.error else cast(one.values, self._dtype, self._data).tobytes()
        about = one._asdict() | {"num_bytes": len(rows)}
        del about["values"]
        with writing(self._data), open(self.path, "ab") as file:
            file.write(json.dumps(about).encode() + b"\n" + rows)

    def cut(self, size: int) -> None:
        """Drop what comes after so many bytes."""
        if self.path.is_file():
            os.truncate(self.path, size)


def data_path(folder: Path, number: int) -> Path:
    """Where the rows of a shard lie; its index beside it."""
    return folder / f"shard-{number:05d}.data"


def partial_path(folder: Path, number: int) -> Path:
    """Where the utterances of a shard lie that is not full yet."""
    return data_path(folder, number).with_suffix(".partial")


def cast(features: NDArray[np.float32], dtype: str, path: Path) -> NDArray[Any]:
    """Features in the store's type; raises EmotoneError where float16 cannot hold a value."""
    with np.errstate(over="ignore"):
        stored = np.ascontiguousarray(features, dtype=dtype)
    if not np.isfinite(stored).all() and np.isfinite(features).all():
        largest = float(np.abs(features).max())
        raise EmotoneError(f"{path}: a value of {largest:g} does not fit {dtype}; use feature_dtype float32")
    return stored


def _map(path: Path, num_rows: int, num_features: int, dtype: str) -> NDArray[Any]:
    size = num_rows * num_features * np.dtype(dtype).itemsize
    if not path.is_file() or path.stat().st_size != size:
        raise EmotoneError(f"{path}: damaged, {size} bytes were written to it; {REMEDY}")
    if not num_rows:
        return np.zeros((0, num_features), dtype)
    return np.memmap(path, dtype=dtype, mode="r", shape=(num_rows, num_features))


def _read_index(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path)
        given = table[["id", "offset", "frames", "error"]].astype({"offset": int, "frames": int})
        return given.assign(**{name: table.get(name, "") for name in ("note", "state", "content")})
    except (OSError, ValueError, KeyError, TypeError) as error:  # not Parquet, or not this table
        raise EmotoneError(f"{path}: damaged ({error}); {REMEDY}") from None


def _number(path: Path) -> int:
    digits = path.stem.removeprefix("shard-")
    if not digits.isdecimal():
        raise EmotoneError(f"{path}: not a shard of a feature store; remove it")
    return int(digits)


def _no_rows() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in {**INDEX, "shard": int}.items()})
