"""Emotion rankers: their scores, an order that they find, and runs with all that these leave; what cannot be."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import f1_score

from emotone.audio.read import load_audio
from emotone.base import plugins
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import UNBOUNDED, Target
from emotone.bundle.view.view import Chunks, Normaliser
from emotone.corpora.corpus import Corpus
from emotone.corpora.readers.emotale import EmoTale
from emotone.data.labels.preferences import prefer_by_margin
from emotone.data.recipe import Recipe, Training
from emotone.data.recipe_yaml import from_json
from emotone.data.rows import Rows
from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.models.export import load_weights
from emotone.training.examples import StoreExamples, predict_outputs
from emotone.training.learners.learner import Lesson
from emotone.training.loop import Validation, fit
from emotone.training.run import train_recipe

AROUSAL, VALENCE = (Target(name, "attribute", (1.0, 7.0), 4.0, 1.0) for name in ("arousal", "valence"))
SMALL: dict[str, Any] = {"name": "emotion-ranker", "chunk_s": 0.2, "hidden_size": 6, "num_pairs": 40, "partners": 8}


def system(**settings: Any) -> Any:
    return plugins.create("systems", "emotion-ranker", settings)


def test_the_published_ranker_is_the_default() -> None:
    ranker = system(max_utterance_s=11.0)
    assert ranker.view(0.016, 5.0) == Chunks(62, 22) and ranker.utterance_limit_s(5.0) == 11.0
    assert (ranker.threshold, ranker.partners, ranker.num_pairs, ranker.pairing) == (0.6, 0.1, 100_000, "drawn")
    network = ranker.build(130, [AROUSAL, VALENCE])
    lstm = 2 * (4 * 130 * (130 + 130) + 2 * 4 * 130)
    assert sum(value.numel() for value in network.parameters()) == 2 * (lstm + 130 * 130 + 130 + 130 * 2 + 2)


def test_margins_have_no_range() -> None:
    assert system().scored([AROUSAL]) == [Target("arousal", "attribute", UNBOUNDED, 0.0, 1.0)]


# ---- scores of the validation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("num_pairs", [30, 1000])
def test_scores_are_the_macro_f1_of_chunk_pairs(num_pairs: int) -> None:
    random = np.random.default_rng(0)
    outputs = {name: random.normal(0, 1, (20, 5)).round(1).astype(np.float32) for name in ("arousal", "valence")}
    pairs = {name: prefer_by_margin(random.normal(0, 1, 20), 0.2, 1000) for name in outputs}
    assert all(len(own.label) > 200 for own in pairs.values())
    validation = StoreExamples(Rows([], 1), Chunks(1, 5), Normaliser(np.zeros(1), np.ones(1)), {}, pairs=pairs)
    found = system(num_pairs=num_pairs).scorer([AROUSAL, VALENCE], validation)(outputs)
    random = np.random.default_rng(0)
    for name, own in pairs.items():
        chosen = random.choice(len(own.label), min(num_pairs, len(own.label)), replace=False)
        rows = [(own.first[p], own.second[p], own.label[p], c) for p in chosen for c in range(5)]
        predicted = [int(outputs[name][a, c] > outputs[name][b, c]) for a, b, _, c in rows]
        assert found[name] == pytest.approx(f1_score([row[2] for row in rows], predicted, average="macro"), abs=1e-12)


def planted(num: int, seed: int) -> tuple[Any, Any]:
    """Utterances of noise whose first feature is higher the more of the attribute there is, and how much there is."""
    random = np.random.default_rng(seed)
    amount = random.uniform(1, 7, num)
    frames = [random.normal(0, 1, (random.integers(12, 30), 3)).astype(np.float32) for _ in range(num)]
    for own, value in zip(frames, amount, strict=True):
        own[:, 0] += np.float32(0.5 * value - 2)
    pairs = {"arousal": prefer_by_margin(amount, 1.0, 1000)}
    as_is = Normaliser(np.zeros(3), np.ones(3), clip=9.0)
    return StoreExamples(Rows(frames, 3), Chunks(6, 4), as_is, {}, pairs=pairs), amount


@pytest.mark.parametrize("pairing", ["drawn", "within"])
def test_a_planted_order_is_found_in_unseen_utterances(tmp_path: Path, pairing: str) -> None:
    train, _ = planted(60, 0)
    validation, _ = planted(30, 1)
    test, amount = planted(60, 2)
    ranker = system(hidden_size=8, dropout=0.0, pairing=pairing, num_pairs=200)
    torch.manual_seed(0)
    network = ranker.build(3, [AROUSAL])
    settings = Training(batch_size=20, epochs=8, learning_rate=1e-2)
    scorer = ranker.scorer([AROUSAL], validation)
    network, history = fit(
        ranker, network, Lesson(train, settings, tmp_path, seed=0), Validation(validation, scorer), quiet=True
    )
    assert history[-1]["loss"] < history[0]["loss"] and max(row["arousal"] for row in history) > 0.85
    margins = predict_outputs(network, test, 20, "cpu")["arousal"]
    assert metrics.spearman(margins.mean(axis=1), amount) > 0.9


# ---- runs -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_tones: Callable[..., Corpus]) -> Path:
    """Where this module's corpora lie: `tones`, `other` on another range, and `plain` without raters."""
    folder = tmp_path_factory.mktemp("rankers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOTONE_CACHE", str(folder / "cache"))
        write_tones(folder, "tones")
        other, plain = write_tones(folder, "other", 16, seed=1), write_tones(folder, "plain", 16, seed=2)
        assert other.raters is not None
        for table in (other.utterances, other.raters):
            table["arousal"] = (table["arousal"] - 1) / 6 * 100
        other.meta["ranges"] = {"arousal": [0, 100], "valence": [1, 7]}
        other.save()
        Corpus("plain", plain.root, plain.utterances, None, plain.meta).save()
    return folder


@pytest.fixture(autouse=True)
def _own_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTONE_CACHE", str(folder / "cache"))


def recipe(system: dict[str, Any] | None = None, **settings: Any) -> Recipe:
    about: dict[str, Any] = {
        "name": "ranked",
        "corpora": ["tones"],
        "targets": ["arousal"],
        "feature": {"name": "mel", "num_mels": 6, "scale": "log"},
        "split": {"name": "leave-speakers-out", "num_folds": 4, "fold": 0},
        "system": {**SMALL, **(system or {})},
        "training": {"batch_size": 8, "epochs": 1, "learning_rate": 1e-2},
    }
    return from_json({**about, **settings}, "here")


def train(about: Recipe, to: Path) -> Path:
    return train_recipe(about, to, quiet=True)


def votes_by_loop(raters: pd.DataFrame, first: str, second: str) -> int | None:
    """Whether `first` is higher by the votes on both, one by one."""
    of = {name: raters.loc[raters["id"] == name, "arousal"].dropna() for name in (first, second)}
    signs = [np.sign(a - b) for a, b in itertools.product(of[first], of[second])]
    for label, sign in ((1, 1), (0, -1)):
        if signs.count(sign) / len(signs) >= 0.6:
            return label
    return None


def test_a_run_leaves_preferences_and_a_bundle_of_margins(tmp_path: Path) -> None:
    run = train(recipe({"partners": 1000}), tmp_path / "run")
    corpus, split = Corpus.load("tones"), json.loads((run / "split.json").read_text())
    table = pd.read_parquet(run / "preferences.parquet")
    assert list(table) == ["first", "second", "is_higher", "part", "target"] and set(table["target"]) == {"arousal"}
    for part in ("train", "validation"):
        own = table[table["part"] == part]
        expected = {
            (a, b): votes_by_loop(corpus.raters, a, b)  # type: ignore[arg-type]
            for a, b in itertools.permutations(split[part], 2)
        }
        found = zip(zip(own["first"], own["second"], strict=True), own["is_higher"], strict=True)
        assert dict(found) == {pair: bool(label) for pair, label in expected.items() if label is not None}
    about = json.loads((run / "bundle/bundle.json").read_text())
    assert about["curves"] is True and about["targets"][0]["range"] is None
    assert "relative" in (run / "bundle/README.md").read_text()
    result = json.loads((run / "test.json").read_text())
    assert "spearman" in result["metrics"]["arousal"] and "arousal" in result["published_test"]
    assert pd.read_csv(run / "metrics.csv").columns.tolist() == ["epoch", "loss", "arousal"]


@pytest.mark.parametrize("networks", ["separate", "joint"])
def test_the_bundle_gives_the_network_s_margins(tmp_path: Path, networks: str) -> None:
    about = recipe({"networks": networks, "preferences": "margin"}, targets=["arousal", "valence"])
    run = train(about, tmp_path / "run")
    bundle, table = Bundle.load(str(run)), pd.read_parquet(run / "predictions.parquet")
    corpus = Corpus.load("tones")
    samples = [load_audio(corpus.path_of(f"{id_}.wav")) for id_ in table["id"]]
    scores = bundle.score_samples(samples)
    network = system(**{key: value for key, value in about.system.settings.items()}).build(6, bundle.targets)
    load_weights(network, run / "bundle")
    frames = [bundle.feature(own) for own in samples]
    examples = StoreExamples(Rows(frames, 6), bundle.view, bundle.normaliser, {})
    margins = predict_outputs(network, examples, 4, "cpu")
    for name in ("arousal", "valence"):
        np.testing.assert_allclose(scores.curves[name], margins[name], atol=1e-4)
        np.testing.assert_allclose(scores.attributes[name], margins[name].mean(axis=1), atol=1e-4)
        np.testing.assert_allclose(table[f"predicted_{name}"], margins[name].mean(axis=1), atol=1e-4)


def test_several_corpora_have_pairs_within_each_on_one_range(tmp_path: Path) -> None:
    about = recipe(corpora=["tones", "other"], ranges={"arousal": [0, 1]})
    run = train(about, tmp_path / "run")
    table = pd.read_parquet(run / "preferences.parquet").astype({"first": str, "second": str})
    assert (table["first"].str.split("/").str[0] == table["second"].str.split("/").str[0]).all()
    assert table["first"].str.split("/").str[0].value_counts().index.tolist() == ["tones", "other"]
    labels = pd.concat([Corpus.load(name).utterances.assign(name=name) for name in ("tones", "other")])
    label = dict(zip(labels["name"] + "/" + labels["id"], labels["arousal"], strict=True))
    agree = [label[a] > label[b] for a, b in zip(table["first"], table["second"], strict=True)]
    assert np.mean(np.array(agree) == table["is_higher"]) > 0.8


def test_copies_train_as_their_utterance(tmp_path: Path) -> None:
    run = train(recipe({"pairing": "within"}, augmentation={"channels": 2}), tmp_path / "run")
    table, split = pd.read_parquet(run / "preferences.parquet"), json.loads((run / "split.json").read_text())
    own = table[table["part"] == "train"]
    assert set(own["first"]) | set(own["second"]) <= set(split["train"])
    assert (own["first"].astype(str) != own["second"].astype(str)).all()


def test_nothing_is_validated_where_the_validation_part_trains(tmp_path: Path) -> None:
    split = {"name": "leave-speakers-out", "num_folds": 4, "fold": 0, "validate": False}
    loop = {"batch_size": 8, "epochs": 1, "best": "last", "clip_norm": 1.0, "average": 0.9}
    run = train(recipe(split=split, training=loop), tmp_path / "run")
    assert set(pd.read_parquet(run / "preferences.parquet")["part"]) == {"train"}
    assert pd.read_csv(run / "metrics.csv").columns.tolist() == ["epoch", "loss"]


def test_an_ended_run_goes_on_with_the_pairs_that_it_had(tmp_path: Path) -> None:
    run = train(recipe(), tmp_path / "run")
    names = ("preferences.parquet", "bundle/weights.safetensors", "predictions.parquet", "metrics.csv")
    expected = {name: (run / name).read_bytes() for name in names}
    (run / "done.json").unlink()
    train(recipe(), run)
    assert {name: (run / name).read_bytes() for name in names} == expected


def test_real_raters_and_speech(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six speakers of EmoTale, whose utterances have three raters."""
    monkeypatch.setenv("EMOTONE_CACHE", str(tmp_path / "cache"))
    corpus = EmoTale().read(shared / "data/emotale-da")
    corpus.save()
    speakers = sorted(corpus.utterances["speaker"].unique())[:6]
    few = corpus.utterances[corpus.utterances["speaker"].isin(speakers)].groupby("speaker").head(6)
    assert corpus.raters is not None
    raters = corpus.raters[corpus.raters["id"].isin(few["id"])]
    Corpus("few", corpus.root, few, raters, corpus.meta).save()
    targets = ["arousal", "dominance", "valence"]
    split = {"name": "leave-speakers-out", "num_folds": 6, "fold": 0}
    run = train(
        recipe({"chunk_s": 1.0, "networks": "joint", "partners": 1000}, corpora=["few"], targets=targets, split=split),
        tmp_path / "run",
    )
    table = pd.read_parquet(run / "preferences.parquet")
    assert set(table["target"]) == set(targets) and set(table["part"]) == {"train", "validation"}
    for target, own in table.groupby("target"):
        of = raters.groupby("id")[str(target)].apply(list).to_dict()
        for row in own.sample(50, random_state=0).itertuples():
            signs = [np.sign(a - b) for a, b in itertools.product(of[row.first], of[row.second])]
            assert np.mean([sign == (1 if row.is_higher else -1) for sign in signs]) >= 0.6 - 1e-12
    scores = Bundle.load(str(run)).score_samples([load_audio(corpus.path_of(file)) for file in few["file"][:3]])
    assert set(scores.curves) == set(targets) and scores.curves["valence"].shape[0] == 3


# ---- what cannot be ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_pairs": 0}, "num_pairs must be at least 1, not 0"),
        ({"scale": 0}, "scale must be at least 1, not 0"),
        ({"chunk_s": 0.0}, "chunk_s must be a positive number of seconds, not 0.0"),
        ({"threshold": 0.5}, "threshold must be above 0.5 and at most 1, not 0.5"),
        ({"threshold": 1.1}, "threshold must be above 0.5 and at most 1, not 1.1"),
        ({"threshold": float("nan")}, "threshold must be above 0.5 and at most 1, not nan"),
        ({"margin": 0}, "margin must be above 0, not 0"),
        ({"margin": float("nan")}, "margin must be above 0, not nan"),
        ({"partners": 0}, "partners must be a share below 1 or a whole number, not 0"),
        ({"partners": 1.5}, "partners must be a share below 1 or a whole number, not 1.5"),
        ({"partners": -0.5}, "partners must be a share below 1 or a whole number, not -0.5"),
        ({"partners": float("inf")}, "partners must be a share below 1 or a whole number, not inf"),
        ({"partners": float("nan")}, "partners must be a share below 1 or a whole number, not nan"),
        ({"preferences": "labels"}, "preferences must be one of 'votes', 'margin', not 'labels'"),
        ({"pairing": "all"}, "pairing must be one of 'drawn', 'within', not 'all'"),
        ({"treshold": 0.7}, "unknown setting 'treshold'; did you mean 'threshold'?"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError, match=".") as caught:
        system(**settings)
    assert words in str(caught.value) and "emotion-ranker: " in str(caught.value) and "\n" not in str(caught.value)


EPOCH = {"batch_size": 8, "epochs": 1}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"training": {"iterations": 10}}, "emotion-ranker goes by epochs: set training.epochs"),
        ({"training": {**EPOCH, "best": "published-loss"}}, "training.best must be 'metric' or 'last'"),
        ({"training": EPOCH, "curriculum": {"order": "easy-first"}}, "from pairs of utterances, so it takes no curric"),
        ({"targets": ["arousal", "emotion"]}, "emotion-ranker: emotion has no order; set targets to attributes"),
        ({"corpora": ["plain"]}, "corpus plain has no raters' votes on arousal, only one label; utterances can be"),
        ({"targets": ["valence"]}, "corpus tones has no raters' votes on valence"),
        ({"corpora": ["tones", "plain"]}, "corpus plain has no raters' votes on arousal"),
        ({"feature": "scores"}, "emotion-ranker needs a feature with frames"),
        ({"system": {**SMALL, "preferences": "margin", "margin": 9.0}}, "train part, arousal: preferences: none of"),
        (
            {"system": {**SMALL, "pairing": "within"}, "training": {"batch_size": 1, "epochs": 1}},
            "set a larger batch_s",
        ),
        ({"unlabelled": {"corpora": ["other"]}}, "emotion-ranker does not learn from unlabelled speech"),
    ],
)
def test_what_cannot_run_is_one_line(tmp_path: Path, tiny_bundle: Path, settings: dict[str, Any], words: str) -> None:
    if settings.get("feature") == "scores":
        settings = {"feature": {"name": "scores", "bundles": [str(tiny_bundle)]}}
    about = recipe().to_json()
    with pytest.raises(EmotoneError, match=".") as caught:
        train(from_json({**about, **settings}, "here"), tmp_path / "run")
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_corpora_without_raters_are_ranked_by_their_labels(tmp_path: Path) -> None:
    run = train(recipe({"preferences": "margin"}, corpora=["plain"]), tmp_path / "run")
    label = Corpus.load("plain").utterances.set_index("id")["arousal"]
    table = pd.read_parquet(run / "preferences.parquet")
    difference = label[table["first"].astype(str)].to_numpy() - label[table["second"].astype(str)].to_numpy()
    assert (np.abs(difference) >= 1).all() and ((difference > 0) == table["is_higher"]).all()
