"""Single chunks and segments of utterances, read from rows of a store, against the batches that hold them."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from emotone.bundle.view.view import Chunks, Normaliser, Padding, Segments
from emotone.data.rows import Rows


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    chunk_frames=st.integers(1, 12),
    num_chunks=st.integers(1, 5),
    by_row=st.booleans(),
    clip=st.sampled_from([0.5, 3.0, None]),
    dtype=st.sampled_from(["float32", "float16"]),
    seed=st.integers(0, 99),
)
def test_single_chunks_are_slices_of_batches(
    lengths: list[int], chunk_frames: int, num_chunks: int, by_row: bool, clip: float | None, dtype: str, seed: int
) -> None:
    """Bit for bit, of utterances shorter and longer than a chunk, in any order and number."""
    random, view = np.random.default_rng(seed), Chunks(chunk_frames, num_chunks)
    rows = Rows([random.normal(0, 2, (length, 3)).astype(dtype) for length in lengths], 3)
    rows.utterances[0][0, 0] = np.nan
    chosen, chunks = random.integers(len(lengths), size=7), random.integers(num_chunks, size=7)
    each = [Normaliser(random.normal(0, 1, 3), random.uniform(0.1, 3, 3), clip) for _ in lengths]
    whole = rows.batch(range(len(lengths)), view, each if by_row else each[0])
    found = rows.chunks(chosen, chunks, view, [each[row] for row in chosen] if by_row else each[0])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, whole[chosen, chunks])


@given(
    lengths=st.lists(st.integers(1, 25), min_size=1, max_size=6),
    segment_frames=st.integers(1, 12),
    padding=st.sampled_from(["white", "floor"]),
    dtype=st.sampled_from(["float32", "float16"]),
    seed=st.integers(0, 99),
)
def test_single_segments_are_slices_of_batches(
    lengths: list[int], segment_frames: int, padding: Padding, dtype: str, seed: int
) -> None:
    """Bit for bit, also the last segments, which are filled up; of utterances shorter and longer than a segment."""
    random, view = np.random.default_rng(seed), Segments(segment_frames, padding=padding)
    rows = Rows([random.normal(-40, 20, (length, 3)).astype(dtype) for length in lengths], 3)
    normaliser = Normaliser(np.full(3, -80.0), np.array([80.0, 70.0, 50.0]))
    places = [(row, place) for row, length in enumerate(lengths) for place in range(view.count(length))]
    random.shuffle(places)
    found = rows.segments([row for row, _ in places], np.array([place for _, place in places]), view, normaliser)
    assert found.dtype == np.float32 and len(found) == sum(view.count(length) for length in lengths)
    for segment, (row, place) in zip(found, places, strict=True):
        np.testing.assert_array_equal(segment, rows.batch([row], view, normaliser)[0, place])


def test_of_a_segment_nothing_else_is_read() -> None:
    class Watched(np.ndarray):
        """Frames that remember which were asked for."""

        def __getitem__(self, key: object) -> NDArray[np.float32]:
            asked.append(key)
            return np.asarray(self).__getitem__(key)  # type: ignore[no-any-return, call-overload]

    asked: list[object] = []
    rows = Rows([np.zeros((95, 2), np.float32).view(Watched)], 2)
    rows.segments([0, 0], np.array([0, 9]), Segments(10), Normaliser(np.zeros(2), np.ones(2)))
    assert asked == [slice(0, 10), slice(90, 100)]
