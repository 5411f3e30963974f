"""Pitch candidates of frames by subharmonic summation.

Hermes, "Measurement of pitch by subharmonic summation", 1988, with the peak enhancement, the scale and the selection of
openSMILE. A frame's spectrum of M + 1 bins (M = 256 for 512 samples) is thinned to its peaks, read on as many points of
a logarithmic scale, weighted, and summed at the places of fifteen harmonics.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotone.features.lld.frames import bins_hz, padded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    Doubles = NDArray[np.float64]

LOWEST_HZ = 25.0
OCTAVES = np.log2(320.0)
"""From 25 Hz to 8000 Hz."""
NUM_HARMONICS = 15
COMPRESSION = 0.85
NUM_CANDIDATES = 6
PITCH_HZ = (52.0, 620.0)
QUIET = 0.001
"""Root mean square of a windowed frame up to which it has no pitch."""
BAND_POINTS = 32
NEGLIGIBLE = 1e-12
"""Weights of the spline that are left out."""


class Candidates(NamedTuple):
    """Up to six pitches of each of K frames, best first: `pitch_hz` and `voicing` [K, 6], 0 beyond the last one.

    voicing: how far a candidate's score stands above the mean, 0..1. is_quiet [K]: the frame is too quiet for a pitch.
    """

    pitch_hz: Doubles
    voicing: Doubles
    is_quiet: NDArray[np.bool_]

    def part(self, start: int, stop: int) -> Candidates:
        """Those of frames `start` to `stop`."""
        return Candidates(self.pitch_hz[start:stop], self.voicing[start:stop], self.is_quiet[start:stop])

    @staticmethod
    def join(parts: Sequence[Candidates]) -> Candidates:
        """Those of parts that follow on each other."""
        pitch_hz, voicing, is_quiet = zip(*parts, strict=True)
        return Candidates(np.concatenate(pitch_hz), np.concatenate(voicing), np.concatenate(is_quiet))


def candidates(windowed: Array, power: Array) -> Candidates:
    """The pitch candidates of frames [K, size] under the Gauss window, and of their power spectra [K, M + 1].

    >>> from emotone.features.lld.frames import frames_of, gauss_window, power_spectra
    >>> buzz = np.where(np.arange(512) % 80 == 0, 1, 0).astype(np.float32)
    >>> frames = frames_of(buzz, 512, 256) * gauss_window(512)
    >>> candidates(frames, power_spectra(frames)).pitch_hz[0, :1].round(0).tolist()
    [202.0]
    """
    scores = subharmonic_sums(on_logarithmic_scale(keep_peaks(np.sqrt(power))))
    pitch_hz, voicing = best_peaks(scores)
    energy = np.einsum("tn,tn->t", windowed, windowed) / np.float32(windowed.shape[1])
    return Candidates(pitch_hz, voicing, np.sqrt(energy) <= np.float32(QUIET))


def keep_peaks(magnitudes: Array) -> Array:
    """Magnitudes [K, M + 1] within two bins of a local maximum, others 0; all before the first and after the last one.

    A maximum is strictly above its neighbours, of which the first and the last bin have one.
    """
    is_peak = maxima(magnitudes)
    is_peak[:, 0] = magnitudes[:, 0] > magnitudes[:, 1]
    is_peak[:, -1] = magnitudes[:, -1] > magnitudes[:, -2]
    kept = is_peak.copy()
    for reach in (1, 2):
        kept[:, reach:] |= is_peak[:, :-reach]
        kept[:, :-reach] |= is_peak[:, reach:]
    bins = np.arange(magnitudes.shape[1])
    first, last = is_peak.argmax(axis=1)[:, None], bins[-1] - is_peak[:, ::-1].argmax(axis=1)[:, None]
    return magnitudes * (kept | (bins < first) | (bins > last))


def maxima(rows: Array) -> NDArray[np.bool_]:
    """Which of rows [K, n] are strictly above both their neighbours, bool [K, n]; the first and last of a row are not.

    >>> maxima(np.array([[0.0, 2, 1, 3], [4, 3, 3, 2]], np.float32)).tolist()
    [[False, True, False, False], [False, False, False, False]]
    """
    line = rows.ravel()
    rises = line[1:] > line[:-1]
    falls = line[1:] < line[:-1]
    found = np.zeros(rows.shape, bool)
    np.logical_and(rises[:-1], falls[1:], out=found.ravel()[1:-1])
    found[:, 0] = found[:, -1] = False
    return found


class _Band(NamedTuple):
    """Neighbouring points of the logarithmic scale, and the bins that they see, with weights [bins, points]."""

    bins: slice
    points: slice
    weights: Doubles


@lru_cache(maxsize=8)
def _bands(num: int) -> tuple[_Band, ...]:
    """Smoothing, spline and weighting of so many bins as one linear map, in parts that leave most of its zeros out."""
    whole = _smoothing(num) @ _spline(num) * _sensitivity(num)
    bands = []
    for start in range(0, num, BAND_POINTS):
        points = slice(start, min(start + BAND_POINTS, num))
        (seen,) = np.nonzero((np.abs(whole[:, points]) > NEGLIGIBLE).any(axis=1))
        bins = slice(int(seen[0]), int(seen[-1]) + 1)
        bands.append(_Band(bins, points, np.ascontiguousarray(whole[bins, points])))
    return tuple(bands)


def _smoothing(num: int) -> Doubles:
    """Matrix [M + 1, M + 1] to 1/4, 1/2, 1/4 of neighbours; the first bin is 1/2 and 1/4, the last is left alone."""
    matrix = 0.5 * np.eye(num) + 0.25 * (np.eye(num, k=1) + np.eye(num, k=-1))
    matrix[:, -1] = np.eye(num)[-1]
    return matrix


def _spline(num: int) -> Doubles:
    """Matrix [M + 1, M + 1] from bins to points: the natural cubic spline over log2 f, 0 Hz taken as half a bin.

    Second derivatives solve the usual tridiagonal system (de Boor, "A practical guide to splines", chapter IV).
    """
    knots_hz = bins_hz(num)
    knots_hz[0] = knots_hz[1] / 2
    knots = np.log2(knots_hz)
    wanted = np.log2(LOWEST_HZ) + OCTAVES * np.arange(num) / (num - 1)
    steps = np.diff(knots)
    system, right = np.eye(num), np.zeros((num, num))
    for k in range(1, num - 1):
        left, ahead = steps[k - 1], steps[k]
        system[k, k - 1 : k + 2] = left / 6, (left + ahead) / 3, ahead / 6
        right[k, k - 1 : k + 2] = 1 / left, -1 / left - 1 / ahead, 1 / ahead
    curvature = np.linalg.solve(system, right)
    below = np.clip(np.searchsorted(knots, wanted, side="right") - 1, 0, num - 2)
    step = steps[below]
    b = (wanted - knots[below]) / step
    a = 1 - b
    identity = np.eye(num)
    linear = a[:, None] * identity[below] + b[:, None] * identity[below + 1]
    bent = (a**3 - a)[:, None] * curvature[below] + (b**3 - b)[:, None] * curvature[below + 1]
    return (linear + bent * step[:, None] ** 2 / 6).T


def _sensitivity(num: int) -> Doubles:
    """Weights of the points [M + 1]: an arc tangent that rises around 65 Hz, whatever the lowest pitch is."""
    octaves = (np.arange(num) + 2) * OCTAVES / num
    return 0.5 + np.arctan(3 * (octaves - np.log2(65 / 50))) / np.pi


def on_logarithmic_scale(magnitudes: Array) -> Array:
    """Magnitudes [K, M + 1] smoothed, read at 25 * 2^(j log2(320) / M) Hz, weighted, negative ones as 0: [K, M + 1]."""
    rows, points = padded(magnitudes), np.empty_like(magnitudes)
    for band in _bands(magnitudes.shape[1]):
        points[:, band.points] = (rows[:, band.bins] @ band.weights)[: len(points)]
    return np.maximum(points, np.float32(0.0), out=points)


def subharmonic_sums(points: Array) -> Array:
    """H_j = sum_h 0.85^(h-1) Y_(j + floor((M + 1) log2 h / log2 320)) / 15, h = 1..15: float32 [K, M + 1]."""
    sums, scaled, num = points.copy(), np.empty_like(points), points.shape[1]
    for harmonic in range(2, NUM_HARMONICS + 1):
        shift = int(num * np.log2(harmonic) / OCTAVES)
        weight = np.float32(COMPRESSION ** (harmonic - 1))
        sums[:, :-shift] += np.multiply(points[:, shift:], weight, out=scaled[:, :-shift])
    sums /= np.float32(NUM_HARMONICS)
    return sums


def best_peaks(scores: Array) -> tuple[Doubles, Doubles]:
    """Pitch in Hz and voicing of up to six candidates of each frame, [K, 6], from sums H [K, M + 1].

    The six strict local maxima with the largest H_j, each refined by a parabola; those outside 52..620 Hz are dropped.
    voicing = max(0, 1 - mean(H) / score). They are in order of H_j, but the one with the best score comes first.
    """
    num_frames = len(scores)
    rows = np.arange(num_frames)[:, None]
    left = np.where(maxima(scores), scores, np.float32(-1.0))
    peaks = np.empty((num_frames, NUM_CANDIDATES), np.intp)
    for rank in range(NUM_CANDIDATES):
        peaks[:, rank] = left.argmax(axis=1)
        is_none = left[rows[:, 0], peaks[:, rank]] < 0
        left[rows[:, 0], peaks[:, rank]] = -1.0
        peaks[is_none, rank] = -1
    j = np.maximum(peaks, 1)
    before, here, after = (scores[rows, j + step].astype(np.float64) for step in (-1, 0, 1))
    bend = before - 2 * here + after
    bend = np.where(bend == 0, -1.0, bend)
    offset = (before - after) / (2 * bend)
    best = here - (before - after) * offset / 4
    pitch_hz = LOWEST_HZ * 2 ** ((j + offset) * OCTAVES / (scores.shape[1] - 1))
    is_good = (peaks >= 0) & (pitch_hz >= PITCH_HZ[0]) & (pitch_hz <= PITCH_HZ[1]) & (best > 0)
    mean = scores.mean(axis=1, dtype=np.float64)[:, None]
    voicing = np.maximum(0.0, 1 - mean / np.where(is_good, best, 1.0))
    order = np.argsort(~is_good, axis=1, kind="stable")
    is_good, best = is_good[rows, order], np.where(is_good, best, -1.0)[rows, order]
    pitch_hz, voicing = (np.where(is_good, values[rows, order], 0.0) for values in (pitch_hz, voicing))
    top = best.argmax(axis=1)
    for values in (pitch_hz, voicing):
        values[:, 0], values[rows[:, 0], top] = values[rows[:, 0], top], values[:, 0].copy()
    return pitch_hz, voicing
