"""Shards on disk: written and read back, whole or in part, and what damages them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emotone.data.shards import INDEX, Extracted, PartialShard, cast, partial_path, read_shards, write_shard
from emotone.errors import EmotoneError

ONES = [
    Extracted("a", np.array([[1.5, -2.0], [0.25, 4.0]], np.float32), state="s", content="c"),
    Extracted("ä\n", None, error="is silent", state="t"),
    Extracted("b", np.zeros((0, 2), np.float32), note="cut"),
    Extracted("c", np.array([[8.0, 16.0]], np.float32)),
]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_shard_is_read_back(tmp_path: Path, dtype: str) -> None:
    partial_path(tmp_path, 0).touch()
    write_shard(tmp_path, 0, ONES, dtype)
    write_shard(tmp_path, 1, ONES[:1], dtype)
    assert sorted(os.listdir(tmp_path)) == [f"shard-0000{n}.{kind}" for n in (0, 1) for kind in ("data", "parquet")]
    index, shards = read_shards(tmp_path, 2, dtype)
    assert [*index] == [*INDEX, "shard"] and index["id"].tolist() == ["a", "ä\n", "b", "c", "a"]
    assert index[["offset", "frames"]].to_numpy().tolist() == [[0, 2], [2, 0], [2, 0], [2, 1], [0, 2]]
    assert index["state"].tolist() == ["s", "t", "", "", "s"] and index["content"].tolist()[:2] == ["c", ""]
    assert shards[0].dtype == dtype and shards[0].tolist() == [[1.5, -2.0], [0.25, 4.0], [8.0, 16.0]]


def test_a_folder_without_shards(tmp_path: Path) -> None:
    index, shards = read_shards(tmp_path, 2, "float32")
    assert not len(index) and [*index] == [*INDEX, "shard"] and shards == {}


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_partial_shard_is_read_to_wherever_it_was_cut(tmp_path: Path, dtype: str) -> None:
    partial = PartialShard(tmp_path, 3, 2, dtype)
    assert list(partial.read()) == []
    for one in ONES:
        partial.add(one)
    whole = list(partial.read())
    assert [one._replace(values=None) for one, _ in whole] == [one._replace(values=None) for one in ONES]
    for (found, _), one in zip(whole, ONES, strict=True):
        assert found.values.tolist() == ([] if one.values is None else one.values.tolist())
        assert found.values.dtype == dtype and found.values.shape[1] == 2
    ends = [end for _, end in whole]
    content = partial.path.read_bytes()
    assert ends[-1] == len(content)
    for size in range(len(content)):
        partial.path.write_bytes(content[:size])
        assert [end for _, end in partial.read()] == [end for end in ends if end <= size]
    partial.path.write_bytes(content)
    partial.cut(ends[1])
    partial.add(ONES[3])
    assert [one.id for one, _ in partial.read()] == ["a", "ä\n", "c"]


@pytest.mark.parametrize(
    "junk", [b"\0\0\n", b"[]\n", b"{}\n", b'{"num_bytes": 3}\nabc', b'{"num_bytes": -1}\n', b"\xff\n"]
)
def test_junk_is_no_partial_shard(tmp_path: Path, junk: bytes) -> None:
    partial_path(tmp_path, 0).write_bytes(junk)
    assert list(PartialShard(tmp_path, 0, 2, "float32").read()) == []


def test_shards_of_earlier_versions_lack_columns(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, ONES, "float32")
    path = tmp_path / "shard-00000.parquet"
    pd.read_parquet(path)[["id", "offset", "frames", "error"]].to_parquet(path)
    index, _ = read_shards(tmp_path, 2, "float32")
    assert set(index["note"]) == set(index["state"]) == set(index["content"]) == {""}


@pytest.mark.parametrize("column", ["id", "frames"])
def test_a_table_of_another_kind_is_named(tmp_path: Path, column: str) -> None:
    write_shard(tmp_path, 0, ONES, "float32")
    path = tmp_path / "shard-00000.parquet"
    table = pd.read_parquet(path)
    (table.drop(columns="id") if column == "id" else table.assign(frames="many")).to_parquet(path)
    with pytest.raises(EmotoneError, match="shard-00000.parquet: damaged .*; remove this folder and extract again"):
        read_shards(tmp_path, 2, "float32")


def test_what_float16_cannot_hold_is_refused() -> None:
    assert cast(np.array([65_504.0, np.inf, np.nan], np.float32), "float16", Path("x")).dtype == np.float16
    with pytest.raises(EmotoneError, match="x: a value of 70000 does not fit float16"):
        cast(np.array([1.0, -70_000.0], np.float32), "float16", Path("x"))
