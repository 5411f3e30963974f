"""What a recording's windows say of it together: means weighted by speech, shares of categories, spread, its curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotone.bundle.bundle import Bundle
from emotone.bundle.view.view import Chunks
from emotone.predict.curve import Curve, failed_curve, stitch
from emotone.predict.prediction import Choices, Prediction, join_notes
from emotone.predict.windows import NO_SPEECH, STEP_S, Window, chunks_of, lacks_speech


def summarise(
    bundle: Bundle, choices: Choices, file: str, windows: list[Window], duration_s: float | None = None
) -> Prediction:
    """The prediction of a recording of `duration_s` (None: up to the end of the last window) from its scored windows.

    Its scores are the means of the windows', weighted with their seconds of speech; `choices` name the columns of
    probabilities.
    """
    attributes = [target.name for target in bundle.targets if target.kind == "attribute"]
    categories = list(dict.fromkeys(column for columns in choices.values() for column in columns.values()))
    pieces = Curve(
        np.array([window.start_s for window in windows]),
        np.array([window.end_s for window in windows]),
        {
            name: np.array([window.values.get(name, np.nan) for window in windows])
            for name in (*attributes, *categories)
        },
        [window.error for window in windows],
    )
    chunks = chunks_of(bundle)
    curve = pieces if chunks is None else _chunk_curve(attributes, windows, *chunks)
    start_s = float(pieces.start_s[0]) if duration_s is None else 0.0
    end_s = float(pieces.end_s[-1]) if duration_s is None else duration_s
    prediction = Prediction(file, start_s, end_s, windows=pieces, curve=curve)
    speech_s = _speech_s(windows)
    if speech_s is not None and end_s:
        prediction.speech_share = min(1.0, speech_s / end_s)
    prediction.window_speech_share = [_share(window) for window in windows]
    prediction.window_notes = [_note(window) for window in windows]
    prediction.note = next((window.note for window in windows if window.note), "")
    if bundle.takes_text:
        prediction.window_inputs = [window.inputs for window in windows]
    if not any(window.values for window in windows):
        prediction.error = windows[0].error
        return prediction
    if "text" not in prediction.inputs and lacks_speech(speech_s, end_s):
        prediction.note = join_notes(prediction.note, NO_SPEECH)
    prediction.window_weights = _weights(windows)
    mean = {name: _mean(column, prediction.window_weights) for name, column in pieces.columns.items()}
    prediction.scores = {name: mean[name] for name in attributes}
    prediction.probabilities = {name: mean[name] for name in categories}
    prediction.choices = choices
    return prediction


def _mean(column: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    return float(np.average(np.nan_to_num(column), weights=weights))


def _chunk_curve(names: list[str], windows: list[Window], view: Chunks, hop_s: float) -> Curve:
    """The chunks of all windows as one curve of the attributes."""
    curves = [window.chunks or failed_curve(names, window.start_s, window.end_s, window.error) for window in windows]
    return stitch(curves, view.chunk_frames * hop_s) if len(curves) > 1 else curves[0]


def _speech_s(windows: list[Window]) -> float | None:
    """Seconds of speech in a recording, where windows overlap counted once; None where nobody listens.

    Where windows disagree on a step that they share, the later one is right.
    """
    heard = [(round(window.start_s / STEP_S), window.is_speech) for window in windows if window.is_speech is not None]
    if not heard:
        return None
    first = min(start for start, _ in heard)
    steps = np.zeros(max(start + len(is_speech) for start, is_speech in heard) - first, bool)
    for start, is_speech in heard:
        steps[start - first : start - first + len(is_speech)] = is_speech
    return int(steps.sum()) * STEP_S


def _note(window: Window) -> str:
    """What is to be said of a window's scores; that nobody speaks is said where no words are given."""
    is_wordless = bool(window.values) and "text" not in window.inputs
    has_none = is_wordless and lacks_speech(window.speech_s, window.end_s - window.start_s)
    return join_notes(window.note, NO_SPEECH if has_none else "")


def _share(window: Window) -> float | None:
    """The share of speech in a window."""
    speech_s = window.speech_s
    return None if speech_s is None else min(1.0, speech_s / (window.end_s - window.start_s))


def _weights(windows: list[Window]) -> NDArray[np.float64]:
    """What windows count in the mean of a recording [W]: their seconds of speech; of sound, where none has speech."""
    is_scored = np.array([bool(window.values) for window in windows])
    sound_s = np.array([window.sound_s for window in windows])
    speech_s = is_scored * [window.sound_s if window.speech_s is None else window.speech_s for window in windows]
    return speech_s if speech_s.any() else is_scored * sound_s
