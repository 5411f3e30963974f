"""Statistics of power spectra: bands, roll-off, flux, moments, entropy, slope, sharpness, harmonicity.

Of bins k = 1..M at f_k = 8000 k / M Hz, M = 256 for frames of 512 samples; 0 Hz is never used. P_k is the power, S its
sum, p = P / S. Sums are in double precision, since central moments are differences of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from emotone.features.lld.frames import bins_hz

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    Doubles = NDArray[np.float64]

NUM_SUMS = 9
LOW_HZ, HIGH_HZ = (250.0, 650.0), (1000.0, 4000.0)
ROLL_OFFS = (0.25, 0.5, 0.75, 0.9)
ENTROPY_FLOOR = 1e-7
SILENT_ENTROPY = 4.3160253e-6 / 256
"""What openSMILE gives for every bin where S is below the floor."""
SCALE_HZ = 4000.0
"""Moments are taken of f / 4000 Hz, so that their powers keep their digits."""
SHARPNESS_EXPONENT = np.log2(3.0)


def statistics(power: Array, sums: Doubles, before: Array) -> Array:
    """The 15 spectral columns of power spectra [K, M + 1], in openSMILE's order: float32 [K, 15].

    Bands 250-650 and 1000-4000 Hz, roll-offs, flux, centroid, entropy, variance, skewness, kurtosis, slope, sharpness,
    harmonicity. `sums` [K, 9]: the spectra times `weights`. `before` [M + 1]: the power of the frame before the first.

    >>> flat = np.ones((1, 257), np.float32)
    >>> statistics(flat, flat @ weights(257), flat[0])[0, 2:8].tolist()
    [2000.0, 4000.0, 6000.0, 7218.75, 0.0, 4015.625]
    """
    total = sums[:, 0]
    found = np.empty((len(power), 15), np.float32)
    found[:, 0:2] = sums[:, 7:9]
    found[:, 2:6] = roll_off(power, total)
    found[:, 6] = flux(power, before)
    found[:, [7, 9, 10, 11]] = moments(sums[:, :5])
    found[:, 8] = entropy(power, total)
    found[:, 12] = sums[:, 5]
    found[:, 13] = np.divide(sums[:, 6], total, out=np.zeros_like(total), where=total > 0)
    found[:, 14] = harmonicity(power)
    return found


def bark(frequency_hz: NDArray[np.floating]) -> NDArray[np.floating]:
    """Critical-band rate of a frequency (Traunmueller, "Analytical expressions for the tonotopic sensory scale", 1990).

    >>> bark(np.array([1000.0])).round(3).tolist()
    [8.527]
    """
    z = 26.81 / (1 + 1960 / frequency_hz) - 0.53
    z = np.where(z < 2, z + 0.15 * (2 - z), z)
    return np.where(z > 20.1, z + 0.22 * (z - 20.1), z)


@lru_cache(maxsize=8)
def weights(num_bins: int) -> Doubles:
    """Weights [M + 1, 9] of the sums over bins: S, moments 1 to 4 of f / 4000 Hz, slope, sharpness, two bands.

    slope: least squares of P over f, times M - 1. Sharpness: 0.11 z g(z), g = 1 up to z = 16 and above it 1 +
    ((z - 16) / 4)^1.585 (Zwicker and Fastl). A band is the mean over all M bins of those in it, the edge bin in
    proportion.
    """
    f = bins_hz(num_bins)[1:]
    num, k = len(f), np.arange(1, len(f) + 1)
    z = bark(f)
    sharp = np.where(z <= 16, 1.0, 1 + (np.maximum(z - 16, 0) / 4) ** SHARPNESS_EXPONENT)
    from_middle = k - (num + 1) / 2
    slope = (num - 1) * from_middle / (f[0] * np.square(from_middle).sum())
    low = np.where(f >= LOW_HZ[0], np.clip((LOW_HZ[1] - f) / f[0], 0.0, 1.0), 0.0)
    high = np.where((f >= HIGH_HZ[0]) & (f <= HIGH_HZ[1]), 1.0, 0.0)
    powers = [(f / SCALE_HZ) ** exponent for exponent in range(5)]
    return np.pad(np.stack([*powers, slope, 0.11 * z * sharp, low / num, high / num], axis=1), ((1, 0), (0, 0)))


def roll_off(power: Array, total: Doubles) -> Doubles:
    """Frequencies in Hz below which lie 25, 50, 75 and 90 % of the power [K, M + 1] with this total [K]: [K, 4].

    f of the first bin whose cumulative power reaches the share; that of the first one of all for silence.
    """
    rows, num = np.arange(len(power)), power.shape[1] - 1
    # One ascending line of all frames, each from its number to one more, so that one search serves all.
    shares = np.cumsum(power[:, 1:], axis=1, dtype=np.float64)
    shares /= np.maximum(total, np.finfo(np.float64).tiny)[:, None]
    shares += 2 * rows[:, None]
    wanted = 2 * rows[:, None] + np.array(ROLL_OFFS)
    k = np.searchsorted(shares.ravel(), wanted.ravel()).reshape(wanted.shape) - num * rows[:, None] + 1
    return np.where(total[:, None] > 0, np.minimum(k, num), 1) * bins_hz(num + 1)[1]


def flux(power: Array, before: Array) -> Array:
    """sqrt(sum_k (M_k,t - M_k,t-1)^2 / M) of magnitudes M = sqrt(power), float32 [K]."""
    magnitudes = np.sqrt(power)
    steps = np.diff(magnitudes, axis=0, prepend=np.sqrt(before)[None])[:, 1:]
    return np.sqrt(np.einsum("tk,tk->t", steps, steps) / np.float32(steps.shape[1]))


def moments(sums: Doubles) -> Doubles:
    """Centroid c (Hz), variance (Hz^2), skewness, kurtosis of p: [K, 4], of sums [K, 5] of P (f / 4000 Hz)^0..4.

    c = sum f p; v = sum p (f - c)^2; sum p (f - c)^3 / v^1.5; sum p (f - c)^4 / v^2. All are 0 for silence.

    >>> moments(np.array([[2.0, 1.0, 1.0, 1.0, 1.0]])).tolist()
    [[2000.0, 4000000.0, 0.0, 1.0]]
    """
    total = sums[:, 0]
    sounds = total > 0
    _, c, m2, m3, m4 = (sums / np.where(sounds, total, 1.0)[:, None]).T
    v = np.maximum(m2 - c**2, 0.0)
    third = m3 - 3 * c * m2 + 2 * c**3
    fourth = m4 - 4 * c * m3 + 6 * c**2 * m2 - 3 * c**4
    spread = np.where(v > 0, v, 1.0)
    found = np.stack([c * SCALE_HZ, v * SCALE_HZ**2, third / spread**1.5, fourth / spread**2], axis=1)
    found[~sounds] = 0.0
    return found


def entropy(power: Array, total: Doubles) -> Doubles:
    """-sum q log2 q, q = max(P, 1e-7) / S in bits, [K]; not normalised again: it grows beyond 8 in near silence.

    >>> entropy(np.ones((1, 257), np.float32), np.array([256.0])).tolist()
    [8.0]
    """
    floored = np.maximum(power[:, 1:], np.float32(ENTROPY_FLOOR))
    logarithms = np.log(floored)
    products = np.einsum("tk,tk->t", floored, logarithms, dtype=np.float64)
    sounds = total >= ENTROPY_FLOOR
    safe = np.where(sounds, total, 1.0)
    shares = floored.sum(axis=1, dtype=np.float64) / safe
    found = (shares * np.log(safe) - products / safe) / np.log(2)
    return np.where(sounds, found, SILENT_ENTROPY * floored.shape[1])


def harmonicity(power: Array) -> Doubles:
    """Sum |E_{i+1} - E_i| / (2 M) over the local extrema E of P in order, [K].

    An extremum (k = 3..M-2) is strictly larger, or strictly smaller, than all of P_{k-2}, P_{k-1}, P_{k+1}, P_{k+2};
    two maxima (or minima) in a row are both kept.
    """
    line = np.ravel(power)  # all frames in one, whose ends are no extrema
    falls_1, rises_1 = line[:-1] > line[1:], line[:-1] < line[1:]
    falls_2, rises_2 = line[:-2] > line[2:], line[:-2] < line[2:]
    is_extreme = np.zeros(power.shape, bool)
    inner = is_extreme.ravel()[2:-2]
    np.logical_and(falls_1[2:-1] & falls_2[2:], rises_1[1:-2] & rises_2[:-2], out=inner)
    inner |= rises_1[2:-1] & rises_2[2:] & falls_1[1:-2] & falls_2[:-2]
    is_extreme[:, :3] = is_extreme[:, -2:] = False
    places = np.flatnonzero(is_extreme)
    found = np.zeros(len(power))
    if len(places):
        frames = places // power.shape[1]
        starts = np.flatnonzero(np.diff(frames, prepend=-1))
        steps = np.abs(np.diff(line[places].astype(np.float64), append=0.0))
        steps[np.append(starts[1:], len(places)) - 1] = 0.0  # from a frame's last to the next one's first
        found[frames[starts]] = np.add.reduceat(steps, starts)
    return found / (2 * (power.shape[1] - 1))
