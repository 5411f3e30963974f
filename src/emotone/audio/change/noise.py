"""Recordings of noise, and mixing them with speech at an exact ratio: functions of float32 samples [N] at 16 kHz.

A mixture never wraps or clips: what would leave [-1, 1] is made quieter as a whole, so the ratio holds and the level of
the utterance may fall. Features in dB below the utterance's maximum do not change with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotone.audio.change.effects import add_noise
from emotone.audio.level import fit_full_scale, is_silent
from emotone.audio.read import RATE_HZ, Samples
from emotone.base.draws import Random
from emotone.errors import EmotoneError

PUBLISHED_SNR_DB: dict[str, float] = {
    "cafeteria": 0,
    "kitchen": 0,
    "river": 0,
    "square": 0,
    "airport": 0,
    "hallway": 0,
    "office": 0,
    "field": 0,
    "restaurant": 5,
    "park": 6,
    "traffic": 6,
    "babble": 6,
    "presto": 10,
    "living room": 10,
    "vacuum": 10,
    "cafe": 13,
    "neighbour": 15,
    "washing": -5,
}
"""The recordings of the published stability training, and the ratio at which each was mixed in."""
GAUSSIAN_STD = 0.1
"""Of the Gaussian noise of the published stability training, on samples in [-1, 1]."""
FADE_S = 0.05
"""The end of a looped recording fades into its beginning over this long."""


def mix(samples: Samples, noise: Samples, snr_db: float, random: Random) -> Samples:
    """Speech [N] with a part of `noise` [M], drawn by `cut`, at a ratio of mean powers over the whole utterance: [N].

    Silent speech (nothing above -80 dB of full scale) has no level to set noise against and stays as it is. Raises
    EmotoneError for noise of zeros.

    >>> tone = np.sin(np.arange(16_000, dtype=np.float32)) / 2
    >>> added = mix(tone, np.ones(400, np.float32), 20.0, np.random.default_rng(0)) - tone
    >>> round(float(10 * np.log10(np.mean(tone**2) / np.mean(added**2))), 2)
    20.0
    """
    if not noise.any():
        raise EmotoneError("noise of silence has no level to set a signal-to-noise ratio by")
    if is_silent(samples):
        return samples
    part = cut(noise, len(samples), random)
    part = part / np.abs(part).max()  # `add_noise` never takes a level for 0, which faint noise would notice
    return fit_full_scale(add_noise(samples, part, snr_db))


def cut(noise: Samples, num_samples: int, random: Random) -> Samples:
    """A random part of a recording [M] that holds a sample drawn by energy, faded where it is looped: [num_samples].

    >>> len(cut(np.ones(1000, np.float32), 2500, np.random.default_rng(0)))
    2500
    """
    if len(noise) < num_samples:
        return loop(noise, num_samples, random)
    heard = draw_by_energy(np.square(noise, dtype=np.float64), random)
    start = int(random.integers(max(heard - num_samples, -1) + 1, min(heard, len(noise) - num_samples) + 1))
    return noise[start : start + num_samples]


def loop(noise: Samples, num_samples: int, random: Random) -> Samples:
    """A recording [M] repeated from a random point on, without a click at the seam: [num_samples].

    Its last 50 ms (of a very short one: half of it) fade into its first, with gains whose squares sum to 1: as loud as
    the rest for what does not correlate, as noise does not.
    """
    num_faded = min(int(FADE_S * RATE_HZ), len(noise) // 2)
    period = noise[: len(noise) - num_faded].copy()
    angle = (np.arange(num_faded, dtype=np.float32) + 0.5) / max(num_faded, 1) * np.float32(np.pi / 2)
    period[:num_faded] = np.sin(angle) * noise[:num_faded] + np.cos(angle) * noise[len(period) :]
    return np.take(period, np.arange(num_samples) + int(random.integers(len(period))), mode="wrap")


def add_gaussian(samples: Samples, std: float, random: Random) -> Samples:
    """White Gaussian noise of a standard deviation, whatever the level of the speech: [N] -> [N].

    >>> noisy = add_gaussian(np.zeros(16_000, np.float32), 0.1, np.random.default_rng(0))
    >>> round(float(noisy.std()), 2)
    0.1
    """
    return fit_full_scale(samples + np.float32(std) * random.standard_normal(len(samples), dtype=np.float32))


def excerpt(recording: Samples, num_samples: int, random: Random) -> Samples:
    """A part of a recording [M] around a sample drawn by its energy: [num_samples].

    So it is not the silence between two sounds. A recording that is short goes on at its beginning, as it is.
    """
    centre = draw_by_energy(np.square(recording, dtype=np.float64), random)
    return np.take(recording, np.arange(num_samples) + centre - num_samples // 2, mode="wrap")


def draw_by_energy(energy: NDArray[np.float64], random: Random) -> int:
    """A place in energies [N], as probable as its energy: never one of silence, unless all are.

    >>> draw_by_energy(np.array([0.0, 2.0, 0.0]), np.random.default_rng(0))
    1
    """
    total = np.cumsum(energy)
    return int(np.searchsorted(total, random.random() * total[-1]))
