"""Mixing: exactly as loud as it says, in range, and without a click where noise is looped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotone.audio.change import noise
from emotone.audio.read import RATE_HZ, Samples, load_audio
from emotone.base.draws import generator
from emotone.errors import EmotoneError

RATE = RATE_HZ


@pytest.fixture(scope="module")
def speech(shared: Path) -> Samples:
    return load_audio(shared / "data/librispeech/train-clean-100/103-1240-0000.opus")[: 4 * RATE]


@pytest.fixture(scope="module")
def rain(shared: Path) -> Samples:
    return load_audio(shared / "data/esc10/002_rain/1-17367-A.flac")


def power_db(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


def ratio_db(mixed: Samples, speech: Samples, added: Samples) -> float:
    """The signal-to-noise ratio of a mixture, by regression on the two parts that it must consist of."""
    parts = np.stack([speech, added], axis=1).astype(np.float64)
    gains, residual, *_ = np.linalg.lstsq(parts, mixed.astype(np.float64), rcond=None)
    assert residual[0] < 1e-9 * np.square(mixed, dtype=np.float64).sum()  # nothing clipped or wrapped
    assert (gains > 0).all() and gains[0] <= 1 + 1e-6
    return power_db(gains[0] * speech) - power_db(gains[1] * added)


@pytest.mark.parametrize("snr_db", [-20.0, -5.0, 0.0, 6.0, 15.0, 40.0])
@pytest.mark.parametrize(("speech_gain", "noise_gain"), [(1.0, 1.0), (1e-3, 1.0), (1.0, 1e-7)])
def test_ratios_are_exact(snr_db: float, speech_gain: float, noise_gain: float, speech: Samples, rain: Samples) -> None:
    for duration_s in (1, 4, 5, 60):  # of the recording: looped, just as long, longer
        recording = np.resize(rain, duration_s * RATE) * np.float32(noise_gain)
        quiet = speech * np.float32(speech_gain)
        mixed = noise.mix(quiet, recording, snr_db, generator(duration_s))
        added = noise.cut(recording, len(speech), generator(duration_s))  # the same draw
        assert mixed.dtype == np.float32 and mixed.shape == speech.shape and np.abs(mixed).max() <= 1
        assert ratio_db(mixed, quiet, added) == pytest.approx(snr_db, abs=0.05)


def test_what_would_clip_is_quieter_as_a_whole(speech: Samples, rain: Samples) -> None:
    loud = speech / np.abs(speech).max()
    mixed = noise.mix(loud, rain, -20.0, generator(0))
    assert np.abs(mixed).max() == 1 and power_db(mixed) < 0
    soft = noise.mix(loud / 8, rain, 20.0, generator(0))  # which leaves room: the speech is as loud as before
    added = noise.cut(rain, len(speech), generator(0))
    gains = np.linalg.lstsq(np.stack([loud / 8, added], axis=1), soft, rcond=None)[0]
    assert gains[0] == pytest.approx(1, abs=1e-4)


def test_longer_noise_gives_random_parts_of_itself(rain: Samples) -> None:
    parts = [noise.cut(rain, RATE, generator(number)) for number in range(8)]
    windows = np.lib.stride_tricks.sliding_window_view(rain, RATE)
    starts = [int(np.flatnonzero((windows[:, :50] == part[:50]).all(axis=1))[0]) for part in parts]
    assert len(set(starts)) == 8
    for start, part in zip(starts, parts, strict=True):
        np.testing.assert_array_equal(part, rain[start : start + RATE])


def test_a_part_is_not_the_silence_between_two_sounds() -> None:
    recording = np.zeros(30 * RATE, np.float32)
    recording[-5:] = 0.1
    for number in range(20):
        assert noise.cut(recording, 1000, generator(number)).any()


def test_an_excerpt_is_not_the_silence_between_sounds() -> None:
    recording = np.zeros(5 * RATE, np.float32)
    recording[RATE : RATE + 800] = 0.5
    for number in range(20):
        part = noise.excerpt(recording, 1000, generator(number))
        assert len(part) == 1000 and part.any()
    assert len(noise.excerpt(recording, 12 * RATE, generator(0))) == 12 * RATE


def test_a_looped_tone_does_not_click() -> None:
    step = 2 * np.pi * 441.3 / RATE
    tone = np.sin(step * np.arange(int(0.777 * RATE))).astype(np.float32)  # whose end does not fit its beginning
    looped = noise.loop(tone, 5 * RATE, generator(0))
    assert len(looped) == 5 * RATE
    plain = np.abs(np.diff(np.resize(tone, 5 * RATE), 2)).max()
    bend = 2 - 2 * np.cos(step)  # of a tone of amplitude 1: its greatest second difference
    assert plain > 5 * bend and np.abs(np.diff(looped, 2)).max() < 1.5 * bend  # two tones fading: at most sqrt(2)


def test_looped_noise_is_as_loud_at_the_seam() -> None:
    num_faded = int(noise.FADE_S * RATE)
    recordings = generator("white").standard_normal((400, 2 * num_faded)).astype(np.float32)
    periods = np.stack([noise.loop(row, 4 * num_faded, np.random.default_rng(1)) for row in recordings])
    power = np.square(periods, dtype=np.float64).mean(axis=0).reshape(-1, num_faded // 8).mean(axis=1)
    assert 10 * np.log10(power) == pytest.approx(np.zeros(len(power)), abs=0.15)


def test_a_loop_repeats_and_begins_anywhere() -> None:
    recording = generator("noise").standard_normal(2000).astype(np.float32)
    period = 2000 - int(noise.FADE_S * RATE)
    first, second = (noise.loop(recording, 9000, generator(number)) for number in (0, 1))
    np.testing.assert_array_equal(first[period:], first[:-period])
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(noise.loop(recording[:1], 5, generator(0)), np.repeat(recording[:1], 5))


def test_silent_speech_stays_and_silent_noise_is_refused(speech: Samples, rain: Samples) -> None:
    silence = np.full(RATE, 1e-5, np.float32)
    assert noise.mix(silence, rain, 0.0, generator(0)) is silence
    with pytest.raises(EmotoneError, match="silence has no level"):
        noise.mix(speech, np.zeros(RATE, np.float32), 0.0, generator(0))


@pytest.mark.parametrize("std", [0.002, 0.1])
def test_gaussian_noise_has_the_deviation_whatever_the_speech(std: float, speech: Samples) -> None:
    quiet = speech * np.float32(0.3)
    added = noise.add_gaussian(quiet, std, generator(0)) - quiet
    assert added.std() == pytest.approx(std, rel=0.01) and abs(added.mean()) < 0.01 * std
    spectrum = np.abs(np.fft.rfft(added)) ** 2
    low, high = np.split(spectrum[: len(spectrum) // 2 * 2], 2)
    assert low.mean() == pytest.approx(high.mean(), rel=0.05)
    full = noise.add_gaussian(np.ones(RATE, np.float32), 0.1, generator(0))
    assert np.abs(full).max() == 1 and full.std() / full.mean() == pytest.approx(0.1, rel=0.02)
