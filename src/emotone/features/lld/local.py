"""What frames have by themselves, or with the one before: all that windows which overlap can share."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotone.features.lld import auditory, spectral
from emotone.features.lld.energy import rms_energy, zero_crossing_rate
from emotone.features.lld.frames import (
    HOP,
    SIZE,
    count_frames,
    frames_of,
    gauss_window,
    hamming_window,
    power_spectra,
    product,
)
from emotone.features.lld.pitch import Candidates, candidates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

FRAMES_AT_ONCE = 384
"""Frames whose spectra are taken together: what they need stays in the cache."""
NUM_COLUMNS = 59
"""Descriptors that are not the voice's."""
RASTA_MEAN, FLUX = 1, 36
RASTA_BANDS = slice(4, 30)
"""Columns that depend on the frames before; RASTA's are 0 here."""


class Local(NamedTuple):
    """Of K frames: `columns` [K, 59], the descriptors but the voice's, `logarithms` of mel bands [K, 26], `candidates`.

    power: the last frame's spectrum [257], from which the next one's flux is taken.
    """

    columns: Array
    logarithms: Array
    candidates: Candidates
    power: Array

    def part(self, start: int, stop: int) -> Local:
        """Frames `start` to `stop`; the spectrum stays that of the last of all."""
        return Local(
            self.columns[start:stop],
            self.logarithms[start:stop],
            self.candidates.part(start, stop),
            self.power,
        )


def measure(samples: Array, before: Array | None) -> Local:
    """All frames of samples [N] as `quantise` gives them; `before`: the power [257] of the frame before, None for none.

    >>> measure(np.zeros(1024, np.float32), None).columns.shape
    (3, 59)
    """
    parts = []
    for start in range(0, count_frames(len(samples)), FRAMES_AT_ONCE):
        stop = (start + FRAMES_AT_ONCE - 1) * HOP + SIZE
        parts.append(_measure(samples[start * HOP : stop], before))
        before = parts[-1].power
    return join(parts)


def join(parts: list[Local]) -> Local:
    """Parts that follow on each other as one."""
    if len(parts) == 1:
        return parts[0]
    columns, logarithms, found, power = zip(*parts, strict=True)
    return Local(np.concatenate(columns), np.concatenate(logarithms), Candidates.join(found), power[-1])


@lru_cache(maxsize=1)
def _weights() -> NDArray[np.float64]:
    """All sums over a power spectrum: those of spectral statistics, then the mel bands, [257, 35]."""
    return np.concatenate([spectral.weights(), auditory.triangles()], axis=1)


def _measure(samples: Array, before: Array | None) -> Local:
    frames = frames_of(samples)
    power = power_spectra(frames * hamming_window())
    windowed = frames * gauss_window()
    pitches = candidates(windowed, power_spectra(windowed))
    sums = product(power, _weights())
    bands = sums[:, spectral.NUM_SUMS :].astype(np.float32)
    logarithms = auditory.log_bands(bands)
    columns = np.zeros((len(frames), NUM_COLUMNS), np.float32)
    columns[:, 0] = auditory.loudness(logarithms).mean(axis=1)
    columns[:, 2] = rms_energy(frames)
    columns[:, 3] = zero_crossing_rate(samples, len(frames))
    first = power[0] if before is None else before
    columns[:, 30:45] = spectral.statistics(power, sums[:, : spectral.NUM_SUMS], first)
    columns[:, 45:] = auditory.mfcc(bands)
    return Local(columns, logarithms, pitches, power[-1].copy())
