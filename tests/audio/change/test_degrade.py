"""Degradations: as strong as their name says, in range, and nothing at the clean point."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.audio.change import effects
from emotone.audio.change.degrade import CURVES, Severity, degrade, narrow
from emotone.audio.change.noise import excerpt
from emotone.audio.read import RATE_HZ, Samples
from emotone.base.draws import generator
from emotone.errors import EmotoneError

RATE = RATE_HZ
CONDITIONS = [(name, severity) for name, curve in CURVES.items() for severity in curve.severities]


@pytest.fixture(scope="module")
def speech() -> Samples:
    """Three seconds of modulated pink noise, which has speech's slope and pauses."""
    samples = effects.coloured_noise(3 * RATE, 1.0, generator("speech"))
    samples *= np.abs(np.sin(np.arange(len(samples)) * 8 / RATE)).astype(np.float32)
    return (samples * 0.8 / np.abs(samples).max()).astype(np.float32)


def level_db(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64))))


def ratio_db(noisy: Samples, speech: Samples, noise: Samples) -> float:
    """The signal-to-noise ratio of a mixture, measured by regression on its two parts."""
    parts = np.stack([speech, noise], axis=1).astype(np.float64)
    gains = np.linalg.lstsq(parts, noisy.astype(np.float64), rcond=None)[0]
    return level_db(gains[0] * speech) - level_db(gains[1] * noise)


@pytest.mark.parametrize(("curve", "severity"), CONDITIONS)
def test_copies_are_samples_in_range_and_repeat(curve: str, severity: Severity, speech: Samples) -> None:
    noise = effects.coloured_noise(len(speech), 1.0, generator(1))
    first, second = (degrade(speech, curve, severity, generator(2), noise) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.float32 and np.abs(first).max() <= 1 and np.isfinite(first).all()
    if severity == CURVES[curve].clean:
        np.testing.assert_array_equal(first, speech)
    elif severity != 4.0:  # seconds, more than it has
        assert len(first) != len(speech) or not np.allclose(first, speech, atol=1e-4)


@pytest.mark.parametrize("curve", ["noise", "babble"])
@pytest.mark.parametrize("snr_db", [20.0, 10.0, 5.0, 0.0, -5.0])
@pytest.mark.parametrize("loudness", [1.0, 0.01])
def test_ratios_are_exact(curve: str, snr_db: float, loudness: float, speech: Samples) -> None:
    noise = excerpt(effects.coloured_noise(RATE, 0.0, generator(3)), len(speech), generator(4))
    noisy = degrade(speech * np.float32(loudness), curve, snr_db, generator(5), noise)
    assert ratio_db(noisy, speech, noise) == pytest.approx(snr_db, abs=0.05)


@pytest.mark.parametrize("high_hz", [4000, 2000, 1000])
def test_nothing_is_left_above_the_highest_frequency(high_hz: int) -> None:
    white = effects.coloured_noise(4 * RATE, 0.0, generator(6)) * np.float32(0.1)
    power = np.abs(np.fft.rfft(narrow(white, high_hz))) ** 2
    frequency = np.fft.rfftfreq(4 * RATE, 1 / RATE)
    kept, lost = power[frequency < 0.85 * high_hz].mean(), power[frequency > 1.05 * high_hz].mean()
    assert len(narrow(white, high_hz)) == len(white) and 10 * np.log10(kept / lost) > 50


@pytest.mark.parametrize("share", [1.0, 10.0, 50.0])
def test_so_many_samples_are_clipped(share: float, speech: Samples) -> None:
    clipped = degrade(speech, "clipping", share, generator(0))
    assert np.mean(np.abs(clipped) >= np.abs(clipped).max()) * 100 == pytest.approx(share, abs=0.1)
    untouched = np.abs(speech) < np.abs(clipped).max()
    np.testing.assert_array_equal(clipped[untouched], speech[untouched])


def test_gain_overloads_at_full_scale(speech: Samples) -> None:
    assert level_db(degrade(speech, "gain", -20.0, generator(0))) == pytest.approx(level_db(speech) - 20, abs=1e-3)
    loud = degrade(speech, "gain", 20.0, generator(0))
    assert np.mean(np.abs(loud) == 1) > 0.1 and np.abs(loud).max() == 1


@pytest.mark.parametrize("codec", [name for name in CURVES["codec"].severities if name != "clean"])
def test_codecs_keep_the_level(codec: str, speech: Samples) -> None:
    for loudness in (1.0, 0.05):
        samples = speech * np.float32(loudness)
        coded = degrade(samples, "codec", codec, generator(0))
        assert level_db(coded) == pytest.approx(level_db(samples), abs=0.01)
        assert abs(len(coded) - len(samples)) < 0.15 * RATE


def test_reverberation_lasts_as_long_as_it_says() -> None:
    click = np.zeros(3 * RATE, np.float32)
    click[0] = 0.5
    tail = degrade(click, "reverberation", 1.0, generator(7)).astype(np.float64)
    left_db = 10 * np.log10(np.cumsum(tail[::-1] ** 2)[::-1] + 1e-30)  # Schroeder's decay curve
    drop = left_db[RATE // 10] - left_db[RATE // 2]
    assert drop / 0.4 == pytest.approx(60, abs=3)
    assert 10 * np.log10(tail[0] ** 2 / np.sum(tail[1:] ** 2)) == pytest.approx(0, abs=0.5)  # as strong as what follows


@pytest.mark.parametrize("seconds", [0.5, 1.0, 4.0])
def test_shortening_keeps_the_beginning(seconds: float, speech: Samples) -> None:
    short = degrade(speech, "shortening", seconds, generator(0))
    np.testing.assert_array_equal(short, speech[: int(seconds * RATE)])


def test_silence_stays_finite() -> None:
    silence = np.zeros(RATE, np.float32)
    for curve, severity in CONDITIONS:
        assert np.isfinite(degrade(silence, curve, severity, generator(0), silence)).all()


def test_unknown_degradations_name_the_nearest() -> None:
    with pytest.raises(EmotoneError, match="did you mean 'noise'"):
        degrade(np.zeros(10, np.float32), "noize", 1.0, generator(0))
