"""Log spectrograms against the published reference outputs and librosa."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from emotone.audio.read import load_audio
from emotone.errors import EmotoneError
from emotone.features.extractors.logspec import LogSpec
from emotone.features.spectrogram import pre_emphasise

Array = NDArray[np.float32]


def oracle(signal: Array, rate_hz: int) -> NDArray[np.float64]:
    """librosa in float64, all 401 bins, of a pre-emphasised signal."""
    spectra = librosa.stft(
        signal.astype(np.float64),
        n_fft=800,
        win_length=rate_hz // 25,
        hop_length=rate_hz // 100,
        window="hamming",
        pad_mode="constant",
    )
    return librosa.amplitude_to_db(np.abs(spectra), ref=np.max, amin=1e-30).T


@pytest.mark.parametrize("name", ["03a01Fa", "15b03Tc"])
def test_speech_equals_the_published_one(shared: Path, name: str) -> None:
    golden = np.load(shared / "golden/spectrogram.npz")
    found = LogSpec()(load_audio(shared / f"data/emodb/wav/{name}.flac"))
    np.testing.assert_allclose(found.T, golden[f"{name}__logspec"], rtol=0, atol=1e-4)
    np.testing.assert_array_equal(np.arange(0, len(found), 300), golden[f"{name}__segment_starts"])


@pytest.mark.filterwarnings("ignore:n_fft=")  # librosa's, of input shorter than a frame
@pytest.mark.parametrize("num_samples", [1, 2, 159, 160, 161, 640, 10_239, 10_240, 100_003])
def test_any_length_equals_librosa(num_samples: int) -> None:
    samples = np.random.default_rng(0).uniform(-0.4, 0.4, num_samples).astype(np.float32)
    expected = oracle(pre_emphasise(samples), 16_000)
    np.testing.assert_allclose(LogSpec(num_bins=401)(samples), expected, rtol=0, atol=1e-4)


def test_speech_at_8_khz_equals_librosa_of_resampled_speech(shared: Path) -> None:
    samples = load_audio(shared / "data/emodb/wav/03a01Fa.flac")
    expected = oracle(pre_emphasise(soxr.resample(samples, 16_000, 8_000)), 8_000)
    found = LogSpec(rate_hz=8_000)(samples)
    assert found.shape == (190, 100)
    np.testing.assert_allclose(found, expected[:, :100], rtol=0, atol=1e-4)


def test_maximum_and_floor_are_those_of_all_bins_before_the_cut(shared: Path) -> None:
    samples = load_audio(shared / "data/emodb/wav/15b03Tc.flac")  # loudest above 3980 Hz
    found = LogSpec()(samples)
    assert found.max() < -7 and found.min() == -80
    np.testing.assert_array_equal(found, LogSpec(num_bins=401)(samples)[:, :200])


@pytest.mark.parametrize("frequency_hz", [100, 440, 1_000, 3_900])
def test_a_tone_lies_in_its_bin(frequency_hz: int) -> None:
    tone = np.sin(2 * np.pi * frequency_hz * np.arange(16_000) / 16_000).astype(np.float32)
    inner = LogSpec()(tone)[5:-5]
    np.testing.assert_array_equal(inner.argmax(axis=1), frequency_hz / 20)
    np.testing.assert_allclose(inner.max(), 0, atol=0.01 if frequency_hz > 400 else 20)


@pytest.mark.parametrize("num_bins", [-1, 0, 402])
def test_impossible_numbers_of_bins_are_refused(num_bins: int) -> None:
    with pytest.raises(EmotoneError, match=rf"feature logspec: num_bins must lie in 1\.\.401, not {num_bins}"):
        LogSpec(num_bins=num_bins)
