"""The options of predictions and searches as form fields: their names, and the settings that they make.

They are those of `emotone predict` and `emotone retrieve`. What the server itself does with them needs no numbers, so
they are read where the work is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from emotone.errors import EmotoneError, unknown

if TYPE_CHECKING:
    from emotone.predict.retrieve.findings import Search
    from emotone.predict.settings import PredictSettings

Fields = Mapping[str, str]
"""Fields of a form by their names."""

PREDICTION = {
    "model": "a bundle of /v1/models (default: the first)",
    "utterances": "true: a row per utterance, speech between pauses",
    "pause": "with utterances: least pause between two, in s (0.4)",
    "longest": "with utterances: longer ones are cut, in s (12)",
    "window": "a row per window of so many seconds",
    "hop": "from one window's start to the next, in s (half a window, at most 4)",
    "curve": "true: attributes over time, from a bundle with curves",
    "channels": "mix (default), each, or numbers from 1, like 1,2",
    "summary": "true: shares of speech by category, and the spread of attributes, of the recording",
}
MOMENTS = {
    "model": PREDICTION["model"],
    "attribute": "arousal, dominance, valence, or a category, e.g. anger",
    "highest": "so many moments that score highest",
    "lowest": "or so many that score lowest",
    "length": "seconds of a moment (3)",
    "hop": "from one window's start to the next, in s (a third of the length)",
    "min_gap": "least time between two moments, in s (0)",
    "speech": "least share of speech, 0..1 (0.4)",
}
STREAM = {name: PREDICTION[name] for name in ("model", "pause", "longest")}
DELIVERY = {
    "as": "format of the answer: json (default), jsonl, csv, parquet, xlsx, srt, vtt, textgrid, eaf, audacity, ..",
    "wait": "seconds until the answer is 202 and a job in place of rows, 0 to 300 (30)",
    "page": "true: make the page, too, for /v1/jobs/ID/page",
}
"""How the answer comes, which the server decides; searches are json or csv."""
LONGEST_WAIT_S = 300.0


def check_names(fields: Fields, known: Mapping[str, str]) -> None:
    """Raise EmotoneError for fields that there are none of.

    >>> check_names({"widow": "3"}, PREDICTION)
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: unknown option 'widow'; did you mean 'window'? (known: channels, curve, hop, ...
    """
    for name in fields:
        if name not in known:
            raise unknown("option", name, known)


def number(fields: Fields, name: str) -> float | None:
    """The number in a field; None where it is not given.

    >>> number({"hop": "0.5"}, "hop"), number({}, "hop")
    (0.5, None)
    """
    return _read(fields, name, float, "a number")


def whole(fields: Fields, name: str) -> int | None:
    """The whole number in a field; None where it is not given."""
    return _read(fields, name, int, "a whole number")


def flag(fields: Fields, name: str) -> bool:
    """Whether a field is true."""
    value = fields.get(name, "false").lower()
    if value not in ("true", "false"):
        raise EmotoneError(f"{name} is true or false, not {value!r}")
    return value == "true"


def wait_of(fields: Fields) -> float:
    """Seconds that the client waits for its answer."""
    wait_s = number(fields, "wait")
    if wait_s is not None and not 0 <= wait_s <= LONGEST_WAIT_S:
        raise EmotoneError(f"wait must be from 0 to {LONGEST_WAIT_S:g} seconds, not {wait_s:g}")
    return 30.0 if wait_s is None else wait_s


def predict_settings(fields: Fields, model: str, jobs: int, speakers: str | None) -> PredictSettings:
    """The settings of a prediction; raises EmotoneError for options that cannot be, as the command line does."""
    from emotone.predict.settings import PredictSettings, channels_of, utterance_rules

    return PredictSettings(
        model=model,
        window_s=number(fields, "window"),
        hop_s=number(fields, "hop"),
        curve=flag(fields, "curve"),
        jobs=jobs,
        quiet=True,
        utterances=utterance_rules(flag(fields, "utterances"), number(fields, "pause"), number(fields, "longest")),
        speakers=speakers,
        channels=channels_of(fields.get("channels", "mix")),
        summary=flag(fields, "summary"),
    )


def search_of(fields: Fields, model: str) -> Search:
    """The search that fields ask for; raises EmotoneError for one that is incomplete."""
    from emotone.predict.retrieve.findings import Search

    if "attribute" not in fields:
        raise EmotoneError("moments are those with the most or least of an attribute; name it (attribute)")
    ends = {name: num for name in ("highest", "lowest") if (num := whole(fields, name)) is not None}
    if len(ends) != 1:
        raise EmotoneError("moments score highest or lowest; say how many of one of them (highest or lowest)")
    [(end, num)] = ends.items()
    names = {"length": "length_s", "hop": "hop_s", "min_gap": "min_gap_s", "speech": "min_speech"}
    given: dict[str, Any] = {key: value for name, key in names.items() if (value := number(fields, name)) is not None}
    return Search(fields["attribute"], num, end == "lowest", model=model, **given)


def _read(fields: Fields, name: str, kind: Callable[[str], Any], words: str) -> Any:
    if name not in fields:
        return None
    try:
        return kind(fields[name])
    except ValueError:
        raise EmotoneError(f"{name} must be {words}, not {fields[name]!r}") from None
