"""What is decoded of a recording, counted as it is: how far one is, and where it is more than it may be."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import Token
from dataclasses import dataclass, field
from typing import Any

from emotone.errors import EmotoneError

Report = Callable[[float], None]
"""Told how much of a task is done, 0..1."""
REPORT_EVERY_S = 0.2


@dataclass
class Watch:
    """Counts what is decoded of a recording, and ends what is longer than it may be, whatever its header says.

    passes: how often it is read in all; seconds: its length by its header, 0 where that is not known.
    """

    most_seconds: float
    most_values: int
    seconds: float
    passes: int
    report: Report
    heard_s: float = field(default=0.0, init=False)
    _values: int = field(default=0, init=False)
    _told: float = field(default=0.0, init=False)
    _token: Token[Any] | None = field(default=None, init=False)

    def __enter__(self) -> Watch:
        from emotone.audio.read import WATCH

        self._token = WATCH.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        from emotone.audio.read import WATCH

        assert self._token is not None
        WATCH.reset(self._token)

    def __call__(self, num_values: int, seconds: float) -> None:
        """As `emotone.audio.read.WATCH` says."""
        self.heard_s += seconds
        self._values += num_values
        if self.heard_s > self.most_seconds * self.passes:
            raise EmotoneError(f"is longer than the {self.most_seconds / 3600:g} hours that this server takes")
        if self._values > self.most_values * self.passes:
            raise EmotoneError(f"holds more than the {self.most_values:,} samples that this server takes")
        now = time.monotonic()
        if self.seconds and now - self._told >= REPORT_EVERY_S:
            self._told = now
            self.report(min(0.99, self.heard_s / (self.seconds * self.passes)))


def seconds_by_header(path: str) -> float:
    """The length of a recording as its header has it, to tell how far one is; 0 where that is not known."""
    import soundfile

    try:
        return float(soundfile.info(path).duration)
    except (soundfile.SoundFileError, OSError, TypeError):
        return 0.0
