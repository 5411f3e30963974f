"""The words of corpora in Emotone's: emotions, splits and columns, each mapped or refused by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from emotone.corpora.corpus import ATTRIBUTES, SPLITS, UTTERANCE_COLUMNS
from emotone.errors import EmotoneError, nearest, unknown

EMPTY_WORDS = frozenset({"na", "n/a", "nan", "null", "none", "<na>", "#n/a"})
"""Words that other programs write for nothing, in small letters."""


def translate(value: str, names: Mapping[str, str], kind: str, where: str) -> str:
    """One word in Emotone's; raises EmotoneError naming the nearest for a word that `names` does not have.

    >>> translate("surprised", {"surprised": "surprise"}, "emotion", "data.tsv")
    'surprise'
    """
    if value not in names:
        raise unknown(kind, str(value), names, where=where)
    return names[value]


def map_words(
    words: pd.Series, names: Mapping[str, str | None], kind: str, where: str, hint: str | None = None
) -> pd.Series:
    """A column in Emotone's words, null where `names` says null; raises EmotoneError with every word it does not have.

    >>> map_words(pd.Series(["joy", "?"]), {"joy": "happiness", "?": None}, "emotions", "labels.csv").tolist()
    ['happiness', None]
    >>> map_words(pd.Series(["A", "Q", "Q"]), {"A": "anger", "X": None}, "emotions", "labels.csv")
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: labels.csv: 1 emotions are not mapped: Q (2); known: A, X
    """
    counts = words.dropna().map(str).value_counts()
    missing = [f"{word} ({count})" for word, count in counts.items() if word not in names]
    if missing:
        hint = f"known: {', '.join(names)}" if hint is None else hint
        raise EmotoneError(f"{where}: {len(missing)} {kind} are not mapped: {', '.join(missing)}; {hint}")
    return pd.Series([None if pd.isna(word) else names[str(word)] for word in words], words.index, dtype="object")


def map_splits(words: pd.Series, splits: Mapping[str, str], where: str) -> pd.Series:
    """A column of split names in Emotone's, which need not be mapped; raises EmotoneError with all unknown ones.

    >>> map_splits(pd.Series(["train", "dev"]), {"dev": "validation"}, "labels.csv").tolist()
    ['train', 'validation']
    """
    hint = f"set splits to map them, e.g. splits={{dev: validation}} (known: {', '.join(SPLITS)})"
    return map_words(words, {split: split for split in SPLITS} | dict(splits), "split names", where, hint)


def map_emotions(words: pd.Series, emotions: Mapping[str, str | None], where: str) -> tuple[pd.Series, list[str]]:
    """A column of emotions by the map, with notes on what it leaves out; without a map it stays as it is.

    >>> map_emotions(pd.Series(["joy", "?"]), {"joy": "happiness", "?": None}, "labels.csv")[1]
    ["labels.csv: 1 of 2 labels are left out, as emotions says: '?' (1)"]
    """
    if not emotions:
        return words, []
    names = {str(word): name for word, name in emotions.items()}  # YAML reads 1 as a number
    mapped = map_words(words, names, "emotions", where, "map each of them in emotions, or to null to leave it out")
    counts = words[words.notna() & mapped.isna()].value_counts()
    if counts.empty:
        return mapped, []
    out = ", ".join(f"{word!r} ({count})" for word, count in counts.items())
    return mapped, [f"{where}: {counts.sum()} of {words.notna().sum()} labels are left out, as emotions says: {out}"]


def note_empty_words(words: pd.DataFrame, where: str) -> list[str]:
    """A note on words that may mean nothing, which are kept: `Na` is a name, too.

    >>> note_empty_words(pd.DataFrame({"speaker": ["NA", "anna"], "emotion": ["NA", None]}), "labels.csv")
    ["labels.csv: 'NA' (2) is kept as a word, in speaker, emotion; set missing=[NA] where it means nothing"]
    """
    places: dict[str, list[str]] = {}  # a column for each cell
    for column in words:
        for cell in words[column].dropna():
            if cell.lower() in EMPTY_WORDS:
                places.setdefault(cell, []).append(column)
    return [
        f"{where}: {name!r} ({len(own)}) is kept as a word, in {', '.join(dict.fromkeys(own))}; set missing=[{name}] "
        "where it means nothing"
        for name, own in places.items()
    ]


def note_extras(table: pd.DataFrame, where: str) -> list[str]:
    """A note that names all columns that are none of Emotone's, and which each might be.

    >>> note_extras(pd.DataFrame(columns=["file", "Emotion", "note"]), "labels.csv")
    ['labels.csv: kept under their own names: Emotion (emotion?), note; set columns to use them as columns of Emotone']
    """
    free = [column for column in UTTERANCE_COLUMNS if column not in table]
    extras = [column for column in table if column not in UTTERANCE_COLUMNS]
    if not extras:
        return []
    names = [f"{column} ({close}?)" if (close := nearest(column, free)) else column for column in extras]
    return [f"{where}: kept under their own names: {', '.join(names)}; set columns to use them as columns of Emotone"]


def check_columns(columns: Mapping[str, str]) -> None:
    """Raise EmotoneError where a column map names no column of Emotone, or one of the table's twice."""
    for column in columns:
        if column not in UTTERANCE_COLUMNS:
            raise unknown("column", column, UTTERANCE_COLUMNS, where="columns")
    if len(set(columns.values())) < len(columns):
        raise EmotoneError("columns: one column of the table serves only one of Emotone's columns")


def check_ranges(ranges: Mapping[str, Sequence[float]]) -> None:
    """Raise EmotoneError where ranges are of no attribute, or not [lowest, highest]."""
    for attribute, limits in ranges.items():
        if attribute not in ATTRIBUTES:
            raise unknown("attribute", attribute, ATTRIBUTES, where="ranges")
        if len(limits) != 2 or not limits[0] < limits[1]:
            raise EmotoneError(f"ranges: {attribute} must be [lowest, highest], not {list(limits)}")


def check_splits(splits: Mapping[str, str]) -> None:
    """Raise EmotoneError where a map of split names leads to no split of Emotone."""
    for split in splits.values():
        if split not in SPLITS:
            raise unknown("split", split, SPLITS, where="splits")
