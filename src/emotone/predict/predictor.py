"""From audio to scores: the Predictor that the command line, Python and servers share.

A recording no longer than the bundle's `max_utterance_s` is one utterance. A longer one, or any with `window_s` given,
is cut into windows, each scored exactly like a file (`emotone.predict.windows`), and summarised by the mean weighted
with the windows' seconds of speech, or of sound where nobody speaks. Audio is read as a stream and windows are scored
in batches, so memory does not grow with duration. A bundle with curves gives the scores of a window's chunks in the
same pass, which become one curve (`emotone.predict.curve`).

A bundle of speech and text is given a transcript beside the audio, or that alone; every window has its own words.

Of the names that audinterface has, `predict_files` is its `process_files`, `predict_index` its `process_index`, and
`process_signal` is what its `Feature` and `Process` call.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emotone.audio.read import RATE_HZ, AudioError, Samples, from_array, read_blocks
from emotone.audio.words.transcripts import TranscriptLike, check_transcript, is_text_file, read_text_file, text_of
from emotone.base.processes import DIED, map_ordered
from emotone.bundle.bundle import Bundle
from emotone.errors import EmotoneError
from emotone.predict.cuts import Parts, Windows, cut
from emotone.predict.frame import Part, check_files, import_pandas, parts_of, to_frame, with_index
from emotone.predict.prediction import Choices, Over, Prediction, failed, join_notes
from emotone.predict.summary import summarise
from emotone.predict.table import Table
from emotone.predict.windows import NO_WORDS, Cut, check_window, chunks_of, score_text, score_windows, takes_speech

if TYPE_CHECKING:
    import pandas

    from emotone.audio.utterances import UtteranceRules


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
    def load(cls, name: str = "default", threads: int = 0, device: str = "cpu", lld: str | None = None) -> Predictor:
        """A predictor from a bundle's name or folder (`emotone.bundle.bundle.Bundle.load`)."""
        return cls(Bundle.load(name, threads, device, lld))

    def __repr__(self) -> str:
        """One line, as notebooks show it.

        >>> Predictor.load("small")
        Predictor(small: arousal, dominance, valence, emotion)
        """
        return f"{type(self).__name__}({self.bundle.name}: {', '.join(target.name for target in self.bundle.targets)})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as its bundle is, by name or folder; what it has loaded is loaded anew."""
        return type(self), (self.bundle,)

    @property
    def attributes(self) -> dict[str, tuple[float, float]]:
        """Attributes and the range of their scores."""
        return {target.name: target.range for target in self.bundle.targets if target.range is not None}

    @property
    def categories(self) -> list[str]:
        """The columns of probabilities: emotions by their names, other categories as TARGET_LABEL."""
        return [column for labels in self.choices.values() for column in labels.values()]

    @property
    def choices(self) -> Choices:
        """The targets of categories, each with its labels and their columns."""
        return {target.name: target.columns for target in self.bundle.targets if target.labels}

    @property
    def columns(self) -> list[str]:
        """Names of all score columns: attributes, then categories."""
        return [*self.attributes, *self.categories]

    @property
    def has_curves(self) -> bool:
        """Whether predictions come with a curve over chunks rather than windows."""
        return chunks_of(self.bundle) is not None

    @property
    def takes_speech(self) -> bool:
        """Whether audio is scored, rather than transcripts alone."""
        return takes_speech(self.bundle)

    @property
    def relative(self) -> list[str]:
        """Attributes of which only the order of scores says something."""
        return [target.name for target in self.bundle.targets if target.is_relative]

    @property
    def reliability(self) -> dict[str, str]:
        """What the bundle says of how far scores may be relied on: {target: one sentence}; most say nothing."""
        return dict(self.bundle.about.reliability)

    @property
    def cautions(self) -> list[str]:
        """What is to be said before its scores: `reliability`, and a note of the bundle (`Bundle.note`)."""
        found = [f"{target}: {sentence}" for target, sentence in self.reliability.items()]
        return [*found, *filter(None, [self.bundle.note])]

    def load_encoder(self) -> None:
        """Load the encoder of transcripts; raises EmotoneError where that cannot be done, or the bundle takes none.

        A fault of the encoder is found here, so that it does not look like a bad transcript.
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
        parts: Parts | None = None,
        channel: int | None = None,
        start_s: float = 0.0,
        end_s: float | None = None,
    ) -> Prediction:
        """The emotion in a file or an array ([N] or [N, channels], with its rate), or in the text of a `.txt` file.

        window_s, hop_s: seconds of a window, and from one window's start to the next. transcript: for a bundle that
        takes text, a text, or words with their times, which a recording of more than one window needs. Where the
        transcript cannot be used, the audio alone is scored, as `Prediction.inputs` and its note say. parts: what is
        scored in place of windows, utterances (`UtteranceRules`) or turns of speakers (`Turn`s). channel: the one that
        is heard, from 1; None: their mean. start_s, end_s: of a file, the part that is scored as if it were a file of
        its own; None: up to its end.

        Raises AudioError for audio that cannot be used (see `try_predict` for batches), with this transcript or at all,
        and EmotoneError for bad window settings and for transcripts where the bundle takes none.
        """
        check_window(window_s, hop_s)
        if parts is not None and window_s is not None:
            raise EmotoneError("a recording is cut into windows, or into utterances or turns, not both")
        cutting = parts if parts is not None else Windows(window_s, hop_s)
        notes: list[str] = []
        if isinstance(source, np.ndarray):
            if rate_hz is None:
                raise EmotoneError("predict(array) needs rate_hz, the array's sample rate in Hz")
            if (start_s, end_s) != (0.0, None):
                raise EmotoneError("start_s and end_s are of files; of an array, give the part itself")
            blocks = iter([from_array(source, rate_hz, notes, channel)])
            return self._predict_audio("array", blocks, cutting, transcript, notes)
        if not isinstance(source, str | os.PathLike):
            raise EmotoneError(f"predict takes one file or array, not {type(source).__name__}; call it for each")
        file = os.fspath(source)
        if is_text_file(file):
            if transcript is not None:
                raise EmotoneError(f"{file} is a transcript itself; it takes no other")
            return self._predict_text_file(file)
        blocks = read_blocks(source, start_s, end_s, notes=notes, channel=channel)
        return self._predict_audio(file, blocks, cutting, transcript, notes)

    def try_predict(
        self,
        file: str | os.PathLike[str],
        window_s: float | None = None,
        hop_s: float | None = None,
        transcript: TranscriptLike | None = None,
        parts: Parts | None = None,
        channel: int | None = None,
        start_s: float = 0.0,
        end_s: float | None = None,
    ) -> Prediction:
        """`predict` of a file for batches: a file that cannot be used is a prediction with an `error`."""
        try:
            return self.predict(file, None, window_s, hop_s, transcript, parts, channel, start_s, end_s)
        except AudioError as error:
            return failed(os.fspath(file), error.reason)

    def predict_files(
        self,
        files: Iterable[str | os.PathLike[str]],
        window_s: float | None = None,
        hop_s: float | None = None,
        parts: UtteranceRules | None = None,
        jobs: int = 1,
    ) -> pandas.DataFrame:
        """The table that `emotone predict --output` writes, of pandas: a row per file, or per window or utterance.

        A file that cannot be used is a row with its `error`, and the others go on. `window_s`, `hop_s` and `parts` are
        those of `predict`. jobs: processes; with more than one a script needs `if __name__ == "__main__":`. Raises
        EmotoneError for anything else than a list of files, for bad window settings, and without pandas.

        >>> table = Predictor.load("small").predict_files(["missing.wav"])
        >>> table[["file", "arousal", "error"]]
                  file  arousal           error
        0  missing.wav      NaN  does not exist
        """
        import_pandas("predict_files")
        check_window(window_s, hop_s)
        over: Over = "utterances" if parts is not None else "recording" if window_s is None else "windows"
        paths = check_files(files, "predict_files")
        score = functools.partial(self._in_worker(jobs).try_predict, window_s=window_s, hop_s=hop_s, parts=parts)
        return to_frame(Table.of(self, over), map_ordered(score, paths, jobs, died=_died))

    def predict_index(
        self, index: pandas.Index, root: str | os.PathLike[str] | None = None, jobs: int = 1
    ) -> pandas.DataFrame:
        """Scores of the files or segments of an index of audformat, in a table with that very index.

        Filewise (`file`) or segmented (`file`, `start`, `end`; NaT: the file's end); relative files lie below `root`. A
        segment is scored as if it were a file of its own; one that cannot be used is a row with its `error`. Raises
        EmotoneError for any other index, and without pandas.

        >>> import pandas
        >>> table = Predictor.load("small").predict_index(pandas.Index(["missing.wav"], name="file"))
        >>> table.index.name, table["error"].tolist()
        ('file', ['does not exist'])
        """
        parts = parts_of(index, root)
        predictions = map_ordered(self._in_worker(jobs)._try_part, parts, jobs, died=lambda part: _died(part.file))
        return with_index(to_frame(Table.of(self, "recording"), predictions), index)

    def process_signal(self, signal: NDArray[np.generic], sampling_rate: int) -> NDArray[np.float32]:
        """Scores [D] of a signal [channels, N] or [N], in the order of `columns`: `predict` as audinterface calls it.

        For `audinterface.Feature(predictor.columns, process_func=predictor.process_signal)`. Raises AudioError as
        `predict` does.

        >>> Predictor.load("small").process_signal(np.sin(np.arange(16_000) / 20), 16_000).dtype
        dtype('float32')
        """
        found = self.predict(signal.T, sampling_rate)
        values = found.scores | found.probabilities
        return np.array([values[name] for name in self.columns], np.float32)

    def _try_part(self, part: Part) -> Prediction:
        """The prediction of a part of a file, or one with an `error`."""
        return self.try_predict(part.file, start_s=part.start_s, end_s=part.end_s)

    def _in_worker(self, jobs: int) -> Predictor:
        """This predictor as each of so many processes is to have it: with one thread where there are several."""
        return self if jobs <= 1 else type(self)(replace(self.bundle, threads=1))

    def _predict_audio(
        self,
        file: str,
        blocks: Iterable[Samples],
        cutting: Windows | Parts,
        transcript: TranscriptLike | None,
        notes: list[str],
    ) -> Prediction:
        """Blocks of samples at 16 kHz: windows, their scores, the summary; reading them adds to `notes`."""
        cuts = cut(blocks, cutting, self.bundle.max_utterance_s, self.takes_speech and not self.bundle.listens)
        windows: Iterator[Cut] = iter(cuts)
        if transcript is not None:
            self.load_encoder()
            _check_transcript(file, transcript)
        if isinstance(transcript, str) and transcript.strip():
            windows = iter([self._only_window(file, windows, cuts.longest_s)])
        scored = list(score_windows(self.bundle, windows, transcript, cuts.track, cuts.batch_s))
        if not scored:
            raise AudioError(file, cuts.nothing)
        prediction = summarise(self.bundle, self.choices, file, scored, cuts.duration_s)
        prediction.speakers = cuts.speakers
        if transcript is not None:
            _check_transcript(file, transcript, prediction.end_s)
            if not text_of(transcript).strip():
                prediction.note = NO_WORDS
        if not prediction.scores and not prediction.probabilities:
            raise AudioError(file, prediction.error)
        prediction.note = join_notes(*notes, prediction.note)
        prediction.window_notes = [join_notes(*notes, note) for note in prediction.window_notes]
        return prediction

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

    def predict_text(self, text: str) -> Prediction:
        """The emotion in what is said, from its text alone.

        Raises EmotoneError for a bundle that scores audio alone, and for text of which the encoder knows no token.
        """
        self.load_encoder()
        check_transcript(text)
        prediction = summarise(self.bundle, self.choices, "text", [score_text(self.bundle, text)])
        if prediction.error:
            raise EmotoneError(prediction.error)
        return replace(prediction, start_s=None, end_s=None, windows=None, curve=None)

    def _predict_text_file(self, file: str) -> Prediction:
        text = read_text_file(file)
        if not self.bundle.takes_text:
            raise AudioError(file, f"is a transcript; bundle {self.bundle.name} scores audio")
        self.load_encoder()
        try:
            return replace(self.predict_text(text), file=file)
        except EmotoneError as error:
            raise AudioError(file, str(error)) from None


@functools.lru_cache(maxsize=1)
def load_once(name: str, threads: int, device: str, lld: str | None = None) -> Predictor:
    """`Predictor.load` for functions that run in worker processes: each loads it on its first file, and keeps it."""
    return Predictor.load(name, threads, device, lld)


def _died(file: str) -> Prediction:
    return failed(file, DIED)


def _check_transcript(file: str, transcript: TranscriptLike, duration_s: float | None = None) -> None:
    """`check_transcript`, with AudioError, since a bad transcript is an error of its file."""
    try:
        check_transcript(transcript, duration_s)
    except EmotoneError as error:
        raise AudioError(file, str(error)) from None
