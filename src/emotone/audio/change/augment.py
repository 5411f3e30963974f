"""Random changes of speech for training: which copy of an utterance it is decides how it is changed.

Two kinds are kept apart. A changed *voice* (size, pitch, tempo) is heard differently, so labels that stand for what is
heard must be asked again; a changed *channel* (room, noise, gain, band, codec) leaves the emotion what it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from emotone.audio.change import effects
from emotone.audio.read import Samples, load_audio
from emotone.base.draws import Random, generator


def change_voice(samples: Samples, random: Random) -> Samples:
    """Samples [N] with a random speaker size (0.87-1.15), pitch (+-3 semitones) and tempo (0.8-1.25): [N']."""
    if random.random() < 0.6:
        samples = effects.respeed(samples, float(np.exp(random.uniform(np.log(0.87), np.log(1.15)))))
    if random.random() < 0.5:
        samples = effects.shift_pitch(samples, float(random.uniform(-3, 3)))
    if random.random() < 0.5:
        samples = effects.stretch(samples, float(np.exp(random.uniform(np.log(0.8), np.log(1.25)))))
    return np.clip(samples, -1, 1).astype(np.float32)


def change_channel(samples: Samples, voices: list[Samples], random: Random) -> Samples:
    """Samples [N] with random silence around, room, equaliser, noise (3-50 dB), gain, bandwidth and codec: [N'].

    `voices`, where there are any, serve as babble in a quarter of the noises.
    """
    if random.random() < 0.6:
        samples = effects.pad_silence(samples, *random.uniform(0, 1.2, 2))
    if random.random() < 0.4:
        samples = effects.reverberate(samples, float(random.uniform(0.1, 0.7)), float(random.uniform(-3, 12)), random)
    if random.random() < 0.5:
        samples = effects.equalise(samples, random.uniform(-9, 9, 6))
    if random.random() < 0.9:
        has_babble = bool(voices) and random.random() < 0.25
        slope = float(random.uniform(0, 2))
        if has_babble:
            noise = effects.babble(len(samples), voices, random)
        else:
            noise = effects.coloured_noise(len(samples), slope, random)
        samples = effects.add_noise(samples, noise, float(random.uniform(3, 50)))
    samples = effects.normalise_peak(samples, 10 ** (random.uniform(-30, 6) / 20))
    samples = np.clip(samples, -1, 1).astype(np.float32)
    if random.random() < 0.35:
        low_hz, high_hz = float(random.uniform(50, 250)), float(random.uniform(2500, 7600))
        samples = effects.band_limit(samples, low_hz, high_hz, int(random.integers(2, 7)))
    codec, compression = random.random(), float(random.uniform(0.5, 0.99))
    if codec < 0.12:
        samples = effects.telephone(samples)
    elif codec < 0.27:
        samples = effects.recode(samples, "MP3", "MPEG_LAYER_III", compression)
    elif codec < 0.42:
        samples = effects.recode(samples, "OGG", "OPUS", compression)
    return np.clip(samples, -1, 1).astype(np.float32)


class Copy(NamedTuple):
    """A copy of an utterance: the numbers of its voice, its channel (None: as clean as the voice) and its random part.

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
        """The name of the utterance, or of the part of it, that voices and channels change."""
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
    """The change of an utterance's audio into the copy that an id names (`Copy`).

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
            samples = change_channel(samples, self._babble_voices(random), random)
        return samples

    def _voice(self, samples: Samples, copy: Copy) -> Samples:
        """Samples [N] in the part and voice of a copy: [N'].

        The channels of a voice are asked for one after another, and a voice takes long: the last one is kept.
        """
        key = (self, copy.source, copy.voice, samples.tobytes())
        if _LAST_VOICE.get("key") != key:
            random = generator(self.seed, "crop", copy.source, copy.voice)
            if copy.part is not None or (copy.voice and random.random() < self.crop_share):
                samples = effects.crop(samples, float(random.uniform(*self.crop_s)), random)
            if copy.voice:
                samples = change_voice(samples, generator(self.seed, "voice", copy.source, copy.voice))
            _LAST_VOICE.update(key=key, samples=samples)
        return _LAST_VOICE["samples"]

    def _babble_voices(self, random: Random) -> list[Samples]:
        """Three to seven of the recordings for babble, or as many as there are."""
        count = min(int(random.integers(3, 8)), len(self.babble_files))
        if not count:
            return []
        chosen = random.choice(len(self.babble_files), count, replace=False)
        return [_load_babble(self.babble_files[number]) for number in chosen]


_LAST_VOICE: dict[str, Any] = {}


@lru_cache(maxsize=200)
def _load_babble(file: str) -> Samples:
    return load_audio(file)
