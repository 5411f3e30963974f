"""Views of an utterance: whole, chunks, random crops; and their JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.data.view import Chunks, Crop, View, Whole, apply, view_from_json, view_to_json
from emotone.errors import EmotoneError

views = st.builds(Whole, st.integers(1, 50)) | st.builds(Chunks, st.integers(1, 80), st.integers(1, 30))


@given(views)
def test_json_and_back(view: View) -> None:
    assert view_from_json(view_to_json(view)) == view


@given(views, st.integers(1, 300))
def test_the_view_of_rows_is_rows(view: View, num_frames: int) -> None:
    features = np.random.default_rng(0).normal(size=(num_frames, 2)).astype(np.float32)
    seen = apply(view, features)
    assert seen.shape == (*view.index(num_frames).shape, 2) and seen.dtype == np.float32
    np.testing.assert_array_equal(seen, features[view.index(num_frames)])


@given(st.integers(1, 300), st.integers(1, 300))
def test_whole_is_everything_in_order(num_frames: int, least: int) -> None:
    index = Whole(least).index(num_frames)
    assert index.tolist() == [place % num_frames for place in range(max(num_frames, least))]


@given(st.integers(1, 300), st.integers(1, 300), st.floats(0, 1, exclude_max=True))
def test_a_crop_is_a_stretch_of_the_utterance(num_frames: int, length: int, place: float) -> None:
    index = Crop(length, place).index(num_frames)
    assert len(index) == length and index.min() >= 0 and index.max() < num_frames
    if length <= num_frames:
        assert index.tolist() == list(range(index[0], index[0] + length))
    else:
        assert index.tolist() == [frame % num_frames for frame in range(length)]


def test_crops_reach_both_ends() -> None:
    assert Crop(3, 0.0).index(10).tolist() == [0, 1, 2]
    assert Crop(3, 0.9999).index(10).tolist() == [7, 8, 9]


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({}, "unknown view 'None'"),
        ({"name": "chunk"}, "unknown view 'chunk'; did you mean 'chunks'?"),
        ({"name": "chunks"}, "chunk_frames"),
        ({"name": "chunks", "chunk_frames": 3, "num_chunk": 1}, "did you mean 'num_chunks'?"),
        ({"name": "whole", "min_frames": 0}, "min_frames must be a whole number from 1 to 1000000, not 0"),
        ({"name": "whole", "min_frames": 1.5}, "not 1.5"),
        ({"name": "whole", "min_frames": True}, "not True"),
        ({"name": "whole", "min_frames": 10**7}, "not 10000000"),
        ({"name": ["whole"]}, "unknown view"),
    ],
)
def test_views_that_are_none(about: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        view_from_json(about, "bundle.json")
    assert str(caught.value).startswith("bundle.json: ") and words in str(caught.value)
