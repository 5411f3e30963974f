"""From what frames have by themselves to rows of descriptors: all that depends on the frames before and after.

RASTA, the course of the pitch, voice quality, smoothing and deltas, block by block; memory does not grow with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.features.lld import auditory
from emotone.features.lld.contours import NUM_VOICE, Contours
from emotone.features.lld.frames import PUBLISHED, Frames
from emotone.features.lld.local import FLUX, NUM_COLUMNS, RASTA_BANDS, RASTA_MEAN, Local
from emotone.features.lld.viterbi import begin, decide
from emotone.features.lld.voice import Rules, Run, voice_quality

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float32]
    VoiceQuality = Callable[[Array, NDArray[np.float64], Run | None, int, Rules, Frames], tuple[Array, Run | None]]


LEAD = 1024
"""Samples that are kept before the first frame to come: where a period may begin that goes on into it."""


class Course:
    """The rows of a recording or a window: 65 smoothed descriptors and their deltas, [K + 1, 130] for K frames.

    Corrected [K, 130], without the defects of openSMILE's voice quality and deltas (`voice_quality`, `Contours`).

    >>> from emotone.features.lld.local import measure
    >>> samples = np.zeros(1024, np.float32)
    >>> Course().push(measure(samples, None), samples, is_last=True).shape
    (4, 130)
    """

    def __init__(
        self, rules: Rules = Rules.IS13, frames: Frames = PUBLISHED, voice: VoiceQuality = voice_quality
    ) -> None:
        self._rules = rules
        self._frames = frames
        self._voice = voice
        self._rasta = auditory.RastaState()
        self._pitch = begin()
        self._run: Run | None = None
        self._contours = Contours(rules is Rules.CORRECTED)
        self._waiting = np.empty((0, NUM_COLUMNS), np.float32)
        self._samples = np.zeros(LEAD, np.float32)

    def push(self, local: Local, samples: Array, is_last: bool) -> Array:
        """The rows that are known by now, of K more frames and the samples [N] from the first one's start on.

        Samples of the last frame that come after the next one's start come again with the next block.
        """
        columns = self._filter(local if is_last else local.part(0, local.num))
        self._waiting = np.concatenate([self._waiting, columns])
        known = len(self._waiting) - len(columns)
        self._samples = np.concatenate([self._samples[: LEAD + known * self._frames.hop], samples])
        track, self._pitch = decide(local.candidates, self._pitch, is_last)
        num = len(track.pitch_hz)
        rows = np.empty((num, NUM_VOICE + NUM_COLUMNS), np.float32)
        rows[:, 0], rows[:, 1] = track.pitch_hz, track.voicing
        pitch_hz = rows[:, 0].astype(np.float64)
        rows[:, 2:NUM_VOICE], self._run = self._voice(
            self._samples, pitch_hz, self._run, LEAD, self._rules, self._frames
        )
        rows[:, NUM_VOICE:] = self._waiting[:num]
        self._waiting, self._samples = self._waiting[num:], self._samples[num * self._frames.hop :]
        return self._contours.push(rows, is_last, self._waiting if is_last else None)

    def _filter(self, local: Local) -> Array:
        """Columns of the frames with RASTA's bands; the first frame of all has no flux."""
        columns = local.columns.copy()
        if self._rasta.num_frames == 0:
            columns[:1, FLUX] = 0.0
        filtered, self._rasta = auditory.rasta(local.logarithms, self._rasta, self._frames.hop)
        bands = auditory.loudness(filtered)
        columns[:, RASTA_BANDS], columns[:, RASTA_MEAN] = bands, bands.mean(axis=1)
        return columns
