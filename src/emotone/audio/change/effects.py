"""Single changes of speech: pure functions of float32 samples [N] at 16 kHz; all randomness is that of a generator.

Some give samples beyond [-1, 1], to be clipped or scaled after the last change.
"""

from __future__ import annotations

import io

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from emotone.audio.level import rms
from emotone.audio.read import RATE_HZ, Samples
from emotone.base.draws import Random


def crop(samples: Samples, duration_s: float, random: Random) -> Samples:
    """A random part of `duration_s`, or all of what is shorter: [N] -> [N']."""
    size = min(len(samples), int(duration_s * RATE_HZ))
    start = int(random.integers(len(samples) - size + 1))
    return samples[start : start + size]


def respeed(samples: Samples, speed: float) -> Samples:
    """A smaller (speed > 1) or larger speaker: tempo, pitch and formants scaled alike, [N] -> about [N / speed]."""
    return soxr.resample(samples, RATE_HZ * speed, RATE_HZ)


def shift_pitch(samples: Samples, semitones: float) -> Samples:
    """Another pitch at the same tempo: [N] -> [N]."""
    from audiomentations import PitchShift

    return PitchShift(semitones, semitones, p=1.0)(samples, sample_rate=RATE_HZ)


def stretch(samples: Samples, tempo: float) -> Samples:
    """Faster (tempo > 1) or slower speech at the same pitch: [N] -> about [N / tempo]."""
    from audiomentations import TimeStretch

    return TimeStretch(tempo, tempo, leave_length_unchanged=False, p=1.0)(samples, sample_rate=RATE_HZ)


def coloured_noise(num_samples: int, slope: float, random: Random) -> Samples:
    """Gaussian noise whose power falls as 1 / f**slope (0 white, 1 pink, 2 brown): [num_samples]."""
    spectrum = np.fft.rfft(random.standard_normal(num_samples).astype(np.float32))
    frequency_hz = np.maximum(np.fft.rfftfreq(num_samples, 1 / RATE_HZ), 20.0)
    return np.fft.irfft(spectrum * frequency_hz ** (-slope / 2), num_samples).astype(np.float32)


def babble(num_samples: int, voices: list[Samples], random: Random) -> Samples:
    """Voices at equal level, each from a random point on, repeated to length: [num_samples]."""
    mixed = np.zeros(num_samples, np.float32)
    for voice in voices:
        mixed += np.resize(np.roll(voice, -int(random.integers(len(voice)))), num_samples) / _level(voice)
    return mixed


def add_noise(samples: Samples, noise: Samples, snr_db: float) -> Samples:
    """Noise [N] added at a signal-to-noise ratio over the whole utterance: [N], which may leave [-1, 1]."""
    return samples + noise * np.float32(_level(samples) / _level(noise) * 10 ** (-snr_db / 20))


def reverberate(samples: Samples, decay_s: float, direct_db: float, random: Random) -> Samples:
    """A room of exponentially decaying noise (60 dB in `decay_s`), the direct sound `direct_db` above it: [N]."""
    from scipy.signal import fftconvolve

    time_s = np.arange(int(decay_s * RATE_HZ)) / RATE_HZ
    response = random.standard_normal(len(time_s)) * np.exp(-6.9 * time_s / decay_s)
    response *= 10 ** (-direct_db / 20) / np.sqrt(np.sum(response**2))
    response[0] += 1.0
    return fftconvolve(samples, response)[: len(samples)].astype(np.float32)


def band_limit(samples: Samples, low_hz: float, high_hz: float, order: int) -> Samples:
    """Butterworth high-pass at `low_hz` and low-pass at `high_hz`: [N] -> [N]."""
    from scipy.signal import butter, sosfilt

    for edge_hz, kind in ((low_hz, "highpass"), (high_hz, "lowpass")):
        samples = sosfilt(butter(order, edge_hz, kind, fs=RATE_HZ, output="sos"), samples)
    return samples.astype(np.float32)


def equalise(samples: Samples, gains_db: NDArray[np.float64]) -> Samples:
    """Zero-phase equaliser: gains [K] at points spaced evenly in log frequency from 60 Hz to 8 kHz, [N] -> [N]."""
    frequency_hz = np.maximum(np.fft.rfftfreq(len(samples), 1 / RATE_HZ), 60.0)
    points = np.linspace(np.log(60.0), np.log(8000.0), len(gains_db))
    gain = 10 ** (np.interp(np.log(frequency_hz), points, gains_db) / 20)
    return np.fft.irfft(np.fft.rfft(samples) * gain, len(samples)).astype(np.float32)


def telephone(samples: Samples) -> Samples:
    """Through a telephone line: 8 kHz, 300-3400 Hz, 8-bit mu-law (ITU-T G.711's curve), and back to 16 kHz."""
    narrow = soxr.resample(band_limit(samples, 300.0, 3400.0, 4), RATE_HZ, 8000)
    scaled = np.clip(normalise_peak(narrow), -1, 1)
    coded = np.round(np.sign(scaled) * np.log1p(255 * np.abs(scaled)) / np.log(256) * 127) / 127
    decoded = np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255
    return soxr.resample(decoded.astype(np.float32), 8000, RATE_HZ)


def recode(samples: Samples, container: str, subtype: str, compression: float) -> Samples:
    """Through a lossy codec of libsndfile, at a peak of 0.9; `compression` from 0 (best quality) to 1."""
    file = io.BytesIO()
    scaled = normalise_peak(samples, 0.9)
    soundfile.write(file, scaled, RATE_HZ, format=container, subtype=subtype, compression_level=compression)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


def pad_silence(samples: Samples, before_s: float, after_s: float) -> Samples:
    """Silence around the speech, as recordings that are not cut tightly have it."""
    return np.pad(samples, (int(before_s * RATE_HZ), int(after_s * RATE_HZ)))


def normalise_peak(samples: Samples, peak: float = 1.0) -> Samples:
    """Samples whose greatest magnitude is `peak`; what is below -120 dB of full scale is not amplified to it."""
    return samples / max(float(np.abs(samples).max()), 1e-6) * peak


def _level(samples: Samples) -> float:
    """Root mean square, never 0, so that silence can be divided by it."""
    return rms(samples) + 1e-9
