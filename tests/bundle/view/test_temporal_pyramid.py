"""Temporal pyramid pooling against reference outputs and a plain loop over parts in float64."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from emotone.bundle.view.temporal_pyramid import pool


def pool_by_loop(chunk: NDArray[np.float32]) -> NDArray[np.float64]:
    """One chunk [f, D] -> [7 * D], as the method is described."""
    if len(chunk) < 5:
        return np.tile(chunk.mean(axis=0, dtype=np.float64), 7)
    means = []
    for num_parts in (1, 2, 4):
        size = len(chunk) // num_parts
        for part in range(num_parts):
            stop = (part + 1) * size if part < num_parts - 1 else len(chunk)
            means.append(chunk[part * size : stop].mean(axis=0, dtype=np.float64))
    return np.concatenate(means)


def test_pooled_chunks_equal_the_published_ones(shared: Path) -> None:
    golden = np.load(shared / "golden/temporal_pyramid.npz")
    num_cases = sum(key.startswith("chunks_") for key in golden)
    assert num_cases > 2
    for case in range(num_cases):
        chunks, lengths = golden[f"chunks_{case}"], golden[f"length_{case}"]
        num_chunks, num_frames, num_features = chunks.shape
        pooled = pool(chunks.reshape(-1, num_features), np.arange(num_chunks) * num_frames, lengths)
        np.testing.assert_allclose(pooled, golden[f"pooled_{case}"], atol=1e-6, rtol=0)


@st.composite
def spans(draw: st.DrawFn) -> tuple[int, list[int], list[int]]:
    num_frames = draw(st.integers(1, 200))
    starts = draw(st.lists(st.integers(0, num_frames - 1), min_size=1, max_size=12))
    return num_frames, starts, [draw(st.integers(1, num_frames - start)) for start in starts]


@given(spans(), st.integers(1, 9))
def test_batches_equal_a_loop(drawn: tuple[int, list[int], list[int]], num_features: int) -> None:
    num_frames, starts, lengths = drawn
    frames = np.random.default_rng(num_frames).normal(1, 1, (num_frames, num_features)).clip(-3, 3).astype(np.float32)
    pooled = pool(frames, starts, lengths)
    expected = [pool_by_loop(frames[start : start + size]) for start, size in zip(starts, lengths, strict=True)]
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, expected, atol=2e-6, rtol=0)


@given(spans())
def test_the_whole_is_the_mean_of_its_parts(drawn: tuple[int, list[int], list[int]]) -> None:
    num_frames, starts, lengths = drawn
    frames = np.random.default_rng(num_frames).normal(size=(num_frames, 3)).astype(np.float32)
    means = pool(frames, starts, lengths).reshape(-1, 7, 3)
    for whole, halves, quarters, size in zip(means[:, 0], means[:, 1:3], means[:, 3:], lengths, strict=True):
        for parts in (halves, quarters):
            if size < 5:
                assert (parts == whole).all()
                continue
            counts = np.full(len(parts), size // len(parts))
            counts[-1] += size % len(parts)
            np.testing.assert_allclose((counts[:, None] * parts).sum(axis=0) / size, whole, atol=2e-6)


def test_out_is_written_where_a_batch_needs_it() -> None:
    frames = np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32)
    batch = np.zeros((2, 5, 28), np.float32)
    assert np.shares_memory(pool(frames, [0, 40, 60], [50, 50, 3], out=batch[1, :3]), batch)
    np.testing.assert_array_equal(batch[1, :3], pool(frames, [0, 40, 60], [50, 50, 3]))
    assert not batch[0].any() and not batch[1, 3:].any()


@pytest.mark.parametrize(("start", "length"), [(-1, 3), (0, 0), (8, 3), (0, 11)])
def test_chunks_outside_are_refused(start: int, length: int) -> None:
    with pytest.raises(ValueError, match="within the 10"):
        pool(np.zeros((10, 2), np.float32), [0, start], [10, length])


def test_another_out_is_refused() -> None:
    frames = np.zeros((10, 2), np.float32)
    others: list[Any] = [np.zeros((1, 28), np.float32)[:, ::2], np.zeros((2, 14), np.float32), np.zeros((1, 14))]
    for out in others:
        with pytest.raises(ValueError):
            pool(frames, [0], [10], out=out)
