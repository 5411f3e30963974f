"""Augmentation: deterministic by id, what it says it does, and never out of range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotone.audio.change import augment
from emotone.audio.change.augment import Augment
from emotone.audio.read import RATE_HZ, Samples, load_audio
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
    faster = augment.respeed(tone, 1.25)
    assert abs(len(faster) - RATE / 1.25) <= 2
    assert abs(peak_hz(faster) - 550) < 5


def test_pitch_and_tempo_are_independent(tone: Samples) -> None:
    higher = augment.shift_pitch(tone, 2.0)
    assert len(higher) == RATE and abs(peak_hz(higher) - 440 * 2 ** (2 / 12)) < 10
    slower = augment.stretch(tone, 0.8)
    assert abs(len(slower) - RATE / 0.8) < 200 and abs(peak_hz(slower) - 440) < 10


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 30.0])
def test_noise_has_the_ratio_asked_for(tone: Samples, snr_db: float) -> None:
    noise = augment.coloured_noise(RATE, 1.0, generator(1))
    noisy = augment.add_noise(tone, noise, snr_db)
    assert level_db(tone) - level_db(noisy - tone) == pytest.approx(snr_db, abs=0.01)


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_noise_has_the_colour_asked_for(slope: float) -> None:
    noise = augment.coloured_noise(16 * RATE, slope, generator(2))
    power = np.abs(np.fft.rfft(noise)) ** 2
    frequency = np.fft.rfftfreq(len(noise), 1 / RATE)
    low, high = (power[(frequency > f) & (frequency < 2 * f)].mean() for f in (100, 3200))
    assert 10 * np.log10(low / high) == pytest.approx(slope * 10 * np.log10(32), abs=1.0)


def test_band_limit_and_telephone_remove_what_lies_outside(tone: Samples) -> None:
    high = (0.5 * np.sin(2 * np.pi * 6000 * np.arange(RATE) / RATE)).astype(np.float32)
    assert level_db(augment.band_limit(high, 100, 3000, 6)) < level_db(high) - 30
    assert level_db(augment.telephone(high + tone)) == pytest.approx(level_db(augment.telephone(tone)), abs=1)


@pytest.mark.parametrize(("container", "subtype"), [("MP3", "MPEG_LAYER_III"), ("OGG", "OPUS")])
def test_codecs_keep_the_tone(tone: Samples, container: str, subtype: str) -> None:
    assert abs(peak_hz(augment.recode(tone, container, subtype, 0.9)) - 440) < 5


def test_copies_are_deterministic_and_number_zero_is_the_original(shared: Path) -> None:
    samples = load_audio(shared / "data" / "emodb" / "wav" / "03a01Fa.flac")
    babble = str(shared / "data" / "librispeech" / "train-clean-100" / "103-1240-0000.opus")
    change = Augment(seed=3, babble_files=(babble,))
    assert change(samples, "a#0.0") is samples
    for id_ in ("a#1", "a#1.0", "a#1.2", "a#0.1", "a~0#2.1"):
        first, second = change(samples, id_), Augment(seed=3, babble_files=(babble,))(samples, id_)
        np.testing.assert_array_equal(first, second)
        assert first.dtype == np.float32 and np.isfinite(first).all() and np.abs(first).max() <= 1
    np.testing.assert_array_equal(change(samples, "a#1"), change(samples, "a#1.0"))
    assert len(change(samples, "a#1")) != len(change(samples, "a#2")) or not np.array_equal(
        change(samples, "a#1"), change(samples, "a#2")
    )


def test_parts_are_within_the_durations() -> None:
    noise = generator(0).normal(0, 0.1, 20 * RATE).astype(np.float32)
    change = Augment(seed=1, crop_s=(2.0, 3.0))
    for part in range(5):
        assert 2.0 <= len(change(noise, f"a~{part}#0")) / RATE <= 3.0
