"""Any column of a corpus as a target: which may be one, of what kind, and several at once from a recipe to a report."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotone.bundle.target import Target
from emotone.corpora.corpus import Corpus
from emotone.data.recipe import Recipe
from emotone.data.selection import Selection
from emotone.errors import EmotoneError
from emotone.evaluate.bundle_on_corpus import run_on_corpus
from emotone.evaluate.report.report import build_report
from emotone.evaluate.run_folder import load_run
from emotone.predict.predictor import Predictor
from emotone.training.run import train_recipe

Make = Callable[..., Recipe]
NUM = 12


@pytest.fixture(autouse=True)
def voices(tones_recipe: Make) -> Corpus:
    """The tones with an age, a gender, a take as a number and a column that is empty."""
    tones = Corpus.load("tones")
    columns = {
        "age": np.where(tones.utterances["emotion"] == "high", 20.0, 60.0) + np.arange(NUM),
        "gender": np.where(np.arange(NUM) % 3 == 0, "female", "male"),
        "take": 1 + np.arange(NUM) % 2,
        "nothing": None,
        "same": 3.0,
    }
    corpus = replace(tones, name="voices", utterances=tones.utterances.assign(**columns), raters=None)
    corpus.save()
    return corpus


def targets_of(recipe: Recipe) -> list[Target]:
    return Selection.read(recipe, quiet=True).targets


def test_words_are_categories_and_numbers_attributes_unless_the_recipe_says_otherwise(tones_recipe: Make) -> None:
    recipe = tones_recipe(corpora=["voices"], targets=["gender", "age", "take"], kinds={"take": "category"})
    gender, age, take = targets_of(recipe)
    assert gender == Target("gender", "category", labels=("female", "male"))
    assert take == Target("take", "category", labels=("1", "2"))
    assert age.kind == "attribute" and age.range is not None and 20 <= age.range[0] < age.range[1] <= 71
    named = tones_recipe(corpora=["voices"], targets=["age"], ranges={"age": [0, 100]})
    assert targets_of(named) == [Target("age", "attribute", (0.0, 100.0))]


def test_classes_are_of_one_target_or_by_target(tones_recipe: Make) -> None:
    both = {"corpora": ["voices"], "targets": ["gender", "emotion"]}
    assert [target.labels for target in targets_of(tones_recipe(**both, classes=["low", "high"]))] == [
        ("female", "male"),
        ("low", "high"),
    ]
    by_target = tones_recipe(**both, classes={"gender": ["male", "female"]})
    assert targets_of(by_target)[0].labels == ("male", "female")
    alone = tones_recipe(corpora=["voices"], targets=["gender"], classes=["male", "female"])
    assert targets_of(alone)[0].labels == ("male", "female")


def test_categories_of_other_columns_are_mapped_too(tones_recipe: Make) -> None:
    mapping = {"voices": {"gender": {"female": "f", "male": "m"}}}
    found = Selection.read(tones_recipe(corpora=["voices"], targets=["gender"], label_map=mapping), quiet=True)
    assert found.targets[0].labels == ("f", "m") and set(found.table["emotion"]) == {"high", "low"}
    both = {"voices": {"gender": {"female": "f", "male": None}, "high": "joy", "low": "grief"}}
    found = Selection.read(tones_recipe(corpora=["voices"], targets=["emotion"], label_map=both), quiet=True)
    assert found.targets[0].labels == ("grief", "joy") and set(found.table["gender"].dropna()) == {"f"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"targets": ["gendr"]}, "unknown target 'gendr'; did you mean 'gender'?"),
        ({"targets": ["nothing"]}, "unknown target 'nothing'"),
        ({"targets": ["file"]}, "unknown target 'file'"),
        ({"targets": ["same"]}, "same is 3 of all utterances, so there is nothing to learn"),
        (
            {"targets": ["gender"], "kinds": {"gender": "attribute"}},
            "gender cannot be an attribute, for it holds what is",
        ),
        ({"targets": ["gender"], "kinds": {"age": "category"}}, "kinds: unknown target 'age'"),
        ({"targets": ["gender"], "classes": {"age": ["1"]}}, "classes: unknown target with categories 'age'"),
        ({"targets": ["gender"], "classes": ["male"]}, "gender needs two classes or more in voices"),
        ({"targets": ["gender", "speaker"], "classes": ["male"]}, "name the target of each list"),
        ({"targets": ["gender"], "label_map": {"voices": {"gendr": {}}}}, "unknown column 'gendr'"),
        ({"targets": ["gender"], "label_map": {"voices": {"gender": {"male": "m"}}}}, "gender leaves out female ("),
    ],
)
def test_what_cannot_be_a_target(tones_recipe: Make, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        targets_of(tones_recipe(corpora=["voices"], **settings))
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_several_at_once_from_a_recipe_to_predictions_and_a_report(tones_recipe: Make, tmp_path: Path) -> None:
    recipe = tones_recipe(
        corpora=["voices"],
        targets=["emotion", "gender", "age"],
        feature={"name": "moments", "of": "mel", "settings": {"num_mels": 8, "scale": "log"}},
        split={"name": "leave-speakers-out", "num_folds": 4, "fold": 0},
        system={"name": "functionals-svm", "c": 0.1},
    )
    run = load_run(train_recipe(recipe, to=tmp_path / "run", quiet=True))
    result = run.result
    assert list(result["metrics"]) == ["emotion", "gender", "age"]
    assert {target: next(iter(found)) for target, found in result["metrics"].items()} == {
        "emotion": "uar",
        "gender": "uar",
        "age": "ccc",
    }
    assert result["classes"] == {"emotion": ["high", "low"], "gender": ["female", "male"]}
    assert result["num_left_out"] == {"emotion": 0, "gender": 0}
    shares = run.test[["p_gender_female", "p_gender_male"]].sum(axis=1)
    assert {"true_gender", "p_high", "predicted_age"} <= {*run.test} and shares.tolist() == pytest.approx([1.0] * 3)
    about, page = build_report(run)
    assert set(about["confusion"]) == set(about["classes"]) == {"emotion", "gender"} and "Confusion of gender" in page
    json.dumps(about)

    corpus = Corpus.load("voices")
    predictor = Predictor.load(str(tmp_path / "run" / "bundle"), threads=1)
    assert predictor.columns == ["age", "high", "low", "gender_female", "gender_male"]
    prediction = predictor.predict(corpus.path_of(corpus.utterances["file"].iloc[0]))
    [row] = prediction.rows(predictor.columns, choices=predictor.choices)
    assert list(row)[:10] == ["file", "start_s", "end_s", "emotion", "gender", *predictor.columns]
    assert row["gender"] == prediction.labels["gender"] and row[f"gender_{row['gender']}"] >= 0.5
    tested = run_on_corpus(predictor.bundle, corpus, quiet=True)
    assert list(tested.result["metrics"]) == ["emotion", "gender", "age"]
    lacking = run_on_corpus(predictor.bundle, Corpus.load("tones"), quiet=True)
    assert lacking.result["not_in_corpus"] == ["gender", "age"]


def test_speakers_are_recognised_on_other_sentences(tones_recipe: Make, voices: Corpus, tmp_path: Path) -> None:
    said = replace(voices, name="said", utterances=voices.utterances.assign(script=list("abc") * 4))
    said.save()
    settings: dict[str, Any] = {
        "corpora": ["said"],
        "targets": ["speaker"],
        "feature": {"name": "moments", "of": "mel", "settings": {"num_mels": 8, "scale": "log"}},
        "system": {"name": "functionals-svm", "c": 0.1},
    }
    with pytest.raises(
        EmotoneError, match="a split by speaker tests what never trains; set split.group to another column"
    ):
        train_recipe(tones_recipe(**settings), to=tmp_path / "by-speaker", quiet=True)
    by_script = {"name": "leave-one-speaker-out", "group": "script"}
    run = load_run(train_recipe(tones_recipe(**settings, split=by_script), to=tmp_path / "by-script", quiet=True))
    assert list(run.result["metrics"]) == ["speaker"] and len(run.test) == NUM
    assert "over utterances, since the speakers" in build_report(run)[1]
    pair = {"name": "given", "file": str(tmp_path / "split.json")}
    ids = said.utterances["id"].tolist()
    parts = {"train": ids[:8], "validation": [], "test": ids[8:]}
    Path(pair["file"]).write_text(json.dumps(parts))
    with pytest.raises(EmotoneError, match=r"the split leaks: .* script"):
        train_recipe(tones_recipe(**settings, split=pair | {"validate": False}), to=tmp_path / "leaks", quiet=True)


def test_tables_of_parquet_hold_the_likeliest_of_every_target_as_text(tmp_path: Path) -> None:
    from emotone.base.result_table import ResultFile

    row = {"file": "a.wav", "start_s": 0.0, "end_s": 1.0, "gender": "female", "gender_female": 0.75, "error": ""}
    with ResultFile(tmp_path / "x.parquet", list(row), {}, texts=["gender"]) as results:
        results.add("a.wav", [row])
        results.finish(["a.wav"], lambda rows: not rows)
    assert pd.read_parquet(tmp_path / "x.parquet").to_dict("records") == [row]
