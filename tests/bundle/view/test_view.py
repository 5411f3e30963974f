"""Views of an utterance: normalised, whole, in chunks, as random crops; and their JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from numpy.typing import NDArray

from emotone.bundle.view.moments import Moments
from emotone.bundle.view.view import (
    CLIP,
    Chunks,
    Crop,
    FrameView,
    Normaliser,
    Padding,
    Segments,
    View,
    Whole,
    WordChunks,
    apply,
    shape_of,
    view_from_json,
    view_to_json,
)
from emotone.errors import EmotoneError

frame_views = st.builds(Whole, st.integers(1, 50)) | st.builds(Chunks, st.integers(1, 80), st.integers(1, 30))
word_views = st.builds(
    WordChunks,
    st.integers(1, 80),
    st.floats(1e-3, 1),
    st.integers(1, 999),
    st.sampled_from(("multi-scale", "lexical")),
    st.sampled_from(("both", "speech", "text")),
    st.integers(1, 999),
)

segment_views = st.builds(Segments, st.integers(1, 80), st.integers(1, 3), st.sampled_from(("white", "floor")))
AS_IS = Normaliser(np.zeros(2), np.ones(2), clip=None)


@given(frame_views | word_views | segment_views)
def test_json_and_back(view: View) -> None:
    assert view_from_json(view_to_json(view)) == view


@given(frame_views, st.integers(1, 300))
def test_the_view_of_rows_is_rows(view: FrameView, num_frames: int) -> None:
    features = np.random.default_rng(0).normal(size=(num_frames, 2)).astype(np.float32)
    seen = apply(view, features, AS_IS)
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


# ---- segments ---------------------------------------------------------------------------------------------------


@given(st.integers(1, 700), st.integers(1, 300), st.sampled_from(["white", "floor"]))
def test_segments_are_those_of_a_plain_loop(num_frames: int, segment_frames: int, padding: Padding) -> None:
    """Starts 0, m, 2m, ..; what is beyond the end is 0 dB, or the least of the training part, before it is scaled."""
    features = np.random.default_rng(0).uniform(-80, 0, (num_frames, 2)).astype(np.float32)
    least, spread = np.array([-80, -60], np.float32), np.array([80, 50], np.float32)
    expected = []
    for start in range(0, num_frames, segment_frames):
        part = features[start : start + segment_frames]
        missing = segment_frames - len(part)
        fill = np.zeros((missing, 2)) if padding == "white" else np.tile(least, (missing, 1))
        expected.append((np.concatenate([part, fill]).astype(np.float32) - least) / spread)
    view = Segments(segment_frames, padding=padding)
    np.testing.assert_array_equal(apply(view, features, Normaliser(least, spread)), np.array(expected))
    assert view.count(num_frames) == len(expected)
    assert shape_of(view, num_frames, 2) == (len(expected), segment_frames, 2)


@pytest.mark.parametrize(("num_frames", "num_segments"), [(1, 1), (299, 1), (300, 1), (301, 2), (600, 2)])
def test_an_utterance_that_fills_its_segments_gets_no_other(num_frames: int, num_segments: int) -> None:
    seen = apply(Segments(300), np.full((num_frames, 2), -5, np.float32), AS_IS)
    assert seen.shape == (num_segments, 300, 2) and (seen == -5).all(axis=2).sum() == num_frames


def test_segments_start_where_the_published_ones_do(shared: Path) -> None:
    golden = np.load(shared / "golden/spectrogram.npz")
    for name in (name for name in golden.files if name.endswith("segment_starts")):
        num_frames = golden[name.replace("segment_starts", "logspec")].shape[1]
        assert Segments().index(num_frames)[:, 0].tolist() == golden[name].tolist()


WORDS: dict[str, Any] = {"name": "word-chunks", "chunk_frames": 50, "hop_s": 0.02}


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({}, "unknown view 'None'"),
        ({"name": "chunk"}, "unknown view 'chunk'; did you mean 'chunks'?"),
        ({"name": "chunks"}, "chunk_frames"),
        ({"name": "chunks", "chunk_frames": 3, "num_chunk": 1}, "did you mean 'num_chunks'?"),
        ({"name": "whole", "min_frames": 0}, "min_frames must be a whole number from 1 to 100000, not 0"),
        ({"name": "whole", "min_frames": 1.5}, "not 1.5"),
        ({"name": "whole", "min_frames": True}, "not True"),
        ({"name": "whole", "min_frames": 10**7}, "not 10000000"),
        ({"name": ["whole"]}, "unknown view"),
        ({"name": "segments", "padding": "black"}, "padding must be one of 'white', 'floor'"),
        ({"name": "segments", "segment_frames": 0}, "segment_frames must be a whole number from 1 to 100000, not 0"),
        ({"name": "word-chunks", "chunk_frames": 50}, "hop_s"),
        ({"name": "word-chunk"}, "unknown view 'word-chunk'; did you mean 'word-chunks'?"),
        (WORDS | {"hop_s": -0.02}, "hop_s must be a positive number, not -0.02"),
        (WORDS | {"hop_s": float("inf")}, "hop_s must be a positive number, not inf"),
        (WORDS | {"chunk_frames": 0}, "chunk_frames must be a whole number from 1 to 100000, not 0"),
        (WORDS | {"num_text_features": 0}, "num_text_features must be a whole number from 1"),
        (WORDS | {"strategy": "scales"}, "strategy must be one of 'multi-scale', 'lexical', not 'scales'"),
        (WORDS | {"streams": "audio"}, "streams must be one of 'both', 'speech', 'text', not 'audio'"),
        (WORDS | {"max_step": 3}, "did you mean 'max_steps'?"),
    ],
)
def test_views_that_are_none(about: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        view_from_json(about, "bundle.json")
    assert str(caught.value).startswith("bundle.json: ") and words in str(caught.value)


# ---- normalising ------------------------------------------------------------------------------------------------

values = st.floats(-1e3, 1e3, width=32) | st.just(float("nan"))
tables = stn.arrays(np.float32, st.tuples(st.integers(1, 40), st.integers(1, 4)), elements=values)


@given(tables)
def test_scores_equal_numpy(table: NDArray[np.float32]) -> None:
    mean, std = np.linspace(-1, 1, table.shape[1]), np.linspace(0.5, 400, table.shape[1])
    scores = Normaliser(mean, std)(table)
    assert scores.dtype == np.float32 and scores.shape == table.shape
    expected = np.clip(np.nan_to_num((table.astype(np.float64) - mean) / std), -CLIP, CLIP)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-3)


def test_what_has_no_value_and_what_has_too_much() -> None:
    features = np.array([[np.nan, np.inf, -np.inf, 99.0, -99.0, 0.5]], np.float32)
    before = features.copy()
    assert Normaliser(np.zeros(6), np.ones(6), clip=2.0)(features).tolist() == [[0.0, 2.0, -2.0, 2.0, -2.0, 0.5]]
    np.testing.assert_array_equal(features, before)
    unclipped = Normaliser(np.zeros(6), np.ones(6), clip=None)(features)
    assert unclipped.tolist() == [[0.0, np.inf, -np.inf, 99.0, -99.0, 0.5]]
    assert Normaliser(np.zeros(6), np.ones(6))(np.zeros((2, 3, 6), np.float32)).shape == (2, 3, 6)


def test_a_normaliser_of_moments_has_single_precision() -> None:
    moments = Moments()
    moments.update(np.array([[0.1], [0.2], [0.4]]))
    normaliser = Normaliser.of(moments, clip=None)
    assert normaliser.mean.dtype == normaliser.std.dtype == np.float32 and normaliser.clip is None
    assert normaliser.mean[0] == np.float32(moments.mean[0]) and normaliser.std[0] == np.float32(moments.std[0])
