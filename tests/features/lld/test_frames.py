"""Samples, frames and spectra, against openSMILE's input and plain definitions."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.features.lld.frames import (
    PUBLISHED,
    SET_ITSELF,
    Frames,
    frames_of,
    gauss_window,
    hamming_window,
    power_spectra,
    product,
    quantise,
)
from emotone.features.opensmile import _pcm

RANDOM = np.random.default_rng(0)


def test_samples_are_those_that_openSMILE_reads() -> None:  # noqa: N802
    samples = np.append(RANDOM.normal(0, 0.5, 5_000), [1.0, -1.0, 0.99999, 1e-6]).astype(np.float32)
    expected = np.frombuffer(_pcm(samples), np.int16) / np.float32(32767)
    np.testing.assert_array_equal(quantise(samples), expected)
    assert quantise(samples).dtype == np.float32


def test_frames_are_whole_and_start_every_256_samples() -> None:
    samples = np.arange(2_000, dtype=np.float32)
    frames = frames_of(samples, 512, 256)
    assert frames.shape == (PUBLISHED.count(2_000), 512) == (6, 512)
    assert frames[:, 0].tolist() == [0, 256, 512, 768, 1024, 1280] and frames[5, -1] == 1791


@pytest.mark.parametrize("frames", [PUBLISHED, SET_ITSELF, Frames(320, 960, 200), Frames(320, 960, 800)])
def test_frames_of_both_sizes_are_those_that_lie_within(frames: Frames) -> None:
    for num_samples in (*range(960, 1300, 7), 5_000):
        starts = range(0, num_samples, frames.hop)
        longer, shorter = (
            sum(start + size <= num_samples for start in starts) for size in (frames.pitch_size, frames.size)
        )
        assert frames.count(num_samples) == longer
        assert frames.num_beyond(num_samples) == min(4, shorter - longer)
        assert frames.span(longer) <= num_samples < frames.span(longer + 1)


@pytest.mark.parametrize("size", [320, 512, 960])
def test_windows_are_symmetric_and_as_defined(size: int) -> None:
    np.testing.assert_allclose(hamming_window(size), np.hamming(size), atol=1e-7)
    middle = (size - 1) / 2
    place = (np.arange(size) - middle) / (0.4 * middle)
    np.testing.assert_allclose(gauss_window(size), np.exp(-(place**2) / 2), atol=1e-7)


@pytest.mark.parametrize(("size", "num_fft"), [(320, 512), (512, 512), (960, 1024), (2048, 2048)])
def test_power_is_that_of_a_transform_in_double_precision(size: int, num_fft: int) -> None:
    frames = RANDOM.normal(0, 0.1, (7, size)).astype(np.float32)
    expected = np.abs(np.fft.rfft(frames.astype(np.float64), num_fft)) ** 2
    np.testing.assert_allclose(power_spectra(frames), expected, rtol=1e-3, atol=1e-5 * expected.max())


def test_a_product_does_not_depend_on_the_place_of_a_row() -> None:
    rows, weights = RANDOM.normal(size=(200, 257)).astype(np.float32), RANDOM.normal(size=(257, 35))
    whole = product(rows, weights)
    np.testing.assert_allclose(whole, rows.astype(np.float64) @ weights, rtol=1e-12, atol=1e-12)
    for start, stop in ((0, 1), (3, 20), (17, 200), (64, 128)):
        np.testing.assert_array_equal(
            product(rows[start:stop], weights).astype(np.float32), whole[start:stop].astype(np.float32)
        )
