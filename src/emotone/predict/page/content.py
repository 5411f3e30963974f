"""What a listening page shows, whoever made it: recordings with their sound and curves, and the pieces of them.

`predict` shows utterances, windows or turns; `retrieve` its moments. `emotone.predict.page.html` makes a page of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from emotone.predict.page.sound import Sound

MOST_ROWS = 4000
"""Of a table, which stays quick to sort and below a megabyte; pictures show all."""
MOST_SHOWN_S = 21_600.0
MOST_SHOWN = 200
"""Recordings that are drawn and heard: no more than six hours, or the first; the table has all."""
EMOTION_COLOURS = {
    "anger": "#d1495b",
    "boredom": "#a98467",
    "calm": "#4fb3bf",
    "contempt": "#8c564b",
    "disgust": "#3b8b5a",
    "excitement": "#f4845f",
    "fear": "#7d5ba6",
    "frustration": "#b5446e",
    "happiness": "#e0a020",
    "joy": "#e0a020",
    "neutral": "#8a949b",
    "sadness": "#3d7fc1",
    "surprise": "#e07b39",
}
OTHER_COLOURS = ("#0b8aa8", "#c4548f", "#6a994e", "#bc6c25", "#5e60ce", "#e76f51", "#2a9d8f", "#9a8c98")
"""Of categories that are no known emotion, again from the first where there are more."""
TRACK_COLOURS = ("#0b8aa8", "#c97b3a", "#8e6bbf", "#3b8b5a", "#d1495b", "#5f6b73")

ColumnKind = Literal["start", "end", "number", "probability", "text"]


@dataclass(frozen=True)
class Column:
    """A column of the table. Narrow screens leave out what is `is_minor`; probabilities are bars where one points."""

    name: str
    kind: ColumnKind
    is_minor: bool = False


@dataclass(frozen=True)
class Track:
    """Scores over time, drawn from `low` to `high`: a point is a time in s and a score, None is a gap.

    `level` is drawn as a dashed line.
    """

    name: str
    low: float
    high: float
    points: Sequence[tuple[float, float | None]]
    level: float | None = None


@dataclass(frozen=True)
class Shown:
    """A recording: its name, its sound, its curves, and the names of its lanes where several people are heard."""

    name: str
    sound: Sound
    tracks: Sequence[Track] = ()
    lanes: Sequence[str] = ()


@dataclass(frozen=True)
class Piece:
    """A row of the table, `cells` as the columns have them, and a stretch of a recording.

    recording: its place in the list, None where it is not drawn. kind: the place of its category in the legend.
    label: what stands above it. lane: who speaks, a place in the recording's lanes.
    """

    recording: int | None
    start_s: float
    end_s: float
    cells: Sequence[str]
    kind: int | None = None
    label: str = ""
    lane: int = 0


@dataclass(frozen=True)
class Kind:
    """A line of the legend: a category, its colour, and the share of speech in which it wins."""

    name: str
    colour: str
    share: float | None = None


@dataclass(frozen=True)
class Content:
    """A page: lines above and below, recordings, and the table. `is_marked` says that every label is to be shown."""

    title: str
    summary: str
    columns: Sequence[Column]
    pieces: Sequence[Piece]
    recordings: Sequence[Shown]
    legend: Sequence[Kind] = ()
    warnings: Sequence[str] = ()
    notes: Sequence[str] = field(default_factory=list)
    is_marked: bool = False


def colours_of(names: Sequence[str]) -> list[str]:
    """Colours of categories: an emotion has the same one on every page.

    >>> colours_of(["anger", "bliss"]) == [EMOTION_COLOURS["anger"], OTHER_COLOURS[0]]
    True
    """
    others = itertools.cycle(OTHER_COLOURS)
    return [EMOTION_COLOURS.get(name.lower()) or next(others) for name in names]


def num_shown(durations_s: Sequence[float]) -> int:
    """How many recordings, from the first on, are drawn: up to `MOST_SHOWN` and `MOST_SHOWN_S`, and one in any case.

    >>> num_shown([7200.0, 10_000.0, 9000.0]), num_shown([1e6]), num_shown([])
    (2, 1, 0)
    """
    total_s = itertools.accumulate(durations_s[:MOST_SHOWN])
    return max(min(1, len(durations_s)), sum(1 for _ in itertools.takewhile(lambda s: s <= MOST_SHOWN_S, total_s)))


def clock(seconds: float) -> str:
    """A time as people read it.

    >>> clock(75.2), clock(3600)
    ('1:15', '1:00:00')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def clock_tenths(seconds: float) -> str:
    """The same with tenths of a second.

    >>> clock_tenths(75.26), clock_tenths(59.97), clock_tenths(3600)
    ('1:15.3', '1:00.0', '1:00:00.0')
    """
    tenths = round(10 * seconds)
    return f"{clock(tenths // 10)}.{tenths % 10}"
