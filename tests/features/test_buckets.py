"""Batches of inputs of like length: everything once, little padding, no more than allowed."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from emotone.features.buckets import buckets


@given(
    lengths=st.lists(st.integers(1, 500), max_size=60),
    largest=st.integers(1, 2000),
    share=st.floats(0, 1),
)
def test_batches_keep_to_their_limits(lengths: list[int], largest: int, share: float) -> None:
    batches = buckets(lengths, largest, share)
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    for batch in batches:
        sizes = np.array(lengths)[batch]
        assert len(batch) == 1 or sizes.max() * len(batch) <= largest
        assert sizes.min() >= share * sizes.max() and sizes[0] == sizes.max()


def test_equal_lengths_alone() -> None:
    assert [batch.tolist() for batch in buckets([3, 2, 3, 2], 100, 1.0)] == [[0, 2], [1, 3]]
