"""The windows of a recording: cut, given features of their speech and their text, and scored, many at once.

A window that cannot be scored goes on with its error, so that the rest of the recording is scored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from emotone.audio.level import active_duration_s, is_silent
from emotone.audio.read import RATE_HZ, Samples
from emotone.audio.speech import STEP_SAMPLES, SpeechTrack
from emotone.audio.words.transcripts import TranscriptLike, text_of, words_between
from emotone.base.onnx_session import NetworkError
from emotone.bundle.bundle import Bundle
from emotone.bundle.view.streams import Utterance, count_cut
from emotone.bundle.view.view import Chunks, WordChunks
from emotone.errors import EmotoneError
from emotone.predict.curve import SILENT, ChunkPlaces, Curve, chunk_curve, locate_chunks

WINDOW_S = 8.0
"""Windows of a long recording, unless the user or the bundle's longest utterance says less."""
HOP_S = 4.0
"""From one window's start to the next, unless the user or half a window says less."""
BATCH_S = 64.0
"""Seconds of audio scored together: enough to keep the network busy, little enough to stay in the cache."""
NO_WORDS = "its transcript has no words"
NO_SPEECH = "no speech found"
LEAST_SPEECH_S = 0.2
"""Less is none: a bark or a click may sound like a syllable."""
STEP_S = STEP_SAMPLES / RATE_HZ
Cut = tuple[int, Samples]
"""A window as it is cut: the number of its first sample in the recording, and its samples [N] at 16 kHz."""


def check_window(window_s: float | None, hop_s: float | None) -> None:
    """Raise EmotoneError for impossible lengths of windows, or of the way from one to the next."""
    if window_s is not None and not 0.1 <= window_s <= 600:
        raise EmotoneError(f"window must be from 0.1 to 600 seconds, not {window_s:g}")
    if hop_s is not None and not 0.05 <= hop_s <= (window_s or WINDOW_S):
        raise EmotoneError(f"hop must be from 0.05 seconds to the window ({window_s or WINDOW_S:g}), not {hop_s:g}")


def cut_windows(blocks: Iterable[Samples], window_s: float, hop_s: float, limit_s: float) -> Iterator[Cut]:
    """The windows of a stream of blocks of samples; a stream no longer than `limit_s` is one window.

    The last window ends with the recording and is shorter where the durations do not divide; nothing is left out.

    >>> second = np.ones(16_000, np.float32)
    >>> [(start / 16_000, len(window) / 16_000) for start, window in cut_windows([second] * 5, 2.0, 1.5, 4.0)]
    [(0.0, 2.0), (1.5, 2.0), (3.0, 2.0)]
    """
    window, hop, limit = (round(seconds * RATE_HZ) for seconds in (window_s, hop_s, limit_s))
    buffer: list[Samples] = []
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


@dataclass
class Window:
    """A part of a recording: what it is scored by, then its scores or an `error`.

    sound_s: seconds of sound. is_speech: for each 20 ms whether somebody speaks; None where nobody listens, as in text.
    utterance, places: its features and where its chunks lie; empty again once it is scored. inputs: "speech", "text" or
    "speech+text" where the bundle takes text. note: why the scores are not of all that was given. values: {name: score
    or probability}; empty where `error` says why. chunks: the curve over its chunks, of a bundle that has one.
    """

    start_s: float
    end_s: float
    sound_s: float = 0.0
    is_speech: NDArray[np.bool_] | None = None
    utterance: Utterance = Utterance(None)
    places: ChunkPlaces | None = None
    inputs: str = ""
    error: str = ""
    note: str = ""
    values: dict[str, float] = field(default_factory=dict)
    chunks: Curve | None = None

    @property
    def speech_s(self) -> float | None:
        """Seconds of speech; None where nobody listens."""
        return None if self.is_speech is None else int(self.is_speech.sum()) * STEP_S


def lacks_speech(speech_s: float | None, duration_s: float) -> bool:
    """Whether so little of what was listened to is speech that its scores mean nothing: below 0.2 s, and below half.

    >>> lacks_speech(0.1, 3.0), lacks_speech(0.1, 0.15), lacks_speech(None, 3.0)
    (True, False, False)
    """
    return speech_s is not None and speech_s < min(LEAST_SPEECH_S, duration_s / 2)


def score_windows(
    bundle: Bundle,
    cuts: Iterable[Cut],
    transcript: TranscriptLike | None = None,
    track: SpeechTrack | None = None,
    batch_s: float = BATCH_S,
) -> Iterator[Window]:
    """The windows of a recording, scored in batches of `batch_s` seconds; each by its own words of the transcript.

    `track` listens to what is cut, where the bundle does not (`Bundle.listens`).
    """
    batch: list[Window] = []
    extract = bundle.windows()
    for (start, samples), is_last in _mark_last(cuts):
        window = Window(start / RATE_HZ, (start + len(samples)) / RATE_HZ)
        if track is not None:
            window.is_speech = track.steps(start, start + len(samples))
        _add_speech(window, bundle, start, samples, extract)
        if transcript is not None:
            _add_text(window, bundle, transcript, is_last)
        if bundle.takes_text:
            _decide_inputs(window, bundle)
        batch.append(window)
        if sum(window.end_s - window.start_s for window in batch) >= batch_s:
            _score_batch(batch, bundle)
            yield from batch
            batch = []
    _score_batch(batch, bundle)
    yield from batch


def score_text(bundle: Bundle, text: str) -> Window:
    """A transcript without audio as one window; raises EmotoneError where there is nothing in it to score."""
    window = Window(0.0, 0.0, sound_s=1.0)
    _add_text(window, bundle, text)
    if window.utterance.text is None:
        raise EmotoneError(window.note or NO_WORDS)
    _decide_inputs(window, bundle)
    _score_batch([window], bundle)
    return window


def takes_speech(bundle: Bundle) -> bool:
    """Whether audio is scored, rather than transcripts alone."""
    return not (isinstance(bundle.view, WordChunks) and bundle.view.streams == "text")


def chunks_of(bundle: Bundle) -> tuple[Chunks, float] | None:
    """For a bundle with curves of attributes: its view, and the seconds from one frame to the next."""
    view, hop_s = bundle.view, bundle.feature.hop_s
    has_attributes = any(target.kind == "attribute" for target in bundle.targets)
    if not bundle.has_curves or not isinstance(view, Chunks) or not has_attributes:
        return None
    if hop_s is None:
        raise EmotoneError(f"bundle {bundle.name} has curves, but a feature without frames")
    return view, hop_s


def _add_speech(
    window: Window, bundle: Bundle, start: int, samples: Samples, extract: Callable[[int, Samples], Samples]
) -> None:
    """Features of the samples, or an error; of a bundle that listens the speech, of one with curves its chunks, too."""
    if is_silent(samples):
        window.is_speech = np.zeros(1, bool) if takes_speech(bundle) else None
        window.error = SILENT
        return
    window.sound_s = active_duration_s(samples)
    if not takes_speech(bundle):
        return
    chunks = chunks_of(bundle)
    try:
        if bundle.listens:
            features, window.is_speech = bundle.listen(samples)
        else:
            features = extract(start, samples)
        window.places = None if chunks is None else locate_chunks(*chunks, len(features), samples)
    except EmotoneError as error:
        window.error = str(error)
        return
    window.utterance = Utterance(features)


def _add_text(window: Window, bundle: Bundle, transcript: TranscriptLike, is_last: bool = True) -> None:
    """Encoder states of the words in the window; a note where they cannot be encoded, or not all of them."""
    words = (
        transcript if isinstance(transcript, str) else words_between(transcript, window.start_s, window.end_s, is_last)
    )
    text = text_of(words)
    if not text.strip():
        return
    try:
        states, window.note = bundle.encode(text)
    except EmotoneError as error:
        window.note = str(error)
        return
    window.utterance = window.utterance._replace(
        text=states, words=len(text.split()) if isinstance(words, str) else words
    )


def _decide_inputs(window: Window, bundle: Bundle) -> None:
    """Name the inputs of the window; where its speech cannot be used, its text is, and the reason becomes a note."""
    view = bundle.view
    assert isinstance(view, WordChunks)
    window.inputs = window.utterance.inputs
    if window.inputs == "text" and window.error:
        window.note, window.error, window.is_speech = window.error, "", None
        window.sound_s = window.sound_s or window.end_s - window.start_s
    elif count_cut([window.utterance], view):
        window.note = f"longer than the {view.max_steps} words or tokens that {bundle.name} takes, and cut"
    if not window.inputs and not window.error:
        window.error = window.note or f"bundle {bundle.name} scores what is said; it needs a transcript"


def _score_batch(batch: list[Window], bundle: Bundle) -> None:
    """Give the windows their scores, or an error; drop all features, since windows outlive their batch."""
    good = [window for window in batch if not window.error]
    if good:
        _score(good, bundle)
    for window in batch:
        window.utterance, window.places = Utterance(None), None


def _score(windows: list[Window], bundle: Bundle) -> None:
    """Give windows that have what is scored their scores; one by one where the network fails on all together."""
    try:
        scores = bundle.score_features([window.utterance for window in windows])
    except NetworkError as error:
        if len(windows) == 1:
            windows[0].error, windows[0].inputs = str(error), ""
            return
        for window in windows:
            _score([window], bundle)
        return
    columns = scores.attributes | scores.probabilities
    for position, window in enumerate(windows):
        values = {name: float(column[position]) for name, column in columns.items()}
        if not np.isfinite(list(values.values())).all():
            window.error, window.inputs = "the network gives no number", ""
            continue
        window.values = values
        if window.places is not None:
            chunks = {name: curve[position] for name, curve in scores.curves.items()}
            window.chunks = chunk_curve(window.places, chunks, window.start_s)


def _mark_last(windows: Iterable[Cut]) -> Iterator[tuple[Cut, bool]]:
    """Every window, and whether the recording ends with it."""
    waiting: Cut | None = None
    for window in windows:
        if waiting is not None:
            yield waiting, False
        waiting = window
    if waiting is not None:
        yield waiting, True
