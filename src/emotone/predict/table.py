"""The table of predictions: its columns, its rows, and a row as a line for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from emotone.base.table_format import Row
from emotone.bundle.bundle import Bundle
from emotone.predict.prediction import Choices, Over, Prediction

MOST_NAME, LEAST_SCORE = 48, 9
"""Characters that a file's name takes at most, and a score at least."""
PLACE = 10
"""Characters of a channel and of a speaker."""


class Scorer(Protocol):
    """What gives scores: a `Predictor`, which makes tables itself."""

    bundle: Bundle

    @property
    def attributes(self) -> Mapping[str, tuple[float, float]]: ...
    @property
    def categories(self) -> list[str]: ...
    @property
    def choices(self) -> Choices: ...


@dataclass(frozen=True)
class Table:
    """Rows for recordings, windows or points of a curve, with the columns `scores`; `inputs` where bundles take text.

    Before the scores stands the most probable label of each target of `choices`, in a column of its name, and before
    these `places` say who is heard: "channel", "speaker". `has_summary` adds, to rows of recordings, the share of
    speech in which each label is the most probable, and the spread of attributes.

    >>> moods = {"emotion": {"calm": "calm", "tense": "tense"}}
    >>> table = Table("recording", ["arousal", "calm", "tense"], has_inputs=False, choices=moods)
    >>> table.columns
    ['file', 'start_s', 'end_s', 'emotion', 'arousal', 'calm', 'tense', 'speech_share', 'note', 'error']
    >>> [row] = table.rows(Prediction("talk.wav", 0.0, 2.5, {"arousal": 4.25}, {"calm": 0.25, "tense": 0.75}))
    >>> print(table.header(8), table.line(row, 8), sep="\\n")
    file      start_s    end_s emotion   arousal      calm     tense
    talk.wav     0.00     2.50 tense       4.250     0.250     0.750
    """

    over: Over
    scores: list[str]
    has_inputs: bool
    choices: Choices = field(default_factory=dict)
    places: Sequence[str] = ()
    has_summary: bool = False

    @classmethod
    def of(cls, predictor: Scorer, over: Over, places: Sequence[str] = (), has_summary: bool = False) -> Table:
        """The table of a predictor's predictions; categories have no curve."""
        categories, choices = ([], {}) if over == "curve" else (predictor.categories, predictor.choices)
        scores = [*predictor.attributes, *categories]
        return cls(over, scores, predictor.bundle.takes_text, choices, places, has_summary)

    @property
    def columns(self) -> list[str]:
        """Names of all columns."""
        inputs = ["inputs"] * self.has_inputs
        heard = [] if self.over == "curve" else ["speech_share", "note"]
        scores = [*self.choices, *self.scores, *self._summary_columns]
        return ["file", "start_s", "end_s", *self.places, *inputs, *scores, *heard, "error"]

    @property
    def _summary_columns(self) -> list[str]:
        if not self.has_summary:
            return []
        labels = [column for columns in self.choices.values() for column in columns.values()]
        attributes = [name for name in self.scores if name not in labels]
        return [*(f"{name}_share" for name in labels), *(f"{name}_spread" for name in attributes)]

    def rows(self, prediction: Prediction) -> list[Row]:
        """The rows of one prediction, as JSON has them: None is unknown."""
        rows = prediction.rows(self.scores, self.over, self.has_inputs, self.choices)
        if self.has_summary:
            shares, spread = prediction.shares, prediction.spread
            for row in rows:
                row |= {f"{name}_share": round(share, 3) for name, share in shares.items()}
                row |= {f"{name}_spread": float(f"{value:.6g}") for name, value in spread.items()}
        return [{column: row.get(column) for column in self.columns} for row in rows]

    def header(self, width: int) -> str:
        """The names above the lines; `width` is that of the column of files."""
        inputs = "inputs      " if self.has_inputs else ""
        scores = " ".join(f"{name:>{max(LEAST_SCORE, len(name))}}" for name in self.scores)
        labels = self._labels({name: name for name in self.choices})
        places = "".join(f"{name:<{PLACE}} " for name in self.places)
        return f"{'file':<{width}} {'start_s':>8} {'end_s':>8} {places}{inputs}{labels}{scores}"

    def line(self, row: Row, width: int) -> str:
        """A row in columns; a long name is cut in front; an error stands for the scores, a note after them."""
        file = row["file"].replace("\n", "\\n")
        file = file if len(file) <= width else "..." + file[3 - width :]
        start_s, end_s = ("" if row[key] is None else f"{row[key]:.2f}" for key in ("start_s", "end_s"))
        inputs = f"{row['inputs']:<11} " if self.has_inputs else ""
        if row["error"] and row[self.scores[0]] is None:
            values = f"error: {row['error']}"
        else:
            scores = " ".join(f"{row[name]:{max(LEAST_SCORE, len(name))}.3f}" for name in self.scores)
            note = f"  ({row['note']})" if row.get("note") else ""
            values = self._labels(row) + scores + note
        places = "".join(f"{(row[name] or '')[:PLACE]:<{PLACE}} " for name in self.places)
        return f"{file:<{width}} {start_s:>8} {end_s:>8} {places}{inputs}{values}"

    def _labels(self, row: Mapping[str, Any]) -> str:
        """The most probable labels of a line, each as wide as the longest; nothing where there are none."""
        widths = {name: max(map(len, [name, *labels])) for name, labels in self.choices.items()}
        return "".join(f"{row.get(name) or '':<{width}} " for name, width in widths.items())


def name_width(files: Sequence[str]) -> int:
    """Characters of the column of files."""
    return max(4, min(MOST_NAME, max(map(len, files))))
