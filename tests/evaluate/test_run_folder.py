"""Run folders: all folds in order, ids of the corpora, and what is not finished in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from made_runs import AROUSAL, EMOTION, predictions
from written_runs import write_folds

from emotone.corpora.corpus import Corpus
from emotone.errors import EmotoneError
from emotone.evaluate.run_folder import Run, bundles_of, corpora_of, load_run, places_of


def write_run(folder: Path, folds: dict[str, pd.DataFrame | None], corpora: tuple[str, ...] = ("mine",)) -> Path:
    """A finished run of these folds, as runs are that know no own ids."""
    tables = {name: None if one is None else one.drop(columns="own_id") for name, one in folds.items()}
    recipe = {"name": "made", "corpora": list(corpora), "seed": 7}
    result = {"hash": "abc", "warnings": ["leak"], "corpora": {"mine": "feed"}}
    return write_folds(folder, tables, [AROUSAL, EMOTION], recipe, result)


def test_folds_are_read_in_their_order(tmp_path: Path) -> None:
    folds = {f"fold-{number}": predictions(4, name=str(number)).assign(fold=number) for number in (10, 9, 2)}
    run = load_run(write_run(tmp_path / "run", folds))
    assert run.test["fold"].tolist() == [2] * 4 + [9] * 4 + [10] * 4 and run.test.index.tolist() == list(range(12))
    assert (run.name, run.hash, run.seed, run.warnings) == ("made", "abc", 7, ["leak"])
    assert run.targets == [AROUSAL, EMOTION] and run.validation.empty and not run.is_bundle
    assert bundles_of(run).tolist() == [str(tmp_path / f"run/fold-{fold}/bundle") for fold in run.test["fold"]]
    assert [place.name for place in places_of(tmp_path / "run")] == ["fold-2", "fold-9", "fold-10"]


def test_repeats_have_folders_of_their_own_and_validation_is_read(tmp_path: Path) -> None:
    folds = {f"repeat-{r}/fold-{f}": predictions(2).assign(repeat=r, fold=f) for r in (0, 1) for f in (0, 1)}
    folder = write_run(tmp_path / "run", folds)
    predictions(3).to_parquet(folder / "repeat-1/fold-0/validation.parquet")
    run = load_run(folder)
    assert run.test[["repeat", "fold"]].drop_duplicates().to_numpy().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert len(run.validation) == 3


@pytest.mark.parametrize(
    ("system", "chosen", "held_out", "num_kept"),
    [
        ({"name": "functionals-svm"}, True, False, 0),  # as earlier versions wrote it
        ({"name": "functionals-svm"}, True, True, 3),
        ({"name": "light-heads", "refit": False}, True, False, 3),
        ({"name": "chunk-attention"}, False, False, 3),
    ],
)
def test_validation_predictions_of_speech_that_trained_are_none(
    tmp_path: Path, system: dict[str, Any], chosen: bool, held_out: bool, num_kept: int
) -> None:
    result: dict[str, Any] = {"hash": "abc", "corpora": {"mine": "feed"}} | ({"chosen": []} if chosen else {})
    tables = {"": predictions(5).drop(columns="own_id")}
    folder = write_folds(tmp_path / "run", tables, [AROUSAL, EMOTION], {"name": "made", "system": system}, result)
    validation = predictions(3)
    (validation.assign(held_out=True) if held_out else validation).to_parquet(folder / "validation.parquet")
    assert len(load_run(folder).validation) == num_kept


def test_one_fold_is_the_run_itself_and_may_test_nothing(tmp_path: Path) -> None:
    run = load_run(write_run(tmp_path / "run", {"": predictions(5)}))
    assert bundles_of(run).tolist() == [str(tmp_path / "run/bundle")] * 5
    folds = {"fold-0": predictions(5), "fold-1": None}  # a fold of speakers without a label
    run = load_run(write_run(tmp_path / "other", folds))
    assert set(bundles_of(run)) == {str(tmp_path / "other/fold-0/bundle")}


@pytest.mark.parametrize(
    ("corpora", "ids", "own_ids"),
    [
        (("mine",), ["a", "mine/b"], ["a", "mine/b"]),  # one corpus: ids are its own, whatever they look like
        (("mine", "other"), ["mine/a", "other/other/b"], ["a", "other/b"]),
    ],
)
def test_ids_of_the_corpus_are_set_once(
    tmp_path: Path, corpora: tuple[str, ...], ids: list[str], own_ids: list[str]
) -> None:
    table = predictions(2).assign(id=ids, corpus=corpora if len(corpora) > 1 else "mine")
    run = load_run(write_run(tmp_path / "run", {"": table}, corpora))
    assert run.test["own_id"].tolist() == own_ids and run.test["id"].tolist() == ids
    kept = table.assign(own_id=["x", "y"])
    kept.to_parquet(tmp_path / "run/predictions.parquet")
    assert load_run(tmp_path / "run").test["own_id"].tolist() == ["x", "y"]


def spoil(folder: Path, name: str, content: str | bytes | None) -> None:
    (folder / name).unlink(missing_ok=True)
    if content is not None:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("recipe.yaml", None, "not a run (recipe.yaml is missing); a bundle is tested by: emotone evaluate"),
        ("test.json", None, "not finished (test.json is missing); run emotone train again"),
        ("done.json", None, "not finished; run emotone train again, it goes on where it stopped"),
        ("test.json", "{", "test.json: cannot be read ("),
        ("recipe.yaml", "a: [", "recipe.yaml: cannot be read ("),
        ("recipe.yaml", b"\xff\xfe\xff", "recipe.yaml: cannot be read ("),
        ("test.json", b"\xff", "test.json: cannot be read ("),
        ("test.json", "[]", "test.json: cannot be read (it holds no object)"),
        ("test.json", "{}", "test.json: cannot be read (it has no hash, or one that is no str)"),
        ("test.json", '{"hash": "a"}', "test.json: cannot be read (it has no protocol, or one that is no str)"),
        ("predictions.parquet", "junk", "predictions.parquet: cannot be read ("),
        ("validation.parquet", "junk", "validation.parquet: cannot be read ("),
        ("predictions.parquet", None, "this run has no test part; a bundle of it is tested by: emotone evaluate"),
    ],
)
def test_what_is_no_finished_run_is_said(tmp_path: Path, name: str, content: str | bytes | None, words: str) -> None:
    folder = write_run(tmp_path / "run", {"": predictions(3)})
    spoil(folder, name, content)
    with pytest.raises(EmotoneError) as caught:
        load_run(folder)
    assert words in str(caught.value) and str(folder) in str(caught.value)


def test_what_has_no_bundle_either_gets_no_advice(tmp_path: Path) -> None:
    with pytest.raises(EmotoneError) as caught:
        load_run(tmp_path)
    assert str(caught.value) == f"{tmp_path}: not a run (recipe.yaml is missing)"


def test_the_folder_of_a_recipe_names_a_run_in_it(tmp_path: Path) -> None:
    run = write_run(tmp_path / "mine" / "0123456789ab", {"": predictions(3)})
    with pytest.raises(EmotoneError) as caught:
        load_run(tmp_path / "mine")
    assert str(caught.value).endswith(f"recipe.yaml is missing); did you mean {run}?")


def test_corpora_must_be_those_of_the_run(tmp_path: Path, write_tones: Callable[..., Corpus]) -> None:
    tones = write_tones(tmp_path, "tones", num_tones=4)

    def tested(fingerprints: dict[str, str], **recipe: Any) -> Run:
        table = pd.DataFrame()
        return Run(tmp_path, {"name": "x", **recipe}, {"corpora": fingerprints}, [], table, table)

    assert [corpus.name for corpus in corpora_of(tested({"tones": tones.fingerprint}))] == ["tones"]  # a bundle's
    assert len(corpora_of(tested({"tones": tones.fingerprint}, corpora=["tones"]))) == 1
    with pytest.raises(EmotoneError, match=r"corpus tones has changed since .*: its fingerprint is another"):
        corpora_of(tested({"tones": "feed"}, corpora=["tones"]))
    with pytest.raises(EmotoneError, match="'gone' is not prepared"):
        corpora_of(tested({"gone": "feed"}))


@pytest.mark.parametrize("recipe", ["", "null", "[1]", "{corpora: 3}", "{corpora: null}"])
def test_a_damaged_recipe_hides_no_result(tmp_path: Path, recipe: str) -> None:
    folder = write_run(tmp_path / "run", {"": predictions(3)})
    (folder / "recipe.yaml").write_text(recipe)
    run = load_run(folder)
    assert run.test["own_id"].tolist() == run.test["id"].tolist() and run.hash == "abc"
    assert run.name == "run" and run.seed == 0 and run.recipe.get("system") is None


def test_what_a_run_was_made_of(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {"": predictions(3)})
    assert load_run(folder).made_of == {"table of mine": "feed"}  # of an earlier version
    (folder / "files_read.json").write_text('{"table of mine": "feed", "audio of mine": "beef", "split": "a"}')
    assert load_run(folder).made_of == {"table of mine": "feed", "audio of mine": "beef"}
