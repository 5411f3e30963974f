"""Selections: the table and targets of a recipe, labels mapped, folds by its split; what cannot be, refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotone.bundle.target import Target
from emotone.corpora.corpus import Corpus
from emotone.data.recipe import Recipe
from emotone.data.selection import Selection, labelled, teacher_of
from emotone.errors import EmotoneError

Make = Callable[..., Recipe]


def read(recipe: Recipe) -> Selection:
    return Selection.read(recipe, quiet=True)


def prepare(name: str, **columns: Any) -> Corpus:
    """The tones under another name, with other columns."""
    tones = Corpus.load("tones")
    corpus = replace(tones, name=name, utterances=tones.utterances.assign(**columns), raters=None)
    corpus.save()
    return corpus


# ---- table and targets ------------------------------------------------------------------------------------------


def test_the_table_has_the_utterances_with_what_was_measured_of_their_audio(tones_recipe: Make) -> None:
    found, tones = read(tones_recipe(targets=["arousal", "emotion"])), Corpus.load("tones")
    assert found.table["id"].tolist() == tones.utterances["id"].tolist()
    assert found.table["duration_s"].between(0.3, 0.6).all() and found.table["content"].is_unique
    assert found.targets == [
        Target("arousal", "attribute", (1.0, 7.0)),
        Target("emotion", "category", labels=("high", "low")),
    ]
    assert found.lost == found.left_out == {} and found.fingerprints == {"tones": tones.fingerprint}


def test_where_compares_numbers_as_they_are_written(tones_recipe: Make) -> None:
    tones = Corpus.load("tones")
    takes = [1, 2, 3] * 4
    for name, values in (("whole", takes), ("gap", [None, *takes[1:]]), ("half", [take / 2 for take in takes])):
        replace(tones, name=name, utterances=tones.utterances.assign(take=values)).save()
    assert len(read(tones_recipe(corpora=["whole"], where={"take": ["1", "3"]})).table) == 8
    assert len(read(tones_recipe(corpora=["gap"], where={"take": ["1"]})).table) == 3
    assert len(read(tones_recipe(corpora=["half"], where={"take": ["0.5"]})).table) == 4


def test_where_keeps_the_rows_with_one_of_the_values(tones_recipe: Make) -> None:
    found = read(tones_recipe(where={"speaker": ["0", "3"], "emotion": ["low"]})).table
    assert set(found["speaker"]) <= {"0", "3"} and set(found["emotion"]) == {"low"} and 0 < len(found) < 6


def test_several_corpora_are_one_table(tones_recipe: Make) -> None:
    found = read(tones_recipe(corpora=["tones", "others"]))
    assert found.table["corpus"].value_counts().to_dict() == {"tones": 12, "others": 12}
    assert found.table["id"].is_unique and found.table["id"].str.startswith("tones/").sum() == 12
    assert found.table["speaker"].nunique() == 8 and list(found.corpora) == ["tones", "others"]


def test_classes_choose_and_order_the_categories(tones_recipe: Make) -> None:
    (target,) = read(tones_recipe(targets=["emotion"], classes=["low", "high"])).targets
    assert target.labels == ("low", "high")


def test_a_teacher_labels_every_utterance_on_its_own_range(tones_recipe: Make) -> None:
    prepare("unrated", arousal=np.nan, emotion=None)
    found = read(tones_recipe(corpora=["unrated"], teacher=["default"], targets=["dominance"]))
    assert found.targets == [Target("dominance", "attribute", (1.0, 7.0))] and found.left_out == {}
    assert teacher_of(found.recipe) is not None and teacher_of(tones_recipe()) is None


# ---- labels -----------------------------------------------------------------------------------------------------


def test_categories_are_mapped_and_those_left_out_counted(tones_recipe: Make) -> None:
    labels = np.array(["high", "low", "odd"], dtype=object)[np.arange(12) % 3]
    prepare("thirds", emotion=labels)
    mapping = {"thirds": {"high": "joy", "low": "grief", "odd": None}}
    found = read(tones_recipe(corpora=["thirds"], targets=["emotion"], label_map=mapping))
    assert found.table["emotion"].tolist() == ["joy", "grief", None] * 4
    assert found.targets[0].labels == ("grief", "joy") and found.left_out == {"no label": 4}
    part = read(tones_recipe(corpora=["thirds"], targets=["emotion"], classes=["high", "low"]))
    assert part.left_out == {"emotion odd": 4}


def test_ranges_are_mapped_linearly(tones_recipe: Make) -> None:
    found = read(tones_recipe(ranges={"arousal": [-1, 1]}))
    np.testing.assert_allclose(found.table["arousal"], (Corpus.load("tones").utterances["arousal"] - 4) / 3)
    assert found.targets[0].range == (-1.0, 1.0)


def test_labelled_rows_have_one_of_the_targets() -> None:
    table = pd.DataFrame({"arousal": [1.0, np.nan, np.nan, np.nan], "emotion": ["x", "joy", None, "odd"]})
    arousal, emotion = Target("arousal", "attribute", (1, 7)), Target("emotion", "category", labels=("joy", "x"))
    assert labelled(table, [arousal])["emotion"].tolist() == ["x"]
    assert labelled(table, [arousal, emotion])["emotion"].tolist() == ["x", "joy"]


# ---- folds ------------------------------------------------------------------------------------------------------


def test_folds_are_numbered_and_one_can_be_chosen(tones_recipe: Make) -> None:
    found = read(tones_recipe())
    folds = found.folds()
    assert list(folds) == [0, 1, 2, 3]
    speaker = found.table.set_index("id")["speaker"]
    assert [set(speaker[list(fold.test)]) for fold in folds.values()] == [{"0"}, {"1"}, {"2"}, {"3"}]
    split = {"name": "leave-speakers-out", "num_folds": 4, "fold": 2}
    assert read(tones_recipe(split=split)).folds() == {2: folds[2]}
    everything = read(tones_recipe(split=split | {"validate": False})).folds()[2]
    assert not everything.validation and set(everything.train) == {*folds[2].train, *folds[2].validation}


def test_a_repeat_is_another_seed_of_a_split_that_takes_one(tones_recipe: Make) -> None:
    split = {"name": "stratified-folds", "num_folds": 3, "seed": 5, "stratify": "emotion"}
    found = read(tones_recipe(split=split))
    assert found.folds(0) == found.folds(0)
    assert found.folds(1) == read(tones_recipe(split=split | {"seed": 6})).folds(0)
    fixed = read(tones_recipe())
    assert fixed.folds(0) == fixed.folds(1)


# ---- what cannot be ---------------------------------------------------------------------------------------------

LEAVE = {"name": "leave-speakers-out", "num_folds": 4}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"targets": ["arousl"]}, "unknown target 'arousl'; did you mean 'arousal'?"),
        ({"targets": ["dominance"]}, "no utterance of tones has a value for dominance"),
        ({"corpora": ["tone"]}, "corpus 'tone' is not prepared"),
        ({"targets": ["emotion"], "classes": ["hi", "low"]}, "unknown class 'hi'"),
        ({"targets": ["emotion"], "classes": ["low"]}, "emotion needs two classes or more in tones"),
        (
            {"targets": ["emotion"], "label_map": {"tones": {"high": "error", "low": "low"}}},
            "'error' cannot name a target or a label: tables have another column of that name",
        ),
        ({"where": {"speakr": ["0"]}}, "unknown column 'speakr'; did you mean 'speaker'?"),
        ({"where": {"speaker": ["9"]}}, "no utterance of tones fits where {'speaker': ['9']}; where={} takes all"),
        ({"label_map": {"tones": {"high": "high"}}}, "label_map of tones leaves out low ("),
        ({"label_map": {"tones": {"high": "x", "low": "y", "lov": "y"}}}, "unknown category 'lov'; did you mean 'low'"),
        ({"label_map": {"tone": {}}}, "label_map: unknown corpus 'tone'; did you mean 'tones'?"),
        ({"ranges": {"arousal": [7, 1]}}, "ranges.arousal must be [lowest, highest], not [7, 1]"),
        ({"ranges": {"arousl": [1, 7]}}, "ranges: unknown attribute 'arousl'; did you mean 'arousal'?"),
        ({"split": {"name": "oficial"}}, "unknown split 'oficial'; did you mean 'official'?"),
        ({"split": {"name": "official"}}, "12 of 12 utterances have no official split"),
        ({"split": LEAVE | {"num_folds": 1}}, "num_folds must be from 2"),
        ({"split": LEAVE | {"num_folds": None}}, "split leave-speakers-out needs split.num_folds"),
        ({"split": LEAVE | {"fold": 4}}, "split.fold must be from 0 to 3, or all, not 4"),
        ({"split": LEAVE | {"test": ["tones"]}}, "leave-speakers-out has no test (it takes num_folds, group)"),
    ],
)
def test_settings_that_do_not_fit_the_corpora(tones_recipe: Make, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        read(tones_recipe(**settings)).folds()
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_ranges_that_differ_must_be_mapped(tones_recipe: Make) -> None:
    others = Corpus.load("others")
    replace(others, name="wide", meta={"ranges": {"arousal": [0, 100]}}).save()
    corpora = ["tones", "wide"]
    with pytest.raises(EmotoneError, match=r"found tones \[1, 7\], wide \[0, 100\]; where they differ, set ranges.aro"):
        read(tones_recipe(corpora=corpora))
    found = read(tones_recipe(corpora=corpora, ranges={"arousal": [1, 7]})).table
    expected = 1 + others.utterances["arousal"] * 6 / 100
    np.testing.assert_allclose(found.loc[found["corpus"] == "wide", "arousal"], expected)
