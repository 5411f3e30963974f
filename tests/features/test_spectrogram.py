"""What the spectrograms of image classifiers share, against librosa, scipy and its own definitions."""

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
from scipy.signal import lfilter

from emotone.audio.read import load_audio
from emotone.base import plugins
from emotone.errors import EmotoneError
from emotone.features import spectrogram
from emotone.features.spectrogram import Spectrogram, power_blocks, write_delta

Array = NDArray[np.float32]

NAMES = ("logspec", "logmelspec", "logmeldeltaspec", "logdeltaspec", "lognrevspec")
# White noise of a fixed level is not louder where the speech is.
GAIN_INVARIANT = [name for name in NAMES if name != "lognrevspec"]


def noise(num_samples: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).uniform(-0.4, 0.4, num_samples).astype(np.float32)


@pytest.fixture(params=NAMES)
def feature(request: pytest.FixtureRequest) -> Spectrogram:
    return plugins.create("features", request.param)


@pytest.fixture(scope="module")
def speech(shared: Path) -> Array:
    return load_audio(shared / "data/emodb/wav/15b03Tc.flac")


# ---- parts ------------------------------------------------------------------------------------------------------


def test_window_equals_librosa() -> None:
    np.testing.assert_allclose(
        spectrogram.periodic_hamming(640), librosa.filters.get_window("hamming", 640), atol=1e-15
    )


@pytest.mark.filterwarnings("ignore:n_fft=")  # librosa's, of input shorter than a frame
@settings(max_examples=40)
@given(st.integers(1, 4_000), st.integers(1, 40), st.integers(0, 30), st.integers(1, 300), st.integers(1, 20))
def test_power_equals_librosa(
    num_samples: int, half_window: int, half_more: int, hop_samples: int, block_frames: int
) -> None:
    window, num_fft = np.hamming(2 * half_window), 2 * (half_window + half_more)
    samples = noise(num_samples)
    blocks = list(power_blocks(samples, window, num_fft, hop_samples, block_frames))
    assert [row for rows, _ in blocks for row in range(rows.start, rows.stop)] == list(range(blocks[-1][0].stop))
    spectra = librosa.stft(
        samples.astype(np.float64),
        n_fft=num_fft,
        hop_length=hop_samples,
        window=window,
        win_length=2 * half_window,
        pad_mode="constant",
    ).T
    expected = np.abs(spectra) ** 2 / num_fft**2
    for rows, power in power_blocks(samples, window, num_fft, hop_samples, block_frames):
        np.testing.assert_allclose(power, expected[rows], rtol=1e-5, atol=1e-12)


def test_pre_emphasis_is_the_filter_from_zero_state() -> None:
    samples = noise(5_000)
    expected = lfilter([1.0, -0.97], [1.0], samples.astype(np.float64))
    np.testing.assert_allclose(spectrogram.pre_emphasise(samples), expected, atol=1e-7)


@settings(max_examples=60)
@given(
    st.integers(1, 100), st.integers(1, 8), st.sampled_from([3, 5, 7, 9, 11]), st.sampled_from([1, 2]), st.booleans()
)
def test_delta_equals_librosa(num_frames: int, num_bins: int, width: int, order: int, is_nearest: bool) -> None:
    if not is_nearest:
        num_frames = max(num_frames, width)
    frames = 80 * noise(num_frames * num_bins, seed=num_frames).reshape(num_frames, num_bins) - 40
    out = np.full((num_frames, 2, num_bins), np.nan, np.float32)
    write_delta(out[:, 1], frames, width, order, "nearest" if is_nearest else "interpolated")
    expected = librosa.feature.delta(
        frames.astype(np.float64), width=width, order=order, axis=0, mode="nearest" if is_nearest else "interp"
    )
    np.testing.assert_allclose(out[:, 1], expected, atol=1e-4)


@pytest.mark.parametrize("order", [1, 2])
def test_delta_at_the_floor_is_exactly_0(order: int) -> None:
    frames = np.full((100, 7), -80, np.float32)
    write_delta(out := np.empty_like(frames), frames, 9, order)
    assert not out.any()


# ---- every feature ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [16_000, 8_000])
@pytest.mark.parametrize("name", NAMES)
def test_frames_and_decibels(name: str, rate_hz: int, speech: Array) -> None:
    feature = plugins.create("features", name, {"rate_hz": rate_hz})
    features = feature(speech)
    assert features.dtype == np.float32 and features.shape == (1 + len(speech) // 160, len(feature.names))
    assert len(feature.names) % feature.num_channels == 0 and feature.hop_s == 0.01
    bins = features[:, : len(feature.names) // feature.num_channels]
    assert bins.min() == -80 and -20 < bins.max() <= 0
    assert pickle.loads(pickle.dumps(feature)) == feature


@pytest.mark.parametrize("name", GAIN_INVARIANT)
def test_gain_does_not_matter(name: str, speech: Array) -> None:
    feature = plugins.create("features", name)
    expected = feature(speech)
    np.testing.assert_allclose(feature(speech / 64), expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(feature(speech * np.float32(0.3)), expected, rtol=0, atol=0.05)  # rounded before


def test_quiet_samples_are_not_lifted_to_the_maximum(speech: Array) -> None:
    feature = plugins.create("features", "logspec")
    at_floor = speech / np.abs(speech).max() * np.float32(1e-3)
    expected = np.maximum(feature(at_floor) - 20, -80)
    np.testing.assert_allclose(feature(at_floor * np.float32(0.1)), expected, rtol=0, atol=0.05)


@pytest.mark.parametrize("peak", [0.0, 1e-42, 1e-30, 1e-20, 1e-8])
def test_silence_is_the_floor(feature: Spectrogram, peak: float) -> None:
    features = feature(np.full(16_000, peak, np.float32)).reshape(101, feature.num_channels, -1)
    has_deltas = "delta_" in feature.channels
    assert (features[:, 0] == -80).all() and (features[:, 1:] == (0 if has_deltas else -80)).all()


def test_digital_silence_within_speech_is_finite(feature: Spectrogram) -> None:
    samples = noise(16_000)
    samples[4_000:12_000] = 0
    assert np.isfinite(feature(samples)).all()


def test_any_memory_layout_gives_the_same_and_input_is_left_alone(feature: Spectrogram) -> None:
    samples = noise(9_000)
    before, expected = samples.copy(), feature(samples)
    np.testing.assert_array_equal(feature(np.repeat(samples, 2)[::2]), expected)
    np.testing.assert_array_equal(feature(samples.astype(np.float64)), expected)
    np.testing.assert_array_equal(samples, before)


def test_memory_of_ten_minutes_is_a_few_copies_of_the_samples(feature: Spectrogram) -> None:
    samples = noise(600 * 16_000)
    feature(samples[:16_000])
    tracemalloc.start()
    features = feature(samples)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - features.nbytes < 2 * samples.nbytes + 4 * 2**20


def test_channels_are_one_after_another(feature: Spectrogram) -> None:
    names, num_bins = feature.names, len(feature.bin_names)
    assert len(set(names)) == len(names) == feature.num_channels * num_bins
    assert all(names[bin::num_bins] == [channel + names[bin] for channel in feature.channels] for bin in (0, 7))


@pytest.mark.parametrize("rate_hz", [16_000, 8_000])
@pytest.mark.parametrize("name", NAMES)
def test_the_shortest_input(name: str, rate_hz: int) -> None:
    feature = plugins.create("features", name, {"rate_hz": rate_hz})
    num_least = round(feature.min_duration_s * 16_000)
    assert num_least == (1_280 if name == "logdeltaspec" else 1)
    for num_samples in range(num_least, num_least + 20):
        assert np.isfinite(feature(noise(num_samples))).all()
    if num_least > 1:
        with pytest.raises(EmotoneError, match="feature logdeltaspec: 79.9375 ms are too short; it needs 80 ms"):
            feature(noise(num_least - 1))


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(0, np.float32), "at least one"),
        (np.zeros((100, 2), np.float32), "one channel"),
        (np.array([0.1, np.nan], np.float32), "NaN"),
        (np.array([0.1, -np.inf], np.float32), "infinite"),
    ],
)
def test_bad_samples_are_one_clear_error(feature: Spectrogram, samples: Array, reason: str) -> None:
    with pytest.raises(EmotoneError, match=f"^{feature.title}.*{reason}"):
        feature(samples)


def test_other_rates_are_refused(feature: Spectrogram) -> None:
    with pytest.raises(EmotoneError, match=f"{feature.title}: rate_hz must be 16000 or 8000, not 44100"):
        type(feature)(rate_hz=44_100)  # type: ignore[arg-type]


def test_they_need_no_heavy_package() -> None:
    code = f"""
import sys
import numpy
from emotone.base import plugins
for name in {NAMES}:
    plugins.create("features", name, {{"rate_hz": 8000}})(numpy.ones(16_000, numpy.float32))
print({{"scipy", "librosa", "torch", "pandas", "opensmile"}} & set(sys.modules))
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "set()"
