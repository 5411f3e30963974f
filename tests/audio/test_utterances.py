"""Utterances: between pauses, by the rules, the same however a stream is fed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voices import spoken

from emotone.audio.read import RATE_HZ, Samples
from emotone.audio.speech import STEP_SAMPLES, SpeechTrack
from emotone.audio.utterances import Segmenter, Utterance, UtteranceRules, cut_utterances
from emotone.errors import EmotoneError

SILENCE = np.zeros(RATE_HZ, np.float32)


def utterances(samples: Samples, rules: UtteranceRules | None = None, size: int = 48_000) -> list[Utterance]:
    return list(cut_utterances(np.split(samples, range(size, len(samples), size)), Segmenter(rules)))


@pytest.fixture(scope="module")
def said() -> Samples:
    """A second of silence, two sentences with a second between them, noise at the end."""
    noise = np.random.default_rng(0).normal(0, 1e-3, 2 * RATE_HZ).astype(np.float32)
    return np.concatenate([SILENCE, spoken(2.0), SILENCE, spoken(3.0, 1), noise])


def test_pieces_lie_where_somebody_speaks(said: Samples) -> None:
    found = utterances(said)
    assert 2 <= len(found) <= 4
    covered = np.zeros(len(said), bool)
    for start, samples in found:
        np.testing.assert_array_equal(samples, said[start : start + len(samples)])
        assert not covered[start : start + len(samples)].any(), "they do not overlap"
        covered[start : start + len(samples)] = True
    assert not covered[: RATE_HZ - 3_000].any() and not covered[3 * RATE_HZ + 6_000 : 4 * RATE_HZ - 3_000].any()
    assert covered[RATE_HZ : 3 * RATE_HZ].mean() > 0.4 and not covered[-RATE_HZ:].any()


@settings(max_examples=10)
@given(st.lists(st.integers(1, 40_000), min_size=1, max_size=6))
def test_however_it_is_fed(sizes: list[int]) -> None:
    said = np.concatenate([SILENCE, spoken(2.0), SILENCE, spoken(1.5, 1)])
    whole = utterances(said, size=len(said))
    edges = np.cumsum(np.resize(sizes, len(said) // min(sizes) + 1)) if min(sizes) > 500 else np.cumsum(sizes)
    found = list(cut_utterances(np.split(said, edges[edges < len(said)]), Segmenter()))
    assert [start for start, _ in found] == [start for start, _ in whole]
    for (_, samples), (_, expected) in zip(found, whole, strict=True):
        np.testing.assert_array_equal(samples, expected)


def test_one_sample_at_a_time() -> None:
    said = np.concatenate([spoken(0.8), SILENCE])
    segmenter = Segmenter()
    found = [cut for place in range(len(said)) for cut in segmenter.feed(said[place : place + 1])] + segmenter.close()
    assert [(start, len(samples)) for start, samples in found] == [(start, len(s)) for start, s in utterances(said)]


def test_a_pause_ends_an_utterance_and_a_shorter_one_does_not() -> None:
    said = np.concatenate([spoken(1.0), SILENCE[:8_000], spoken(1.0)])  # half a second of silence at least
    assert len(utterances(said, UtteranceRules(pause_s=1.5))) == 1
    assert len(utterances(said, UtteranceRules(pause_s=0.3))) > 1


def test_long_speech_is_cut_and_none_of_it_is_lost() -> None:
    said = spoken(30.0)
    track = SpeechTrack()
    track.add(said)
    parts = utterances(said, UtteranceRules(pause_s=5.0, longest_s=4.0))
    assert len(parts) >= 7 and all(RATE_HZ < len(samples) <= 4.2 * RATE_HZ for _, samples in parts)
    covered = np.zeros(len(said), bool)
    for start, samples in parts:
        assert not covered[start : start + len(samples)].any()
        covered[start : start + len(samples)] = True
    is_speech = np.repeat(track.steps(0, len(said)), STEP_SAMPLES)[: len(said)]
    assert covered[is_speech].mean() > 0.99 and is_speech.mean() > 0.5


def test_a_click_is_no_utterance() -> None:
    click = SILENCE.copy()
    click[8_000:8_040] = 0.9
    assert utterances(np.tile(click, 3)) == [] and utterances(SILENCE) == [] and utterances(SILENCE[:100]) == []


def test_memory_does_not_grow_with_the_stream() -> None:
    segmenter = Segmenter()
    for _ in range(60):
        segmenter.feed(SILENCE)
        assert len(segmenter._held) <= RATE_HZ + 2_000


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({"pause_s": 0.0}, "pause must be from 0.1 to 5 seconds, not 0"),
        ({"longest_s": 31}, "longest must be from 1 to 30"),
        ({"least_s": -1}, "least must be from 0 to 1"),
        ({"margin_s": 0.3}, "margin must be from 0 to 0.2"),
        ({"pause_s": float("nan")}, "not nan"),
    ],
)
def test_impossible_rules_are_refused(rules: dict[str, float], words: str) -> None:
    with pytest.raises(EmotoneError, match=words):
        UtteranceRules(**rules)
