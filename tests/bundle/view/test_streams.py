"""Streams of speech and text: batches against plain loops over utterances, chunks, parts and tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from emotone.bundle.view.streams import StreamNormalisers, Streams, Utterance, Words, count_cut, spans_of, stack
from emotone.bundle.view.view import Normaliser, WordChunks
from emotone.bundle.view.word_chunks import SCALES
from emotone.errors import EmotoneError

Array = NDArray[np.float32]
HOP_S, CHUNK_FRAMES, D, D_TEXT = 0.02, 50, 4, 3
LENGTHS = (150, 20, 50, 277, 1, 96)


def view(**settings: Any) -> WordChunks:
    return WordChunks(CHUNK_FRAMES, HOP_S, D_TEXT, **settings)


def normalisers() -> StreamNormalisers:
    random = np.random.default_rng(9)
    return StreamNormalisers(*(Normaliser(random.uniform(0.5, 2, n), random.uniform(0.5, 2, n)) for n in (D, D_TEXT)))


def aligned(num_frames: int, num_words: int) -> Words:
    """Words one after another, over all of the audio."""
    edges_s = np.linspace(0, num_frames * HOP_S, num_words + 1).tolist()
    return [(f"w{number}", *edge_s) for number, edge_s in enumerate(zip(edges_s[:-1], edges_s[1:], strict=True))]


def utterances(kind: str = "mixed") -> list[Utterance]:
    """Of all lengths, some without speech, text, words, or anything."""
    random = np.random.default_rng(0)
    found = []
    for place, num_frames in enumerate(LENGTHS):
        speech = random.normal(1, 4, (num_frames, D)).astype(np.float32)
        text = random.normal(1, 4, (3 + 4 * place, D_TEXT)).astype(np.float32)
        words: Words = [None, 1, 7, 0, 3, 12][place] if kind == "mixed" else aligned(num_frames, 1 + 2 * place)
        found.append(Utterance(speech, text, words))
    found[2] = found[2]._replace(text=None)
    return [*found, Utterance(None, found[0].text), Utterance(None, None, 4)]


# ---- the description of the method, in loops ---------------------------------------------------------------------


def z_scores(features: Array, by: Normaliser) -> NDArray[np.float64]:
    scores = (features.astype(np.float64) - by.mean) / by.std
    return np.clip(np.where(np.isnan(scores), 0, scores), -3.0, 3.0)


def pyramid(chunk: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(chunk) < 5:
        return np.concatenate([chunk.mean(axis=0)] * 7)
    means = []
    for num_parts in (1, 2, 4):
        size = len(chunk) // num_parts
        for part in range(num_parts):
            end = len(chunk) if part == num_parts - 1 else (part + 1) * size
            means.append(chunk[part * size : end].mean(axis=0))
    return np.concatenate(means)


def chunks_of(num_frames: int, words: Words, strategy: str) -> list[tuple[int, int]]:
    """First and last frame (not included) of each chunk; multi-scale ones of an utterance of 50 frames at least."""
    num_words = len(words) if isinstance(words, Sequence) else words or 0
    num_chunks = max(2, num_words or int(np.ceil(num_frames * HOP_S / 0.4 - 1e-9)))
    if strategy == "multi-scale":
        step = int((max(num_frames, CHUNK_FRAMES) - CHUNK_FRAMES) / (num_chunks - 1))
        return [(i * step, i * step + CHUNK_FRAMES) for i in range(num_chunks)]
    if num_words > 1:
        assert isinstance(words, Sequence)
        edges = [(round(start_s / HOP_S), round(end_s / HOP_S)) for _, start_s, end_s in words]
    else:  # no words, or one that is all of the audio, in halves
        cuts = np.rint(np.linspace(0, num_frames, (2 if num_words else num_chunks) + 1)).astype(int).tolist()
        edges = list(zip(cuts[:-1], cuts[1:], strict=True))
    return [(min(start, num_frames - 1), max(end, min(start, num_frames - 1) + 1)) for start, end in edges]


def by_loop(batch: list[Utterance], strategy: str, chunks: list[list[tuple[int, int]]] | None = None) -> list[Any]:
    """(pooled chunks [C, 7 D], tokens [L, D']) of each utterance, None where absent; `chunks` where they were drawn."""
    by, found = normalisers(), []
    for place, one in enumerate(batch):
        pooled, tokens = None, None
        if one.speech is not None:
            frames = z_scores(one.speech, by.speech)
            where = chunks[place] if chunks else chunks_of(len(frames), one.words, strategy)
            while strategy == "multi-scale" and len(frames) < CHUNK_FRAMES:
                frames = np.concatenate([frames, frames])
            if strategy == "multi-scale" and len(one.speech) < CHUNK_FRAMES:
                frames = frames[:CHUNK_FRAMES]
            pooled = np.stack([pyramid(frames[start:end]) for start, end in where])
        if one.text is not None:
            tokens = z_scores(one.text, by.text)
        found.append((pooled, tokens))
    return found


def assert_equal(found: Streams, expected: list[Any]) -> None:
    num_steps = found.speech.shape[1]
    assert found.text.shape[1] == num_steps and found.speech.dtype == found.text.dtype == np.float32
    assert num_steps == max(1, int(found.speech_length.max()), int(found.text_length.max()))
    for place, parts in enumerate(expected):
        lengths = (found.speech_length[place], found.text_length[place])
        for part, stream, length in zip(parts, (found.speech, found.text), lengths, strict=True):
            assert length == (0 if part is None else len(part))
            assert not stream[place, length:].any()
            if part is not None:
                np.testing.assert_allclose(stream[place, :length], part, atol=2e-6)


def is_same(one: Streams, other: Streams) -> bool:
    return all(np.array_equal(part, again) for part, again in zip(iter(one), iter(other), strict=True))


@pytest.mark.parametrize("strategy", ["multi-scale", "lexical"])
def test_what_is_predicted_from_is_the_description(strategy: str) -> None:
    batch = utterances("mixed" if strategy == "multi-scale" else "aligned")
    assert_equal(stack(batch, view(strategy=strategy), normalisers()), by_loop(batch, strategy))


# ---- training ---------------------------------------------------------------------------------------------------


def test_training_sees_a_part_of_each_chunk_and_nothing_else() -> None:
    """Where a part lies is read off a first feature that is the number of its frame."""
    batch = [one for one in utterances() if one.speech is not None and len(one.speech) >= CHUNK_FRAMES]
    found = stack(batch, view(), normalisers(), np.random.default_rng(5))
    numbered = []
    for one in batch:
        assert one.speech is not None
        frames = one.speech.copy()
        frames[:, 0] = np.arange(len(frames))
        numbered.append(one._replace(speech=frames))
    plain = StreamNormalisers(*(Normaliser(np.zeros(n), np.ones(n), clip=None) for n in (D, D_TEXT)))
    means = stack(numbered, view(), plain, np.random.default_rng(5)).speech[:, :, ::D].astype(float)
    parts: list[list[tuple[int, int]]] = []
    for place, one in enumerate(batch):
        assert one.speech is not None
        whole = chunks_of(len(one.speech), one.words, "multi-scale")
        parts.append([])
        for chunk, (start, end) in enumerate(whole):
            middle, first_quarter = means[place, chunk, [0, 3]]
            fits = [
                (round(middle - (size - 1) / 2), size)
                for size in (int(share * CHUNK_FRAMES) for share in SCALES)
                if abs(middle - (size - 1) / 2 + (size // 4 - 1) / 2 - first_quarter) < 1e-3
            ]
            (first, size), *others = fits
            assert not others and start <= first and first + size <= end
            parts[-1].append((first, first + size))
    assert len({end - start for part in parts for start, end in part}) == len(SCALES)
    assert_equal(found, by_loop(batch, "multi-scale", parts))


def test_draws_follow_from_the_generator_alone() -> None:
    batch = utterances()
    one, same = (stack(batch, view(), normalisers(), np.random.default_rng([3, 1, 7])) for _ in range(2))
    other = stack(batch, view(), normalisers(), np.random.default_rng([3, 1, 8]))
    assert is_same(one, same)
    assert not np.array_equal(one.speech, other.speech) and np.array_equal(one.text, other.text)
    np.testing.assert_array_equal(one.speech_length, other.speech_length)


def test_words_are_trained_on_as_they_are() -> None:
    batch = utterances("aligned")
    trained = stack(batch, view(strategy="lexical"), normalisers(), np.random.default_rng(0))
    assert is_same(trained, stack(batch, view(strategy="lexical"), normalisers()))


def test_a_batch_without_speech_can_be_trained_on() -> None:
    found = stack(utterances()[-2:], view(), normalisers(), np.random.default_rng(0))
    assert not found.speech.any() and found.speech_length.tolist() == [0, 0] and found.text_length.tolist() == [3, 0]


# ---- what is beside it, what is missing -------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["multi-scale", "lexical"])
def test_an_utterance_does_not_depend_on_what_is_beside_it(strategy: str) -> None:
    batch = utterances("aligned")
    together = stack(batch, view(strategy=strategy), normalisers())
    for place, one in enumerate(batch):
        alone = stack([one], view(strategy=strategy), normalisers())
        num_steps = alone.speech.shape[1]
        np.testing.assert_array_equal(together.speech[place, :num_steps], alone.speech[0])
        np.testing.assert_array_equal(together.text[place, :num_steps], alone.text[0])


def test_missing_frames_and_tokens_are_the_mean() -> None:
    one, by = utterances()[0], normalisers()
    assert one.speech is not None and one.text is not None
    lost, filled = one.speech.copy(), one.speech.copy()
    lost[30:90], filled[30:90] = np.nan, by.speech.mean
    text, told = one.text.copy(), one.text.copy()
    text[1], told[1] = np.nan, by.text.mean
    found = stack([Utterance(lost, text, 5)], view(), by)
    assert is_same(found, stack([Utterance(filled, told, 5)], view(), by))
    assert np.isfinite(found.speech).all() and not found.text[0, 1].any()


@pytest.mark.parametrize("num_spare", [-1, 0, 99])
def test_room_that_was_used_before_changes_nothing(num_spare: int) -> None:
    batch = utterances()
    fresh = stack(batch, view(), normalisers(), np.random.default_rng(1))
    room = np.full(fresh.speech.size + num_spare, np.nan, np.float32)
    again = stack(batch, view(), normalisers(), np.random.default_rng(1), room)
    assert is_same(fresh, again) and np.shares_memory(again.speech, room) == (num_spare >= 0)


def test_half_precision_features_are_read_like_any() -> None:
    speech = utterances()[0].speech
    assert speech is not None
    half = speech.astype(np.float16)
    found = stack([Utterance(half, None, 5)], view(), normalisers())  # type: ignore[arg-type]  # as a store may hold them
    assert np.array_equal(
        found.speech, stack([Utterance(half.astype(np.float32), None, 5)], view(), normalisers()).speech
    )


@pytest.mark.parametrize(("streams", "lengths"), [("speech", (8, 0)), ("text", (0, 3)), ("both", (8, 3))])
def test_a_network_of_one_stream_sees_that_one(streams: str, lengths: tuple[int, int]) -> None:
    found = stack(utterances()[:1], view(streams=streams), normalisers())
    assert (found.speech_length[0], found.text_length[0]) == lengths
    assert found.speech.any() == bool(lengths[0]) and found.text.any() == bool(lengths[1])
    assert found.speech.shape[1] == max(lengths)


@pytest.mark.parametrize(
    ("utterance", "inputs"),
    [
        (Utterance(np.zeros((2, 1), np.float32), np.zeros((2, 1), np.float32)), "speech+text"),
        (Utterance(np.zeros((2, 1), np.float32)), "speech"),
        (Utterance(None, np.zeros((2, 1), np.float32)), "text"),
        (Utterance(None), ""),
    ],
)
def test_inputs_say_what_there_was(utterance: Utterance, inputs: str) -> None:
    assert utterance.inputs == inputs


# ---- the limit --------------------------------------------------------------------------------------------------


def test_words_and_tokens_beyond_the_limit() -> None:
    random = np.random.default_rng(0)
    speech = random.normal(size=(4000, D)).astype(np.float32)
    text = random.normal(size=(300, D_TEXT)).astype(np.float32)
    found = stack([Utterance(speech, text, 200)], view(), normalisers())
    assert found.speech.shape == (1, 127, 7 * D) and found.text.shape == (1, 127, D_TEXT)
    np.testing.assert_array_equal(found.text, stack([Utterance(None, text[:127])], view(), normalisers()).text)
    whole = spans_of(view(), 4000, 200)  # fewer chunks, which lie over all of it
    assert len(whole.starts) == 127 and whole.starts[-1] + 50 > 4000 - 127
    words = aligned(4000, 200)
    assert isinstance(words, Sequence)
    np.testing.assert_array_equal(
        spans_of(view(strategy="lexical"), 4000, words).starts,
        spans_of(view(strategy="lexical"), 4000, words[:127]).starts,
    )


@pytest.mark.parametrize(
    ("streams", "words", "num_tokens", "num_cut"),
    [
        ("both", 127, 127, 0),
        ("both", 128, 0, 1),
        ("both", None, 128, 1),
        ("both", aligned(900, 130), 0, 1),
        ("speech", 5, 200, 0),
        ("speech", 200, 5, 1),
        ("text", 200, 5, 0),
        ("text", None, 200, 1),
    ],
)
def test_what_is_cut_is_counted_where_it_is_seen(streams: str, words: Words, num_tokens: int, num_cut: int) -> None:
    one = Utterance(None, np.zeros((num_tokens, D_TEXT), np.float32) if num_tokens else None, words)
    assert count_cut([one], view(streams=streams)) == num_cut


# ---- invariants -------------------------------------------------------------------------------------------------

some_words = st.none() | st.integers(0, 300)


@given(num_frames=st.integers(1, 900), words=some_words, max_steps=st.integers(2, 127), seed=st.integers(0, 9))
def test_chunks_lie_within_the_frames(num_frames: int, words: Words, max_steps: int, seed: int) -> None:
    seen = view(max_steps=max_steps)
    spans = spans_of(seen, num_frames, words)
    assert 2 <= len(spans.starts) <= max_steps and (spans.lengths == CHUNK_FRAMES).all()
    assert (np.diff(spans.starts) >= 0).all() and spans.starts[0] == 0
    assert (spans.starts + spans.lengths).max() <= max(num_frames, CHUNK_FRAMES)
    frames = np.ones((num_frames, 1), np.float32)
    as_is = StreamNormalisers(Normaliser(np.zeros(1), np.ones(1)))
    for random in (None, np.random.default_rng(seed)):
        found = stack([Utterance(frames, None, words)], seen, as_is, random)
        assert found.speech_length[0] == len(spans.starts) and found.speech.shape == (1, len(spans.starts), 7)
        np.testing.assert_allclose(found.speech, 1, atol=1e-6)


@given(num_frames=st.integers(3, 900), num_words=st.integers(0, 300), max_steps=st.integers(2, 127))
def test_words_lie_within_the_frames(num_frames: int, num_words: int, max_steps: int) -> None:
    words = aligned(num_frames, num_words)
    spans = spans_of(view(strategy="lexical", max_steps=max_steps), num_frames, words)
    assert 2 <= len(spans.starts) <= max_steps and (spans.lengths >= 1).all()
    assert spans.starts.min() >= 0 and (spans.starts + spans.lengths).max() <= num_frames


def test_words_of_other_audio_are_refused() -> None:
    speech = np.zeros((100, D), np.float32)
    with pytest.raises(EmotoneError, match="lies outside the audio"):
        stack([Utterance(speech, None, [("a", 0.0, 3.0)])], view(strategy="lexical"), normalisers())
    stack([Utterance(speech, None, [("a", 0.0, 3.0)])], view(), normalisers())  # which counts them only
