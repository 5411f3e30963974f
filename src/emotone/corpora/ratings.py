"""Rows of owners' label files, held against the audio and against what a label may be."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from emotone.base.files import read_plain_text
from emotone.corpora.files import name_some
from emotone.corpora.tables import map_words
from emotone.errors import EmotoneError


def match_audio(
    rows: pd.DataFrame, audio: Mapping[str, str], source: str, incomplete: bool, notes: list[str]
) -> pd.DataFrame:
    """Rows of a label table (column `stem`) that have audio, with its `file`, in the order of the files.

    `audio` is {stem: path}. Rows without audio and audio without rows are left out and counted in `notes` where
    `incomplete`; otherwise they raise EmotoneError, as a stem that is listed twice always does.

    >>> rows = pd.DataFrame({"stem": ["a", "b"]})
    >>> match_audio(rows, {"a": "wav/a.wav"}, "labels.csv", False, [])
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: 1 of 2 rows have no audio, e.g. b (labels.csv); set incomplete=true to leave them out
    """
    repeated = rows.loc[rows["stem"].duplicated(), "stem"]
    if len(repeated):
        raise EmotoneError(f"{len(repeated)} rows list a file again, e.g. {name_some(repeated.tolist())} ({source})")
    files = rows["stem"].map(audio)
    lost = rows.loc[files.isna(), "stem"]
    strangers = sorted(audio.keys() - set(rows["stem"]))
    problems = []
    if len(lost):
        problems.append(f"{len(lost)} of {len(rows)} rows have no audio, e.g. {name_some(lost.tolist())} ({source})")
    if strangers:
        problems.append(f"{len(strangers)} of {len(audio)} audio files have no row in {source}, e.g. "
                        f"{name_some([audio[stem] for stem in strangers])}")  # fmt: skip
    if problems and not incomplete:
        raise EmotoneError(f"{'; '.join(problems)}; set incomplete=true to leave them out")
    notes += [f"left out: {problem}" for problem in problems]
    if len(lost) == len(rows):
        raise EmotoneError(f"none of the {len(rows)} rows has audio ({source})")
    return rows.assign(file=files)[files.notna()].sort_values("file").reset_index(drop=True)


def map_known(words: pd.Series, names: Mapping[str, str | None], kind: str, source: str) -> pd.Series:
    """A column of the owner's words as Emotone's; raises EmotoneError with every word that `names` does not have.

    >>> map_known(pd.Series(["A", "Q", "Q"]), {"A": "anger", "X": None}, "emotions", "labels.csv")
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: labels.csv: 1 emotions are not mapped: Q (2); known: A, X
    """
    return map_words(words, names, kind, source, f"known: {', '.join(names)}")


def read_ratings(rows: pd.DataFrame, column: str, limits: tuple[float, float], source: str) -> pd.Series:
    """A column of ratings as numbers, NaN where none was given; raises EmotoneError counting what is out of limits.

    >>> rows = pd.DataFrame({"stem": ["a", "b"], "EmoAct": ["4.2", "7.5"]})
    >>> read_ratings(rows, "EmoAct", (1, 7), "labels.csv")
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: 1 of 2 rows have EmoAct outside [1, 7], e.g. '7.5' of b (labels.csv)
    """
    low, high = limits
    values = pd.to_numeric(rows[column], errors="coerce")
    is_empty = rows[column].isna() | rows[column].isin(("", "NaN", "nan"))
    wrong = ~is_empty & ~values.between(low, high)
    if wrong.any():
        first = rows[wrong].iloc[0]
        raise EmotoneError(
            f"{wrong.sum()} of {len(rows)} rows have {column} outside [{low:g}, {high:g}], e.g. {first[column]!r} of "
            f"{first['stem']} ({source})"
        )
    return values.astype("float64")


def read_json(path: Path) -> dict[str, Any]:
    """A label file that is one JSON object {name: labels}; raises EmotoneError for another one or a missing file."""
    try:
        content = json.loads(read_plain_text(path))
    except json.JSONDecodeError as error:
        raise EmotoneError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(content, dict):
        raise EmotoneError(f"{path}: must be a JSON object {{name: labels}}")
    return content
