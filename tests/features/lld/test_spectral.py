"""Spectral statistics, against definitions frame by frame in double precision, and openSMILE."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from descriptors import ALL_MS, Array, FramesMs, frames_for, speech

from emotone.features.lld.frames import PUBLISHED, Frames, frames_of, hamming_window, power_spectra, quantise
from emotone.features.lld.spectral import bark, flux, harmonicity, statistics, weights

FREQUENCY_HZ = 31.25 * np.arange(1, 257)


def by_definition(power: Array) -> list[float]:
    """Of one frame: roll-offs, centroid, entropy, variance, skewness, kurtosis, slope, sharpness."""
    p = power[1:].astype(np.float64)
    share = p / p.sum()
    rolls = [FREQUENCY_HZ[np.argmax(np.cumsum(share) >= q)] for q in (0.25, 0.5, 0.75, 0.9)]
    centroid = float(FREQUENCY_HZ @ share)
    variance = float((FREQUENCY_HZ - centroid) ** 2 @ share)
    third, fourth = (float((FREQUENCY_HZ - centroid) ** n @ share) for n in (3, 4))
    floored = np.maximum(p, 1e-7) / p.sum()
    z = bark(FREQUENCY_HZ)
    sharpness = 0.11 * float(share @ (z * np.where(z <= 16, 1, 1 + (np.maximum(z - 16, 0) / 4) ** np.log2(3))))
    slope = 255 * np.polyfit(FREQUENCY_HZ, p, 1)[0]
    entropy = -float(floored @ np.log2(floored))
    return [*rolls, centroid, entropy, variance, third / variance**1.5, fourth / variance**2, slope, sharpness]


def harmonicity_by_loops(power: Array) -> float:
    p = power.astype(np.float64)
    extrema = []
    for k in range(3, 255):
        others = p[[k - 2, k - 1, k + 1, k + 2]]
        if (p[k] > others).all() or (p[k] < others).all():
            extrema.append(p[k])
    return float(np.abs(np.diff(extrema)).sum()) / 512


def spectra(recording: Array, frames: Frames = PUBLISHED) -> Array:
    framed = frames_of(quantise(recording), frames.size, frames.hop)[: frames.count(len(recording))]
    return power_spectra(framed * hamming_window(frames.size))


def test_statistics_are_as_defined(shared: Path) -> None:
    power = spectra(speech(shared)[0])
    found = statistics(power, power @ weights(257), power[0]).astype(np.float64)
    for t in range(0, len(power), 7):
        np.testing.assert_allclose(found[t, [2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13]], by_definition(power[t]), rtol=2e-5)
    np.testing.assert_allclose(harmonicity(power), [harmonicity_by_loops(row) for row in power], rtol=1e-6)
    np.testing.assert_allclose(found[:, 0] * 256, power[:, 8:20].sum(axis=1) + 0.8 * power[:, 20], rtol=1e-5)
    np.testing.assert_allclose(found[:, 1] * 256, power[:, 32:129].sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize("ms", ALL_MS)
def test_statistics_of_speech_are_openSMILEs(  # noqa: N802
    shared: Path, raw_by_opensmile: Callable[..., Array], ms: FramesMs
) -> None:
    for recording in speech(shared):
        power, expected = spectra(recording, frames_for(ms)), raw_by_opensmile(recording, ms)[:, 36:51]
        found = statistics(power, power @ weights(power.shape[1]), power[0])
        near = np.abs(found - expected) <= 1e-3 * np.abs(expected)
        assert near.mean(axis=0).min() >= 0.985, "roll-offs of a click in digital silence are tossed by rounding"
        assert np.median(np.abs(found - expected) / np.maximum(np.abs(expected), 1e-9), axis=0).max() <= 2e-6


@pytest.mark.parametrize(("ms", "num_bins"), [((32.0, 16.0), 257), ((40.0, 20.0), 513)])
def test_silence_has_the_values_of_openSMILE(  # noqa: N802
    raw_by_opensmile: Callable[..., Array], ms: FramesMs, num_bins: int
) -> None:
    power = np.zeros((3, num_bins), np.float32)
    found = statistics(power, power @ weights(num_bins), power[0])
    silence = np.zeros(frames_for(ms).span(3), np.float32)
    np.testing.assert_allclose(found, raw_by_opensmile(silence, ms)[:, 36:51], rtol=1e-6)


def test_flux_is_that_to_the_frame_before() -> None:
    power = np.random.default_rng(0).uniform(0, 1, (5, 257)).astype(np.float32)
    expected = np.sqrt(np.square(np.diff(np.sqrt(power[:, 1:]), axis=0)).sum(axis=1) / 256)
    np.testing.assert_allclose(flux(power[1:], power[0]), expected, rtol=1e-5)


@pytest.mark.parametrize(("hz", "z"), [(50.0, 0.41), (1000.0, 8.53), (7000.0, 20.48)])
def test_bark_is_traunmuellers(hz: float, z: float) -> None:
    assert float(bark(np.array([hz]))[0]) == pytest.approx(z, abs=0.05)
