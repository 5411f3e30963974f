"""Curricula in runs on tones: who trains when; DeepMI's three steps, what each leaves, and starting from its values."""

from __future__ import annotations

import functools
import json
import math
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from emotone.audio.read import load_audio
from emotone.bundle.bundle import Bundle
from emotone.corpora.corpus import Corpus
from emotone.data.recipe import Recipe
from emotone.data.recipe_yaml import from_json
from emotone.errors import EmotoneError
from emotone.training import fold
from emotone.training.examples import StoreExamples
from emotone.training.run import train_recipe

EPOCHS = 5
DEEP_MI: dict[str, Any] = {
    "name": "deep-mi",
    "alpha": 0.5,
    "system": {
        "name": "deep-emo-clusters",
        "model": "dense-res-net",
        "model_settings": {"widths": [8, 6], "num_blocks": 1},
        "num_clusters": 4,
        "hidden_std": None,
    },
    "training": {"batch_size": 6, "epochs": 2, "learning_rate": 1e-3},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_tones: Callable[..., Corpus]) -> Path:
    """Where this module's corpora lie: `tones` of 24 tones, of whose speakers two train, and `other` of 10."""
    folder = tmp_path_factory.mktemp("curricula")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOTONE_CACHE", str(folder / "cache"))
        write_tones(folder, "tones")
        write_tones(folder, "other", 10, seed=1)
    return folder


@pytest.fixture(autouse=True)
def _own_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTONE_CACHE", str(folder / "cache"))


Make = Callable[..., Recipe]


def recipe_of(bundle: Path, curriculum: dict[str, Any], **settings: Any) -> Recipe:
    """A recipe on the scores of a bundle, one vector per utterance."""
    about: dict[str, Any] = {
        "name": "tones",
        "corpora": ["tones"],
        "targets": ["arousal"],
        "feature": {"name": "scores", "bundles": [str(bundle)]},
        "split": {"name": "leave-speakers-out", "num_folds": 4, "fold": 0},
        "system": {"name": "curriculum-network", "hidden_size": 8},
        "training": {"batch_size": 100, "epochs": EPOCHS, "learning_rate": 1e-3},
        "curriculum": {"num_levels": 3, "epochs_per_level": 1, **curriculum},
    }
    return from_json({**about, **settings}, "here")


def deep_mi_recipe(bundle: Path, num_unlabelled: int | None = None) -> Recipe:
    unlabelled = {"corpora": ["other"], "num": num_unlabelled}
    return recipe_of(bundle, {"order": "easy-first", "score": DEEP_MI}, unlabelled=unlabelled)


@pytest.fixture
def make(tiny_bundle: Path) -> Make:
    """make(curriculum, setting=value, ..): a recipe on the tiny bundle's scores."""
    return functools.partial(recipe_of, tiny_bundle)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[NDArray[np.intp]]:
    """The rows of every training batch read, in order: those of the larger set of utterances."""
    seen: list[NDArray[np.intp]] = []
    batch = StoreExamples.batch

    def watched(self: StoreExamples, rows: NDArray[np.intp], *crops: Any) -> Any:
        if crops:  # training alone says how to crop (here None)
            seen.append(rows)
        return batch(self, rows, *crops)

    monkeypatch.setattr(StoreExamples, "batch", watched)
    return seen


def train(recipe: Recipe, to: Path) -> Path:
    return train_recipe(recipe, to, quiet=True)


def training_table(run: Path) -> pd.DataFrame:
    """The training part in the order of its rows, with durations from the files."""
    corpus = Corpus.load("tones")
    ids = json.loads((run / "split.json").read_text())["train"]
    table = corpus.utterances[corpus.utterances["id"].isin(ids)].reset_index(drop=True)
    return table.assign(duration_s=[len(load_audio(corpus.path_of(file))) / 16_000 for file in table["file"]])


# ---- who trains when --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("curriculum", "column", "falls"),
    [
        ({"order": "easy-first", "score": "duration"}, "duration_s", False),
        ({"order": "hard-first", "score": "duration"}, "duration_s", True),
        ({"order": "easy-first", "score": "duration", "easy": "highest"}, "duration_s", True),
        ({"order": "easy-first", "score": {"name": "column", "column": "valence"}}, "valence", True),
        ({"order": "hard-first", "score": {"name": "column", "column": "valence"}}, "valence", False),
    ],
)
def test_levels_grow_by_the_score(
    make: Make, reads: list[Any], tmp_path: Path, curriculum: dict[str, Any], column: str, falls: bool
) -> None:
    run = train(make(curriculum), tmp_path / "run")
    table = training_table(run)
    order = table[column].sort_values(ascending=not falls).index
    assert [len(rows) for rows in reads] == [4, 8, 12, 12, 12]
    for rows in reads:
        assert set(rows) == set(order[: len(rows)])
    kept = pd.read_parquet(run / "curriculum.parquet")
    assert list(kept["id"]) == list(table["id"]) and list(np.argsort(kept["place"])) == list(order)
    np.testing.assert_allclose(kept["score"], table[column], atol=1e-9)


def test_random_levels_follow_the_seed_alone(make: Make, reads: list[Any], tmp_path: Path) -> None:
    orders = []
    for name, settings in (("a", {}), ("b", {}), ("c", {"seed": 1})):
        reads.clear()
        train(make({"order": "random", "score": "agreement"}, **settings), tmp_path / name)
        assert [len(rows) for rows in reads] == [4, 8, 12, 12, 12]
        assert set(reads[0]) < set(reads[1]) < set(reads[2])
        orders.append([set(rows) for rows in reads])
    assert orders[0] == orders[1] != orders[2]


def test_without_an_order_all_train_from_the_start(make: Make, reads: list[Any], tmp_path: Path) -> None:
    run = train(make({"order": "none", "score": "agreement"}), tmp_path / "run")
    assert [sorted(rows) for rows in reads] == [list(range(12))] * EPOCHS
    assert not (run / "curriculum.parquet").exists()


def test_any_system_of_the_loop_takes_a_curriculum(make: Make, reads: list[Any], tmp_path: Path) -> None:
    system = {"name": "chunk-attention", "aggregation": "NonAtten", "chunk_s": 0.1, "hidden_size": 4}
    settings = {"system": system, "feature": {"name": "mel", "num_mels": 8}, "targets": ["arousal", "emotion"]}
    train(make({"order": "easy-first", "score": "agreement"}, **settings), tmp_path / "run")
    assert [len(rows) for rows in reads] == [4, 8, 12, 12, 12]


def test_every_fold_has_scores_of_its_own(make: Make, tmp_path: Path) -> None:
    settings = {"split": {"name": "leave-speakers-out", "num_folds": 4, "fold": "all"}}
    settings["training"] = {"batch_size": 100, "epochs": 1, "learning_rate": 1e-3}
    run = train(make({"order": "easy-first", "score": "duration"}, **settings), tmp_path / "run")
    for number in range(4):
        kept = pd.read_parquet(run / f"fold-{number}" / "curriculum.parquet")
        split = json.loads((run / f"fold-{number}" / "split.json").read_text())
        assert sorted(kept["id"]) == split["train"]


# ---- DeepMI -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def deep_mi_run(folder: Path, tiny_bundle: Path) -> Path:
    """A finished run of all three steps; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOTONE_CACHE", str(folder / "cache"))
        return train(deep_mi_recipe(tiny_bundle), folder / "deep-mi")


def mutual_information(x: list[int], y: list[int]) -> list[float]:
    """p(x, y) ln(p(x, y) / (p(x) p(y))) of each pair, counted one by one."""
    N, of_x, of_y, of_both = len(x), Counter(x), Counter(y), Counter(zip(x, y, strict=True))
    shares = [of_both[pair] / N for pair in zip(x, y, strict=True)]
    return [share * math.log(share / (of_x[a] / N * of_y[b] / N)) for share, a, b in zip(shares, x, y, strict=True)]


def test_deep_mi_is_that_of_the_first_step_s_clusters_and_scores(deep_mi_run: Path) -> None:
    table = pd.read_parquet(deep_mi_run / "deep_mi.parquet")
    own = training_table(deep_mi_run)
    assert list(table) == [
        "id",
        "corpus",
        "file",
        "start_s",
        "end_s",
        "speaker",
        "gender",
        "duration_s",
        "target",
        "cluster",
        "label",
        "level",
        "predicted",
        "predicted_level",
        "deep_mi",
    ]
    assert list(table["id"]) == list(own["id"]) and set(table["target"]) == {"arousal"}
    np.testing.assert_allclose(table["label"], own["arousal"])
    np.testing.assert_allclose(table["duration_s"], own["duration_s"], atol=1e-4)
    levels = [sum(score >= cut for cut in (2, 3, 4, 5, 6)) for score in table["label"]]
    predicted = [sum(score >= cut for cut in (2, 3, 4, 5, 6)) for score in table["predicted"]]
    assert list(table["level"]) == levels and list(table["predicted_level"]) == predicted
    of_clusters = mutual_information(list(table["cluster"]), levels)
    of_scores = mutual_information(predicted, levels)
    expected = 0.5 * np.array(of_clusters) + 0.5 * np.array(of_scores)
    np.testing.assert_allclose(table["deep_mi"], expected, atol=5.1e-6)
    assert json.loads((deep_mi_run / "deep_mi.json").read_text()) == dict(
        zip(table["file"], table["deep_mi"], strict=True)
    )


def test_the_first_step_is_kept_as_a_bundle_with_its_clusters(deep_mi_run: Path) -> None:
    step, table = deep_mi_run / "semi-supervised", pd.read_parquet(deep_mi_run / "deep_mi.parquet")
    names = {path.name for path in step.iterdir()}
    assert {"bundle", "clusters.parquet", "metrics.csv"} <= names and "checkpoint.pt" not in names
    bundle, corpus = Bundle.load(str(step)), Corpus.load("tones")
    scores = bundle.score_samples([load_audio(corpus.path_of(file)) for file in table["file"]])
    np.testing.assert_allclose(scores.attributes["arousal"], table["predicted"], atol=1e-5)
    clusters = pd.read_parquet(step / "clusters.parquet")
    assert clusters["part"].value_counts().to_dict() == {"train": 12, "unlabelled": 10, "validation": 6, "test": 6}
    own = clusters[clusters["part"] == "train"].set_index("id")["cluster"]
    assert list(own[table["id"]]) == list(table["cluster"])
    assert pd.read_csv(step / "metrics.csv")["epoch"].tolist() == [1, 2]


def test_a_given_model_replaces_the_first_step(deep_mi_run: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    """The bundle of that step: the same clusters, scores and values, whatever the recipe's own feature is."""
    score = {"name": "deep-mi", "alpha": 0.5, "model": str(deep_mi_run / "semi-supervised" / "bundle")}
    curriculum = {"order": "easy-first", "score": score}
    plain = train(recipe_of(tiny_bundle, curriculum), tmp_path / "plain")
    expected = pd.read_parquet(deep_mi_run / "deep_mi.parquet")
    found = pd.read_parquet(plain / "deep_mi.parquet")
    assert list(found["cluster"]) == list(expected["cluster"])
    np.testing.assert_allclose(found["predicted"], expected["predicted"], atol=1e-5)
    assert list(found["deep_mi"]) == list(expected["deep_mi"]) and not (plain / "semi-supervised").exists()
    moments = {"name": "moments", "of": "mel", "settings": {"num_mels": 8}}
    other = train(recipe_of(tiny_bundle, curriculum, feature=moments), tmp_path / "other")
    assert list(pd.read_parquet(other / "deep_mi.parquet")["deep_mi"]) == list(expected["deep_mi"])
    with pytest.raises(EmotoneError, match="unknown attribute 'valence'"):
        train(recipe_of(tiny_bundle, curriculum, targets=["valence"]), tmp_path / "valence")


def test_deep_mi_s_curriculum_is_its_order(deep_mi_run: Path) -> None:
    table = pd.read_parquet(deep_mi_run / "deep_mi.parquet")
    place = pd.read_parquet(deep_mi_run / "curriculum.parquet").set_index("id")["place"]
    expected = sorted(table["id"], key=lambda id_: (-table.set_index("id")["deep_mi"][id_], id_))
    assert list(place.sort_values().index) == expected


def results(run: Path) -> dict[str, bytes]:
    names = (
        "deep_mi.parquet",
        "deep_mi.json",
        "curriculum.parquet",
        "metrics.csv",
        "predictions.parquet",
        "bundle/weights.safetensors",
        "semi-supervised/bundle/weights.safetensors",
    )
    return {name: (run / name).read_bytes() for name in names}


@pytest.mark.parametrize("lost", ["deep_mi.parquet", "deep_mi.json", "bundle", "semi-supervised"])
def test_a_lost_step_is_done_again_and_no_other(
    deep_mi_run: Path, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    run = shutil.copytree(deep_mi_run, tmp_path / "run")
    (run / "done.json").unlink()
    trained: list[Path] = []
    fit = fold.fit
    monkeypatch.setattr(fold, "fit", lambda *given, **more: trained.append(given[2].folder) or fit(*given, **more))
    if lost.startswith(("bundle", "semi")):
        shutil.rmtree(run / lost)
    else:
        (run / lost).unlink()
    if lost == "semi-supervised":  # and what follows from it
        (run / "deep_mi.parquet").unlink()
    if lost == "deep_mi.json":
        (run / "deep_mi.parquet").unlink()
    train(deep_mi_recipe(tiny_bundle), run)
    assert results(run) == results(deep_mi_run)
    assert trained == ([run / "semi-supervised"] if lost == "semi-supervised" else []) + [run]


def test_a_network_that_is_random_in_evaluation_gives_the_same_again(tiny_bundle: Path, tmp_path: Path) -> None:
    """The published quirk: what is measured must not depend on whether its network was trained in the same run."""
    about = deep_mi_recipe(tiny_bundle).to_json()
    about["curriculum"]["score"]["system"]["model_settings"]["always_drop"] = True
    run = train(from_json(about, "here"), tmp_path / "run")
    expected = results(run)
    for name in ("deep_mi.parquet", "done.json"):
        (run / name).unlink()
    (run / "semi-supervised" / "checkpoint.pt").write_bytes(b"")  # as if killed just before it was removed
    assert results(train(from_json(about, "here"), run)) == expected
    assert not (run / "semi-supervised" / "checkpoint.pt").exists()


def test_unlabelled_speech_reaches_the_first_step(deep_mi_run: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    name = "semi-supervised/bundle/weights.safetensors"
    less = train(deep_mi_recipe(tiny_bundle, 6), tmp_path / "less")
    assert (less / name).read_bytes() != (deep_mi_run / name).read_bytes()


def test_values_in_a_file_replace_the_first_two_steps(
    make: Make, deep_mi_run: Path, reads: list[Any], tmp_path: Path
) -> None:
    """The curriculum's own training is then the same, weight for weight."""
    score = {"name": "file", "path": str(deep_mi_run / "deep_mi.json")}
    run = train(make({"order": "easy-first", "score": score}), tmp_path / "run")
    for name in ("curriculum.parquet", "metrics.csv", "bundle/weights.safetensors"):
        assert (run / name).read_bytes() == (deep_mi_run / name).read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: values.pop("02.wav"), "1 of 12 utterances have no value, e.g. '02.wav'"),
        (lambda values: values.update({"zz.wav": 1.0}), "1 of 13 values are of unknown utterances, e.g. 'zz.wav'"),
        (lambda values: values.update({"02.wav": None}), "1 of 12 values are no finite numbers, e.g. that of '02.wav'"),
        (lambda values: values.clear(), "must be one JSON object {file: number}"),
    ],
)
def test_files_that_do_not_fit_are_one_line(
    make: Make, deep_mi_run: Path, tmp_path: Path, change: Callable[[Any], Any], words: str
) -> None:
    values = json.loads((deep_mi_run / "deep_mi.json").read_text())
    change(values)
    path = tmp_path / "values.json"
    path.write_text(json.dumps(values))
    with pytest.raises(EmotoneError, match=".") as caught:
        train(make({"order": "easy-first", "score": {"name": "file", "path": str(path)}}), tmp_path / "run")
    assert words in str(caught.value) and str(path) in str(caught.value) and "\n" not in str(caught.value)


# ---- what cannot be ---------------------------------------------------------------------------------------------

EASY = "easy-first"
CLUSTERS = {"name": "deep-emo-clusters", "model": "dense-res-net"}


@pytest.mark.parametrize(
    ("curriculum", "settings", "words"),
    [
        ({"order": EASY}, {"training": {"iterations": 9}}, "a curriculum goes by epochs; set training.epochs"),
        ({"order": EASY}, {"system": CLUSTERS}, "draws utterances by their clusters, so it takes no curriculum"),
        ({"order": EASY}, {"system": {"name": "functionals-svm"}}, "solved at once, so it takes no curriculum"),
        ({"order": EASY, "num_levels": 13}, {}, "13 levels are more than there are utterances (12)"),
        ({"order": EASY, "num_levels": 0}, {}, "num_levels must be at least 1, not 0"),
        ({"order": EASY, "epochs_per_level": 0}, {}, "epochs_per_level must be at least 1, not 0"),
        ({"order": "easy"}, {}, "order must be one of 'easy-first', 'hard-first', 'random', 'none'"),
        ({"order": EASY, "score": "durations"}, {}, "unknown difficulty 'durations'; did you mean 'duration'?"),
        ({"order": EASY, "score": "column"}, {}, "difficulty column: setting 'column' is missing"),
        ({"order": EASY, "score": "file"}, {}, "difficulty file: setting 'path' is missing"),
        ({"order": EASY, "score": {"name": "column", "column": "valenc"}}, {}, "did you mean 'valence'?"),
        ({"order": EASY, "score": {"name": "column", "column": "speaker"}}, {}, "speaker holds no numbers, e.g. '2'"),
        ({"order": EASY, "score": {"name": "column", "column": "dominance"}}, {}, "12 of 12 utterances have no score"),
        ({"order": EASY, "score": {"name": "file", "path": "none.json"}}, {}, "none.json is missing"),
        (
            {"order": EASY, "score": "deep-mi"},
            {"targets": ["arousal", "valence"]},
            "set targets to one, not arousal, valence",
        ),
        (
            {"order": EASY, "score": "deep-mi"},
            {"targets": ["emotion"]},
            "of one attribute: set targets to one, not emotion",
        ),
        ({"order": EASY, "score": {"name": "deep-mi", "alpha": 2}}, {}, "alpha must be from 0 to 1, not 2"),
        ({"order": EASY, "score": {"name": "deep-mi", "system": {"name": "functionals-svm"}}}, {}, "finds no clusters"),
        (
            {"order": EASY, "score": {"name": "deep-mi", "system": {**CLUSTERS, "num_clusters": 0}}},
            {},
            "finds no clusters",
        ),
        ({"order": EASY, "score": {"name": "deep-mi", "training": {"epoch": 5}}}, {}, "did you mean 'epochs'?"),
        ({"order": EASY, "score": "teacher-error"}, {"targets": ["emotion"]}, "the recipe's first target is emotion"),
        ({"order": EASY, "score": {"name": "teacher-error", "bundles": ["defaul"]}}, {}, "defaul"),
    ],
)
def test_what_cannot_run_is_one_line(
    make: Make, tmp_path: Path, curriculum: dict[str, Any], settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(EmotoneError, match=".") as caught:
        train(make(curriculum, **settings), tmp_path / "run")
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("count", [0, -1])
@pytest.mark.parametrize("key", ["epochs", "batch_size"])
def test_loops_that_cannot_be(make: Make, tmp_path: Path, key: str, count: int) -> None:
    with pytest.raises(EmotoneError, match=rf"training\.{key} must be at least 1, not {count}"):
        train(make({}, training={"epochs": 1, "batch_size": 4, key: count}), tmp_path / "run")


def test_deep_mi_without_a_validation_part_needs_the_last_weights(tiny_bundle: Path, tmp_path: Path) -> None:
    """Where nothing is validated, "best" would be the first epoch."""
    about = deep_mi_recipe(tiny_bundle).to_json()
    about["split"]["validate"], about["training"]["best"] = False, "last"
    with pytest.raises(EmotoneError, match="best must be 'last'"):
        train(from_json(about, "here"), tmp_path / "a")
    about["curriculum"]["score"]["training"]["best"] = "last"
    run = train(from_json(about, "here"), tmp_path / "b")
    assert len(pd.read_parquet(run / "deep_mi.parquet")) == 18


# ---- augmented copies -------------------------------------------------------------------------------------------


def test_copies_have_the_difficulty_of_their_utterance(make: Make, tmp_path: Path) -> None:
    values = {name: float(number) for number, name in enumerate(Corpus.load("tones").utterances["id"])}
    (tmp_path / "values.json").write_text(json.dumps(values))
    path = str(tmp_path / "values.json")
    settings: dict[str, Any] = {"augmentation": {"channels": 2}, "training": {"batch_size": 100, "epochs": 1}}
    for number, score in enumerate(("agreement", {"name": "file", "path": path})):
        plain, copied = (
            pd.read_parquet(train(make({"order": EASY, "score": score}, **more), tmp_path / to) / "curriculum.parquet")
            for to, more in ((f"plain-{number}", {}), (f"copied-{number}", settings))
        )
        own = plain.set_index("id")["score"]
        assert len(copied) == 24 and copied["store_id"].str.contains("#").all()
        np.testing.assert_allclose(copied["score"], own[copied["id"]], atol=1e-12)
