"""Frames of samples and their spectra, as openSMILE's IS13_ComParE set has them at frames of one size."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

SIZE = 512
"""Samples of a frame, points of its FFT."""
HOP = 256
"""Samples from one frame to the next."""
NUM_BINS = SIZE // 2 + 1
BIN_HZ = 31.25
GAUSS_WIDTH = 0.4
"""Deviation of the pitch tracker's window, in half frames."""


def quantise(samples: Array) -> Array:
    """Samples [N] in [-1, 1] as openSMILE sees them: 16 bits, truncated, at most 32767, over 32767; float32 [N].

    >>> (quantise(np.array([1.0, -1.0, 2.5 / 32768], np.float32)) * 32767).tolist()
    [32767.0, -32768.0, 2.0]
    """
    whole = np.trunc(np.clip(samples, np.float32(-1.0), np.float32(32767 / 32768)) * np.float32(32768))
    return whole / np.float32(32767)


def count_frames(num_samples: int) -> int:
    """Frames that lie within so many samples: 1 + floor((N - 512) / 256), none for fewer than 512.

    >>> count_frames(511), count_frames(512), count_frames(1024)
    (0, 1, 3)
    """
    return max(0, 1 + (num_samples - SIZE) // HOP)


def frames_of(samples: Array) -> Array:
    """Frames [K, 512] of samples [N], frame t from sample 256 t on; a view. No padding, no pre-emphasis, no mean taken.

    >>> frames_of(np.arange(1024, dtype=np.float32))[:, 0].tolist()
    [0.0, 256.0, 512.0]
    """
    return np.lib.stride_tricks.sliding_window_view(samples, SIZE)[::HOP]


@lru_cache(maxsize=1)
def hamming_window() -> Array:
    """The window of all spectral descriptors: 0.54 - 0.46 cos(2 pi n / 511), float32 [512]."""
    return (0.54 - 0.46 * np.cos(2 * np.pi * np.arange(SIZE) / (SIZE - 1))).astype(np.float32)


@lru_cache(maxsize=1)
def gauss_window() -> Array:
    """The window of the pitch tracker: exp(-((n - 255.5) / (0.4 * 255.5))^2 / 2), float32 [512]."""
    middle = (SIZE - 1) / 2
    return np.exp(-0.5 * ((np.arange(SIZE) - middle) / (GAUSS_WIDTH * middle)) ** 2).astype(np.float32)


def power_spectra(windowed: Array) -> Array:
    """|FFT|^2 of windowed frames [K, 512], unscaled, float32 [K, 257], from 0 Hz in steps of 31.25 Hz.

    >>> power_spectra(np.ones((1, 512), np.float32))[0, :2].tolist()
    [262144.0, 0.0]
    """
    spectra = np.fft.rfft(windowed, axis=1)
    parts = spectra.view(np.float32)
    np.multiply(parts, parts, out=parts)
    return np.add(parts[:, 0::2], parts[:, 1::2])


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
