"""Seq2Seq: its loss, curves against loops over the ranker's margins, what a planted curve teaches; runs, refusals."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from torch import Tensor

from emotone.audio.read import load_audio
from emotone.base import plugins
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import Target
from emotone.bundle.view.view import Chunks, Normaliser
from emotone.corpora.corpus import Corpus
from emotone.corpora.readers.msp_podcast import MspPodcast
from emotone.data.recipe import Recipe, Training
from emotone.data.recipe_yaml import from_json, load_recipe
from emotone.data.rows import Rows
from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.models.export import load_weights
from emotone.training import fold
from emotone.training.examples import StoreExamples, predict_outputs
from emotone.training.learners.learner import Lesson
from emotone.training.loop import Validation, fit
from emotone.training.run import train_recipe

AROUSAL, VALENCE = (Target(name, "attribute", (1.0, 7.0)) for name in ("arousal", "valence"))
EMOTION = Target("emotion", "category", labels=("high", "low"))
SMALL: dict[str, Any] = {
    "name": "emotion-seq2seq",
    "chunk_s": 0.2,
    "hidden_size": 6,
    "ranker": {"hidden_size": 5, "num_pairs": 40},
    "ranker_training": {"batch_size": 8, "epochs": 1, "learning_rate": 1e-2},
}
NAN = float("nan")


def system(**settings: Any) -> Any:
    return plugins.create("systems", "emotion-seq2seq", settings)


def test_the_published_network_is_the_default() -> None:
    seq2seq = system(max_utterance_s=11.0)
    assert seq2seq.view(0.016, 5.0) == Chunks(62, 22) and seq2seq.curve_weight == 0.5
    lstm = 2 * (4 * 130 * (130 + 130) + 2 * 4 * 130)
    network = seq2seq.build(130, [AROUSAL, VALENCE])
    assert sum(value.numel() for value in network.parameters()) == 2 * (lstm + 130 * 130 + 130 + 130 + 1)


# ---- the loss ---------------------------------------------------------------------------------------------------


def ccc_loss(prediction: Tensor, target: Tensor, ddof: int) -> float:
    p, t = (values.detach().double().numpy().ravel() for values in (prediction, target))
    p, t = p[~np.isnan(t)], t[~np.isnan(t)]
    covariance = ((p - p.mean()) * (t - t.mean())).mean()
    return float(1 - 2 * covariance / (p.var(ddof=ddof) + t.var(ddof=ddof) + (p.mean() - t.mean()) ** 2))


@pytest.mark.parametrize(("ccc", "ddof"), [("lin", 0), ("published", 1)])
@pytest.mark.parametrize("weight", [0.5, 0.25, 1.0])
def test_scores_learn_labels_and_all_chunks_learn_curves(weight: float, ccc: str, ddof: int) -> None:
    random = torch.Generator().manual_seed(0)
    labels, outputs, expected = {}, {}, 0.0
    for name in ("arousal", "valence"):
        curve, label = torch.randn(7, 4, generator=random), torch.randn(7, generator=random)
        wanted = torch.randn(7, 4, generator=random)
        label[2], wanted[2] = NAN, NAN
        outputs |= {name: curve.mean(dim=1), f"{name}_curve": curve}
        labels |= {name: label, f"{name}_curve": wanted}
        expected += (1 - weight) * ccc_loss(curve.mean(dim=1), label, ddof) + weight * ccc_loss(curve, wanted, ddof)
    loss = system(curve_weight=weight, ccc=ccc).loss(outputs, labels)
    assert loss.item() == pytest.approx(expected, abs=1e-6)


def test_without_curves_the_loss_is_that_of_the_labels() -> None:
    output, label = torch.randn(7), torch.randn(7)
    loss = system(curve_weight=0.0).loss({"arousal": output}, {"arousal": label})
    assert loss.item() == pytest.approx(ccc_loss(output, label, 0), abs=1e-6)


# ---- a planted curve --------------------------------------------------------------------------------------------


def planted(num: int, seed: int) -> tuple[Any, Any]:
    """Utterances of four chunks: the first feature says how much there is in all, the second where there is more."""
    random = np.random.default_rng(seed)
    label, moves = random.normal(0, 1, num), random.normal(0, 1, (num, 4))
    moves -= moves.mean(axis=1, keepdims=True)
    frames = []
    for mean, own in zip(label, moves, strict=True):
        features = random.normal(0, 0.3, (24, 3)).astype(np.float32)
        features[:, 0] += np.float32(mean)
        features[:, 1] += np.repeat(own, 6).astype(np.float32)
        frames.append(features)
    curves = label[:, None] + moves
    labels = {"arousal": torch.from_numpy(label).float(), "arousal_curve": torch.from_numpy(curves).float()}
    as_is = Normaliser(np.zeros(3), np.ones(3), clip=9.0)
    return StoreExamples(Rows(frames, 3), Chunks(6, 4), as_is, labels), moves


def test_curves_are_tracked_where_they_are_learned(tmp_path: Path) -> None:
    test, moves = planted(40, 2)
    found, labels = {}, test.labels["arousal"].numpy()
    for weight in (0.0, 0.5):
        seq2seq = system(curve_weight=weight, hidden_size=8, dropout=0.0)
        torch.manual_seed(0)
        network, validation = seq2seq.build(3, [AROUSAL]), planted(20, 1)[0]
        loop = Training(batch_size=20, iterations=80, validate_every=80, learning_rate=1e-2)
        scorer = seq2seq.scorer([AROUSAL], validation)
        (tmp_path / str(weight)).mkdir()
        lesson = Lesson(planted(80, 0)[0], loop, tmp_path / str(weight), seed=0)
        fit(seq2seq, network, lesson, Validation(validation, scorer), quiet=True)
        with torch.inference_mode():
            curves = network.curves(test.batch(np.arange(40))[0])["arousal"].numpy()
        found[weight] = metrics.pearson((curves - curves.mean(axis=1, keepdims=True)).ravel(), moves.ravel())
        assert metrics.ccc(curves.mean(axis=1), labels) > 0.75
    assert found[0.5] > 0.8 and found[0.5] > found[0.0] + 0.2


# ---- runs -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, write_tones: Callable[..., Corpus]) -> Path:
    """Where this module's corpora lie: `tones`; `partly` without votes on some; `plain` without raters."""
    folder = tmp_path_factory.mktemp("seq2seq")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOTONE_CACHE", str(folder / "cache"))
        tones, partly, plain = (write_tones(folder, name) for name in ("tones", "partly", "plain"))
        assert tones.raters is not None and partly.raters is not None
        tones.raters["valence"] = np.clip(tones.raters["arousal"].to_numpy()[::-1].round(), 1, 7)
        tones.save()
        partly.raters.loc[partly.raters["id"].isin(["02", "03", "06"]), "arousal"] = NAN
        partly.save()
        Corpus("plain", plain.root, plain.utterances, None, plain.meta).save()
    return folder


@pytest.fixture(autouse=True)
def _own_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTONE_CACHE", str(folder / "cache"))


def recipe(system: dict[str, Any] | None = None, **settings: Any) -> Recipe:
    about: dict[str, Any] = {
        "name": "curved",
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


def curve_in_loops(ranks: list[int], mean: float, std: float) -> list[float]:
    """As published, chunk by chunk."""
    steps = [0]
    for before, after in zip(ranks, ranks[1:], strict=False):
        steps.append(steps[-1] + (before > after) - (before < after))
    smooth = [float(steps[0]), *[sum(steps[n - 1 : n + 2]) / 3 for n in range(1, len(steps) - 1)], float(steps[-1])]
    own_std = np.std(smooth)
    if own_std < 1e-12 or std == 0:
        return [mean] * len(ranks)
    return [(value - np.mean(smooth)) / own_std * std + mean for value in smooth]


@pytest.fixture(scope="module")
def finished(folder: Path) -> tuple[Path, dict[str, Tensor]]:
    """A finished run of two targets, not to be changed, and the labels that its network learned from."""
    seen: list[dict[str, Tensor]] = []
    fit_ = fold.fit
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOTONE_CACHE", str(folder / "cache"))
        patch.setattr(fold, "fit", lambda *given, **more: seen.append(given[2].train.labels) or fit_(*given, **more))
        run = train(recipe(targets=["arousal", "valence"]), folder / "finished")
    return run, seen[1]


def test_curves_are_those_of_the_ranker_and_the_votes(finished: tuple[Path, dict[str, Tensor]]) -> None:
    run, labels = finished
    table, corpus = pd.read_parquet(run / "curves.parquet"), Corpus.load("tones")
    assert list(table) == ["id", "speaker", "target", "mean", "std", "margin", "rank", "curve"]
    train_ids = json.loads((run / "split.json").read_text())["train"]
    assert sorted(table.loc[table["target"] == "arousal", "id"]) == train_ids
    ranker = Bundle.load(str(run / "ranker"))
    samples = [load_audio(corpus.path_of(f"{id_}.wav")) for id_ in table["id"][: len(train_ids)]]
    margins = ranker.score_samples(samples).curves
    targets = {target.name: target for target in Bundle.load(str(run)).targets}
    assert corpus.raters is not None
    for name, own in table.groupby("target"):
        np.testing.assert_allclose(np.stack(own["margin"].to_list()), margins[str(name)], atol=1e-4)
        target = targets[str(name)]
        assert labels[target.name].shape == (12,) and labels[f"{name}_curve"].shape == (12, ranker.view.num_chunks)
        for place, row in enumerate(own.itertuples()):
            votes = corpus.raters.loc[corpus.raters["id"] == row.id, str(name)]
            ranks = [1 + sum(other > margin for other in row.margin) for margin in row.margin]
            assert list(row.rank) == ranks
            assert (row.mean, row.std) == (pytest.approx(votes.mean()), pytest.approx(votes.std(ddof=0)))
            expected = curve_in_loops(ranks, votes.mean(), votes.std(ddof=0))
            np.testing.assert_allclose(row.curve, expected, atol=1e-9)
            learned = labels[f"{name}_curve"][place].numpy() * target.std + target.mean
            np.testing.assert_allclose(learned, expected, atol=1e-5)
            label = labels[target.name][place].item() * target.std + target.mean
            assert label == pytest.approx(votes.mean(), abs=1e-5)


def test_the_bundle_gives_the_network_s_curves(finished: tuple[Path, Any]) -> None:
    run, _ = finished
    bundle, table, corpus = Bundle.load(str(run)), pd.read_parquet(run / "predictions.parquet"), Corpus.load("tones")
    samples = [load_audio(corpus.path_of(f"{id_}.wav")) for id_ in table["id"]]
    scores = bundle.score_samples(samples)
    network = system(hidden_size=6).build(6, bundle.targets)
    load_weights(network, run / "bundle")
    examples = StoreExamples(Rows([bundle.feature(own) for own in samples], 6), bundle.view, bundle.normaliser, {})
    outputs = predict_outputs(network, examples, 4, "cpu")
    with torch.inference_mode():
        curves = network.curves(examples.batch(np.arange(len(samples)))[0])
    for target in bundle.targets:
        expected = outputs[target.name] * target.std + target.mean
        np.testing.assert_allclose(scores.attributes[target.name], expected, atol=1e-4)
        np.testing.assert_allclose(table[f"predicted_{target.name}"], expected, atol=1e-4)
        curve = curves[target.name].numpy() * target.std + target.mean
        np.testing.assert_allclose(scores.curves[target.name], curve, atol=1e-4)


STEPS = {
    "curves": "curves.parquet",
    "ranker": "ranker/bundle/weights.safetensors",
    "bundle": "bundle/weights.safetensors",
}


@pytest.mark.parametrize("lost", STEPS)
def test_a_lost_step_is_done_again_and_no_other(
    finished: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    whole, _ = finished
    run = shutil.copytree(whole, tmp_path / "run")
    (run / "done.json").unlink()
    if lost != "bundle":
        (run / "curves.parquet").unlink()
    if lost == "ranker":
        shutil.rmtree(run / "ranker")
    trained: list[Path] = []
    fit_ = fold.fit
    monkeypatch.setattr(fold, "fit", lambda *given, **more: trained.append(given[2].folder) or fit_(*given, **more))
    train(recipe(targets=["arousal", "valence"]), run)
    for name in (*STEPS.values(), "ranker/preferences.parquet", "metrics.csv", "predictions.parquet"):
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name
    assert trained == [run / "ranker"] * (lost == "ranker") + [run]


def test_the_same_network_without_curves_and_ranker(finished: tuple[Path, Any], tmp_path: Path) -> None:
    """Categories have no order, but a score of every chunk all the same."""
    run = train(recipe({"curve_weight": 0.0}, targets=["arousal", "emotion"]), tmp_path / "run")
    assert not (run / "ranker").exists() and not (run / "curves.parquet").exists()
    bundle = Bundle.load(str(run))
    samples = [load_audio(Corpus.load("tones").path_of(f"{n:02d}.wav")) for n in range(3)]
    scores = bundle.score_samples(samples)
    assert set(scores.curves) == {"arousal"} and sum(scores.probabilities.values()) == pytest.approx(np.ones(3))
    weights = "bundle/weights.safetensors"
    assert (run / weights).read_bytes() != (finished[0] / weights).read_bytes()
    only = train(recipe({"curve_weight": 0.0}, targets=["emotion"]), tmp_path / "only")
    assert Bundle.load(str(only)).score_samples(samples).curves == {}


def test_utterances_without_votes_have_a_curve_of_the_given_deviation(tmp_path: Path) -> None:
    run = train(recipe({"curve_std": 0.75}, corpora=["partly"]), tmp_path / "run")
    table = pd.read_parquet(run / "curves.parquet").set_index("id")
    label = Corpus.load("partly").utterances.set_index("id")["arousal"]
    for name in {"02", "03", "06"} & set(table.index):
        assert (table["std"][name], table["mean"][name]) == (0.75, pytest.approx(label[name]))
    assert (table["std"] != 0.75).any()


def test_utterances_without_votes_are_refused_before_the_ranker_learns(tmp_path: Path) -> None:
    with pytest.raises(
        EmotoneError, match="have a label for arousal but no votes, e.g. 0[236], so .*set system.curve_"
    ):
        train(recipe(corpora=["partly"]), tmp_path / "run")
    assert not (tmp_path / "run" / "ranker").exists()


def test_corpora_without_raters_by_a_margin(tmp_path: Path) -> None:
    ranker = {"hidden_size": 5, "num_pairs": 40, "preferences": "margin"}
    run = train(recipe({"ranker": ranker, "curve_std": 0.5}, corpora=["plain"]), tmp_path / "run")
    table = pd.read_parquet(run / "curves.parquet")
    assert (table["std"] == 0.5).all()
    for row in table.itertuples():
        np.testing.assert_allclose(row.curve, curve_in_loops(list(row.rank), row.mean, 0.5), atol=1e-9)


def test_votes_give_deviations_where_labels_are_compared(tmp_path: Path) -> None:
    ranker = {"hidden_size": 5, "num_pairs": 40, "preferences": "margin"}
    run = train(recipe({"ranker": ranker}), tmp_path / "run")
    assert pd.read_parquet(run / "curves.parquet")["std"].nunique() > 5


def test_copies_and_joint_networks(tmp_path: Path) -> None:
    ranker = {"hidden_size": 5, "networks": "joint", "pairing": "within", "partners": 1000}
    about = recipe(
        {"ranker": ranker, "networks": "joint"}, targets=["arousal", "valence"], augmentation={"channels": 2}
    )
    table = pd.read_parquet(train(about, tmp_path / "run") / "curves.parquet")
    assert len(table) == 2 * 24 and (table.groupby(["id", "target"])["mean"].nunique() == 1).all()


def test_nothing_is_validated_where_the_validation_part_trains(tmp_path: Path) -> None:
    split = {"name": "leave-speakers-out", "num_folds": 4, "fold": 0, "validate": False}
    last = {"batch_size": 8, "epochs": 1, "best": "last"}
    words = "this split validates nothing, so ranker_training.best must be 'last', not 'metric'"
    with pytest.raises(EmotoneError, match=words):
        train(recipe(split=split, training=last), tmp_path / "a")
    run = train(recipe({"ranker_training": last}, split=split, training=last), tmp_path / "b")
    assert len(pd.read_parquet(run / "curves.parquet")) == 18


def test_a_curriculum_and_iterations(tmp_path: Path) -> None:
    curriculum = {"order": "easy-first", "num_levels": 3, "epochs_per_level": 1}
    loop = {"batch_size": 8, "epochs": 3, "clip_norm": 1.0}
    assert (train(recipe(training=loop, curriculum=curriculum), tmp_path / "a") / "curves.parquet").is_file()
    loop = {"batch_size": 8, "iterations": 2, "validate_every": 1, "best": "published-loss"}
    assert (train(recipe(training=loop), tmp_path / "b") / "curves.parquet").is_file()


def test_training_from_a_bundle_keeps_its_chunks(
    finished: tuple[Path, Any], tmp_path: Path, write_tones: Callable[..., Corpus]
) -> None:
    """Of a corpus with other durations, whose own chunks would be others, for the ranker too."""
    rows = write_tones(tmp_path, "longer", 12, seed=3)
    for file in rows.utterances["file"]:
        samples = load_audio(rows.path_of(file))
        soundfile.write(rows.path_of(file), np.tile(samples, 3), 16_000)
    run = train(recipe(corpora=["longer"], init=str(finished[0])), tmp_path / "run")
    table = pd.read_parquet(run / "curves.parquet")
    view = Bundle.load(str(finished[0])).view
    assert isinstance(view, Chunks) and {len(curve) for curve in table["curve"]} == {view.num_chunks}
    assert Bundle.load(str(run)).view == Bundle.load(str(run / "ranker")).view == view


# ---- the recipes on the owner's layout --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["msp-podcast-1.6-rankers", "msp-podcast-1.6-seq2seq"])
def test_published_recipes_run_on_an_official_release(tmp_path: Path, name: str) -> None:
    random, root = np.random.default_rng(0), tmp_path / "release"
    (root / "Audios").mkdir(parents=True)
    (root / "Labels").mkdir()
    consensus = ["FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set"]
    votes = ["FileName,Workers,EmoClass_Major,EmoClass_Second,EmoAct,EmoVal,EmoDom"]
    for n in range(18):
        file, part = f"MSP-PODCAST_{n:04d}_0001.wav", ("Train", "Validation", "Test1")[n % 3]
        soundfile.write(root / "Audios" / file, random.normal(0, 0.1, 9_000), 16_000)
        given = random.integers(1, 8, (3, 3))
        mean = ",".join(f"{value:.4f}" for value in given.mean(axis=0))
        consensus.append(f"{file},N,{mean},{n},Male,{part}")
        votes += [f"{file},W{rater},Neutral,Neutral,{','.join(map(str, own))}" for rater, own in enumerate(given)]
    (root / "Labels/labels_consensus.csv").write_text("\n".join(consensus) + "\n")
    (root / "Labels/labels_detailed.csv").write_text("\n".join(votes) + "\n")
    corpus = MspPodcast().read(root)
    corpus.name = "msp-podcast-1.6"
    corpus.save()
    small = ["training.epochs=1", "system.hidden_size=4", "system.chunk_s=0.5", "system.max_utterance_s=1.0"]
    if "seq2seq" in name:
        small += ["system.ranker.hidden_size=4", "system.ranker_training.epochs=1"]
    run = train(load_recipe(name, small), tmp_path / "run")
    assert (run / ("ranker/preferences.parquet" if "seq2seq" in name else "preferences.parquet")).is_file()
    assert {target.name for target in Bundle.load(str(run)).targets} == {"arousal", "dominance", "valence"}
    assert len(pd.read_parquet(run / "predictions.parquet")) == 6


# ---- what cannot be ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"curve_weight": 1.5}, "emotion-seq2seq: curve_weight must be from 0 to 1, not 1.5"),
        ({"curve_weight": NAN}, "emotion-seq2seq: curve_weight must be from 0 to 1, not nan"),
        ({"curve_std": -1}, "emotion-seq2seq: curve_std must be a number of at least 0, not -1"),
        ({"curve_std": float("inf")}, "emotion-seq2seq: curve_std must be a number of at least 0, not inf"),
        ({"ranker": {"scale": 3}}, "scale of the ranker is that of emotion-seq2seq; set system.scale"),
        ({"ranker": {"chunk_s": 3.0}}, "chunk_s of the ranker is that of emotion-seq2seq; set system.chunk_s"),
        ({"ranker": {"max_utterance_s": 3.0}}, "set system.max_utterance_s"),
        ({"ranker": {"treshold": 0.7}}, "emotion-ranker: unknown setting 'treshold'; did you mean 'threshold'?"),
        ({"ranker": {"threshold": "high"}}, "emotion-ranker: threshold must be a number, not 'high'"),
        ({"ranker": {"threshold": 0.5}}, "emotion-ranker: threshold must be above 0.5"),
        ({"ranker": 3}, "ranker must be a mapping or text, not 3"),
        ({"ranker": "mine", "ranks": "folder"}, "ranks are given, so ranker mine has no use; leave out one of the two"),
        ({"ranker_training": {"epoch": 3}}, "ranker_training: unknown recipe key 'epoch'; did you mean 'epochs'?"),
        ({"ranker_training": {"epochs": 0}}, "epochs must be at least 1, not 0"),
        ({"ranker_training": {"batch_size": 3}}, "ranker_training: emotion-ranker goes by epochs"),
        (
            {"ranker_training": {"epochs": 3, "best": "published-loss"}},
            "ranker_training: emotion-ranker is validated by",
        ),
        ({"ccc": "linn"}, "ccc must be one of 'lin', 'published', not 'linn'"),
        ({"max_utterance_s": -1.0}, "emotion-seq2seq: max_utterance_s must be a positive number of seconds"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError, match=".") as caught:
        system(**settings)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"targets": ["arousal", "emotion"]}, "emotion has no order; set targets to attributes"),
        ({"corpora": ["plain"]}, "corpus plain has no raters' votes on arousal, only one label; utterances can be"),
        (
            {"corpora": ["plain"], "system": {**SMALL, "ranker": {"preferences": "margin"}}},
            "emotion-seq2seq: corpus plain has no raters' votes on arousal, only one label; so its curves have no "
            "deviation; set system.curve_std",
        ),
        ({"teacher": ["TINY"]}, "emotion-ranker: a teacher's scores of arousal are no raters' votes"),
        ({"unlabelled": {"corpora": ["plain"]}}, "emotion-seq2seq does not learn from unlabelled speech"),
    ],
)
def test_what_cannot_run_is_one_line(tmp_path: Path, tiny_bundle: Path, settings: dict[str, Any], words: str) -> None:
    if "teacher" in settings:
        settings = {"teacher": [str(tiny_bundle)]}
    with pytest.raises(EmotoneError, match=".") as caught:
        train(from_json({**recipe().to_json(), **settings}, "here"), tmp_path / "run")
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_teacher_s_scores_may_be_the_labels(tmp_path: Path, tiny_bundle: Path) -> None:
    """By a margin: the labels and means of the curves are then the teacher's, not those of the raters."""
    ranker = {"hidden_size": 5, "num_pairs": 40, "preferences": "margin", "margin": 0.01}
    run = train(recipe({"ranker": ranker, "curve_std": 0.1}, teacher=[str(tiny_bundle)]), tmp_path / "run")
    table, corpus = pd.read_parquet(run / "curves.parquet"), Corpus.load("tones")
    samples = [load_audio(corpus.path_of(f"{id_}.wav")) for id_ in table["id"]]
    expected = Bundle.load(str(tiny_bundle)).score_samples(samples).attributes["arousal"]
    np.testing.assert_allclose(table["mean"], expected, atol=1e-4)
