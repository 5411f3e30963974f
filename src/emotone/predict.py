"""From audio to scores: one Predictor behind the command line, Python and whatever serves it.

A recording no longer than the bundle's `max_utterance_s` is one utterance. A longer one, or any with `window_s` given,
is cut into windows, each treated exactly like a file, and summarised by the mean weighted with the windows' seconds of
sound. Audio is read as a stream and windows are scored in batches, so memory does not grow with duration. A bundle with
curves gives the scores of a window's chunks in the same pass, which become one curve (`emotone.curve`).
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from emotone import audio
from emotone.bundle import Bundle
from emotone.curve import SILENT, ChunkPlaces, Curve, chunk_curve, failed_curve, locate_chunks, stitch
from emotone.data.view import Chunks
from emotone.errors import EmotoneError

if TYPE_CHECKING:
    import pandas

WINDOW_S = 8.0
"""Windows of a long recording, unless the user or the bundle's longest utterance says less."""
HOP_S = 4.0
BATCH_S = 64.0
"""Seconds of audio scored together: enough to keep the network busy, little enough to stay in the cache."""


Over = Literal["recording", "windows", "curve"]
"""What a table has rows for."""


@dataclass
class Prediction:
    """What was found in one recording.

    `scores` {attribute: score on the bundle's range}, `probabilities` {category: 0..1}, `windows`: the same of every
    window (one for a short recording). `curve`: the attributes over time where the bundle has curves, over the chunks
    of one window, or stitched from those of several (`emotone.curve.stitch`); else the windows. When nothing could be
    scored, scores and probabilities are empty and `error` says why.
    """

    file: str
    start_s: float = 0.0
    end_s: float = 0.0
    scores: dict[str, float] = field(default_factory=dict)
    probabilities: dict[str, float] = field(default_factory=dict)
    windows: Curve | None = None
    curve: Curve | None = None
    error: str = ""

    @property
    def emotion(self) -> str | None:
        """The most probable category, or None for a bundle without categories."""
        return max(self.probabilities, key=self.probabilities.__getitem__) if self.probabilities else None

    def rows(self, columns: Iterable[str], over: Over = "recording") -> list[dict[str, Any]]:
        """Table rows: one for the recording, or one per window or point of the curve; `columns` are those of scores."""
        names = list(columns)
        pieces = {"recording": None, "windows": self.windows, "curve": self.curve}[over]
        if pieces is not None:
            return [
                {"file": self.file, "start_s": round(float(start), 6), "end_s": round(float(end), 6)}
                | {name: _or_none(pieces.columns[name][place]) for name in names}
                | {"error": pieces.errors[place]}
                for place, (start, end) in enumerate(zip(pieces.start_s, pieces.end_s, strict=True))
            ]
        values = self.scores | self.probabilities
        row = {"file": self.file, "start_s": self.start_s, "end_s": self.end_s}
        return [row | {name: _or_none(values.get(name)) for name in names} | {"error": self.error}]

    def to_frame(self) -> pandas.DataFrame:
        """The curve as a pandas table, one row per point of it (needs pandas)."""
        try:
            import pandas
        except ImportError:
            raise EmotoneError("Prediction.to_frame() needs the package pandas: pip install pandas") from None
        names = list(self.curve.columns) if self.curve else []
        return pandas.DataFrame(self.rows(names, over="curve"))


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

    @property
    def has_curves(self) -> bool:
        """Whether predictions come with a curve over chunks rather than windows."""
        return self._chunks is not None

    @property
    def relative(self) -> list[str]:
        """Attributes of which only the order of scores says something."""
        return [target.name for target in self.bundle.targets if target.is_relative]

    @property
    def _chunks(self) -> tuple[Chunks, float] | None:
        """For a bundle with curves of attributes: its view, and the seconds from one frame to the next."""
        view, hop_s = self.bundle.view, self.bundle.feature.hop_s
        if not self.bundle.has_curves or not isinstance(view, Chunks) or not self.attributes:
            return None
        if hop_s is None:
            raise EmotoneError(f"bundle {self.bundle.name} has curves, but a feature without frames")
        return view, hop_s

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
                window.error = SILENT
            else:
                window.weight = audio.active_duration_s(samples)
                try:
                    window.features = self.bundle.extract(samples)
                    if self._chunks is not None:
                        window.places = locate_chunks(*self._chunks, len(window.features), samples)
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
                values = {name: float(column[position]) for name, column in columns.items()}
                if not np.isfinite(list(values.values())).all():
                    window.error = "the network gives no number"
                    continue
                window.values = values
                if window.places is not None:
                    chunks = {name: curve[position] for name, curve in scores.curves.items()}
                    window.chunks = chunk_curve(window.places, chunks, window.start_s)
        for window in batch:
            window.features = window.places = None  # the curve outlives the batch, its features must not
        return batch

    def _summarise(self, file: str, windows: list[_Window]) -> Prediction:
        names = self.columns
        columns = {name: np.array([window.values.get(name, np.nan) for window in windows]) for name in names}
        pieces = Curve(
            np.array([window.start_s for window in windows]), np.array([window.end_s for window in windows]), columns,
            [window.error for window in windows],
        )  # fmt: skip
        curve = pieces if self._chunks is None else self._curve(windows, *self._chunks)
        prediction = Prediction(file, float(pieces.start_s[0]), float(pieces.end_s[-1]), windows=pieces, curve=curve)
        weight = np.array([window.weight if window.values else 0.0 for window in windows])
        if not any(window.values for window in windows):
            prediction.error = windows[0].error
            return prediction
        summary = {name: float(np.average(np.nan_to_num(columns[name]), weights=weight)) for name in names}
        prediction.scores = {name: summary[name] for name in self.attributes}
        prediction.probabilities = {name: summary[name] for name in self.categories}
        return prediction

    def _curve(self, windows: list[_Window], view: Chunks, hop_s: float) -> Curve:
        """The chunks of all windows as one curve."""
        names = list(self.attributes)
        curves = [
            window.chunks or failed_curve(names, window.start_s, window.end_s, window.error) for window in windows
        ]
        return stitch(curves, view.chunk_frames * hop_s) if len(curves) > 1 else curves[0]


@functools.lru_cache(maxsize=1)
def load_once(name: str, threads: int, device: str) -> Predictor:
    """`Predictor.load` for functions that run in worker processes: each loads it on its first file, and keeps it."""
    return Predictor.load(name, threads, device)


@dataclass
class _Window:
    start_s: float
    end_s: float
    weight: float = 0.0
    error: str = ""
    features: NDArray[np.float32] | None = None
    places: ChunkPlaces | None = None
    chunks: Curve | None = None
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
