"""Augmentation of speech: pure functions on float32 samples [N] at 16 kHz; all randomness comes from a given generator.

Two kinds are kept apart. A changed *voice* (size, pitch, tempo) is heard differently, so labels that stand for what is
heard must be asked again; a changed *channel* (room, noise, gain, band, codec) leaves the emotion what it was.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from emotone.audio.read import RATE_HZ, Samples, load_audio
from emotone.base.draws import Random, generator


def crop(samples: Samples, duration_s: float, random: Random) -> Samples:
    """A random part of that duration, or all of it where it is shorter: [N] -> [N']."""
    size = min(len(samples), int(duration_s * RATE_HZ))
    start = int(random.integers(len(samples) - size + 1))
    return samples[start : start + size]


def respeed(samples: Samples, rate: float) -> Samples:
    """A smaller (rate > 1) or larger speaker: tempo, pitch and formants scaled alike, [N] -> about [N / rate]."""
    return soxr.resample(samples, RATE_HZ * rate, RATE_HZ)


def shift_pitch(samples: Samples, semitones: float) -> Samples:
    """Another pitch at the same tempo: [N] -> [N]."""
    from audiomentations import PitchShift

    return PitchShift(semitones, semitones, p=1.0)(samples, sample_rate=RATE_HZ)


def stretch(samples: Samples, rate: float) -> Samples:
    """Faster (rate > 1) or slower speech at the same pitch: [N] -> about [N / rate]."""
    from audiomentations import TimeStretch

    return TimeStretch(rate, rate, leave_length_unchanged=False, p=1.0)(samples, sample_rate=RATE_HZ)


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
    """Noise [N] added at a signal-to-noise ratio over the whole utterance."""
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
    """Butterworth high-pass at `low_hz` and low-pass at `high_hz`."""
    from scipy.signal import butter, sosfilt

    for edge_hz, kind in ((low_hz, "highpass"), (high_hz, "lowpass")):
        samples = sosfilt(butter(order, edge_hz, kind, fs=RATE_HZ, output="sos"), samples)
    return samples.astype(np.float32)


def equalise(samples: Samples, gains_db: NDArray[np.float64]) -> Samples:
    """Zero-phase equaliser: gains at points spaced evenly in log frequency from 60 Hz to 8 kHz."""
    frequency_hz = np.maximum(np.fft.rfftfreq(len(samples), 1 / RATE_HZ), 60.0)
    points = np.linspace(np.log(60.0), np.log(8000.0), len(gains_db))
    gain = 10 ** (np.interp(np.log(frequency_hz), points, gains_db) / 20)
    return np.fft.irfft(np.fft.rfft(samples) * gain, len(samples)).astype(np.float32)


def telephone(samples: Samples) -> Samples:
    """8 kHz, 300-3400 Hz, 8-bit mu-law (ITU-T G.711's curve), and back to 16 kHz."""
    narrow = soxr.resample(band_limit(samples, 300.0, 3400.0, 4), RATE_HZ, 8000)
    scaled = np.clip(narrow / _peak(narrow), -1, 1)
    coded = np.round(np.sign(scaled) * np.log1p(255 * np.abs(scaled)) / np.log(256) * 127) / 127
    decoded = np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255
    return soxr.resample(decoded.astype(np.float32), 8000, RATE_HZ)


def recode(samples: Samples, container: str, subtype: str, compression: float) -> Samples:
    """Through a lossy codec of libsndfile; `compression` from 0 (best quality) to 1."""
    held = io.BytesIO()
    scaled = samples / _peak(samples) * 0.9
    soundfile.write(held, scaled, RATE_HZ, format=container, subtype=subtype, compression_level=compression)
    held.seek(0)
    return soundfile.read(held, dtype="float32")[0]


def pad_silence(samples: Samples, before_s: float, after_s: float) -> Samples:
    """Silence around the speech, as recordings that are not cut tightly have it."""
    return np.pad(samples, (int(before_s * RATE_HZ), int(after_s * RATE_HZ)))


def _level(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) + 1e-9


def _peak(samples: Samples) -> float:
    return max(float(np.abs(samples).max()), 1e-6)


def change_voice(samples: Samples, random: Random) -> Samples:
    """Random speaker size (0.87-1.15), pitch (+-3 semitones) and tempo (0.8-1.25)."""
    if random.random() < 0.6:
        samples = respeed(samples, float(np.exp(random.uniform(np.log(0.87), np.log(1.15)))))
    if random.random() < 0.5:
        samples = shift_pitch(samples, float(random.uniform(-3, 3)))
    if random.random() < 0.5:
        samples = stretch(samples, float(np.exp(random.uniform(np.log(0.8), np.log(1.25)))))
    return np.clip(samples, -1, 1).astype(np.float32)


def change_channel(samples: Samples, voices: list[Samples], random: Random) -> Samples:
    """Random silence around, room, equaliser, noise (3-50 dB), gain with clipping, bandwidth and codec."""
    if random.random() < 0.6:
        samples = pad_silence(samples, *random.uniform(0, 1.2, 2))
    if random.random() < 0.4:
        samples = reverberate(samples, float(random.uniform(0.1, 0.7)), float(random.uniform(-3, 12)), random)
    if random.random() < 0.5:
        samples = equalise(samples, random.uniform(-9, 9, 6))
    if random.random() < 0.9:
        has_babble = bool(voices) and random.random() < 0.25
        slope = float(random.uniform(0, 2))
        noise = babble(len(samples), voices, random) if has_babble else coloured_noise(len(samples), slope, random)
        samples = add_noise(samples, noise, float(random.uniform(3, 50)))
    samples = np.clip(samples / _peak(samples) * 10 ** (random.uniform(-30, 6) / 20), -1, 1).astype(np.float32)
    if random.random() < 0.35:
        low_hz, high_hz = float(random.uniform(50, 250)), float(random.uniform(2500, 7600))
        samples = band_limit(samples, low_hz, high_hz, int(random.integers(2, 7)))
    codec, compression = random.random(), float(random.uniform(0.5, 0.99))
    if codec < 0.12:
        samples = telephone(samples)
    elif codec < 0.27:
        samples = recode(samples, "MP3", "MPEG_LAYER_III", compression)
    elif codec < 0.42:
        samples = recode(samples, "OGG", "OPUS", compression)
    return np.clip(samples, -1, 1).astype(np.float32)


class Copy(NamedTuple):
    """Which copy of an utterance: a numbered voice, a channel of it (None: as clean as it is), a numbered random part.

    `id` is its name in a feature store: `utterance~part#voice.channel`. Number 0 of voice and channel changes nothing.

    >>> Copy("a", voice=1, channel=2).id, Copy.parse("a~3#1")
    ('a#1.2', Copy(utterance='a', voice=1, channel=None, part=3))
    """

    utterance: str
    voice: int
    channel: int | None = None
    part: int | None = None

    @property
    def source(self) -> str:
        """The utterance, or the part of it, that all voices and channels have in common."""
        return self.utterance if self.part is None else f"{self.utterance}~{self.part}"

    @property
    def id(self) -> str:
        """Its name in a feature store."""
        return f"{self.source}#{self.voice}{'' if self.channel is None else f'.{self.channel}'}"

    @classmethod
    def parse(cls, id_: str) -> Copy:
        """The copy that has this name."""
        source, _, numbers = id_.rpartition("#")
        voice, _, channel = numbers.partition(".")
        utterance, mark, part = source.rpartition("~")
        if not (mark and part.isdecimal()):
            utterance, part = source, ""
        return cls(utterance, int(voice), int(channel) if channel else None, int(part) if part else None)


@dataclass(frozen=True)
class Augment:
    """The change of the audio that belongs to a copy's id (`Copy`).

    The same voice number is the same voice, with and without a channel. `crop_share` of the changed voices speak only a
    random part of `crop_s` seconds, numbered parts always do. `babble_files` are recordings that serve, mixed, as one
    of the noises.
    """

    seed: int
    crop_share: float = 0.0
    crop_s: tuple[float, float] = (1.5, 8.0)
    babble_files: tuple[str, ...] = ()

    def __call__(self, samples: Samples, id_: str) -> Samples:
        """Samples [N] of one copy -> changed samples [N']."""
        copy = Copy.parse(id_)
        samples = self._voice(samples, copy)
        if copy.channel:
            random = generator(self.seed, "channel", copy.source, copy.voice, copy.channel)
            samples = change_channel(samples, self._voices(random), random)
        return samples

    def _voice(self, samples: Samples, copy: Copy) -> Samples:
        """The part and voice of a copy; its channels follow each other, so the last one is kept."""
        key = (self, copy.source, copy.voice, samples.tobytes())
        if _LAST_VOICE.get("key") != key:
            random = generator(self.seed, "crop", copy.source, copy.voice)
            if copy.part is not None or (copy.voice and random.random() < self.crop_share):
                samples = crop(samples, float(random.uniform(*self.crop_s)), random)
            if copy.voice:
                samples = change_voice(samples, generator(self.seed, "voice", copy.source, copy.voice))
            _LAST_VOICE.update(key=key, samples=samples)
        return _LAST_VOICE["samples"]

    def _voices(self, random: Random) -> list[Samples]:
        count = min(int(random.integers(3, 8)), len(self.babble_files))
        if not count:
            return []
        chosen = random.choice(len(self.babble_files), count, replace=False)
        return [_load_babble(self.babble_files[number]) for number in chosen]


_LAST_VOICE: dict[str, Any] = {}


@lru_cache(maxsize=200)
def _load_babble(file: str) -> Samples:
    return load_audio(file)
