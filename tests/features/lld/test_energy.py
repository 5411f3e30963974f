"""Energy and zero crossings, against plain loops and openSMILE."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from descriptors import ALL_MS, Array, FramesMs, frames_for, speech

from emotone.features.lld.energy import rms_energy, zero_crossing_rate
from emotone.features.lld.frames import frames_of, quantise


def crossings_by_loops(frame: Array) -> int:
    count = 0
    for i in range(1, 511):
        count += frame[i - 1] * frame[i] < 0 or (frame[i] == 0 and frame[i - 1] * frame[i + 1] <= 0)
    return count


@pytest.mark.parametrize("ms", ALL_MS)
def test_energy_and_crossings_of_speech_are_openSMILEs(  # noqa: N802
    shared: Path, raw_by_opensmile: Callable[..., Array], ms: FramesMs
) -> None:
    frames = frames_for(ms)
    for recording in speech(shared):
        samples, expected = quantise(recording), raw_by_opensmile(recording, ms)
        energy = rms_energy(frames_of(samples, frames.size, frames.hop))[: len(expected)]
        np.testing.assert_allclose(energy, expected[:, 8], rtol=3e-6)
        np.testing.assert_array_equal(zero_crossing_rate(samples, len(expected), frames), expected[:, 9])


@pytest.mark.parametrize("scale", [0.0, 1e-4, 0.5])
def test_crossings_are_counted_as_defined(scale: float) -> None:
    samples = quantise(np.random.default_rng(0).normal(0, scale or 1, 3_000).astype(np.float32) * np.float32(scale > 0))
    samples[::7] = 0.0
    expected = [crossings_by_loops(frame) / 512 for frame in frames_of(samples, 512, 256)]
    np.testing.assert_array_equal(zero_crossing_rate(samples, len(expected)), np.float32(expected))
