"""The table of predictions: its columns, its rows, and a row as a line for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emotone.base.result_table import Row
from emotone.predict.prediction import Choices, Over, Prediction
from emotone.predict.predictor import Predictor

MOST_NAME, LEAST_SCORE = 48, 9
"""Characters that a file's name takes at most, and a score at least."""


@dataclass(frozen=True)
class Table:
    """Rows for recordings, windows or points of a curve, with the columns `scores`; `inputs` where bundles take text.

    Before the scores stands the most probable label of each target of `choices`, in a column of its name.

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

    @classmethod
    def of(cls, predictor: Predictor, over: Over) -> Table:
        """The table of a predictor's predictions; categories have no curve."""
        categories, choices = ([], {}) if over == "curve" else (predictor.categories, predictor.choices)
        return cls(over, [*predictor.attributes, *categories], predictor.bundle.takes_text, choices)

    @property
    def columns(self) -> list[str]:
        """Names of all columns."""
        inputs = ["inputs"] * self.has_inputs
        heard = [] if self.over == "curve" else ["speech_share", "note"]
        return ["file", "start_s", "end_s", *inputs, *self.choices, *self.scores, *heard, "error"]

    def rows(self, prediction: Prediction) -> list[Row]:
        """The rows of one prediction, as JSON has them: None is unknown."""
        return prediction.rows(self.scores, self.over, self.has_inputs, self.choices)

    def header(self, width: int) -> str:
        """The names above the lines; `width` is that of the column of files."""
        inputs = "inputs      " if self.has_inputs else ""
        scores = " ".join(f"{name:>{max(LEAST_SCORE, len(name))}}" for name in self.scores)
        labels = self._labels({name: name for name in self.choices})
        return f"{'file':<{width}} {'start_s':>8} {'end_s':>8} {inputs}{labels}{scores}"

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
        return f"{file:<{width}} {start_s:>8} {end_s:>8} {inputs}{values}"

    def _labels(self, row: Mapping[str, Any]) -> str:
        """The most probable labels of a line, each as wide as the longest; nothing where there are none."""
        widths = {name: max(map(len, [name, *labels])) for name, labels in self.choices.items()}
        return "".join(f"{row.get(name) or '':<{width}} " for name, width in widths.items())


def name_width(files: Sequence[str]) -> int:
    """Characters of the column of files."""
    return max(4, min(MOST_NAME, max(map(len, files))))
