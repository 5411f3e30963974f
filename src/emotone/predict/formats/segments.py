"""Rows of predictions as pieces of a recording in time, with what editors show of each: who, what, how likely."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from emotone.base.result_table import Done
from emotone.base.table_format import Row
from emotone.predict.table import Table

BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ufffe\uffff]+")
"""What would end a line or a cell, or is no character that XML has."""


class Interval(NamedTuple):
    """A piece of a recording, in seconds, and its text, which is one line."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True)
class Segment:
    """A row with scores: who is heard ("" for nobody named), labels {target: (label, probability)}, attributes, a note.

    channel: from 1; 0 for all of them.
    """

    start_s: float
    end_s: float
    who: str = ""
    labels: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    note: str = ""
    channel: int = 0

    @property
    def text(self) -> str:
        """Labels with their probabilities, attributes on the bundle's range, and the note.

        >>> Segment(0.0, 1.5, "", {"emotion": ("calm", 0.75)}, {"arousal": 3.14159}, "no speech found").text
        'calm 0.75, arousal 3.14 (no speech found)'
        """
        labels = [f"{one_line(label)} {probability:.2f}" for label, probability in self.labels.values()]
        scores = [f"{one_line(name)} {value:.2f}" for name, value in self.scores.items()]
        return ", ".join(labels + scores) + (f" ({one_line(self.note)})" if self.note else "")

    @property
    def spoken(self) -> Interval:
        """The piece with who is heard before the text."""
        return Interval(self.start_s, self.end_s, f"{self.who}: {self.text}" if self.who else self.text)


@dataclass(frozen=True)
class Recording:
    """A recording of `duration_s` seconds as its segments, by time; `tier` is what they are about.

    num_left_out: rows that have no scores. error: why it has no segments; "" where it has.
    """

    file: str
    duration_s: float
    segments: Sequence[Segment]
    tier: str = "emotion"
    num_left_out: int = 0
    error: str = ""

    @property
    def tiers(self) -> dict[str, list[Interval]]:
        """The segments in tiers in which none overlap, as editors need them: by who is heard, further ones numbered.

        >>> segments = [Segment(0.0, 3.0), Segment(1.5, 4.5), Segment(3.0, 6.0)]
        >>> tiers = Recording("a.wav", 6.0, segments).tiers
        >>> {tier: [piece.start_s for piece in pieces] for tier, pieces in tiers.items()}
        {'emotion': [0.0, 3.0], 'emotion 2': [1.5]}
        """
        names = {segment.who or self.tier for segment in self.segments}
        layers: dict[str, list[str]] = {}
        tiers: dict[str, list[Interval]] = {}
        for segment in self.segments:
            own = layers.setdefault(segment.who or self.tier, [])
            free = (name for name in own if tiers[name][-1].end_s <= segment.start_s + 1e-6)
            name = next(free, None)
            if name is None:
                name = segment.who or self.tier
                number = len(own) + 1
                while own and (name in names or name in tiers):
                    name = f"{segment.who or self.tier} {number}"
                    number += 1
                own.append(name)
            tiers.setdefault(name, []).append(Interval(segment.start_s, segment.end_s, segment.text))
        return tiers


def recording_of(done: Done, table: Table) -> Recording:
    """The segments of a file's rows, which are as `table` has them.

    >>> moods = {"emotion": {"calm": "calm", "tense": "tense"}}
    >>> row = {"start_s": 0.0, "end_s": 2.0, "speaker": "Ann", "emotion": "calm", "arousal": 4.0, "calm": 1, "tense": 0}
    >>> table = Table("utterances", ["arousal", "calm", "tense"], False, moods, ["speaker"])
    >>> recording_of(Done("a.wav", [row], 2.0), table).segments[0].spoken
    Interval(start_s=0.0, end_s=2.0, text='Ann: calm 1.00, arousal 4.00')
    """
    scored = [
        row for row in done.rows if row["start_s"] is not None and any(row[name] is not None for name in table.scores)
    ]
    segments = sorted((_segment(row, table) for row in scored), key=lambda piece: (piece.start_s, piece.end_s))
    ends = [segment.end_s for segment in segments]
    errors = [row["error"] for row in done.rows if row.get("error")]
    return Recording(
        done.file,
        max([done.duration_s or 0.0, *ends]),
        segments,
        one_line(next(iter(table.choices), "scores")),
        len(done.rows) - len(scored),
        "" if segments else next(iter(errors), "nothing could be scored"),
    )


def _segment(row: Row, table: Table) -> Segment:
    labels = {
        target: (row[target], row[columns[row[target]]])
        for target, columns in table.choices.items()
        if row.get(target) is not None
    }
    probable = {column for columns in table.choices.values() for column in columns.values()}
    scores = {name: row[name] for name in table.scores if name not in probable and row[name] is not None}
    channel = int(row.get("channel") or 0)
    heard = [f"channel {channel}" if channel else "", one_line(row.get("speaker") or "")]
    who = ", ".join(filter(None, heard))
    return Segment(row["start_s"], row["end_s"], who, labels, scores, row.get("note") or "", channel)


def one_line(text: Any) -> str:
    """Text as one line of characters that every format has; bytes that are no UTF-8 as their codes.

    >>> one_line('two\\n"lines" '), one_line("\\udcff")
    ('two "lines"', '\\\\udcff')
    """
    return BREAKS.sub(" ", str(text)).strip().encode("utf-8", "backslashreplace").decode()
