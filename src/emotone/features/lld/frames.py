"""Frames of samples and their spectra, as openSMILE's IS13_ComParE set has them.

The published systems have one size for all, 32 ms every 16 ms; the set itself has 60 ms for the pitch, the voice and
zero crossings, and 20 ms for the spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

RATE_HZ = 16_000
GAUSS_WIDTH = 0.4
"""Deviation of the pitch tracker's window, in half frames."""
MOST_BEYOND = 4
"""Frames of the spectrum after the last one of the pitch that smoothing and deltas reach."""


@dataclass(frozen=True)
class Frames:
    """Sizes in samples: `size` of the spectrum's frames, `pitch_size` of all others', and `hop` to the next frame.

    Both begin at the same sample, and `pitch_size` is not the smaller one: it says how many frames there are.

    >>> SET_ITSELF.count(16_000), SET_ITSELF.num_beyond(16_000), SET_ITSELF.span(95)
    (95, 4, 16000)
    """

    size: int = 512
    pitch_size: int = 512
    hop: int = 256

    def count(self, num_samples: int) -> int:
        """Frames that lie within so many samples: 1 + floor((N - pitch_size) / hop), none for fewer than one has.

        >>> Frames().count(511), Frames().count(512), Frames().count(1024)
        (0, 1, 3)
        """
        return max(0, 1 + (num_samples - self.pitch_size) // self.hop)

    def num_beyond(self, num_samples: int) -> int:
        """Frames of the spectrum that lie within so many samples after the last one of the pitch, 4 at most."""
        num_spectra = 1 + (num_samples - self.size) // self.hop
        return min(MOST_BEYOND, num_spectra - self.count(num_samples))

    def span(self, num_frames: int) -> int:
        """Samples from the start of the first of so many frames to the end of the last."""
        return (num_frames - 1) * self.hop + self.pitch_size


PUBLISHED = Frames()
"""32 ms every 16 ms: what the published systems were trained with."""
SET_ITSELF = Frames(size=320, pitch_size=960, hop=160)
"""20 and 60 ms every 10 ms: what the set's authors have."""


def quantise(samples: Array) -> Array:
    """Samples [N] in [-1, 1] as openSMILE sees them: 16 bits, truncated, at most 32767, over 32767; float32 [N].

    >>> (quantise(np.array([1.0, -1.0, 2.5 / 32768], np.float32)) * 32767).tolist()
    [32767.0, -32768.0, 2.0]
    """
    whole = np.trunc(np.clip(samples, np.float32(-1.0), np.float32(32767 / 32768)) * np.float32(32768))
    return whole / np.float32(32767)


def frames_of(samples: Array, size: int, hop: int) -> Array:
    """Frames [K, size] of samples [N], frame t from sample hop t on; a view. No padding, pre-emphasis, or mean taken.

    >>> frames_of(np.arange(1024, dtype=np.float32), 512, 256)[:, 0].tolist()
    [0.0, 256.0, 512.0]
    """
    num, step = max(0, 1 + (len(samples) - size) // hop), samples.strides[0]
    return np.ndarray((num, size), samples.dtype, samples, strides=(hop * step, step))


@lru_cache(maxsize=8)
def hamming_window(size: int) -> Array:
    """The window of all spectral descriptors: 0.54 - 0.46 cos(2 pi n / (size - 1)), float32 [size]."""
    return (0.54 - 0.46 * np.cos(2 * np.pi * np.arange(size) / (size - 1))).astype(np.float32)


@lru_cache(maxsize=8)
def gauss_window(size: int) -> Array:
    """The window of the pitch tracker: exp(-((n - m) / (0.4 m))^2 / 2), m = (size - 1) / 2, float32 [size]."""
    middle = (size - 1) / 2
    return np.exp(-0.5 * ((np.arange(size) - middle) / (GAUSS_WIDTH * middle)) ** 2).astype(np.float32)


def power_spectra(windowed: Array) -> Array:
    """|FFT|^2 of windowed frames [K, size], unscaled, float32 [K, M + 1], from 0 Hz in steps of 8000 / M Hz.

    Frames are followed by zeros up to the next power of two, 2 M.

    >>> power_spectra(np.ones((1, 512), np.float32))[0, :2].tolist()
    [262144.0, 0.0]
    >>> power_spectra(np.ones((1, 960), np.float32)).shape
    (1, 513)
    """
    keep_freed_memory()
    spectra = np.fft.rfft(windowed, num_points(windowed.shape[1]), axis=1)
    parts = spectra.view(np.float32)
    np.multiply(parts, parts, out=parts)
    return np.add(parts[:, 0::2], parts[:, 1::2])


@lru_cache(maxsize=1)
def keep_freed_memory() -> None:
    """Have the C library keep memory that is freed, up to 16 MB.

    Each FFT takes a few kilobytes and frees them. At the end of its heap glibc gives them back to the system, and has
    them made anew for the next one, which costs four times the FFT, until the process has freed a larger piece once:
    then it keeps as much as two of these (mallopt(3), M_MMAP_THRESHOLD). This one is never touched, so it takes none.
    """
    np.empty(2**23, np.uint8)


def num_points(size: int) -> int:
    """Points of the FFT of a frame of so many samples: the next power of two.

    >>> num_points(512), num_points(513)
    (512, 1024)
    """
    return 1 << (size - 1).bit_length()


def bins_hz(num_bins: int) -> NDArray[np.float64]:
    """Frequencies of the bins of a spectrum, from 0 to 8000 Hz.

    >>> bins_hz(257)[:3].tolist()
    [0.0, 31.25, 62.5]
    """
    return np.linspace(0.0, RATE_HZ / 2, num_bins)


ROWS = 16
"""Products of matrices have a multiple of so many rows, with which a row's result does not depend on its place."""


def product(rows: NDArray[np.floating], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows [K, n] times weights [n, m] in double precision, [K, m]: of each row the same wherever in a block it stands.

    >>> product(np.ones((3, 2), np.float32), np.eye(2)).tolist()
    [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]
    """
    return (padded(rows) @ weights)[: len(rows)]


def padded(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rows [K, n] in double precision, with rows of zeros up to a multiple of 16, for `product` and the like.

    >>> padded(np.ones((3, 2), np.float32)).shape
    (16, 2)
    """
    filled = np.zeros((-(-len(rows) // ROWS) * ROWS, rows.shape[1]))
    filled[: len(rows)] = rows
    return filled
