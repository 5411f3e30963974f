"""From audio to scores: one Predictor behind the command line, Python and whatever serves it.

A recording no longer than the bundle's `max_utterance_s` is one utterance. A longer one, or any with `window_s` given,
is cut into windows, each treated exactly like a file, and summarised by the mean weighted with the windows' seconds of
sound. Audio is read as a stream and windows are scored in batches, so memory does not grow with duration. A bundle with
curves gives the scores of a window's chunks in the same pass, which become one curve (`emotone.predict.curve`).

A bundle of speech and text is given what is said beside the audio, or that alone; every window has the words in it.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from emotone.audio.level import active_duration_s, is_silent
from emotone.audio.read import RATE_HZ, AudioError, Samples, from_array, read_blocks
from emotone.audio.words.transcripts import (
    TranscriptLike,
    check_transcript,
    is_text_file,
    read_text,
    text_of,
    words_between,
)
from emotone.bundle.bundle import Bundle
from emotone.bundle.view.streams import Utterance, count_cut
from emotone.bundle.view.view import Chunks, WordChunks
from emotone.errors import EmotoneError
from emotone.predict.curve import SILENT, ChunkPlaces, Curve, chunk_curve, failed_curve, locate_chunks, stitch
from emotone.predict.prediction import Prediction, failed
from emotone.predict.windows import BATCH_S, HOP_S, WINDOW_S, Cut, check_window, cut_windows, mark_last

NO_WORDS = "its transcript has no words"


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
    _has_encoder: bool = field(default=False, init=False, repr=False)

    @classmethod
    def load(cls, name: str = "default", threads: int = 0, device: str = "cpu") -> Predictor:
        """A predictor from a bundle's name or folder (`emotone.bundle.bundle.Bundle.load`)."""
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
    def takes_speech(self) -> bool:
        """Whether scores are of how something is said, not of what is said alone."""
        return not (isinstance(self.bundle.view, WordChunks) and self.bundle.view.streams == "text")

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

    def load_encoder(self) -> None:
        """Load the encoder of transcripts; raises EmotoneError where that cannot be done, or the bundle takes none.

        What is wrong with the encoder is found here, so that it does not look like a bad transcript.
        """
        if not self.bundle.takes_text:
            raise EmotoneError(f"bundle {self.bundle.name} takes no transcripts; it scores audio")
        if not self._has_encoder:
            self.bundle.text_feature.encode(["a"])
            self._has_encoder = True

    def predict(
        self,
        source: str | os.PathLike[str] | NDArray[np.generic],
        rate_hz: int | None = None,
        window_s: float | None = None,
        hop_s: float | None = None,
        transcript: TranscriptLike | None = None,
    ) -> Prediction:
        """The emotion in a file or an array ([N] or [N, channels], with its rate), or in the text of a `.txt` file.

        transcript: what is said in it, for a bundle that takes text: text, or words with their times, which a recording
        needs that is longer than one window. Where nothing of it can be used, scores are of the audio alone, as
        `Prediction.inputs` and its note say.

        Raises AudioError for audio that cannot be used (see `try_predict` for batches), with this transcript or at all,
        and EmotoneError for bad window settings and for transcripts where the bundle takes none.
        """
        check_window(window_s, hop_s)
        if isinstance(source, np.ndarray):
            if rate_hz is None:
                raise EmotoneError("predict(array) needs rate_hz, the array's sample rate in Hz")
            file, blocks = "array", iter([from_array(source, rate_hz)])
        elif is_text_file(source):
            if transcript is not None:
                raise EmotoneError(f"{os.fspath(source)} is a transcript itself; it takes no other")
            return self._predict_text_file(os.fspath(source))
        else:
            file, blocks = os.fspath(source), read_blocks(source)
        limit_s = self.bundle.max_utterance_s if window_s is None else 0.0
        window_s = window_s or min(WINDOW_S, self.bundle.max_utterance_s)
        windows = cut_windows(blocks, window_s, hop_s or min(HOP_S, window_s / 2), limit_s)
        if transcript is not None:
            self.load_encoder()
            _check_transcript(file, transcript)
        if isinstance(transcript, str) and transcript.strip():
            windows = iter([self._only_window(file, windows, max(limit_s, window_s))])
        prediction = self._summarise(file, list(self._score(windows, transcript)))
        if transcript is not None:
            _check_transcript(file, transcript, prediction.end_s)
            if not text_of(transcript).strip():
                prediction.note = NO_WORDS
        if not prediction.scores and not prediction.probabilities:
            raise AudioError(file, prediction.error)
        return prediction

    def predict_text(self, text: str) -> Prediction:
        """The emotion in what is said, from its text alone.

        Raises EmotoneError for a bundle that scores audio alone, and for text of which the encoder knows no token.
        """
        self.load_encoder()
        check_transcript(text)
        window = _Window(0.0, 0.0, weight=1.0)
        self._add_text(window, text)
        if window.utterance.text is None:
            raise EmotoneError(window.note or NO_WORDS)
        self._add_inputs(window)
        prediction = self._summarise("text", self._score_batch([window]))
        if prediction.error:
            raise EmotoneError(prediction.error)
        return replace(prediction, start_s=None, end_s=None, windows=None, curve=None)

    def _predict_text_file(self, file: str) -> Prediction:
        text = read_text(file)
        if not self.bundle.takes_text:
            raise AudioError(file, f"is a transcript; bundle {self.bundle.name} scores audio")
        self.load_encoder()
        try:
            return replace(self.predict_text(text), file=file)
        except EmotoneError as error:
            raise AudioError(file, str(error)) from None

    def try_predict(
        self,
        file: str | os.PathLike[str],
        window_s: float | None = None,
        hop_s: float | None = None,
        transcript: TranscriptLike | None = None,
    ) -> Prediction:
        """`predict` of a file for batches: what is wrong with the file becomes the prediction's `error`."""
        try:
            return self.predict(file, None, window_s, hop_s, transcript)
        except AudioError as error:
            return failed(os.fspath(file), error.reason)

    def _only_window(self, file: str, windows: Iterator[Cut], longest_s: float) -> Cut:
        """The one window of a recording whose transcript has no times; raises AudioError where there are more."""
        first = next(windows)
        ends = [start + len(samples) for start, samples in windows]
        if ends:
            duration_s = ends[-1] / RATE_HZ
            raise AudioError(
                file,
                f"is {duration_s:.1f} s long, longer than the {longest_s:g} s that {self.bundle.name} scores at once, "
                "and its transcript has no times; use --transcript auto, or a table of words with times",
            )
        return first

    def _score(self, windows: Iterable[Cut], said: TranscriptLike | None = None) -> Iterator[_Window]:
        """Score windows in batches; a window that cannot be scored carries its error on."""
        batch: list[_Window] = []
        for (start, samples), is_last in mark_last(windows):
            window = _Window(start / RATE_HZ, (start + len(samples)) / RATE_HZ)
            self._add_speech(window, samples)
            if said is not None:
                self._add_text(window, said, is_last)
            if self.bundle.takes_text:
                self._add_inputs(window)
            batch.append(window)
            if sum(window.end_s - window.start_s for window in batch) >= BATCH_S:
                yield from self._score_batch(batch)
                batch = []
        yield from self._score_batch(batch)

    def _add_speech(self, window: _Window, samples: Samples) -> None:
        if is_silent(samples):
            window.error = SILENT
            return
        window.weight = active_duration_s(samples)
        if not self.takes_speech:
            return
        try:
            features = self.bundle.extract(samples)
            if self._chunks is not None:
                window.places = locate_chunks(*self._chunks, len(features), samples)
        except EmotoneError as error:
            window.error = str(error)
            return
        window.utterance = Utterance(features)

    def _add_text(self, window: _Window, said: TranscriptLike, is_last: bool = True) -> None:
        """What of a transcript is said in a window, encoded; a note where it cannot be, or not as a whole."""
        words = said if isinstance(said, str) else words_between(said, window.start_s, window.end_s, is_last)
        text = text_of(words)
        if not text.strip():
            return
        try:
            window.note = self.bundle.text_feature.check(text)
        except EmotoneError as error:
            window.note = str(error)
            return
        window.utterance = window.utterance._replace(
            text=self.bundle.text_feature.encode([text])[0],
            words=len(text.split()) if isinstance(words, str) else words,
        )

    def _add_inputs(self, window: _Window) -> None:
        """What a window is scored by, or its error; one without speech that can be used is scored by its text."""
        view = self.bundle.view
        assert isinstance(view, WordChunks)
        window.inputs = window.utterance.inputs
        if window.inputs == "text" and window.error:
            window.note, window.error = window.error, ""
            window.weight = window.weight or window.end_s - window.start_s
        elif count_cut([window.utterance], view):
            window.note = f"longer than the {view.max_steps} words or tokens that {self.bundle.name} takes, and cut"
        if not window.inputs and not window.error:
            window.error = window.note or f"bundle {self.bundle.name} scores what is said; it needs a transcript"

    def _score_batch(self, batch: list[_Window]) -> list[_Window]:
        good = [window for window in batch if not window.error]
        if good:
            scores = self.bundle.score_features([window.utterance for window in good])
            columns = scores.attributes | scores.probabilities
            for position, window in enumerate(good):
                values = {name: float(column[position]) for name, column in columns.items()}
                if not np.isfinite(list(values.values())).all():
                    window.error, window.inputs = "the network gives no number", ""
                    continue
                window.values = values
                if window.places is not None:
                    chunks = {name: curve[position] for name, curve in scores.curves.items()}
                    window.chunks = chunk_curve(window.places, chunks, window.start_s)
        for window in batch:
            window.utterance, window.places = Utterance(None), None  # the curve outlives the batch, features must not
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
        prediction.note = next((window.note for window in windows if window.note), "")
        if self.bundle.takes_text:
            prediction.window_inputs = [window.inputs for window in windows]
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
    note: str = ""
    inputs: str = ""
    utterance: Utterance = Utterance(None)
    places: ChunkPlaces | None = None
    chunks: Curve | None = None
    values: dict[str, float] = field(default_factory=dict)


def _check_transcript(file: str, said: TranscriptLike, duration_s: float | None = None) -> None:
    try:
        check_transcript(said, duration_s)
    except EmotoneError as error:
        raise AudioError(file, str(error)) from None
