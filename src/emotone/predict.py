"""From audio to scores: one Predictor behind the command line, Python and whatever serves it.

A recording no longer than the bundle's `max_utterance_s` is one utterance. A longer one, or any with `window_s` given,
is cut into windows, each treated exactly like a file, and summarised by the mean weighted with the windows' seconds of
sound. Audio is read as a stream and windows are scored in batches, so memory does not grow with duration.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emotone import audio
from emotone.bundle import Bundle
from emotone.errors import EmotoneError

if TYPE_CHECKING:
    import pandas

WINDOW_S = 8.0
"""Windows of a long recording, unless the user or the bundle's longest utterance says less."""
HOP_S = 4.0
BATCH_S = 64.0
"""Seconds of audio scored together: enough to keep the network busy, little enough to stay in the cache."""


@dataclass
class Curve:
    """Scores over time: W windows from `start_s` [W] to `end_s` [W], `columns` {name: [W]}; NaN where one failed."""

    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    columns: dict[str, NDArray[np.float64]]
    errors: list[str]

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Midpoints of the windows [W]."""
        return (self.start_s + self.end_s) / 2


@dataclass
class Prediction:
    """What was found in one recording.

    `scores` {attribute: score on the bundle's range}, `probabilities` {category: 0..1}, `curve` over the windows (one
    window for a short recording). When nothing could be scored both are empty and `error` says why.
    """

    file: str
    start_s: float = 0.0
    end_s: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)
    probabilities: dict[str, float] = field(default_factory=dict)
    curve: Curve | None = None
    error: str = ""

    @property
    def emotion(self) -> str | None:
        """The most probable category, or None for a bundle without categories."""
        return max(self.probabilities, key=self.probabilities.__getitem__) if self.probabilities else None

    def rows(self, columns: Iterable[str], per_window: bool = False) -> list[dict[str, Any]]:
        """Table rows: one for the recording, or one per window; `columns` are the bundle's score columns."""
        names = list(columns)
        if per_window and self.curve is not None:
            return [
                {"file": self.file, "start_s": float(start), "end_s": float(end)}
                | {name: _or_none(self.curve.columns[name][w]) for name in names}
                | {"error": self.curve.errors[w]}
                for w, (start, end) in enumerate(zip(self.curve.start_s, self.curve.end_s, strict=True))
            ]
        values = self.scores | self.probabilities
        row = {"file": self.file, "start_s": self.start_s, "end_s": self.end_s}
        return [row | {name: _or_none(values.get(name)) for name in names} | {"error": self.error}]

    def to_frame(self) -> pandas.DataFrame:
        """The curve as a pandas table, one row per window (needs pandas)."""
        try:
            import pandas
        except ImportError:
            raise EmotoneError("Prediction.to_frame() needs the package pandas: pip install pandas") from None
        names = list(self.curve.columns) if self.curve else []
        return pandas.DataFrame(self.rows(names, per_window=True))


def _or_none(value: float | None) -> float | None:
    """A score as it stands in a table: six digits are far finer than any score is meant, NaN is nothing."""
    return None if value is None or np.isnan(value) else float(f"{value:.6g}")


@dataclass
class Predictor:
    """Scores recordings with a bundle.

    >>> predictor = Predictor.load("default")
    >>> tone = np.sin(np.arange(48_000) / 20).astype(np.float32)
    >>> prediction = predictor.predict(tone, rate_hz=16_000)
    >>> list(prediction.scores), prediction.end_s
    (['arousal', 'dominance', 'valence'], 3.0)
    """

    bundle: Bundle

    @classmethod
    def load(cls, name: str = "default", threads: int = 0, device: str = "cpu") -> Predictor:
        """A predictor from a bundle's name or folder (`emotone.bundle.Bundle.load`)."""
        return cls(Bundle.load(name, threads, device))

    @property
    def attributes(self) -> dict[str, tuple[float, float]]:
        """Attributes and the range of their scores."""
        return {target.name: target.range for target in self.bundle.targets if target.range is not None}

    @property
    def categories(self) -> list[str]:
        """Emotion categories, in the order of the probability columns."""
        return [label for target in self.bundle.targets for label in target.labels]

    @property
    def columns(self) -> list[str]:
        """Names of all score columns: attributes, then categories."""
        return [*self.attributes, *self.categories]

    def predict(
        self,
        source: str | os.PathLike[str] | NDArray[np.generic],
        rate_hz: int | None = None,
        window_s: float | None = None,
        hop_s: float | None = None,
    ) -> Prediction:
        """The emotion in a file or an array ([N] or [N, channels], with its rate).

        Raises AudioError for audio that cannot be used (see `try_predict` for batches) and EmotoneError for bad
        window settings.
        """
        check_window(window_s, hop_s)
        if isinstance(source, np.ndarray):
            if rate_hz is None:
                raise EmotoneError("predict(array) needs rate_hz, the array's sample rate in Hz")
            file, blocks = "array", iter([audio.from_array(source, rate_hz)])
        else:
            file, blocks = os.fspath(source), audio.read_blocks(source)
        limit_s = self.bundle.max_utterance_s if window_s is None else 0.0
        window_s = window_s or min(WINDOW_S, self.bundle.max_utterance_s)
        windows = cut_windows(blocks, window_s, hop_s or min(HOP_S, window_s / 2), limit_s)
        prediction = self._summarise(file, list(self._score(windows)))
        if not prediction.scores and not prediction.probabilities:
            raise audio.AudioError(file, prediction.error)
        return prediction

    def try_predict(
        self, file: str | os.PathLike[str], window_s: float | None = None, hop_s: float | None = None
    ) -> Prediction:
        """`predict` of a file for batches: what is wrong with the file becomes the prediction's `error`."""
        try:
            return self.predict(file, window_s=window_s, hop_s=hop_s)
        except audio.AudioError as error:
            return Prediction(os.fspath(file), error=error.reason)

    def _score(self, windows: Iterable[tuple[int, audio.Samples]]) -> Iterator[_Window]:
        """Score windows in batches; a window that cannot be scored carries its error on."""
        batch: list[_Window] = []
        for start, samples in windows:
            window = _Window(start / audio.RATE_HZ, (start + len(samples)) / audio.RATE_HZ)
            if audio.is_silent(samples):
                window.error = "is silent"
            else:
                window.weight = audio.active_duration_s(samples)
                try:
                    window.features = self.bundle.extract(samples)
                except EmotoneError as error:
                    window.error = str(error)
            batch.append(window)
            if sum(window.end_s - window.start_s for window in batch) >= BATCH_S:
                yield from self._score_batch(batch)
                batch = []
        yield from self._score_batch(batch)

    def _score_batch(self, batch: list[_Window]) -> list[_Window]:
        good = [window for window in batch if window.features is not None]
        if good:
            scores = self.bundle.score_features([window.features for window in good if window.features is not None])
            columns = scores.attributes | scores.probabilities
            for position, window in enumerate(good):
                window.values = {name: float(column[position]) for name, column in columns.items()}
                window.features = None  # the curve outlives the batch, its features must not
        return batch

    def _summarise(self, file: str, windows: list[_Window]) -> Prediction:
        names = self.columns
        columns = {name: np.array([window.values.get(name, np.nan) for window in windows]) for name in names}
        curve = Curve(
            np.array([window.start_s for window in windows]), np.array([window.end_s for window in windows]), columns,
            [window.error for window in windows],
        )  # fmt: skip
        prediction = Prediction(file, float(curve.start_s[0]), float(curve.end_s[-1]), curve=curve)
        weight = np.array([window.weight if window.values else 0.0 for window in windows])
        if not any(window.values for window in windows):
            prediction.error = windows[0].error
            return prediction
        summary = {name: float(np.average(np.nan_to_num(columns[name]), weights=weight)) for name in names}
        prediction.scores = {name: summary[name] for name in self.attributes}
        prediction.probabilities = {name: summary[name] for name in self.categories}
        return prediction


@dataclass
class _Window:
    start_s: float
    end_s: float
    weight: float = 0.0
    error: str = ""
    features: NDArray[np.float32] | None = None
    values: dict[str, float] = field(default_factory=dict)


def check_window(window_s: float | None, hop_s: float | None) -> None:
    """Raise EmotoneError for window settings that make no sense."""
    if window_s is not None and not 0.1 <= window_s <= 600:
        raise EmotoneError(f"window must be from 0.1 to 600 seconds, not {window_s:g}")
    if hop_s is not None and not 0.05 <= hop_s <= (window_s or WINDOW_S):
        raise EmotoneError(f"hop must be from 0.05 seconds to the window ({window_s or WINDOW_S:g}), not {hop_s:g}")


def cut_windows(
    blocks: Iterable[audio.Samples], window_s: float, hop_s: float, limit_s: float
) -> Iterator[tuple[int, audio.Samples]]:
    """Windows (first sample, samples) of a stream of blocks; a stream no longer than `limit_s` is one window.

    The last window ends with the recording and is shorter where the durations do not divide; nothing is left out.

    >>> second = np.ones(16_000, np.float32)
    >>> [(start / 16_000, len(window) / 16_000) for start, window in cut_windows([second] * 5, 2.0, 1.5, 4.0)]
    [(0.0, 2.0), (1.5, 2.0), (3.0, 2.0)]
    """
    window, hop, limit = (round(seconds * audio.RATE_HZ) for seconds in (window_s, hop_s, limit_s))
    buffer: list[audio.Samples] = []
    held, start, is_long = 0, 0, False
    for block in blocks:
        buffer.append(block)
        held += len(block)
        is_long = is_long or held > limit
        if not is_long or held <= window:
            continue
        joined = np.concatenate(buffer)
        position = 0
        while len(joined) - position > window:  # one sample more: this window is not the last
            yield start + position, joined[position : position + window]
            position += hop
        buffer, held, start = [joined[position:].copy()], len(joined) - position, start + position
    if held:
        yield start, np.concatenate(buffer)
