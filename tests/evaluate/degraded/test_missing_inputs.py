"""Inputs with parts missing: words by number or one by one, bursts that are the same for every run."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from emotone.audio.read import RATE_HZ
from emotone.base.draws import generator
from emotone.evaluate.degraded.missing import CURVES
from emotone.evaluate.degraded.missing_inputs import NO_WORDS, LostBursts, keep_words

WORDS = [(f"word{n}", n * 0.5, n * 0.5 + 0.4) for n in range(8)]


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0])
def test_as_many_words_stay_by_number_as_one_by_one(share: float) -> None:
    number = keep_words(8, share, generator("a"))
    words = keep_words(WORDS, share, generator("a"))
    left = 8 - round(8 * share)
    assert number == (left or None)
    assert words is None if not left else isinstance(words, list) and len(words) == left
    if isinstance(words, list):
        assert words == [word for word in WORDS if word in words]  # in their order, with their times
    assert keep_words(None, share, generator("a")) is None


def test_bursts_depend_on_the_utterance_and_the_seed_alone() -> None:
    samples = np.ones(4 * RATE_HZ, np.float32)
    lost = LostBursts(0.5, 0)
    again = pickle.loads(pickle.dumps(lost))  # as another process has it
    np.testing.assert_array_equal(lost(samples, "a"), again(samples, "a"))
    assert not np.array_equal(lost(samples, "a"), lost(samples, "b"))
    assert not np.array_equal(lost(samples, "a"), LostBursts(0.5, 1)(samples, "a"))


def test_no_words_are_the_end_of_their_curve() -> None:
    curve, severity = NO_WORDS
    assert severity == CURVES[curve].severities[-1] == 100
