"""Descriptors of windows of one recording that overlap: what frames have by themselves is measured once.

Rows are those of each window alone: RASTA, the course of the pitch, voice quality, smoothing and deltas begin with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from emotone.features.lld.course import Course
from emotone.features.lld.frames import MOST_BEYOND, PUBLISHED, Frames, quantise
from emotone.features.lld.local import Local, join, measure
from emotone.features.lld.remembered import RememberedVoice
from emotone.features.lld.voice import Rules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

MOST_GRIDS = 8
"""Grids of frames that are kept: windows whose way is no multiple of a hop come back to a grid after several."""


class _Known(NamedTuple):
    """Frames on one grid: the number of the first one there, what they have, and runs of voice in the last window."""

    first: int
    local: Local
    voice: RememberedVoice

    @property
    def stop(self) -> int:
        return self.first + self.local.num


class Overlapping:
    """Rows [K + 1, 130] of windows of one recording, given in the order of their starts; corrected [K, 130].

    Frames of two windows are the same where their starts differ by a multiple of the hop, whatever lies between.

    >>> samples = np.random.default_rng(0).normal(0, 0.1, 8192).astype(np.float32)
    >>> windows = Overlapping()
    >>> [windows(start, samples[start : start + 4096]).shape for start in (0, 2048, 4096)]
    [(16, 130), (16, 130), (16, 130)]
    """

    def __init__(self, rules: Rules = Rules.IS13, frames: Frames = PUBLISHED) -> None:
        self._rules = rules
        self._frames = frames
        self._grids: dict[int, _Known] = {}

    def __call__(self, start: int, samples: Array) -> Array:
        """The rows of the samples [N] of a window that begins at sample `start`; none for fewer than a frame has."""
        samples = quantise(samples)
        num, num_beyond = self._frames.count(len(samples)), self._frames.num_beyond(len(samples))
        if not num:
            return np.empty((0, 130), np.float32)
        first, grid = divmod(start, self._frames.hop)
        known = self._extend(self._grids.pop(grid, None), first, samples)
        self._grids[grid] = known
        if len(self._grids) > MOST_GRIDS:
            del self._grids[next(iter(self._grids))]
        local = known.local.part(first - known.first, first - known.first + num, num_beyond)
        known.voice.first = first
        return Course(self._rules, self._frames, known.voice).push(local, samples, is_last=True)

    def _extend(self, known: _Known | None, first: int, samples: Array) -> _Known:
        """What is known of a grid, from frame `first` on, with all frames of the samples."""
        if known is None or not known.first <= first < known.stop:
            return _Known(first, measure(samples, None, self._frames), RememberedVoice())
        kept = known.local.part(first - known.first, known.local.num, MOST_BEYOND)
        num, num_beyond = self._frames.count(len(samples)), self._frames.num_beyond(len(samples))
        if kept.num < num:
            new = measure(samples[kept.num * self._frames.hop :], kept.power, self._frames)
            return _Known(first, join([kept, new]), known.voice)
        if len(kept.columns) < num + num_beyond:  # the last window was a little shorter
            kept = measure(samples, None, self._frames)
        return _Known(first, kept, known.voice)
