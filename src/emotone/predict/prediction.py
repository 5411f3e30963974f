"""The prediction of one recording: its scores, those of its windows and over time; as table rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from emotone.audio.words.transcripts import is_text_file
from emotone.bundle.target import EMOTION
from emotone.errors import EmotoneError, unknown
from emotone.predict.curve import Curve

if TYPE_CHECKING:
    import pandas

Over = Literal["recording", "windows", "utterances", "curve"]
"""What a table has rows for."""
Choices = Mapping[str, Mapping[str, str]]
"""{target of categories: {label: the column of its probability}}."""


@dataclass
class Prediction:
    """The emotion in one recording, from `start_s` to `end_s`, or in a text, which has neither times nor windows.

    scores {attribute: on the bundle's range}, probabilities {column: 0..1}; both empty where nothing could be scored,
    and `error` says why. choices: of which target and label each probability is; {}: all are of emotions. windows: the
    same for every window, one for a short recording. curve: the attributes over time where the bundle has curves, over
    the chunks of one window, or stitched from those of several (`emotone.predict.curve.stitch`); else the windows.
    window_inputs: of a bundle that takes text the `inputs` of each window. note: what is to be said of scores that mean
    little (no speech found) or are not of all that was given (a transcript that was cut, channels that cancel).
    speech_share: of the recording, 0..1, where somebody speaks; None for text. window_notes, window_speech_share: the
    same of each window. window_weights: what each window counts in the scores, its seconds of speech. speakers: of each
    window, where they are turns of speakers. channel: the one that was heard, from 1; None: all.

    >>> prediction = Prediction("talk.wav", 0.0, 2.5, {"arousal": 5.5}, {"anger": 0.7, "neutral": 0.3})
    >>> prediction.emotion, prediction.scores["arousal"], prediction.end_s
    ('anger', 5.5, 2.5)
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
    choices: Choices = field(default_factory=dict)
    speech_share: float | None = None
    window_notes: list[str] = field(default_factory=list)
    window_speech_share: list[float | None] = field(default_factory=list)
    window_weights: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    speakers: list[str] = field(default_factory=list)
    channel: int | None = None

    @property
    def inputs(self) -> str:
        """Inputs that were scored: "speech", "text", "speech+text"; "" for none, and where a bundle takes no text."""
        return "+".join(name for name in ("speech", "text") if any(name in inputs for inputs in self.window_inputs))

    @property
    def labels(self) -> dict[str, str | None]:
        """The most probable label of every target of categories; None where nothing was scored."""
        emotions = {EMOTION: {name: name for name in self.probabilities}} if self.probabilities else {}
        return _labels(self.probabilities, self.choices or emotions)

    @property
    def emotion(self) -> str | None:
        """The most probable emotion, or None for a bundle that knows none."""
        return self.labels.get(EMOTION)

    def rows(
        self,
        columns: Iterable[str],
        over: Over = "recording",
        with_inputs: bool = False,
        choices: Choices | None = None,
    ) -> list[dict[str, Any]]:
        """Table rows: one for the recording, or one per window or point of the curve; `columns` are those of scores.

        With `choices`, of the columns that are probabilities, a column of each target's name has the most probable
        label of each row, and None where nothing was scored. Rows of recordings and windows have `speech_share` and
        `note` before the error. Raises EmotoneError for rows over anything else.
        """
        if over not in get_args(Over):
            raise unknown("kind of rows", over, get_args(Over))
        names = list(columns)
        pieces = {"recording": None, "curve": self.curve}.get(over, self.windows)
        if pieces is not None:
            return [
                {"file": self.file, "start_s": round(float(start), 6), "end_s": round(float(end), 6)}
                | self._place(self.speakers[place] if self.speakers else None)
                | ({"inputs": self.window_inputs[place]} if with_inputs else {})
                | _scores({name: pieces.columns[name][place] for name in names}, choices or {})
                | (self._window_heard(place) if over != "curve" else {})
                | {"error": pieces.errors[place]}
                for place, (start, end) in enumerate(zip(pieces.start_s, pieces.end_s, strict=True))
            ]
        values = self.scores | self.probabilities
        row: dict[str, Any] = {"file": self.file, "start_s": self.start_s, "end_s": self.end_s}
        row |= self._place(None) | ({"inputs": self.inputs} if with_inputs else {})
        row |= _scores({name: values.get(name) for name in names}, choices or {})
        row |= {} if over == "curve" else _heard(self.speech_share, self.note)
        return [row | {"error": self.error}]

    def _place(self, speaker: str | None) -> dict[str, Any]:
        """The cells of a row that say who is heard: a channel, a speaker, where there is one."""
        channel = {} if self.channel is None else {"channel": str(self.channel)}
        return channel if speaker is None else channel | {"speaker": speaker}

    @property
    def shares(self) -> dict[str, float]:
        """The share of speech in which each label is the most probable: {column of probabilities: 0..1}.

        Of one target these add up to 1; what changes over twenty minutes does not average to nothing. {} where nothing
        was scored.
        """
        if self.windows is None or not self.window_weights.any():
            return {}
        found: dict[str, float] = {}
        for columns in self.choices.values():
            names = list(columns.values())
            values = np.stack([np.nan_to_num(self.windows.columns[name], nan=-1.0) for name in names])
            won = np.bincount(values.argmax(axis=0), self.window_weights, len(names)) / self.window_weights.sum()
            found |= dict(zip(names, won.tolist(), strict=True))
        return found

    @property
    def spread(self) -> dict[str, float]:
        """How far the scores of its windows lie apart: the standard deviation, weighted like the mean."""
        if self.windows is None or not self.window_weights.any():
            return {}
        found = {}
        for name, mean in self.scores.items():
            squares = np.nan_to_num(self.windows.columns[name] - mean) ** 2
            found[name] = round(float(np.sqrt(np.average(squares, weights=self.window_weights))), 6)
        return found

    def _window_heard(self, place: int) -> dict[str, Any]:
        """`_heard` of a window."""
        share = self.window_speech_share[place] if self.window_speech_share else None
        return _heard(share, self.window_notes[place] if self.window_notes else "")

    def _repr_html_(self) -> str:
        """What a notebook shows (`emotone.predict.notebook`): a player, scores and probabilities, the curve."""
        from emotone.predict.notebook import to_html

        return to_html(self)

    def to_frame(self) -> pandas.DataFrame:
        """The curve as a pandas table, one row per point of it (needs pandas)."""
        try:
            import pandas
        except ImportError:
            raise EmotoneError("Prediction.to_frame() needs the package pandas: pip install pandas") from None
        names = list(self.curve.columns) if self.curve else []
        probable = {name: name for name in names if name in self.probabilities}
        choices = (self.choices or {EMOTION: probable}) if probable else {}
        return pandas.DataFrame(self.rows(names, "curve", self.inputs != "", choices))


def failed(file: str, error: str) -> Prediction:
    """The prediction of a file that cannot be used, whose error says why."""
    time_s = None if is_text_file(file) else 0.0
    return Prediction(file, time_s, time_s, error=error)


def most_probable(probabilities: Mapping[str, float]) -> str | None:
    """The category of the highest probability, the first of equals; None where there is no probability.

    >>> most_probable({"calm": 0.25, "tense": 0.75}), most_probable({"calm": np.nan})
    ('tense', None)
    """
    known = {name: value for name, value in probabilities.items() if not np.isnan(value)}
    return max(known, key=known.__getitem__) if known else None


def _scores(values: Mapping[str, float | None], choices: Choices) -> dict[str, Any]:
    """The cells of a row's scores, and before them the most probable label of each target of `choices`."""
    return _labels(values, choices) | {name: _or_none(value) for name, value in values.items()}


def _labels(values: Mapping[str, float | None], choices: Choices) -> dict[str, Any]:
    return {
        target: most_probable({label: value for label, at in columns.items() if (value := values.get(at)) is not None})
        for target, columns in choices.items()
    }


def _heard(speech_share: float | None, note: str) -> dict[str, Any]:
    """The cells of a row that say how far its scores mean anything."""
    return {"speech_share": None if speech_share is None else round(speech_share, 3), "note": note}


def join_notes(*notes: str) -> str:
    """Notes as one line, without those that are empty.

    >>> join_notes("no speech found", "", "cut")
    'no speech found; cut'
    """
    return "; ".join(filter(None, notes))


def _or_none(value: float | None) -> float | None:
    """A score as a table has it: six digits, which is far finer than any score is meant; None for NaN."""
    return None if value is None or np.isnan(value) else float(f"{value:.6g}")
