"""Voice quality of windows of one recording that overlap: runs of voice that lie in several are measured once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.features.lld.frames import PUBLISHED, Frames
from emotone.features.lld.voice import Rules, Run, voice_quality

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    Doubles = NDArray[np.float64]

REACH = 1024
"""Samples from the end of a run that periods reach beyond it."""


class RememberedVoice:
    """`voice_quality` of windows on one grid of frames; runs with the same pitches as in the last window are as there.

    first: the number of the frame that each window begins with, to be set before it is called.

    >>> samples, pitch_hz = np.zeros(8192, np.float32), np.array([0.0, 200.0, 200.0, 0.0])
    >>> voice = RememberedVoice()
    >>> rows, _ = voice(samples, pitch_hz, None, 0)
    >>> bool((rows == voice_quality(samples, pitch_hz)[0]).all()), len(voice)
    (True, 1)
    """

    def __init__(self) -> None:
        self.first = 0
        self._known: dict[tuple[int, bytes], Array] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __call__(
        self,
        samples: Array,
        pitch_hz: Doubles,
        run: Run | None,
        lead: int,
        rules: Rules = Rules.IS13,
        frames: Frames = PUBLISHED,
    ) -> tuple[Array, Run | None]:
        """Rows [K, 4] of a window's frames; a run of an earlier block is refused, since windows are whole."""
        if run is not None:
            raise ValueError("windows are gone through as a whole")
        edges = np.flatnonzero(np.diff(np.concatenate([[False], pitch_hz > 0, [False]])))
        before, self._known = self._known, {}
        new, found = pitch_hz.copy(), []
        for start, stop in zip(edges[0::2], edges[1::2], strict=True):
            key = self.first + int(start), pitch_hz[start:stop].tobytes()
            if key in before:
                self._known[key] = before[key]
                found.append((start, stop, before[key]))
                new[start:stop] = 0.0
        rows, goes_on = voice_quality(samples, new, None, lead, rules, frames)
        for start, stop, known in found:
            rows[start:stop] = known
        for start, stop in zip(edges[0::2], edges[1::2], strict=True):
            if lead + frames.hop * stop + REACH <= len(samples):  # all that it needs was there
                self._known[self.first + int(start), pitch_hz[start:stop].tobytes()] = rows[start:stop].copy()
        return rows, goes_on
