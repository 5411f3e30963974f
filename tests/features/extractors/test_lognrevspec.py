"""Noise and room of the three-channel log spectrogram against their definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import fftconvolve, lfilter

from emotone.audio.read import Samples, load_audio
from emotone.errors import EmotoneError
from emotone.features.extractors.lognrevspec import NOISE_SAMPLES, LogNrevSpec, convolve, room_response, white_noise
from emotone.features.extractors.logspec import LogSpec


@pytest.fixture
def speech(shared: Path) -> Samples:
    return load_audio(shared / "data/emodb/wav/03a01Fa.flac")


def test_channels_are_the_signal_with_noise_and_in_the_room(speech: Samples) -> None:
    feature, plain = LogNrevSpec(), LogSpec()
    found = feature(speech).reshape(-1, 3, 200)
    np.testing.assert_array_equal(found[:, 0], plain(speech))
    # Added before pre-emphasis, what comes out of it as the noise and as the room.
    noise = lfilter([0.002], [1, -0.97], white_noise(0)[: len(speech)])
    np.testing.assert_allclose(found[:, 1], plain((speech + noise).astype(np.float32)), rtol=0, atol=0.02)
    room = fftconvolve(speech.astype(np.float64), room_response(0.5, 0.0, 16_000, 0))[: len(speech)]
    np.testing.assert_allclose(found[:, 2], plain(room.astype(np.float32)), rtol=0, atol=0.1)


def test_seed_decides_on_noise_and_room(speech: Samples) -> None:
    first = LogNrevSpec()(speech)
    np.testing.assert_array_equal(LogNrevSpec(seed=0)(speech), first)
    other = LogNrevSpec(seed=1)(speech)
    assert (first[:, :200] == other[:, :200]).all()
    assert (first[:, 200:400] != other[:, 200:400]).mean() > 0.5 and (first[:, 400:] != other[:, 400:]).mean() > 0.5


def test_without_noise_and_with_the_direct_sound_alone_all_channels_are_the_same(speech: Samples) -> None:
    found = LogNrevSpec(noise_std=0.0, direct_db=100.0)(speech).reshape(-1, 3, 200)
    np.testing.assert_array_equal(found[:, 1], found[:, 0])
    assert np.abs(found[:, 2] - found[:, 0]).mean() < 0.01


def test_noise_is_white_of_deviation_1() -> None:
    noise = white_noise(0).astype(np.float64)
    assert len(noise) == NOISE_SAMPLES
    assert noise.mean() == pytest.approx(0, abs=0.01) and noise.std() == pytest.approx(1, abs=0.01)
    assert np.mean(noise[1:] * noise[:-1]) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(("decay_s", "direct_db", "rate_hz"), [(0.5, 0.0, 16_000), (1.0, 6.0, 8_000)])
def test_room_decays_by_60_db_below_its_direct_sound(decay_s: float, direct_db: float, rate_hz: int) -> None:
    response = room_response(decay_s, direct_db, rate_hz, 0).astype(np.float64)
    assert response[0] == 1 and len(response) == decay_s * rate_hz
    assert -10 * np.log10(np.sum(response[1:] ** 2)) == pytest.approx(direct_db, abs=1e-4)
    tenths_db = 10 * np.log10([np.mean(part**2) for part in np.array_split(response[1:], 10)])
    slope = np.polyfit(np.arange(10), tenths_db, 1)[0]
    assert 10 * slope == pytest.approx(-60, abs=1)


@settings(max_examples=40)
@given(st.integers(1, 3_000), st.integers(1, 300), st.integers(0, 9))
def test_convolution_equals_scipy(num_samples: int, num_response: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    signal, response = (random.normal(size=size).astype(np.float32) for size in (num_samples, num_response))
    expected = fftconvolve(signal.astype(np.float64), response)[:num_samples]
    np.testing.assert_allclose(convolve(signal, response), expected, atol=2e-6 * num_response**0.5 + 1e-5)


@pytest.mark.parametrize("wrong", [{"noise_std": -1.0}, {"decay_s": 0.0}, {"decay_s": 11.0}, {"direct_db": np.nan}])
def test_impossible_settings_are_one_clear_error(wrong: dict[str, float]) -> None:
    with pytest.raises(EmotoneError, match=f"feature lognrevspec: {next(iter(wrong))} must"):
        LogNrevSpec(**wrong)  # type: ignore[arg-type]
