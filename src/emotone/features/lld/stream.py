"""Descriptors of samples as they come, in blocks of frames whose place does not depend on the pieces they come in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.features.lld.course import Course
from emotone.features.lld.frames import PUBLISHED, Frames, quantise
from emotone.features.lld.local import FRAMES_AT_ONCE, measure
from emotone.features.lld.voice import Rules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

BLOCK_FRAMES = 10 * FRAMES_AT_ONCE
"""Frames that are gone through together, a minute of 16 ms each: enough stretches of voice side by side."""


class Stream:
    """Samples [N], 16 kHz in [-1, 1], piece by piece -> rows [n, 130]; K + 1 in all for K frames, corrected K.

    The rows are the same bit for bit whatever the pieces are, and memory does not grow with them.

    >>> stream = Stream()
    >>> [len(rows) for rows in (stream.push(np.zeros(600, np.float32)), stream.end())]
    [0, 2]
    """

    def __init__(self, rules: Rules = Rules.IS13, frames: Frames = PUBLISHED) -> None:
        self._frames = frames
        self._course = Course(rules, frames)
        self._pieces: list[Array] = []
        self._num = 0
        self._before: Array | None = None

    def push(self, samples: Array) -> Array:
        """The rows that are known by now."""
        self._pieces.append(quantise(samples))
        self._num += len(samples)
        size, span = BLOCK_FRAMES * self._frames.hop, self._frames.span(BLOCK_FRAMES)
        num_blocks = (self._num - self._frames.pitch_size) // size
        if num_blocks < 1:
            return np.empty((0, 130), np.float32)
        known = np.concatenate(self._pieces)
        rows = [self._go(known[block * size : block * size + span], False) for block in range(num_blocks)]
        self._pieces = [known[num_blocks * size :].copy()]
        self._num = len(self._pieces[0])
        return np.concatenate(rows)

    def end(self) -> Array:
        """All rows that are left; of fewer samples than a frame there are none."""
        left = np.concatenate(self._pieces) if self._pieces else np.empty(0, np.float32)
        if self._num < self._frames.pitch_size:
            return np.empty((0, 130), np.float32)
        return self._go(left, True)

    def _go(self, samples: Array, is_last: bool) -> Array:
        local = measure(samples, self._before, self._frames)
        self._before = local.power
        return self._course.push(local, samples, is_last)
