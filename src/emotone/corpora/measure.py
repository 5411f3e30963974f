"""Measures of one utterance, block by block: duration, content, peak, clipping, silence and a sketch.

*Content* is a hash of the samples at the file's own rate, averaged over channels and rounded to 16 bits, without the
digital silence at both ends: it is the same under another name, in another lossless container, in more bits.

*Clipped* are the samples in runs of 3 or more at the highest value of the utterance, and likewise the lowest, where
there are two such runs: a natural peak is flat too where it is low in pitch and level, but is reached once. Flat tops
at the utterance's own extreme are found whatever the gain was afterwards (Eaton & Naylor, Detection of clipping in
coded speech signals, EUSIPCO 2013); a lossy coder blurs them, and what it hides is not counted.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.audio.level import SILENCE_PEAK
from emotone.audio.read import Samples
from emotone.corpora.copies import SKETCHED_S, sketch

FULL_SCALE = 32_768
"""Steps of 16 bits, to which samples are rounded."""
CLIPPED_RUN = 3
"""So many equal extreme samples in a row are clipped."""
LOWEST_TOP = FULL_SCALE // 100
"""Below -40 dB of full scale the steps of 16 bits are too coarse to tell a flat top."""


class Measure:
    """The measures of the part of a file from `start_s` to `end_s` (infinite: to its end).

    `is_whole` says that all of a part that ends before its file does has come.
    """

    def __init__(self, start_s: float, end_s: float) -> None:
        self.start_s, self.end_s = start_s, end_s
        self.is_whole = False
        self._rate_hz = self._position = self._num_samples = 0
        self._peak = 0.0
        self._content, self._sketch = _Content(), _Sketch()
        self._tops = (_FlatTops(), _FlatTops())

    def update(self, samples: Samples, rate_hz: int) -> None:
        """Take what belongs to the part from the next samples [N] of the file, at the file's own rate."""
        first = max(round(self.start_s * rate_hz) - self._position, 0)
        stop = len(samples) if np.isinf(self.end_s) else max(round(self.end_s * rate_hz) - self._position, 0)
        own = samples[first:stop]
        self._rate_hz = rate_hz
        self._position += len(samples)
        self._num_samples += len(own)
        self.is_whole = stop <= len(samples) and not np.isinf(self.end_s)
        if not len(own):
            return
        self._peak = max(self._peak, float(np.abs(own).max()))
        steps = np.rint(own * FULL_SCALE).clip(-FULL_SCALE, FULL_SCALE - 1).astype("<i2")
        self._content.update(steps, rate_hz)
        self._sketch.update(own, rate_hz, self.is_whole)
        self._tops[0].update(steps)
        self._tops[1].update(~steps)  # -1 - steps: the same range, upside down

    def result(self, path: str, error: str) -> dict[str, Any]:
        """The measures by name, or {"error": line}: that of the file is none of a part that had come before it.

        `duration_s`; `content` (None for silence, so that one silence is no duplicate of another); `peak` (1 is full
        scale); `clipped_share` of the samples; `is_silent` (below -80 dB of full scale); `sketch` (bytes, for
        `emotone.corpora.copies`); `error` "".
        """
        if error and self.is_whole and self._num_samples:
            error = ""
        elif not error and not self._num_samples:
            error = f"{path}: ends before {self.start_s:g} s" if self.start_s else f"{path}: holds no samples"
        if error:
            return {"error": error}
        is_silent = self._peak < SILENCE_PEAK
        return {
            "duration_s": self._num_samples / self._rate_hz,
            "content": None if is_silent else self._content.hash,
            "peak": self._peak,
            "clipped_share": sum(top.num_clipped for top in self._tops) / self._num_samples,
            "is_silent": is_silent,
            "sketch": self._sketch.bytes,
            "error": "",
        }


class _Content:
    """The hash of 16-bit samples without the zeros at both ends."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(digest_size=16)
        self._num_zeros = -1  # since the last sound; -1 before the first

    def update(self, steps: NDArray[np.int16], rate_hz: int) -> None:
        """Take the next samples."""
        sounding = np.flatnonzero(steps)
        if not len(sounding):
            self._num_zeros += len(steps) if self._num_zeros >= 0 else 0
            return
        first, stop = sounding[0], sounding[-1] + 1
        if self._num_zeros < 0:
            self._digest.update(f"{rate_hz} Hz".encode())
        else:
            first = 0
            self._digest.update(bytes(2 * self._num_zeros))
        self._digest.update(steps[first:stop].tobytes())
        self._num_zeros = len(steps) - int(stop)

    @property
    def hash(self) -> str:
        """32 hexadecimal digits."""
        return self._digest.hexdigest()


class _Sketch:
    """The sketch of the first `SKETCHED_S`, held until they have all come."""

    def __init__(self) -> None:
        self._held: list[Samples] = []
        self._rate_hz = self._num_held = 0
        self._done = b""

    def update(self, samples: Samples, rate_hz: int, is_last: bool) -> None:
        """Take the next samples, as many as are sketched."""
        if self._done:
            return
        missing = int(SKETCHED_S * rate_hz) - self._num_held
        self._held.append(samples[:missing].copy())
        self._rate_hz = rate_hz
        self._num_held += len(self._held[-1])
        if is_last or len(samples) >= missing:
            self._finish()

    def _finish(self) -> None:
        self._done = sketch(np.concatenate(self._held), self._rate_hz).tobytes()
        self._held.clear()

    @property
    def bytes(self) -> bytes:
        """The sketch's bytes, once all samples have come."""
        if not self._done:
            self._finish()
        return self._done


class _FlatTops:
    """Runs of equal samples at the highest value so far."""

    def __init__(self) -> None:
        self._top = LOWEST_TOP
        self._num_runs = self._num_samples = 0

    def update(self, steps: NDArray[np.int16]) -> None:
        """Take the next samples; a run that goes over the border of two blocks counts as two."""
        top = int(steps.max())
        if top < self._top:
            return
        if top > self._top:
            self._top, self._num_runs, self._num_samples = top, 0, 0
        at_top = np.flatnonzero(np.diff((steps == top).astype(np.int8), prepend=0, append=0))
        lengths = at_top[1::2] - at_top[::2]
        lengths = lengths[lengths >= CLIPPED_RUN]
        self._num_runs += len(lengths)
        self._num_samples += int(lengths.sum())

    @property
    def num_clipped(self) -> int:
        """Samples in those runs, where there are two or more."""
        return self._num_samples if self._num_runs > 1 else 0
