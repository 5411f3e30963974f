"""Pitch candidates, against scipy's spline, plain loops and tones of known pitch."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from emotone.features.lld.frames import frames_of, gauss_window, power_spectra, quantise
from emotone.features.lld.pitch import (
    Candidates,
    best_peaks,
    candidates,
    keep_peaks,
    on_logarithmic_scale,
    subharmonic_sums,
)

RANDOM = np.random.default_rng(0)
OCTAVES = np.log2(320)


def found_in(samples: NDArray[np.floating]) -> Candidates:
    windowed = frames_of(quantise(samples.astype(np.float32)), 512, 256) * gauss_window(512)
    return candidates(windowed, power_spectra(windowed))


@pytest.mark.parametrize("num", [257, 513])
def test_the_spectrum_is_read_by_the_natural_spline(num: int) -> None:
    magnitudes = RANDOM.uniform(0, 1, (5, num)).astype(np.float32)
    smooth = magnitudes.astype(np.float64)
    smooth[:, 1:-1] = (magnitudes[:, :-2] + 2 * magnitudes[:, 1:-1].astype(np.float64) + magnitudes[:, 2:]) / 4
    smooth[:, 0] = magnitudes[:, 0] / 2 + magnitudes[:, 1] / 4
    knots = np.log2(8_000 / (num - 1) * np.append(1 / 2, np.arange(1, num)))
    j = np.arange(num)
    points = CubicSpline(knots, smooth, axis=1, bc_type="natural")(np.log2(25) + j * OCTAVES / (num - 1))
    expected = np.maximum(points * (0.5 + np.arctan(3 * ((j + 2) * OCTAVES / num - np.log2(1.3))) / np.pi), 0)
    np.testing.assert_allclose(on_logarithmic_scale(magnitudes), expected, atol=2e-6)


def test_peaks_keep_two_bins_and_both_ends_are_kept() -> None:
    magnitudes = np.zeros((1, 257), np.float32)
    magnitudes[0, 10:40] = np.abs(np.arange(30) - 10)  # valleys between 0 and 19
    magnitudes[0, 50], magnitudes[0, 100], magnitudes[0, 98] = 5.0, 7.0, 1.0
    magnitudes[0, 200:] = 0.5
    kept = keep_peaks(magnitudes)[0]
    assert kept[100] == 7 and kept[98] == 1 and kept[39] == 19 and kept[38] == 18 and kept[37] == 17
    assert kept[36] == 0 and kept[25] == 0, "further than two bins from a peak"
    assert (kept[200:] == 0.5).all(), "after the last one"


def test_sums_are_over_fifteen_harmonics() -> None:
    points = RANDOM.uniform(0, 1, (3, 257)).astype(np.float32)
    expected = np.zeros((3, 257))
    for harmonic in range(1, 16):
        shift = int(257 * np.log2(harmonic) / OCTAVES)
        expected[:, : 257 - shift] += 0.85 ** (harmonic - 1) / 15 * points[:, shift:].astype(np.float64)
    np.testing.assert_allclose(subharmonic_sums(points), expected, rtol=1e-5)


@pytest.mark.parametrize("hz", [120.0, 220.0, 400.0])
def test_a_voice_of_known_pitch_comes_first(hz: float) -> None:
    time_s = np.arange(8_000) / 16_000
    voice = sum(np.sin(2 * np.pi * hz * h * time_s) / h for h in range(1, 1 + int(4_000 / hz)))
    found = found_in(0.2 * voice)
    assert np.abs(found.pitch_hz[:, 0] / hz - 1).max() < 0.03
    assert found.voicing[:, 0].min() > 0.6 and not found.is_quiet.any()


def test_six_candidates_at_most_by_score_the_best_voiced_first() -> None:
    found = found_in(RANDOM.normal(0, 0.1, 20_000))
    rows = np.arange(len(found.pitch_hz))
    assert found.pitch_hz.shape == (len(rows), 6)
    there = found.pitch_hz > 0
    assert (there[:, :-1] >= there[:, 1:]).all() and there.any() and (found.voicing[~there] == 0).all()
    assert found.pitch_hz[there].min() >= 52 and found.pitch_hz[there].max() <= 620
    np.testing.assert_array_equal(found.voicing.argmax(axis=1), 0)


def test_silence_has_no_candidates_and_whispers_are_quiet() -> None:
    pitch_hz, voicing = best_peaks(np.zeros((2, 257), np.float32))
    assert not pitch_hz.any() and not voicing.any()
    assert (
        found_in(RANDOM.normal(0, 1e-3, 2_000)).is_quiet.all()
        and not found_in(RANDOM.normal(0, 0.1, 2_000)).is_quiet.any()
    )
