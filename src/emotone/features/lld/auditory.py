"""Mel bands, MFCC, and the auditory spectrum with and without RASTA."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotone.features.lld.frames import PUBLISHED, RATE_HZ, bins_hz, product

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    Doubles = NDArray[np.float64]

NUM_BANDS = 26
RANGE_HZ = (20.0, 8000.0)
NUM_MFCC = 14
LIFTER = 22
MEL_FLOOR = 9.3e-10
POWER_LAW = 0.33
"""Loudness over intensity (Hermansky, "Perceptual linear predictive (PLP) analysis of speech", 1990)."""
INT16 = 32767.0
RASTA_START = 5
"""Frames of a recording for which RASTA gives 0: the filter looks back four frames, and openSMILE begins after them."""
RASTA_HZ = (1.0, 29.0)
"""Lower edge of the modulations that are kept, and the one that is taken out."""
BLOCK = 64
"""Frames over which the recursion is one product of matrices."""


def mel(frequency_hz: NDArray[np.floating]) -> NDArray[np.floating]:
    """1127 ln(1 + f / 700), the mel scale of the HTK book.

    >>> mel(np.array([700.0])).round(3).tolist()
    [781.177]
    """
    return 1127.0 * np.log1p(frequency_hz / 700.0)


def _centres_mel() -> Doubles:
    """Edges and centres of the bands [28], equally spaced from 20 to 8000 Hz."""
    low, high = mel(np.array(RANGE_HZ))
    return np.linspace(low, high, NUM_BANDS + 2)


@lru_cache(maxsize=8)
def triangles(num_bins: int) -> Doubles:
    """Weights [M + 1, 26] of power: triangles with peak 1, linear in mel.

    The bin nearest to 20 Hz and those below count nowhere: 0 and 1 for M = 256.
    """
    f = bins_hz(num_bins)
    bins = mel(f)[:, None]
    lower, centre, upper = (_centres_mel()[start : start + NUM_BANDS] for start in range(3))
    weights = np.maximum(0.0, np.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre)))
    weights[: round(RANGE_HZ[0] / f[1]) + 1] = 0.0
    return weights


@lru_cache(maxsize=1)
def _cosines() -> Doubles:
    """sqrt(2/26) cos(pi i (b - 1/2) / 26) (1 + 11 sin(pi i / 22)), [26, 14] for i = 1..14."""
    i, b = np.arange(1, NUM_MFCC + 1), np.arange(NUM_BANDS)[:, None] + 0.5
    lifter = 1 + LIFTER / 2 * np.sin(np.pi * i / LIFTER)
    return np.sqrt(2 / NUM_BANDS) * np.cos(np.pi * i * b / NUM_BANDS) * lifter


def mfcc(bands: Array) -> Array:
    """Cepstral coefficients 1..14 of mel bands [K, 26], float32 [K, 14] (HTK book, with samples as 16-bit integers).

    Logarithms are of max(32767^2 band, 1).

    >>> mfcc(np.zeros((1, 26), np.float32))[0, :2].tolist()
    [0.0, 0.0]
    """
    logarithms = np.log(np.maximum(np.float32(INT16**2) * bands, np.float32(1.0)))
    return product(logarithms, _cosines()).astype(np.float32)


@lru_cache(maxsize=1)
def _log_loudness() -> Doubles:
    """ln of the weight of each band's centre [26], the ear's sensitivity at 40 dB (Hermansky, 1990, equation 7).

    w = 1e32 (w2 + 56.8e6) w2^2 / ((w2 + 6.3e6)^2 (w2 + 0.38e9) (1.7e31 + |omega|^7)), omega = 2 pi f, w2 = omega^2.
    """
    centre_hz = 700 * np.expm1(_centres_mel()[1:-1] / 1127.0)
    omega = 2 * np.pi * centre_hz
    square = omega**2
    falls = (square + 6.3e6) ** 2 * (square + 0.38e9) * (1.7e31 + omega**7)
    return np.log(1e32 * (square + 56.8e6) * square**2 / falls)


def log_bands(bands: Array) -> Array:
    """ln max(band, 9.3e-10), float32 [K, 26]: what the auditory spectrum and RASTA are of."""
    return np.log(np.maximum(bands, np.float32(MEL_FLOOR)))


def loudness(logarithms: Array) -> Array:
    """(w_b e^l)^0.33 of logarithms of bands [K, 26] that are weighted by the ear's sensitivity: float32 [K, 26]."""
    return np.exp(np.float32(POWER_LAW) * logarithms + (POWER_LAW * _log_loudness()).astype(np.float32))


class RastaState(NamedTuple):
    """What RASTA keeps between blocks: frames so far, the last four logarithms [4, 26], the last output [26]."""

    num_frames: int = 0
    logarithms: Doubles = np.zeros((4, NUM_BANDS))
    output: Doubles = np.zeros(NUM_BANDS)


@lru_cache(maxsize=8)
def _rasta(hop: int) -> tuple[float, float, float]:
    """Coefficients a, b0, b1 for frames every `hop` samples: .899638, .102075, .198949 for 256."""
    theta = 2 * np.pi * hop / RATE_HZ
    b1 = -2 * np.cos(RASTA_HZ[1] * theta)
    scale = np.sqrt(0.1 / (2 * (1 + b1**2)))
    return float(1 - np.sin(RASTA_HZ[0] * theta)), float(scale), float(scale * b1)


@lru_cache(maxsize=8)
def _decay(hop: int) -> tuple[Doubles, Doubles]:
    """Matrix [64, 64] from inputs of a block to outputs, and what the output before it adds [64, 1]."""
    a = _rasta(hop)[0]
    steps = np.arange(BLOCK, dtype=np.float64)[:, None]
    lags = steps - steps.T
    return np.where(lags >= 0, np.power(a, np.maximum(lags, 0)), 0.0), np.power(a, steps + 1)


def rasta(logarithms: Array, state: RastaState, hop: int = PUBLISHED.hop) -> tuple[Array, RastaState]:
    """Logarithms of bands [K, 26], one every `hop` samples, filtered over time, float32 [K, 26]; the state after them.

    y_t = a y_{t-1} + b0 (L_t - L_{t-4}) + b1 (L_{t-1} - L_{t-3}), 0 for the first five frames (Hermansky and Morgan,
    "RASTA processing of speech", 1994, with the coefficients that openSMILE gives it).
    """
    _, b0, b1 = _rasta(hop)
    matrix, fading = _decay(hop)
    known: Doubles = np.concatenate([state.logarithms, logarithms.astype(np.float64)])
    inputs = b0 * (known[4:] - known[:-4]) + b1 * (known[3:-1] - known[1:-3])
    inputs[: max(0, RASTA_START - state.num_frames)] = 0.0
    outputs = np.empty(inputs.shape)
    last = state.output
    for start in range(0, len(inputs), BLOCK):
        block = inputs[start : start + BLOCK]
        size = len(block)
        outputs[start : start + size] = matrix[:size, :size] @ block + fading[:size] * last
        last = outputs[start + size - 1].copy()
    after = RastaState(state.num_frames + len(inputs), known[-4:].copy(), last)
    return outputs.astype(np.float32), after
