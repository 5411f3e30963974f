"""Power spectra in blocks, and what the spectrogram features share: signal, decibels, channels, deltas.

Runtime tier: numpy and soxr only. Frames are transformed in blocks that stay in the processor's cache, so that the
memory needed beside the output is that of a few copies of the samples, whatever the recording's length.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np

from emotone.audio.read import RATE_HZ
from emotone.errors import EmotoneError
from emotone.features.feature import Input

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

PEAK_FLOOR = 1e-3
"""The least divisor of the samples, in full scale: silence stays silence."""

RATES_HZ = (16_000, 8_000)
WINDOW_S = 0.04
HOP_S = 0.01
NUM_FFT = 800
PRE_EMPHASIS = 0.97
RANGE_DB = 80.0
BLOCK_FRAMES = 64
"""Frames transformed at once: their windows and spectra, in float64, fill 0.8 MB."""
DELTA_FRAMES = 32
"""Frames whose deltas are one product of matrices: more of them multiply more zeros, fewer cost more calls."""
DB_FRAMES = 192
"""Frames scaled to dB at once."""
LEAST_POWER = float(np.finfo(np.float32).tiny)
"""What silence is divided by."""
DB_PER_NEPER = 10 / np.log(10)


@dataclass(frozen=True)
class Spectrogram(ABC):
    """What the spectrograms of image classifiers share: float32 [T, channels * bins] in dB, T = 1 + N // hop.

    Samples at `rate_hz` (16000, or 8000 by soxr HQ) are pre-emphasised, y[n] = x[n] - 0.97 x[n - 1] with x[-1] = 0.
    Frame t is centred on 10 ms * t, zero padded beyond the ends, 40 ms long under a periodic Hamming window, with an
    FFT of 800 points at either rate. Values are 10 log10(power / the utterance's greatest), at least -80, both over all
    bins of a channel before any are cut: the same for any gain. Only samples that peak below 1e-3 of full scale are
    not lifted to 0 dB but stay as far below it as their peak is below 1e-3, so silence is -80 dB all over.

    Columns are channel-major: all bins of the first channel, lowest first, then those of the next. Calling it raises
    EmotoneError for too few samples and NaN.
    """

    requires: ClassVar[tuple[str, ...]] = ()
    input: ClassVar[Input] = "audio"
    resolved: ClassVar[tuple[str, ...]] = ()
    channels: ClassVar[tuple[str, ...]] = ("",)
    """What the names of each channel's columns begin with."""
    num_frames_min: ClassVar[int] = 1

    rate_hz: Literal[16000, 8000]

    def __post_init__(self) -> None:
        if self.rate_hz not in RATES_HZ:
            raise EmotoneError(f"{self.title}: rate_hz must be 16000 or 8000, not {self.rate_hz}")

    @property
    def title(self) -> str:
        """Name of the feature in errors."""
        return f"feature {type(self).__name__.lower()}"

    @property
    @abstractmethod
    def bin_names(self) -> list[str]:
        """Names of the bins of one channel, lowest frequency first."""

    @property
    @abstractmethod
    def bins_hz(self) -> NDArray[np.float64]:
        """Frequencies of the bins of one channel, the middle of each, rising."""

    @property
    def names(self) -> list[str]:
        """Names of the D columns, channel by channel."""
        return [channel + name for channel in self.channels for name in self.bin_names]

    @property
    def num_channels(self) -> int:
        """Images that lie side by side in the columns."""
        return len(self.channels)

    @property
    def hop_s(self) -> float:
        """Seconds from one frame to the next."""
        return HOP_S

    @property
    def min_duration_s(self) -> float:
        """Shortest input in seconds: one sample, since frames are padded, or what the deltas need."""
        return max(1 / RATE_HZ, (self.num_frames_min - 1) * HOP_S)

    def __call__(self, samples: Array) -> Array:
        """Samples [N], 16 kHz -> spectrogram [T, D] in dB."""
        samples = np.ascontiguousarray(samples, dtype=np.float32)
        peak = find_peak(samples, self.title)
        if len(samples) < round(self.min_duration_s * RATE_HZ):
            given_ms, least_ms = 1000 * len(samples) / RATE_HZ, 1000 * self.min_duration_s
            raise EmotoneError(f"{self.title}: {given_ms:g} ms are too short; it needs {least_ms:g} ms")
        signal = pre_emphasise(resample(samples, self.rate_hz))
        num_frames = count_frames(len(signal), NUM_FFT, round(HOP_S * self.rate_hz))
        images = np.empty((num_frames, self.num_channels, len(self.bin_names)), np.float32)
        top_db = min(0.0, float(20 * np.log10(max(peak, LEAST_POWER) / PEAK_FLOOR)))
        self.fill(images, signal, top_db)
        return images.reshape(num_frames, -1)

    def fill(self, images: Array, signal: Array, top_db: float) -> None:
        """Write the channels of `images` [T, num_channels, bins], the greatest value of each being `top_db`."""
        self.write_db(images[:, 0], signal, top_db)

    def write_db(self, image: Array, signal: Array, top_db: float) -> None:
        """Write the spectrogram of a pre-emphasised signal, in dB, to one channel [T, bins]."""
        window = periodic_hamming(round(WINDOW_S * self.rate_hz))
        greatest = LEAST_POWER
        for rows, power in power_blocks(signal, window, NUM_FFT, round(HOP_S * self.rate_hz), BLOCK_FRAMES):
            block = image[rows]
            greatest = max(greatest, self.reduce(block, power))
            with np.errstate(divide="ignore"):
                np.log(block, out=block)  # of 0 it is -inf, which the floor takes up
        offset = np.float32(top_db - DB_PER_NEPER * np.log(greatest))
        for first in range(0, len(image), DB_FRAMES):
            block = image[first : first + DB_FRAMES]
            np.add(np.multiply(block, np.float32(DB_PER_NEPER), out=block), offset, out=block)
            np.clip(block, np.float32(-RANGE_DB), np.float32(0), out=block)

    @abstractmethod
    def reduce(self, block: Array, power: Array) -> float:
        """Write the bins [T, bins] of power spectra [T, 401]; return the greatest of all, before any are cut."""


def find_peak(samples: Array, title: str) -> float:
    """The greatest |x| of samples [N]; raises EmotoneError, in the name of a feature, where there is none."""
    if samples.ndim != 1 or not len(samples):
        raise EmotoneError(f"{title} needs samples of one channel and at least one of them, not {samples.shape}")
    peak = float(np.maximum(samples.max(), -samples.min()))
    if not np.isfinite(peak):
        raise EmotoneError(f"{title}: the samples hold NaN or infinite values")
    return peak


def resample(samples: Array, rate_hz: int) -> Array:
    """Samples [N] at 16 kHz -> about [N * rate_hz / 16000], by soxr HQ."""
    if rate_hz == RATE_HZ:
        return samples
    import soxr

    return soxr.resample(samples, RATE_HZ, rate_hz, quality="HQ")


def pre_emphasise(samples: Array) -> Array:
    """y[n] = x[n] - 0.97 x[n - 1] from zero state: [N] -> [N].

    >>> pre_emphasise(np.ones(3, np.float32)).round(2).tolist()
    [1.0, 0.029999999329447746, 0.029999999329447746]
    """
    signal = np.empty_like(samples)
    signal[0] = samples[0]
    np.multiply(samples[:-1], np.float32(-PRE_EMPHASIS), out=signal[1:])
    signal[1:] += samples[1:]
    return signal


def count_frames(num_samples: int, num_fft: int, hop_samples: int) -> int:
    """Centred frames of so many samples: 1 + num_samples // hop_samples for an even num_fft.

    >>> count_frames(16_000, 512, 256)
    63
    """
    return 1 + (num_samples + num_fft // 2 * 2 - num_fft) // hop_samples


def power_blocks(
    samples: Array, window: NDArray[Any], num_fft: int, hop_samples: int, block_frames: int
) -> Iterator[tuple[slice, Array]]:
    """Blocks of rows and |FFT|^2 / num_fft^2 of these [rows, num_fft // 2 + 1], which the next block overwrites.

    Frame t is centred on sample t * hop_samples, zero padded beyond the ends. The window is as long as a frame and
    sets the FFT's precision: float32, or float64, without which bins far below a frame's loudest are off by .002 dB.
    """
    num_frames = count_frames(len(samples), num_fft, hop_samples)
    room = _Room.of(min(block_frames, num_frames), num_fft, hop_samples, window)
    for first in range(0, num_frames, block_frames):
        rows = slice(first, min(first + block_frames, num_frames))
        _copy_padded(room.samples, samples, first * hop_samples - len(window) // 2)
        yield rows, _power(room, rows.stop - first, window)


def _copy_padded(out: NDArray[Any], samples: Array, begin: int) -> None:
    """Fill `out` with the samples from `begin` on, and zeros where there are none."""
    inner = samples[max(begin, 0) : begin + len(out)]
    num_before = max(-begin, 0)
    out[:num_before] = 0
    out[num_before:][: len(inner)] = inner
    out[num_before + len(inner) :] = 0


class _Room(NamedTuple):
    """Arrays that every block of a recording goes through: new ones for each would cost more than the arithmetic."""

    samples: NDArray[Any]
    frames: NDArray[Any]
    windowed: NDArray[Any]
    spectra: NDArray[Any]
    narrow: NDArray[np.complex64]
    power: Array

    @classmethod
    def of(cls, num_frames: int, num_fft: int, hop_samples: int, window: NDArray[Any]) -> _Room:
        dtype, size = window.dtype, (num_frames, num_fft // 2 + 1)
        samples = np.empty((num_frames - 1) * hop_samples + len(window), dtype)
        strides = (hop_samples * dtype.itemsize, dtype.itemsize)
        frames: NDArray[Any] = np.ndarray((num_frames, len(window)), dtype, samples, strides=strides)
        narrow = np.empty(size, np.complex64)
        spectra = narrow if dtype == np.float32 else np.empty(size, np.complex128)
        return cls(samples, frames, np.zeros((num_frames, num_fft), dtype), spectra, narrow, np.empty(size, np.float32))


def _power(room: _Room, num_frames: int, window: NDArray[Any]) -> Array:
    """|FFT|^2 / num_fft^2 of the room's first frames times the window, [num_frames, num_fft // 2 + 1]."""
    frames, windowed, spectra, narrow, power = (array[:num_frames] for array in room[1:])
    np.multiply(frames, window, out=windowed[:, : len(window)])  # the rest stays 0: numpy's padding is slow
    # norm="forward" makes numpy transform in float32; without it numpy 2 converts to float64 and back, at 1.6 times
    # the time. The factor 1 / num_fft that it brings is exact for a power of two, and only scales the result.
    np.fft.rfft(windowed, norm="forward", out=spectra)  # type: ignore[arg-type]  # numpy's stub knows complex128 only
    if room.spectra is not room.narrow:
        np.copyto(narrow, spectra, casting="same_kind")
    # In real arithmetic: np.abs would take a root that is squared away again.
    parts = narrow.view(np.float32)
    np.multiply(parts, parts, out=parts)
    return np.add(parts[:, 0::2], parts[:, 1::2], out=power)


@lru_cache(maxsize=16)
def periodic_hamming(num_samples: int) -> NDArray[np.float64]:
    """Periodic Hamming window [num_samples], float64: 0.54 - 0.46 cos(2 pi n / num_samples).

    >>> periodic_hamming(4).round(2).tolist()
    [0.08, 0.54, 1.0, 0.54]
    """
    window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(num_samples) / num_samples)
    window.flags.writeable = False  # it is cached and shared
    return window


def write_delta(
    out: Array, frames: Array, width: int, order: int = 1, edges: Literal["nearest", "interpolated"] = "nearest"
) -> None:
    """Write the delta of frames [T, D] to `out` [T, D]: the derivative, per frame, of a polynomial fitted to `width`.

    Savitzky and Golay, "Smoothing and differentiation of data", Analytical Chemistry, 1964, with a polynomial of degree
    `order`, 1 or 2. Beyond the ends frames are the `nearest` one; or, `interpolated`, the first and last width // 2
    frames take the derivative of the polynomial fitted to the first and last `width`, of which there must be as many.

    >>> ramp = np.arange(6, dtype=np.float32)[:, None] * 2
    >>> write_delta(out := np.empty_like(ramp), ramp, 5)
    >>> out[:, 0].round(1).tolist()
    [1.0, 1.600000023841858, 2.0, 2.0, 1.600000023841858, 1.0]
    """
    T, half = len(frames), width // 2
    operator, scale = _delta_operator(width, order)
    for first in range(0, T, DELTA_FRAMES):
        block = out[first : first + DELTA_FRAMES]
        begin, end = first - half, first + len(block) + half
        part = frames[begin:end] if begin >= 0 and end <= T else frames[np.arange(begin, end).clip(0, T - 1)]
        np.matmul(operator[: len(block), : end - begin], part, out=block)
        np.multiply(block, scale, out=block)
    if edges == "interpolated":  # its derivative of that order is the same all over
        out[:half], out[T - half :] = out[half], out[T - 1 - half]


@lru_cache(maxsize=16)
def _delta_operator(width: int, order: int) -> tuple[Array, np.float32]:
    """Matrix [DELTA_FRAMES, DELTA_FRAMES + width - 1] and factor that give the deltas of a block of frames.

    The weights are whole numbers, so that where all frames are at the floor, the delta is 0 without rounding.
    """
    steps = np.arange(width) - width // 2
    weights = steps if order == 1 else width * steps**2 - np.sum(steps**2)
    scale = 1 / np.sum(weights**2) if order == 1 else 2 * width / np.sum(weights**2)
    operator = np.zeros((DELTA_FRAMES, DELTA_FRAMES + width - 1), np.float32)
    for row in range(DELTA_FRAMES):
        operator[row, row : row + width] = weights
    operator.flags.writeable = False  # it is cached and shared
    return operator, np.float32(scale)
