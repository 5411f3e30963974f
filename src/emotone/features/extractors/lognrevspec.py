"""Log spectrogram as it is, with white noise and with reverberation, as three channels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from emotone.base.draws import generator
from emotone.errors import EmotoneError
from emotone.features.extractors.logspec import LogSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

NOISE_SAMPLES = 2**18
"""After so many the noise repeats."""


@dataclass(frozen=True)
class LogNrevSpec(LogSpec):
    """The bins of `LogSpec` of the signal, of it with white noise, and of it in a room, float32 [T, D = 3 * num_bins].

    Noise and room are added to the pre-emphasised signal, and each channel is in dB relative to its own maximum. The
    room is decaying Gaussian noise (`room_response`), by default 0.5 s long with a direct sound as strong as all that
    follows. Noise and room follow from `seed` alone: every utterance has the same ones, and a longer one than
    2^18 samples (16 s) its noise again from the start.

    noise_std: of the noise, where full scale is 1. decay_s: until the room is 60 dB down. direct_db: energy of the
    direct sound above that of the decay. seed: of both.

    >>> LogNrevSpec()(np.ones(16_000, np.float32)).shape
    (101, 600)
    """

    channels: ClassVar[tuple[str, ...]] = ("", "noisy_", "reverberant_")

    rate_hz: Literal[16000, 8000] = 16_000
    num_bins: int | None = None
    noise_std: float = 0.002
    decay_s: float = 0.5
    direct_db: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.noise_std < np.inf:
            raise EmotoneError(f"{self.title}: noise_std must be at least 0, not {self.noise_std:g}")
        if not 0 < self.decay_s <= 10:
            raise EmotoneError(f"{self.title}: decay_s must lie in 0..10 and above 0, not {self.decay_s:g}")
        if not abs(self.direct_db) <= 100:
            raise EmotoneError(f"{self.title}: direct_db must lie in -100..100, not {self.direct_db:g}")

    def fill(self, images: Array, signal: Array, top_db: float) -> None:
        """Write the channels of the signal, of the noisy and of the reverberant one."""
        super().fill(images, signal, top_db)
        self.write_db(images[:, 1], add_noise(signal, self.noise_std, self.seed), top_db)
        response = room_response(self.decay_s, self.direct_db, self.rate_hz, self.seed)
        self.write_db(images[:, 2], convolve(signal, response), top_db)


def add_noise(signal: Array, noise_std: float, seed: int) -> Array:
    """A signal [N] and white noise of that standard deviation: [N]."""
    noisy = np.resize(white_noise(seed)[: len(signal)], len(signal))
    noisy *= np.float32(noise_std)
    noisy += signal
    return noisy


@lru_cache(maxsize=2)
def white_noise(seed: int) -> Array:
    """Gaussian noise of standard deviation 1: [NOISE_SAMPLES]. Drawn once: it takes half as long as a spectrogram."""
    noise = generator(seed, "noise").standard_normal(NOISE_SAMPLES, dtype=np.float32)
    noise.flags.writeable = False  # it is cached and shared
    return noise


@lru_cache(maxsize=16)
def room_response(decay_s: float, direct_db: float, rate_hz: int, seed: int) -> Array:
    """Gaussian noise that decays by 60 dB in `decay_s`, after a direct sound of 1 that is `direct_db` above it: [N].

    >>> response = room_response(0.5, 0.0, 16_000, seed=0)
    >>> len(response), float(response[0]), round(float(np.sum(response[1:] ** 2)), 3)
    (8000, 1.0, 1.0)
    """
    time_s = np.arange(1, max(2, round(decay_s * rate_hz))) / rate_hz
    decay = generator(seed, "room").standard_normal(len(time_s)) * 10 ** (-3 * time_s / decay_s)
    response = np.append(1.0, decay * 10 ** (-direct_db / 20) / np.sqrt(np.sum(decay**2))).astype(np.float32)
    response.flags.writeable = False  # it is cached and shared
    return response


def convolve(signal: Array, response: Array) -> Array:
    """The first N samples of a signal [N] convolved with a response, block by block (overlap-add).

    >>> convolve(np.array([1, 0, 2], np.float32), np.array([1, 0.5], np.float32)).round(6).tolist()
    [1.0, 0.5, 2.0]
    """
    size = 4 << len(response).bit_length()
    step = size - len(response) + 1
    convolved, block = np.zeros(len(signal), np.float32), np.empty(size, np.float32)
    room = _spectrum(block, response) * np.float32(size) ** 2  # undoes the factors of both spectra
    for first in range(0, len(signal), step):
        spectrum = _spectrum(block, signal[first : first + step])
        np.fft.irfft(np.multiply(spectrum, room, out=spectrum), size, out=block)  # type: ignore[arg-type]
        convolved[first : first + size] += block[: len(signal) - first]
    return convolved


def _spectrum(padded: Array, samples: Array) -> NDArray[np.complex64]:
    """FFT / len(padded) of samples, zero padded in `padded`; `norm` keeps numpy in float32, as in `power_blocks`."""
    padded[: len(samples)] = samples
    padded[len(samples) :] = 0
    spectrum = np.empty(len(padded) // 2 + 1, np.complex64)
    return np.fft.rfft(padded, norm="forward", out=spectrum)  # type: ignore[arg-type, return-value]
