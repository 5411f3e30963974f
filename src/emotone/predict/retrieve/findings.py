"""A search for moments, and its findings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from emotone.bundle.bundle import Bundle
from emotone.errors import EmotoneError, unknown
from emotone.predict.predictor import Predictor

LENGTH_S = 3.0
WINDOWS_PER_LENGTH = 3
"""Windows start every third of their length, so that no moment is further than a sixth from a window's middle."""
MIN_SPEECH = 0.4


@dataclass(frozen=True)
class Search:
    """A search for the `num` windows of `length_s` seconds with the highest (or `lowest`) score of an attribute.

    `attribute`: one of the bundle's, or the column of a category, whose score is its probability. `hop_s`: from one
    window's start to the next (default: a third of the length). `min_gap_s`: least time between the end of a moment and
    the start of another in the same recording; at 0 they may touch, never overlap. `min_speech`: least share of a
    window, 0..1, in which somebody speaks; 0 takes music and silence, too. `lld`: what computes low-level descriptors;
    None: what the bundle was made with.
    """

    attribute: str
    num: int = 10
    lowest: bool = False
    min_gap_s: float = 0.0
    length_s: float = LENGTH_S
    hop_s: float | None = None
    min_speech: float = MIN_SPEECH
    model: str = "default"
    device: str = "cpu"
    lld: str | None = None

    @property
    def step_s(self) -> float:
        """From one window's start to the next."""
        return self.length_s / WINDOWS_PER_LENGTH if self.hop_s is None else self.hop_s

    @property
    def direction(self) -> str:
        """`highest` or `lowest`."""
        return "lowest" if self.lowest else "highest"

    def check(self, predictor: Predictor) -> None:
        """Raise EmotoneError for a search that is impossible, or not possible with this bundle."""
        bundle = predictor.bundle
        if self.attribute not in predictor.columns:
            raise unknown("attribute", self.attribute, predictor.columns, where=f"bundle {bundle.name}")
        if self.num < 1:
            raise EmotoneError(f"the number of moments must be at least 1, not {self.num}")
        least_s = math.ceil(100 * shortest_s(bundle)) / 100
        for name, value, least, most in (
            ("length", self.length_s, least_s, bundle.max_utterance_s),
            ("hop", self.step_s, 0.05, self.length_s),
            ("min-gap", self.min_gap_s, 0.0, 1e6),
            ("speech", self.min_speech, 0.0, 1.0),
        ):
            if not least <= value <= most:
                raise EmotoneError(
                    f"{name} must be from {least:g} to {most:g} with bundle {bundle.name}, not {value:g}"
                )


@dataclass(frozen=True)
class Moment:
    """A piece of a recording and its score, on the bundle's range of the attribute, or 0..1; `rank` 1 is the first.

    `confidence` says how far it stands out of its own recording (see `stand_out`): no probability. NaN: not known.
    `speech` is the share of it in which somebody speaks.
    """

    file: str
    start_s: float
    end_s: float
    score: float
    confidence: float
    speech: float
    rank: int = 0


@dataclass(frozen=True, eq=False)
class Recording:
    """The findings in one file: its best moments, and the `outline` of its curve.

    `outline` [P] has the most extreme score of each of P equal parts of the duration, NaN where nobody speaks. `error`:
    why the file could not be used. `note`: why nothing was found in it, or not scored everywhere.
    """

    file: str
    duration_s: float = 0.0
    speech_s: float = 0.0
    num_windows: int = 0
    moments: list[Moment] = field(default_factory=list)
    outline: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    median: float = math.nan
    error: str = ""
    note: str = ""


@dataclass(eq=False)
class Findings:
    """The ranked moments, the recordings they are of, and what could not be used (`failed`) or has a `note`.

    num_more_failed, num_more_noted: recordings that are only counted. reliability: what the bundle says of how far
    scores of the attribute may be relied on; "" for nothing.
    """

    search: Search
    bundle: str
    moments: list[Moment] = field(default_factory=list)
    recordings: dict[str, Recording] = field(default_factory=dict)
    failed: list[Recording] = field(default_factory=list)
    noted: list[Recording] = field(default_factory=list)
    num_recordings: int = 0
    duration_s: float = 0.0
    speech_s: float = 0.0
    reliability: str = ""
    bundle_note: str = ""
    num_more_failed: int = 0
    num_more_noted: int = 0

    @property
    def num_failed(self) -> int:
        """Recordings that could not be used."""
        return len(self.failed) + self.num_more_failed

    def renamed(self, names: Mapping[str, str]) -> Findings:
        """The same with files called by other names: {path: name}."""

        def rename(recording: Recording) -> Recording:
            moments = [replace(moment, file=names.get(moment.file, moment.file)) for moment in recording.moments]
            return replace(recording, file=names.get(recording.file, recording.file), moments=moments)

        recordings = [rename(recording) for recording in self.recordings.values()]
        return replace(
            self,
            moments=[replace(moment, file=names.get(moment.file, moment.file)) for moment in self.moments],
            recordings={recording.file: recording for recording in recordings},
            failed=[rename(recording) for recording in self.failed],
            noted=[rename(recording) for recording in self.noted],
        )

    @property
    def caution(self) -> str:
        """The bundle's words on its scores as a line for the user; "" for none."""
        return f"{self.bundle}: {self.search.attribute}: {self.reliability}" if self.reliability else ""

    @property
    def notes(self) -> list[str]:
        """Notes for the user, a line each."""
        lines = [f"{self.bundle}: {self.bundle_note}"] if self.bundle_note else []
        if self.noted:
            num_noted, first = len(self.noted) + self.num_more_noted, self.noted[0]
            count = f"{num_noted} of {self.num_recordings} recordings: " if self.num_recordings > 1 else ""
            lines.append(f"{count}{'e.g. ' if num_noted > 1 else ''}{first.file} {first.note}")
        if 0 < len(self.moments) < self.search.num:
            lines.append(f"{len(self.moments)} of the {self.search.num} moments asked for: there are no more")
        return lines


def shortest_s(bundle: Bundle) -> float:
    """Seconds of the shortest audio that a bundle scores without repeating frames: its chunk, or its fewest frames."""
    num_frames = getattr(bundle.view, "chunk_frames", getattr(bundle.view, "min_frames", 0))
    return max(bundle.feature.min_duration_s, num_frames * (bundle.feature.hop_s or 0.0))
