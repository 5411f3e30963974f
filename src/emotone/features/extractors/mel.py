"""Mel spectrogram as DeepEmoClusters takes it: of the samples divided by their peak, power, no logarithm.

Runtime tier: numpy only. Frames are transformed in blocks (`power_blocks`), so that the memory needed beside input and
output does not grow with the recording.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np

from emotone.audio.read import RATE_HZ
from emotone.errors import EmotoneError
from emotone.features.feature import Input
from emotone.features.spectrogram import PEAK_FLOOR, count_frames, find_peak, power_blocks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

BLOCK_FRAMES = 192
"""Frames transformed at once (3 s at the published hop): their samples and spectra fill 0.8 MB."""
BAND_MELS = 16
"""Neighbouring filters multiplied at once: together they see few of the bins, where all filters see all of them."""


@dataclass(frozen=True)
class Mel:
    """Mel spectrogram, float32 [T, D = num_mels], T = 1 + N // hop_samples for an even num_fft.

    The samples are divided by max(|x|max, 1e-3). Frame t is centred on sample t * hop_samples, zero padded beyond the
    ends, under a periodic Hann window; its |FFT|^2 goes through triangular filters of unit area between 0 and 8000 Hz
    (Slaney, "Auditory Toolbox", 1998), as in Lin, Sridhar and Busso, "DeepEmoCluster", ICASSP 2021.

    num_fft: samples in a frame and points of its FFT. hop_samples: from one frame to the next. num_mels: filters.
    scale: `power`, or `log` = ln(power + log_floor). Raises EmotoneError for no samples, NaN and impossible settings.

    >>> Mel()(np.zeros(16_000, np.float32)).shape
    (63, 128)
    """

    requires: ClassVar[tuple[str, ...]] = ()
    input: ClassVar[Input] = "audio"
    resolved: ClassVar[tuple[str, ...]] = ()

    num_fft: int = 512
    hop_samples: int = 256
    num_mels: int = 128
    scale: Literal["power", "log"] = "power"
    log_floor: float = 1e-6

    def __post_init__(self) -> None:
        for name, least in (("num_fft", 2), ("hop_samples", 1), ("num_mels", 1)):
            if getattr(self, name) < least:
                raise EmotoneError(f"feature mel: {name} must be at least {least}, not {getattr(self, name)}")
        if self.scale not in ("power", "log"):
            raise EmotoneError(f"feature mel: scale must be 'power' or 'log', not {self.scale!r}")
        if not self.log_floor > 0:
            raise EmotoneError(f"feature mel: log_floor must be above 0, not {self.log_floor:g}")

    @property
    def names(self) -> list[str]:
        """Names of the D filters, lowest frequency first."""
        return [f"mel_{index}" for index in range(self.num_mels)]

    @property
    def hop_s(self) -> float:
        """Seconds from one frame to the next."""
        return self.hop_samples / RATE_HZ

    @property
    def min_duration_s(self) -> float:
        """Shortest input in seconds: one sample, since frames are padded."""
        return 1 / RATE_HZ

    def __call__(self, samples: Array) -> Array:
        """Samples [N], 16 kHz -> mel spectrogram [T, D]."""
        samples = np.ascontiguousarray(samples, dtype=np.float32)
        divisor = np.float32(max(find_peak(samples, "feature mel"), PEAK_FLOOR))
        # The window undoes the factor 1 / num_fft of the spectra too.
        window = periodic_hann(self.num_fft) * (np.float32(self.num_fft) / divisor)
        bands = filter_bands(self.num_fft, self.num_mels)
        mels = np.empty((count_frames(len(samples), self.num_fft, self.hop_samples), self.num_mels), np.float32)
        for rows, power in power_blocks(samples, window, self.num_fft, self.hop_samples, BLOCK_FRAMES):
            block = mels[rows]
            write_mels(block, power, bands)
            if self.scale == "log":
                np.log(np.add(block, np.float32(self.log_floor), out=block), out=block)
        return mels


@lru_cache(maxsize=16)
def periodic_hann(num_samples: int) -> Array:
    """Periodic Hann window [num_samples]: 0.5 - 0.5 cos(2 pi n / num_samples).

    >>> periodic_hann(4).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    phase = 2 * np.pi * np.arange(num_samples) / num_samples
    return _read_only((0.5 - 0.5 * np.cos(phase)).astype(np.float32))


class _Band(NamedTuple):
    """Some neighbouring filters: weights [bins, mels] of the bins that they see."""

    bins: slice
    mels: slice
    weights: Array


def write_mels(mels: Array, power: Array, bands: tuple[_Band, ...]) -> None:
    """Write power spectra [T, num_fft // 2 + 1] through the filters of `filter_bands` to `mels` [T, num_mels]."""
    for band in bands:
        np.matmul(power[:, band.bins], band.weights, out=mels[:, band.mels])


@lru_cache(maxsize=16)
def filter_bands(num_fft: int, num_mels: int, rate_hz: int = RATE_HZ) -> tuple[_Band, ...]:
    """The matrix of `mel_filters` in bands without most of its zeros: a third of the time of the whole product."""
    return tuple(_cut_bands(mel_filters(num_fft, num_mels, rate_hz)))


def _cut_bands(filters: Array) -> Iterator[_Band]:
    for first in range(0, filters.shape[1], BAND_MELS):
        mels = slice(first, min(first + BAND_MELS, filters.shape[1]))
        (seen,) = np.nonzero(filters[:, mels].any(axis=1))
        bins = slice(int(seen[0]), int(seen[-1]) + 1) if len(seen) else slice(0, 1)
        yield _Band(bins, mels, _read_only(np.ascontiguousarray(filters[bins, mels])))


@lru_cache(maxsize=16)
def mel_filters(num_fft: int, num_mels: int, rate_hz: int = RATE_HZ) -> Array:
    """Triangular filters [num_fft // 2 + 1, num_mels] between 0 and rate_hz / 2, each of area 1 (in Hz).

    >>> mel_filters(512, 128).shape
    (257, 128)
    """
    nyquist_hz = rate_hz / 2
    bins_hz = np.arange(num_fft // 2 + 1)[:, None] * (rate_hz / num_fft)
    edges_hz = mel_to_hz(np.linspace(0.0, hz_to_mel(nyquist_hz), num_mels + 2))
    lower, centre, upper = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz - lower) / (centre - lower)
    falling = (upper - bins_hz) / (upper - centre)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return _read_only((triangles * (2.0 / (upper - lower))).astype(np.float32))


LINEAR_HZ_PER_MEL = 200 / 3
BREAK_HZ = 1000.0
BREAK_MEL = BREAK_HZ / LINEAR_HZ_PER_MEL
LOG_STEP = np.log(6.4) / 27
"""Slaney's scale: 200/3 Hz a mel up to 1 kHz; above, 27 mels for a factor of 6.4."""


def hz_to_mel(frequency_hz: float) -> float:
    """Slaney's mel of a frequency.

    >>> round(hz_to_mel(500.0), 9), round(hz_to_mel(6400.0), 9)
    (7.5, 42.0)
    """
    if frequency_hz < BREAK_HZ:
        return frequency_hz / LINEAR_HZ_PER_MEL
    return float(BREAK_MEL + np.log(frequency_hz / BREAK_HZ) / LOG_STEP)


def mel_to_hz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Frequencies in Hz of Slaney's mels, the inverse of `hz_to_mel`.

    >>> mel_to_hz(np.array([7.5, 42.0])).round(9).tolist()
    [500.0, 6400.0]
    """
    logarithmic = BREAK_HZ * np.exp(LOG_STEP * (mels - BREAK_MEL))
    return np.where(mels < BREAK_MEL, mels * LINEAR_HZ_PER_MEL, logarithmic)


def _read_only(array: Array) -> Array:
    array.flags.writeable = False  # it is cached and shared
    return array
