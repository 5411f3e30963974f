"""Draws that follow from a key: the same everywhere, different for every other key."""

from __future__ import annotations

import hashlib

import numpy as np

from emotone.base.draws import generator


def test_a_key_decides_the_draws() -> None:
    assert generator("a", 1).random() == generator("a", 1).random()
    keys = [("a", 1), ("a", 2), ("b", 1), (1, "a"), ("a",), ("a", 1, 0), ("a", ""), ()]
    keys += [("a\n1",), ("a\n", 1), ("a", "\n1"), ("a\n1", 0), ("\n",)]  # ids of utterances may have line breaks
    assert len({generator(*key).random() for key in keys}) == len(keys)


def test_numbers_count_as_they_are_written() -> None:
    assert generator(1).random() == generator("1").random()


def test_the_seed_is_the_beginning_of_the_hash_of_the_key() -> None:
    """Stores and reports hold what was drawn, so it must not change from one version to the next."""
    digest = hashlib.sha256("7\nchannel\nä".encode()).digest()
    expected = np.random.Generator(np.random.PCG64(list(digest[:16]))).random(3)
    np.testing.assert_array_equal(generator(7, "channel", "ä").random(3), expected)
    np.testing.assert_array_equal(generator("a", 1).integers(1000, size=3), [483, 956, 835])
