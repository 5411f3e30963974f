"""The prediction of one recording: its scores, those of its windows and over time; as table rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from emotone.audio.words.transcripts import is_text_file
from emotone.errors import EmotoneError
from emotone.predict.curve import Curve

if TYPE_CHECKING:
    import pandas

Over = Literal["recording", "windows", "curve"]
"""What a table has rows for."""


@dataclass
class Prediction:
    """The emotion in one recording, from `start_s` to `end_s`, or in a text, which has neither times nor windows.

    scores {attribute: on the bundle's range}, probabilities {category: 0..1}; both empty where nothing could be scored,
    and `error` says why. windows: the same for every window, one for a short recording. curve: the attributes over
    time where the bundle has curves, over the chunks of one window, or stitched from those of several
    (`emotone.predict.curve.stitch`); else the windows. window_inputs: of a bundle that takes text the `inputs` of each
    window, with a `note` where they are not all that was given.
    """

    file: str
    start_s: float | None = 0.0
    end_s: float | None = 0.0
    scores: dict[str, float] = field(default_factory=dict)
    probabilities: dict[str, float] = field(default_factory=dict)
    windows: Curve | None = None
    curve: Curve | None = None
    error: str = ""
    note: str = ""
    window_inputs: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> str:
        """Inputs that were scored: "speech", "text", "speech+text"; "" for none, and where a bundle takes no text."""
        return "+".join(name for name in ("speech", "text") if any(name in inputs for inputs in self.window_inputs))

    @property
    def emotion(self) -> str | None:
        """The most probable category, or None for a bundle without categories."""
        return max(self.probabilities, key=self.probabilities.__getitem__) if self.probabilities else None

    def rows(self, columns: Iterable[str], over: Over = "recording", with_inputs: bool = False) -> list[dict[str, Any]]:
        """Table rows: one for the recording, or one per window or point of the curve; `columns` are those of scores."""
        names = list(columns)
        pieces = {"recording": None, "windows": self.windows, "curve": self.curve}[over]
        if pieces is not None:
            return [
                {"file": self.file, "start_s": round(float(start), 6), "end_s": round(float(end), 6)}
                | ({"inputs": self.window_inputs[place]} if with_inputs else {})
                | {name: _or_none(pieces.columns[name][place]) for name in names}
                | {"error": pieces.errors[place]}
                for place, (start, end) in enumerate(zip(pieces.start_s, pieces.end_s, strict=True))
            ]
        values = self.scores | self.probabilities
        row: dict[str, Any] = {"file": self.file, "start_s": self.start_s, "end_s": self.end_s}
        row |= {"inputs": self.inputs} if with_inputs else {}
        return [row | {name: _or_none(values.get(name)) for name in names} | {"error": self.error}]

    def to_frame(self) -> pandas.DataFrame:
        """The curve as a pandas table, one row per point of it (needs pandas)."""
        try:
            import pandas
        except ImportError:
            raise EmotoneError("Prediction.to_frame() needs the package pandas: pip install pandas") from None
        names = list(self.curve.columns) if self.curve else []
        return pandas.DataFrame(self.rows(names, "curve", with_inputs=self.inputs != ""))


def failed(file: str, error: str) -> Prediction:
    """The prediction of a file that cannot be used, whose error says why."""
    time_s = None if is_text_file(file) else 0.0
    return Prediction(file, time_s, time_s, error=error)


def _or_none(value: float | None) -> float | None:
    """A score as a table has it: six digits, which is far finer than any score is meant; None for NaN."""
    return None if value is None or np.isnan(value) else float(f"{value:.6g}")
