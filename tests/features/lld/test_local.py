"""What frames have by themselves does not depend on the part of a recording that they are measured in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from descriptors import speech

from emotone.features.lld.frames import PUBLISHED, SET_ITSELF, Frames, quantise
from emotone.features.lld.local import FLUX, join, measure


@pytest.mark.parametrize("frames", [PUBLISHED, SET_ITSELF])
@pytest.mark.parametrize("start", [1, 37, 100])
def test_parts_of_a_recording_are_those_of_the_whole(shared: Path, start: int, frames: Frames) -> None:
    samples = quantise(np.concatenate(speech(shared)))
    whole = measure(samples, None, frames)
    num_beyond = frames.num_beyond(len(samples))
    assert len(whole.columns) == whole.num + num_beyond and whole.num == frames.count(len(samples)) > 600
    part = measure(samples[frames.hop * start :], None, frames)
    expected = whole.part(start, whole.num, num_beyond)
    different = np.flatnonzero((part.columns != expected.columns).any(axis=0))
    assert different.tolist() == [FLUX] and (part.columns[1:] == expected.columns[1:]).all()
    np.testing.assert_array_equal(part.logarithms, expected.logarithms)
    for one, other in zip(part.candidates, expected.candidates, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("frames", [PUBLISHED, SET_ITSELF])
def test_joined_parts_are_the_whole(shared: Path, frames: Frames) -> None:
    samples = quantise(speech(shared)[0])
    first = measure(samples[: frames.span(50)], None, frames)
    joined = join([first, measure(samples[frames.hop * 50 :], first.power, frames)])
    for one, other in zip(joined, measure(samples, None, frames), strict=True):
        if not isinstance(one, tuple):
            np.testing.assert_array_equal(one, other)
    assert join([first]) is first
