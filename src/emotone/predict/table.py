"""The table of predictions: its columns, its rows, and a row as a line for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emotone.base.result_table import Row
from emotone.predict.prediction import Over, Prediction
from emotone.predict.predictor import Predictor

MOST_NAME, LEAST_SCORE = 48, 9
"""Characters that a file's name takes at most, and a score at least."""


@dataclass(frozen=True)
class Table:
    """Rows for recordings, windows or points of a curve, with the columns `scores`; `inputs` where bundles take text.

    >>> table = Table("recording", ["arousal"], has_inputs=False)
    >>> table.columns
    ['file', 'start_s', 'end_s', 'arousal', 'error']
    >>> [row] = table.rows(Prediction("talk.wav", 0.0, 2.5, {"arousal": 4.25}))
    >>> print(table.header(8), table.line(row, 8), sep="\\n")
    file      start_s    end_s   arousal
    talk.wav     0.00     2.50     4.250
    """

    over: Over
    scores: list[str]
    has_inputs: bool

    @classmethod
    def of(cls, predictor: Predictor, over: Over) -> Table:
        """The table of a predictor's predictions; categories have no curve."""
        scores = list(predictor.attributes) if over == "curve" else predictor.columns
        return cls(over, scores, predictor.bundle.takes_text)

    @property
    def columns(self) -> list[str]:
        """Names of all columns."""
        return ["file", "start_s", "end_s", *(["inputs"] if self.has_inputs else []), *self.scores, "error"]

    def rows(self, prediction: Prediction) -> list[Row]:
        """The rows of one prediction, as JSON has them: None is unknown."""
        return prediction.rows(self.scores, self.over, self.has_inputs)

    def header(self, width: int) -> str:
        """The names above the lines; `width` is that of the column of files."""
        inputs = "inputs      " if self.has_inputs else ""
        scores = " ".join(f"{name:>{max(LEAST_SCORE, len(name))}}" for name in self.scores)
        return f"{'file':<{width}} {'start_s':>8} {'end_s':>8} {inputs}{scores}"

    def line(self, row: Row, width: int) -> str:
        """A row in columns; a long name is cut in front, and an error stands where the scores would."""
        file = row["file"].replace("\n", "\\n")
        file = file if len(file) <= width else "..." + file[3 - width :]
        start_s, end_s = ("" if row[key] is None else f"{row[key]:.2f}" for key in ("start_s", "end_s"))
        inputs = f"{row['inputs']:<11} " if self.has_inputs else ""
        if row["error"] and row[self.scores[0]] is None:
            values = f"error: {row['error']}"
        else:
            values = " ".join(f"{row[name]:{max(LEAST_SCORE, len(name))}.3f}" for name in self.scores)
        return f"{file:<{width}} {start_s:>8} {end_s:>8} {inputs}{values}"


def name_width(files: Sequence[str]) -> int:
    """Characters of the column of files."""
    return max(4, min(MOST_NAME, max(map(len, files))))
