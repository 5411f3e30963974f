"""Predicted rows as a listening page: what is said of each utterance, window or turn, where it is in the recording."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from emotone.audio.words.transcripts import is_text_file
from emotone.base.table_format import Row
from emotone.bundle.target import EMOTION
from emotone.predict.page.content import (
    Column,
    ColumnKind,
    Content,
    Kind,
    Piece,
    Shown,
    Track,
    clock,
    clock_tenths,
    colours_of,
    num_shown,
)
from emotone.predict.page.sound import Sound, listen_to_all
from emotone.predict.prediction import Choices, Over

MOST_FAILED = 10
NAMES = {"recording": "recording", "windows": "window", "utterances": "utterance", "curve": "point"}
RIGHTS = "The sound is part of this page: mind the rights in the recordings before you pass it on."


@dataclass(frozen=True)
class Scale:
    """What a bundle scores: {attribute: its range}, and the labels of its targets with their columns; its name."""

    bundle: str
    attributes: Mapping[str, tuple[float, float]]
    choices: Choices
    cautions: Sequence[str] = ()

    @property
    def shown_target(self) -> str | None:
        """The target that pieces are coloured by: emotion, where there is one."""
        return EMOTION if EMOTION in self.choices else next(iter(self.choices), None)

    @property
    def labels(self) -> list[str]:
        """The labels of that target."""
        return list(self.choices[self.shown_target]) if self.shown_target else []


def show_rows(
    rows: Sequence[Row],
    scale: Scale,
    over: Over,
    jobs: int = 1,
    quiet: bool = True,
    paths: Mapping[str, str] | None = None,
) -> Content:
    """The page of a table's rows, those of one recording together; its recordings are read once more, for their sound.

    paths: where recordings lie that rows call otherwise. A file that could not be used stands above, with its reason;
    what has no sound on the page is said below.
    """
    by_file = {file: list(own) for file, own in itertools.groupby(rows, key=lambda row: row["file"])}
    failed = [f"{file}: {own[0]['error']}" for file, own in by_file.items() if not any(map(_is_scored, own))]
    by_file = {file: own for file, own in by_file.items() if any(map(_is_scored, own))}
    heard = [file for file in by_file if not is_text_file(file)]
    lengths_s = [max(row["end_s"] for row in by_file[file]) for file in heard]
    drawn = heard[: num_shown(lengths_s)]
    sounds, notes = listen_to_all(drawn, lengths_s[: len(drawn)], jobs, quiet, paths)
    drawn = [file for file in drawn if file in sounds]
    if len(drawn) < len(heard):
        notes.append(f"{len(heard) - len(drawn)} of {len(heard)} recordings are in the table alone.")
    if any(sound.clips for sound in sounds.values()):
        notes.append(RIGHTS)
    lanes = {file: _lanes(own) for file, own in by_file.items()}
    columns = _columns(rows, scale, has_files=len(by_file) > 1)
    places = {file: place for place, file in enumerate(drawn)}
    pieces = [
        _piece(row, columns, scale, places.get(file), lanes[file]) for file, own in by_file.items() for row in own
    ]
    scored = [row for own in by_file.values() for row in own]
    limits = _all_limits(scored, scale)
    shown = [_shown(file, sounds[file], by_file[file], lanes[file], limits) for file in drawn]
    names = list(by_file)
    return Content(
        title=f"Emotion in {_name(names[0]) if len(names) == 1 else f'{len(names)} recordings'}",
        summary=_summary(by_file, sounds, scale, over),
        columns=[column for column, _ in columns],
        pieces=pieces,
        recordings=shown,
        legend=_legend(scored, scale),
        warnings=[*scale.cautions, *failed[:MOST_FAILED], *_more(len(failed) - MOST_FAILED)],
        notes=notes,
    )


def _more(num: int) -> list[str]:
    return [f"and {num} more that could not be used"] if num > 0 else []


def _name(file: str) -> str:
    """A file's name without its folders."""
    return file.replace("\\", "/").rsplit("/", 1)[-1]


def _summary(by_file: Mapping[str, list[Row]], sounds: Mapping[str, Sound], scale: Scale, over: Over) -> str:
    num_rows = sum(map(len, by_file.values()))
    total_s = sum(sound.duration_s for sound in sounds.values())
    length = f"{clock(total_s)}, " if sounds else ""
    return f"{length}{num_rows} {NAMES[over]}{'' if num_rows == 1 else 's'}, scored by {scale.bundle}."


def _is_scored(row: Row) -> bool:
    """Whether a row is of a piece of a recording or of a text, rather than of a file that could not be used."""
    return row["start_s"] is None and not row["error"] or bool(row["end_s"])


# ---- the table --------------------------------------------------------------------------------------------------


def _columns(rows: Sequence[Row], scale: Scale, has_files: bool) -> list[tuple[Column, str]]:
    """The page's columns, each with that of the rows."""
    has = set().union(*(row.keys() for row in rows)) if rows else set()
    probabilities = [column for columns in scale.choices.values() for column in columns.values()]
    wanted: list[tuple[str, str, ColumnKind, bool]] = [
        ("start", "start_s", "start", False),
        ("end", "end_s", "end", False),
        *((name, name, "text", False) for name in ("channel", "speaker")),
        *((name, name, "text", False) for name in scale.choices),
        *((name, name, "number", False) for name in scale.attributes),
        *((name, name, "probability", True) for name in probabilities),
        ("speech", "speech_share", "number", True),
        *((name, name, "text", True) for name in ("inputs", "note", "error")),
    ]
    if has_files:
        wanted.append(("recording", "file", "text", False))
    said = {name: any(row.get(name) for row in rows) for name in ("note", "error")}
    return [(Column(name, kind, minor), key) for name, key, kind, minor in wanted if key in has and said.get(key, True)]


def _piece(
    row: Row, columns: Sequence[tuple[Column, str]], scale: Scale, recording: int | None, lanes: Sequence[str]
) -> Piece:
    label = row.get(scale.shown_target) if scale.shown_target else None
    lane = _lane(row)
    return Piece(
        recording=recording,
        start_s=row["start_s"] or 0.0,
        end_s=row["end_s"] or 0.0,
        cells=[_cell(row.get(key), column.kind, key) for column, key in columns],
        kind=scale.labels.index(label) if label in scale.labels else None,
        label=label or "",
        lane=lanes.index(lane) if lane in lanes else 0,
    )


def _cell(value: Any, kind: ColumnKind, key: str) -> str:
    """A cell as people read it; nothing where nothing is known.

    >>> _cell(75.26, "start", "start_s"), _cell(0.5, "number", "speech_share"), _cell(4.256, "number", "arousal")
    ('1:15.3', '50%', '4.26')
    """
    if value is None:
        return ""
    if kind in ("start", "end"):
        return clock_tenths(value)
    if isinstance(value, float | int):
        return f"{value:.0%}" if key == "speech_share" else f"{value:.2f}"
    return str(value)


def _legend(rows: Iterable[Row], scale: Scale) -> list[Kind]:
    """The categories of the rows, each with its share of the speech; the seconds of a row are those somebody speaks."""
    weights = dict.fromkeys(scale.labels, 0.0)
    for row in rows:
        label, share = row.get(scale.shown_target or ""), row.get("speech_share")
        if label in weights:
            seconds = 1.0 if row["end_s"] is None else row["end_s"] - row["start_s"]
            weights[label] += seconds * (1.0 if share is None else share)
    total = sum(weights.values())
    colours = colours_of(scale.labels)
    return [
        Kind(label, colour, weights[label] / total if total else None)
        for label, colour in zip(scale.labels, colours, strict=True)
    ]


# ---- the picture ------------------------------------------------------------------------------------------------


def _lane(row: Row) -> str:
    """Who is heard in a row."""
    channel = f"channel {row['channel']}" if row.get("channel") else ""
    return " ".join(filter(None, [channel, row.get("speaker") or ""]))


def _lanes(rows: Iterable[Row]) -> list[str]:
    """Who is heard in a recording, in the order in which they begin; nobody where there is but one."""
    lanes = list(dict.fromkeys(map(_lane, rows)))
    return lanes if len(lanes) > 1 else []


def _shown(
    file: str, sound: Sound, rows: list[Row], lanes: Sequence[str], limits: Mapping[str, tuple[float, float]]
) -> Shown:
    tracks = [
        Track(name, low, high, list(_points([row for row in rows if row.get(name) is not None], name)))
        for name, (low, high) in limits.items()
    ]
    return Shown(file, sound, tracks, lanes)


def _all_limits(rows: Sequence[Row], scale: Scale) -> dict[str, tuple[float, float]]:
    """From where to where each attribute is drawn; attributes of one range are drawn alike."""
    found = {}
    for name, limits in scale.attributes.items():
        alike = [other for other, its in scale.attributes.items() if its == limits and math.isfinite(its[0])] or [name]
        scores = [row[other] for row in rows for other in alike if row.get(other) is not None]
        found[name] = _limits(limits, scores)
    return found


def _limits(limits: tuple[float, float], scores: Sequence[float]) -> tuple[float, float]:
    """The range of an attribute, and scores beyond it; that of its scores, where only their order says something.

    >>> _limits((1.0, 7.0), [2.0, 7.5]), _limits((-math.inf, math.inf), [2.0, 4.0]), _limits((-math.inf, math.inf), [])
    ((1.0, 7.5), (1.9, 4.1), (-0.05, 1.05))
    """
    if all(map(math.isfinite, limits)):
        return min([limits[0], *scores]), max([limits[1], *scores])
    low, high = (min(scores), max(scores)) if scores else (0.0, 1.0)
    margin = max(0.05 * (high - low), 0.01)
    return low - margin, high + margin


def _points(rows: Sequence[Row], name: str) -> Iterator[tuple[float, float | None]]:
    """A score over time: a level stroke for each piece, or one line through the middles of pieces that overlap.

    >>> rows = [{"start_s": 0.0, "end_s": 2.0, "a": 1.0}, {"start_s": 3.0, "end_s": 4.0, "a": 2.0}]
    >>> list(_points(rows, "a"))
    [(0.0, 1.0), (2.0, 1.0), (2.0, None), (3.0, 2.0), (4.0, 2.0), (4.0, None)]
    >>> list(_points([rows[0], {"start_s": 1.0, "end_s": 3.0, "a": 2.0}], "a"))
    [(1.0, 1.0), (2.0, 2.0)]
    """
    pairs = list(zip(rows, rows[1:], strict=False))
    together = sum(_lane(row) == _lane(later) and later["start_s"] < row["end_s"] - 0.02 for row, later in pairs)
    if together <= len(pairs) / 2:
        for row in rows:
            yield from ((row["start_s"], row[name]), (row["end_s"], row[name]), (row["end_s"], None))
        return
    for row, later in itertools.zip_longest(rows, rows[1:]):
        middle_s = (row["start_s"] + row["end_s"]) / 2
        yield middle_s, row[name]
        if later is not None and (_lane(row) != _lane(later) or later["start_s"] > row["end_s"]):
            yield middle_s, None
