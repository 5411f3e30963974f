"""Words of corpora in Emotone's: what is mapped, what is left out, and what is refused by name."""

from __future__ import annotations

import pandas as pd
import pytest

from emotone.corpora.vocabulary import (
    check_columns,
    check_ranges,
    check_splits,
    map_emotions,
    map_splits,
    map_words,
    translate,
)
from emotone.errors import EmotoneError


def test_one_word_is_translated_or_refused_with_the_nearest() -> None:
    names = {"surprised": "surprise", "ang": "anger"}
    assert translate("ang", names, "emotion", "data.tsv") == "anger"
    with pytest.raises(EmotoneError, match="data.tsv: unknown emotion 'surprise'; did you mean 'surprised'"):
        translate("surprise", names, "emotion", "data.tsv")


def test_words_that_are_not_mapped_are_all_named() -> None:
    words = pd.Series(["a", "b", "c", "b", None])
    with pytest.raises(EmotoneError, match=r"labels.csv: 2 words are not mapped: b \(2\), c \(1\); do so"):
        map_words(words, {"a": "A"}, "words", "labels.csv", "do so")
    mapped = map_words(words, {"a": "A", "b": None, "c": "C", "d": "D"}, "words", "labels.csv", "")
    assert mapped.tolist() == ["A", None, "C", None, None]


def test_emotions_that_the_map_leaves_out_are_counted() -> None:
    words = pd.Series(["joy", "x", "x", "y", None])
    assert map_emotions(words, {}, "here")[0] is words
    mapped, notes = map_emotions(words, {"joy": "happiness", "x": None, "y": None}, "here")
    assert mapped.tolist() == ["happiness", None, None, None, None]
    assert notes == ["here: 3 of 4 labels are left out, as emotions says: 'x' (2), 'y' (1)"]


def test_own_split_names_need_no_map() -> None:
    assert map_splits(pd.Series(["train", "unlabelled", None]), {}, "here").tolist() == ["train", "unlabelled", None]
    with pytest.raises(EmotoneError, match=r"2 split names are not mapped: Train \(1\), dev \(1\); set splits"):
        map_splits(pd.Series(["Train", "dev"]), {}, "here")


def test_settings_of_generic_readers_are_checked() -> None:
    check_columns({"emotion": "label"})
    check_ranges({"arousal": [1, 5]})
    check_splits({"dev": "validation"})
    for check, wrong, message in (
        (check_columns, {"emotions": "label"}, "columns: unknown column 'emotions'; did you mean 'emotion'"),
        (check_columns, {"emotion": "a", "valence": "a"}, "serves only one of Emotone's columns"),
        (check_ranges, {"arousal": [5, 1]}, r"ranges: arousal must be \[lowest, highest\], not \[5, 1\]"),
        (check_splits, {"dev": "development"}, "splits: unknown split 'development'"),
    ):
        with pytest.raises(EmotoneError, match=message):
            check(wrong)  # type: ignore[operator]
