"""Chunks of words against plain loops, and alignments that are not of their audio."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.audio.words.alignment import Word
from emotone.bundle.view.chunk import chunk_frames_index
from emotone.bundle.view.word_chunks import SCALES, Spans, count_word_chunks, draw_spans, lexical_spans, spread_spans
from emotone.errors import EmotoneError

HOP_S = 0.02


def frames_of(spans: Spans) -> list[list[int]]:
    return [list(range(start, start + length)) for start, length in zip(*map(np.ndarray.tolist, spans), strict=True)]


@pytest.mark.parametrize(
    ("num_words", "duration_s", "expected"),
    [(5, 9.0, 5), (2, 9.0, 2), (1, 9.0, 2), (0, 4.0, 10), (None, 4.0, 10), (None, 4.01, 11), (None, 0.1, 2)],
)
def test_there_are_as_many_chunks_as_words(num_words: int | None, duration_s: float, expected: int) -> None:
    assert count_word_chunks(num_words, duration_s) == expected


@given(num_frames=st.integers(50, 900), num_chunks=st.integers(2, 60))
def test_spread_chunks_are_dynamic_chunks(num_frames: int, num_chunks: int) -> None:
    found = frames_of(spread_spans(num_frames, 50, num_chunks))
    assert found == chunk_frames_index(num_frames, 50, num_chunks).tolist()


@given(num_frames=st.integers(50, 900), num_chunks=st.integers(2, 60), seed=st.integers(0, 99))
def test_parts_lie_within_their_chunks_and_repeat(num_frames: int, num_chunks: int, seed: int) -> None:
    whole = spread_spans(num_frames, 50, num_chunks)
    parts = draw_spans(whole, np.random.default_rng(seed))
    assert set(parts.lengths.tolist()) <= {10, 20, 30, 40, 50}
    for part, chunk in zip(frames_of(parts), frames_of(whole), strict=True):
        assert set(part) <= set(chunk)
    again = draw_spans(whole, np.random.default_rng(seed))
    assert all(np.array_equal(one, other) for one, other in zip(parts, again, strict=True))


def test_scales_and_centres_are_uniform() -> None:
    """Against counts of what the description draws: s, then a whole centre in [f/2, 50 - f/2)."""
    num_chunks = 50_000
    parts = draw_spans(spread_spans(50, 50, num_chunks), np.random.default_rng(0))
    for scale in SCALES:
        size = int(scale * 50)
        starts = parts.starts[parts.lengths == size]
        assert len(starts) / num_chunks == pytest.approx(1 / 5, abs=0.01)
        possible = [centre - size // 2 for centre in range(size // 2, 50 - size // 2)] or [0]
        assert set(starts.tolist()) == set(possible)
        assert np.bincount(starts).max() / len(starts) == pytest.approx(1 / len(possible), rel=0.2)


def test_other_scales_keep_at_least_a_frame() -> None:
    assert draw_spans(Spans(np.array([3]), np.array([4])), np.random.default_rng(0), (0.1,)).lengths.tolist() == [1]


@st.composite
def sentences(draw: st.DrawFn) -> tuple[list[Word], int]:
    """Two or more words one after another, with pauses or without, and the number of frames of their audio."""
    words, time_s = [], 0.0
    for number in range(draw(st.integers(2, 15))):
        start_s = time_s + draw(st.sampled_from((0.0, 0.01, 0.5)))
        time_s = start_s + draw(st.floats(0.0, 1.5))
        words.append((f"w{number}", start_s, time_s))
    return words, max(1, round((time_s + draw(st.sampled_from((-0.08, 0.0, 1.0)))) / HOP_S))


@given(sentences())
def test_lexical_chunks_are_the_frames_of_words(sentence: tuple[list[Word], int]) -> None:
    words, num_frames = sentence
    for (_, start_s, end_s), frames in zip(words, frames_of(lexical_spans(words, num_frames, HOP_S)), strict=True):
        assert frames and frames[0] >= 0 and frames[-1] < num_frames
        inside = [k for k in range(num_frames) if round(start_s / HOP_S) <= k < round(end_s / HOP_S)]
        assert frames == inside or (not inside and len(frames) == 1)


def test_neighbours_share_no_frame() -> None:
    edges_s = np.cumsum(np.random.default_rng(0).uniform(0.03, 0.4, 40))
    words = [("w", start_s, end_s) for start_s, end_s in zip(edges_s[:-1], edges_s[1:], strict=True)]
    found = sum(frames_of(lexical_spans(words, 600, HOP_S)), [])
    assert found == sorted(set(found))


@pytest.mark.parametrize(
    ("words", "num_frames", "expected"),
    [
        ([("one", 0.1, 0.2)], 20, [[5, 6], [7, 8, 9]]),
        ([("a", 0.1, 0.12)], 20, [[5], [5]]),
        ([], 60, [list(range(20)), list(range(20, 40)), list(range(40, 60))]),
        ([], 1, [[0], [0]]),
    ],
)
def test_there_are_at_least_two_chunks(words: list[Word], num_frames: int, expected: list[list[int]]) -> None:
    assert frames_of(lexical_spans(words, num_frames, HOP_S)) == expected


def test_alignments_of_other_audio_are_refused() -> None:
    with pytest.raises(EmotoneError, match="word 2, 'b' at 0.50-2.20 s, lies outside the audio"):
        lexical_spans([("a", 0.0, 0.5), ("b", 0.5, 2.2)], 100, HOP_S)


def test_times_that_were_rounded_pass() -> None:
    assert frames_of(lexical_spans([("a", -0.01, 0.5), ("b", 1.98, 2.05)], 99, HOP_S)) == [list(range(25)), [98]]
