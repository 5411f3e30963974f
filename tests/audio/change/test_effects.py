"""Effects: each does what its parameters say, to the samples it is given and to nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.audio.change import effects
from emotone.audio.read import RATE_HZ, Samples
from emotone.base.draws import generator

RATE = RATE_HZ


@pytest.fixture(scope="module")
def tone() -> Samples:
    """One second of 440 Hz."""
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)


def peak_hz(samples: Samples) -> float:
    """Frequency of the strongest component."""
    return float(np.fft.rfft(samples).__abs__().argmax() * RATE / len(samples))


def level_db(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


def test_respeed_moves_pitch_and_duration(tone: Samples) -> None:
    faster = effects.respeed(tone, 1.25)
    assert abs(len(faster) - RATE / 1.25) <= 2
    assert abs(peak_hz(faster) - 550) < 5


def test_pitch_and_tempo_are_independent(tone: Samples) -> None:
    higher = effects.shift_pitch(tone, 2.0)
    assert len(higher) == RATE and abs(peak_hz(higher) - 440 * 2 ** (2 / 12)) < 10
    slower = effects.stretch(tone, 0.8)
    assert abs(len(slower) - RATE / 0.8) < 200 and abs(peak_hz(slower) - 440) < 10


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 30.0])
def test_noise_has_the_ratio_asked_for(tone: Samples, snr_db: float) -> None:
    noise = effects.coloured_noise(RATE, 1.0, generator(1))
    noisy = effects.add_noise(tone, noise, snr_db)
    assert level_db(tone) - level_db(noisy - tone) == pytest.approx(snr_db, abs=0.01)


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_noise_has_the_colour_asked_for(slope: float) -> None:
    noise = effects.coloured_noise(16 * RATE, slope, generator(2))
    power = np.abs(np.fft.rfft(noise)) ** 2
    frequency = np.fft.rfftfreq(len(noise), 1 / RATE)
    low, high = (power[(frequency > f) & (frequency < 2 * f)].mean() for f in (100, 3200))
    assert 10 * np.log10(low / high) == pytest.approx(slope * 10 * np.log10(32), abs=1.0)


def test_band_limit_and_telephone_remove_what_lies_outside(tone: Samples) -> None:
    high = (0.5 * np.sin(2 * np.pi * 6000 * np.arange(RATE) / RATE)).astype(np.float32)
    assert level_db(effects.band_limit(high, 100, 3000, 6)) < level_db(high) - 30
    assert level_db(effects.telephone(high + tone)) == pytest.approx(level_db(effects.telephone(tone)), abs=1)


@pytest.mark.parametrize(("container", "subtype"), [("MP3", "MPEG_LAYER_III"), ("OGG", "OPUS")])
def test_codecs_keep_the_tone(tone: Samples, container: str, subtype: str) -> None:
    assert abs(peak_hz(effects.recode(tone, container, subtype, 0.9)) - 440) < 5


def test_a_crop_is_a_part_of_that_duration() -> None:
    ramp = np.arange(10 * RATE, dtype=np.float32)
    starts = set()
    for seed in range(5):
        part = effects.crop(ramp, 2.5, generator(seed))
        np.testing.assert_array_equal(part, part[0] + np.arange(2.5 * RATE))
        starts.add(part[0])
    assert len(starts) == 5
    np.testing.assert_array_equal(effects.crop(ramp[:RATE], 2.5, generator(0)), ramp[:RATE])


@pytest.mark.parametrize("decay_s", [0.2, 0.6])
@pytest.mark.parametrize("direct_db", [0.0, 10.0])
def test_a_room_decays_by_60_db_behind_the_direct_sound(decay_s: float, direct_db: float) -> None:
    click = np.zeros(2 * RATE, np.float32)
    click[0] = 1.0
    response = effects.reverberate(click, decay_s, direct_db, generator(1)).astype(np.float64)
    assert len(response) == len(click)
    tail = response - click
    assert -10 * np.log10(np.sum(tail**2)) == pytest.approx(direct_db, abs=1e-3)
    assert np.abs(response[int(decay_s * RATE) + 1 :]).max() < 1e-12
    left_db = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] + 1e-30)  # Schroeder's decay curve
    half = int(decay_s * RATE / 2)
    assert left_db[0] - left_db[half] == pytest.approx(30, abs=2)


def test_an_equaliser_has_its_gains_at_its_points() -> None:
    white = effects.coloured_noise(16 * RATE, 0.0, generator(3))
    changed = effects.equalise(white, np.array([6.0, -9.0, 3.0]))
    ratio = np.abs(np.fft.rfft(changed)) / np.abs(np.fft.rfft(white))
    for hz, gain_db in ((60, 6), (np.sqrt(60 * 8000), -9), (8000, 3), (10, 6)):
        assert 20 * np.log10(ratio[round(hz * 16)]) == pytest.approx(gain_db, abs=0.05)


def test_voices_of_babble_are_equally_loud_and_all_there() -> None:
    voices = [effects.coloured_noise(2 * RATE, 0.0, generator(number)) * np.float32(10.0**-number) for number in (1, 3)]
    mixed = effects.babble(5 * RATE, voices, generator(0))
    assert len(mixed) == 5 * RATE and level_db(mixed) == pytest.approx(10 * np.log10(2), abs=0.1)
    spectrum = np.fft.rfft(mixed[: 2 * RATE])
    for voice in voices:
        match = np.fft.irfft(spectrum * np.fft.rfft(voice).conj())
        assert match.max() / np.sqrt(np.sum(mixed[: 2 * RATE] ** 2) * np.sum(voice**2)) == pytest.approx(0.71, abs=0.02)


def test_silence_goes_around_and_peaks_are_set(tone: Samples) -> None:
    padded = effects.pad_silence(tone, 0.25, 0.5)
    np.testing.assert_array_equal(padded[RATE // 4 : RATE // 4 + RATE], tone)
    assert len(padded) == 1.75 * RATE and not padded[: RATE // 4].any() and not padded[RATE // 4 + RATE :].any()
    assert np.abs(effects.normalise_peak(tone / 7, 0.25)).max() == pytest.approx(0.25, rel=1e-6)
    assert np.abs(effects.normalise_peak(np.full(9, 1e-9, np.float32))).max() == pytest.approx(1e-3, rel=1e-6)


def test_silence_stays_finite_and_the_input_as_it_was(tone: Samples) -> None:
    for samples in (np.zeros(RATE, np.float32), tone):
        kept = samples.copy()
        for changed in (
            effects.add_noise(samples, np.zeros(RATE, np.float32), 10.0),
            effects.babble(RATE, [samples], generator(0)),
            effects.telephone(samples),
            effects.recode(samples, "OGG", "OPUS", 0.5),
            effects.reverberate(samples, 0.3, 0.0, generator(0)),
            effects.equalise(samples, np.array([3.0, -3.0])),
        ):
            assert changed.dtype == np.float32 and np.isfinite(changed).all()
        np.testing.assert_array_equal(samples, kept)
