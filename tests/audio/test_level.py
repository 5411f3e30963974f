"""Levels against values that are known, silence at its threshold, sound between pauses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotone.audio.level import SILENCE_PEAK, active_duration_s, fit_full_scale, is_silent, rms
from emotone.audio.read import RATE_HZ, Samples, load_audio


@pytest.fixture(scope="module")
def tone() -> Samples:
    """One second of 440 Hz at half of full scale."""
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ)).astype(np.float32)


def test_silence_is_below_80_db(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(16_000), RATE_HZ)
    assert is_silent(load_audio(tmp_path / "a.wav"))
    assert 20 * np.log10(SILENCE_PEAK) == -80
    signs = np.tile([1, -1], 50)
    assert is_silent((0.9e-4 * signs).astype(np.float32)) and not is_silent((1.1e-4 * signs).astype(np.float32))
    for offset in (0.5, -0.25):
        assert is_silent(np.full(100, offset, np.float32))
        assert not is_silent((offset + 1.1e-4 * signs).astype(np.float32))
    assert is_silent(np.zeros(0, np.float32))


def test_active_duration_counts_sound_only(tone: Samples) -> None:
    pause = np.zeros(32_000, np.float32)
    assert active_duration_s(np.concatenate([pause, tone, pause])) == pytest.approx(1.0, abs=0.07)
    assert active_duration_s(tone[:50]) == pytest.approx(50 / RATE_HZ)
    lone = np.zeros(1_000, np.float32)
    lone[-1] = 0.5  # in a part too short for a frame
    assert active_duration_s(lone) > 0


def test_what_is_35_db_below_the_loudest_is_no_sound(tone: Samples) -> None:
    for below_db, duration_s in ((34, 2.0), (36, 1.0)):
        both = np.concatenate([tone, tone * np.float32(10 ** (-below_db / 20))])
        assert active_duration_s(both) == pytest.approx(duration_s, abs=0.04)


def test_rms_of_a_sine_is_its_amplitude_by_the_root_of_two(tone: Samples) -> None:
    assert rms(tone) == pytest.approx(0.5 / np.sqrt(2), rel=1e-6)
    assert rms(np.full(10, 1e-30, np.float32)) == pytest.approx(1e-30)  # whose square a float32 cannot hold
    assert rms(np.zeros(10, np.float32)) == 0


def test_only_what_leaves_full_scale_is_made_quieter(tone: Samples) -> None:
    np.testing.assert_array_equal(fit_full_scale(tone), tone)
    loud = fit_full_scale(3 * tone)
    assert np.abs(loud).max() == 1
    np.testing.assert_allclose(loud, tone / np.abs(tone).max(), rtol=1e-6)
