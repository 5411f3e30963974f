"""What frames have by themselves, or with the one before: all that windows which overlap can share."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotone.features.lld import auditory, spectral
from emotone.features.lld.energy import rms_energy, zero_crossing_rate
from emotone.features.lld.frames import (
    PUBLISHED,
    Frames,
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
RASTA_MEAN, CROSSINGS, FLUX = 1, 3, 36
RASTA_BANDS = slice(4, 30)
"""Columns that depend on the frames before; RASTA's are 0 here."""


class Local(NamedTuple):
    """Of K frames: `columns` [K + e, 59], the descriptors but the voice's, `logarithms` of mel bands [K + e, 26],
    `candidates`.

    e, at most 4: frames of the spectrum after the last one of the pitch. power: the spectrum [M + 1] of frame K - 1,
    from which the next one's flux is taken.
    """

    columns: Array
    logarithms: Array
    candidates: Candidates
    power: Array

    @property
    def num(self) -> int:
        """K."""
        return len(self.candidates.pitch_hz)

    def part(self, start: int, stop: int, num_beyond: int = 0) -> Local:
        """Frames `start` to `stop`, and so many of the spectrum after them; `power` stays that of the last of all."""
        return Local(
            self.columns[start : stop + num_beyond],
            self.logarithms[start : stop + num_beyond],
            self.candidates.part(start, stop),
            self.power,
        )


def measure(samples: Array, before: Array | None, frames: Frames = PUBLISHED) -> Local:
    """All frames of samples [N] as `quantise` gives them.

    before: the power [M + 1] of the frame before, None for none.

    >>> measure(np.zeros(1024, np.float32), None).columns.shape
    (3, 59)
    """
    parts = []
    for start in range(0, frames.count(len(samples)), FRAMES_AT_ONCE):
        stop = start * frames.hop + frames.span(FRAMES_AT_ONCE + 1) - 1  # up to the next frame
        parts.append(_measure(samples[start * frames.hop : stop], before, frames))
        before = parts[-1].power
    return join(parts)


def join(parts: list[Local]) -> Local:
    """Parts that follow on each other as one; only of the last one are frames of the spectrum kept beyond its own."""
    if len(parts) == 1:
        return parts[0]
    parts = [*(part.part(0, part.num) for part in parts[:-1]), parts[-1]]
    columns, logarithms, found, power = zip(*parts, strict=True)
    return Local(np.concatenate(columns), np.concatenate(logarithms), Candidates.join(found), power[-1])


@lru_cache(maxsize=8)
def _weights(num_bins: int) -> NDArray[np.float64]:
    """All sums over a power spectrum: those of spectral statistics, then the mel bands, [M + 1, 35]."""
    return np.concatenate([spectral.weights(num_bins), auditory.triangles(num_bins)], axis=1)


def _measure(samples: Array, before: Array | None, frames: Frames) -> Local:
    windowed = frames_of(samples, frames.pitch_size, frames.hop) * gauss_window(frames.pitch_size)
    pitches = candidates(windowed, power_spectra(windowed))
    num = len(windowed)
    short = frames_of(samples, frames.size, frames.hop)[: num + frames.num_beyond(len(samples))]
    power = power_spectra(short * hamming_window(frames.size))
    sums = product(power, _weights(power.shape[1]))
    bands = sums[:, spectral.NUM_SUMS :].astype(np.float32)
    logarithms = auditory.log_bands(bands)
    columns = np.zeros((len(short), NUM_COLUMNS), np.float32)
    columns[:, 0] = auditory.loudness(logarithms).mean(axis=1)
    columns[:, 2] = rms_energy(short)
    columns[:num, CROSSINGS] = zero_crossing_rate(samples, num, frames)
    columns[num:, CROSSINGS] = columns[num - 1, CROSSINGS]
    first = power[0] if before is None else before
    columns[:, 30:45] = spectral.statistics(power, sums[:, : spectral.NUM_SUMS], first)
    columns[:, 45:] = auditory.mfcc(bands)
    return Local(columns, logarithms, pitches, power[num - 1].copy())
