"""Mel spectrograms against the published reference outputs and librosa."""

from __future__ import annotations

import pickle
import subprocess
import sys
import tracemalloc
from pathlib import Path

import librosa
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from emotone.audio.read import load_audio
from emotone.errors import EmotoneError
from emotone.features.extractors import mel
from emotone.features.extractors.mel import Mel

GOLDEN = ("03a01Fa", "08a07Ta", "12a02Wa", "14b09Wa", "2609-156975-0000", "DK_001_A_1")


def noise(num_samples: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-0.4, 0.4, num_samples).astype(np.float32)


def oracle(samples: NDArray[np.float32], feature: Mel) -> NDArray[np.float64]:
    """librosa in float64, of its parts: librosa.feature.melspectrogram is this, after half a minute of compiling."""
    y = samples.astype(np.float64) / max(np.abs(samples).max(), 1e-3)
    spectra = librosa.stft(y, n_fft=feature.num_fft, hop_length=feature.hop_samples, pad_mode="constant")
    filters = librosa.filters.mel(sr=16_000, n_fft=feature.num_fft, n_mels=feature.num_mels)
    return (filters @ np.abs(spectra) ** 2).T


def assert_close(mels: NDArray[np.float32], expected: NDArray[np.floating]) -> None:
    """Equal within the rounding of a float32 transform, which is relative to a frame's loudest filter."""
    assert mels.shape == expected.shape and mels.dtype == np.float32
    loudest = np.maximum(expected.max(axis=1, keepdims=True), 1e-30)
    np.testing.assert_allclose(mels / loudest, expected / loudest, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", GOLDEN)
def test_mel_of_speech_equals_the_published_one(shared: Path, name: str) -> None:
    golden = np.load(shared / f"golden/systems/{name}.npz")
    assert_close(Mel()(load_audio(shared / str(golden["audio"]))), golden["mel"])


@pytest.mark.filterwarnings("ignore:n_fft=")  # librosa's, of input shorter than a frame
@pytest.mark.parametrize("num_samples", [1, 2, 255, 256, 257, 511, 512, 513, 16_000, 49_151, 49_152, 100_003])
def test_mel_of_any_length_equals_librosa(num_samples: int) -> None:
    samples = noise(num_samples)
    assert_close(Mel()(samples), oracle(samples, Mel()))


@pytest.mark.filterwarnings("ignore:n_fft=", "ignore:Empty filters")
@settings(max_examples=40)
@given(st.integers(1, 4_000), st.integers(2, 1_100), st.integers(1, 900), st.integers(1, 90), st.integers(0, 9))
def test_mel_with_any_settings_equals_librosa(
    num_samples: int, num_fft: int, hop_samples: int, num_mels: int, seed: int
) -> None:
    feature = Mel(num_fft=num_fft, hop_samples=hop_samples, num_mels=num_mels)
    samples = noise(num_samples, seed)
    assert_close(feature(samples), oracle(samples, feature))


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize(("num_fft", "num_mels"), [(512, 128), (512, 40), (400, 80), (401, 64), (64, 128)])
def test_filters_equal_librosa(num_fft: int, num_mels: int) -> None:
    expected = librosa.filters.mel(sr=16_000, n_fft=num_fft, n_mels=num_mels).T
    np.testing.assert_allclose(mel.mel_filters(num_fft, num_mels), expected, rtol=1e-5, atol=1e-8)


def test_bands_hold_every_weight_of_the_filters() -> None:
    filters = np.zeros((257, 128), np.float32)
    for band in mel.filter_bands(512, 128):
        filters[band.bins, band.mels] = band.weights
    np.testing.assert_array_equal(filters, mel.mel_filters(512, 128))


def test_log_is_of_the_power_above_the_floor() -> None:
    samples = noise(8_000)
    expected = np.log(Mel()(samples).astype(np.float64) + 1e-3)
    np.testing.assert_allclose(Mel(scale="log", log_floor=1e-3)(samples), expected, rtol=1e-6, atol=1e-6)


def test_loudness_does_not_matter_above_the_floor_of_the_peak() -> None:
    samples = noise(8_000)
    np.testing.assert_array_equal(Mel()(samples / 64), Mel()(samples))
    quiet = samples / np.abs(samples).max() * np.float32(1e-4)
    np.testing.assert_allclose(Mel()(quiet), Mel()(samples) * 1e-2, rtol=1e-4, atol=1e-6)


def test_silence_is_zero() -> None:
    assert not Mel()(np.zeros(8_000, np.float32)).any()


def test_any_memory_layout_gives_the_same() -> None:
    samples = noise(9_000)
    np.testing.assert_array_equal(Mel()(np.repeat(samples, 2)[::2]), Mel()(samples))
    np.testing.assert_array_equal(Mel()(samples.astype(np.float64)), Mel()(samples))


def test_input_is_left_alone_and_calls_do_not_share_output() -> None:
    samples = noise(9_000)
    before = samples.copy()
    first = Mel()(samples)
    kept = first.copy()
    Mel()(noise(9_000, seed=1))
    np.testing.assert_array_equal(samples, before)
    np.testing.assert_array_equal(first, kept)


def test_memory_beside_input_and_output_does_not_grow() -> None:
    samples = noise(600 * 16_000)
    Mel()(samples[:1000])
    tracemalloc.start()
    mels = Mel()(samples)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - mels.nbytes < 2 * 2**20


def test_what_a_feature_says_of_itself() -> None:
    feature = Mel(num_mels=40, hop_samples=160)
    assert (feature.hop_s, feature.min_duration_s, feature.requires) == (0.01, 1 / 16_000, ())
    assert feature.names == [f"mel_{index}" for index in range(40)]
    assert pickle.loads(pickle.dumps(feature)) == feature
    assert feature(noise(int(feature.min_duration_s * 16_000))).shape == (1, 40)


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(0, np.float32), "at least one"),
        (np.zeros((100, 2), np.float32), "one channel"),
        (np.array([0.1, np.nan], np.float32), "NaN"),
        (np.array([0.1, -np.inf], np.float32), "infinite"),
    ],
)
def test_bad_samples_are_one_clear_error(samples: NDArray[np.float32], reason: str) -> None:
    with pytest.raises(EmotoneError, match=reason):
        Mel()(samples)


@pytest.mark.parametrize(
    "wrong", [{"num_fft": 1}, {"hop_samples": 0}, {"num_mels": -1}, {"scale": "decibel"}, {"log_floor": 0.0}]
)
def test_impossible_settings_are_one_clear_error(wrong: dict[str, object]) -> None:
    with pytest.raises(EmotoneError, match=f"feature mel: {next(iter(wrong))} must be"):
        Mel(**wrong)  # type: ignore[arg-type]


def test_it_needs_no_heavy_package() -> None:
    code = """
import sys
import numpy
from emotone.features.extractors.mel import Mel
Mel()(numpy.ones(16_000, numpy.float32))
print({"scipy", "librosa", "torch", "pandas", "opensmile", "soxr"} & set(sys.modules))
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "set()"
