"""Dynamic chunking against the reference starts and a plain loop."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.bundle.view import chunk
from emotone.errors import EmotoneError

sizes = st.integers(1, 400)


def test_starts_equal_the_published_ones(shared: Path) -> None:
    cases = json.loads((shared / "golden/functions.json").read_text())["chunking"]
    assert len(cases) > 3
    for case in cases:
        starts = chunk.chunk_starts(case["frames"], case["m"], case["n"] * case["C"])
        assert starts.tolist() == case["first_frame_of_chunks"]


@given(num_frames=st.integers(1, 3_000), chunk_frames=sizes, num_chunks=st.integers(1, 30))
def test_chunks_are_even_and_within_the_utterance(num_frames: int, chunk_frames: int, num_chunks: int) -> None:
    index = chunk.chunk_frames_index(num_frames, chunk_frames, num_chunks)
    assert index.shape == (num_chunks, chunk_frames) and index.min() >= 0 and index.max() < num_frames
    if num_frames < chunk_frames:  # repeated cyclically: every frame is there, in every chunk
        assert all(np.array_equal(row, np.arange(chunk_frames) % num_frames) for row in index)
        return
    step = int((num_frames - chunk_frames) / (num_chunks - 1)) if num_chunks > 1 else 0
    for number, row in enumerate(index):
        assert row.tolist() == list(range(number * step, number * step + chunk_frames))
    unused = num_frames - 1 - index.max()
    assert num_chunks == 1 or unused <= num_chunks - 2


@given(num_frames=st.integers(1, 700), num_features=st.integers(1, 3))
def test_chunks_hold_the_frames_they_name(num_frames: int, num_features: int) -> None:
    features = np.random.default_rng(num_frames).normal(size=(num_frames, num_features)).astype(np.float32)
    chunks = chunk.chunk(features, 62, 11)
    assert chunks.shape == (11, 62, num_features) and chunks.dtype == np.float32
    starts = chunk.chunk_starts(num_frames, 62, 11)
    for start, part in zip(starts, chunks, strict=True):
        for offset in range(62):
            np.testing.assert_array_equal(part[offset], features[(start + offset) % num_frames])


@given(st.integers(1, 500), st.integers(1, 500))
def test_repeating_drops_nothing(num_frames: int, wanted: int) -> None:
    features = np.arange(num_frames, dtype=np.float32)[:, None]
    repeated = chunk.repeat_to(features, wanted)
    assert len(repeated) == max(num_frames, wanted)
    np.testing.assert_array_equal(repeated[:num_frames], features)
    np.testing.assert_array_equal(repeated[:, 0], np.arange(len(repeated)) % num_frames)


@pytest.mark.parametrize(
    ("chunk_s", "hop_s", "expected"), [(1.0, 0.016, 62), (1.0, 0.02, 50), (0.3, 0.1, 3), (0.5, 0.016, 31), (0.01, 1, 1)]
)
def test_chunk_size_is_rounded_down(chunk_s: float, hop_s: float, expected: int) -> None:
    assert chunk.chunk_size(chunk_s, hop_s) == expected


@pytest.mark.parametrize(
    ("longest_s", "chunk_s", "expected"),
    [(11.0, 1.0, 11), (11.01, 1.0, 12), (0.9, 0.3, 3), (0.2, 1.0, 1), (4.0, 1.5, 3)],
)
def test_count_is_rounded_up(longest_s: float, chunk_s: float, expected: int) -> None:
    assert chunk.count_chunks(longest_s, chunk_s) == expected


def test_one_chunk_is_the_first() -> None:
    features = np.arange(10, dtype=np.float32)[:, None]
    assert chunk.chunk(features, 4, 1)[:, :, 0].tolist() == [[0, 1, 2, 3]]  # what is longer is cut
    assert chunk.chunk(features[:3], 4, 1)[:, :, 0].tolist() == [[0, 1, 2, 0]]
    assert chunk.chunk_starts(10, 4, 1).tolist() == [0]


def test_no_frames_are_an_error() -> None:
    empty = np.zeros((0, 3), np.float32)
    for call in (lambda: chunk.chunk(empty, 4, 2), lambda: chunk.chunk(empty, 4, 1), lambda: chunk.repeat_to(empty, 1)):
        with pytest.raises(EmotoneError, match="^no frames: "):
            call()


@pytest.mark.parametrize(("chunk_frames", "num_chunks"), [(0, 3), (4, 0)])
def test_no_chunks_are_an_error(chunk_frames: int, num_chunks: int) -> None:
    with pytest.raises(EmotoneError, match=f"{num_chunks} chunks of {chunk_frames} frames"):
        chunk.chunk(np.zeros((5, 3), np.float32), chunk_frames, num_chunks)
