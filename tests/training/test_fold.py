"""One fold: what it leaves behind, steps on the way, the view that a network has, clusters kept for reports."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from emotone.audio.read import load_audio
from emotone.bundle.bundle import Bundle
from emotone.bundle.view.view import Chunks, Segments, Whole
from emotone.corpora.corpus import Corpus
from emotone.data.recipe import Choice, Training
from emotone.errors import EmotoneError
from emotone.training import fold as module
from emotone.training.experiment import Experiment
from emotone.training.fold import Fold
from emotone.training.fold_data import FoldData

TonesFold = Callable[..., tuple[Experiment, FoldData]]
CHUNKS = {"name": "chunk-attention", "aggregation": "NonAtten", "chunk_s": 0.1, "hidden_size": 4}
CLUSTERS = {
    "name": "deep-emo-clusters",
    "chunk_s": 0.1,
    "num_clusters": 2,
    "model_settings": {"channels": [2, 2], "embedding_size": 3},
}
ONE_EPOCH = {"batch_size": 4, "epochs": 1}


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders of what was trained by the loop, in order."""
    seen: list[Path] = []
    fit = module.fit

    def watched(system: Any, network: Any, lesson: Any, *more: Any) -> Any:
        seen.append(lesson.folder)
        return fit(system, network, lesson, *more)

    monkeypatch.setattr(module, "fit", watched)
    return seen


def about_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "bundle" / "bundle.json").read_text())


# ---- a run of it ------------------------------------------------------------------------------------------------


def test_it_leaves_a_bundle_and_its_predictions(tones_fold: TonesFold) -> None:
    experiment, data = tones_fold(3, system=CHUNKS, training=ONE_EPOCH)
    Fold(experiment, data, alone=False, warnings=["mind this"]).run()
    split = json.loads((data.folder / "split.json").read_text())
    assert split == {part: list(getattr(data.split, part)) for part in ("train", "validation", "test", "unlabelled")}
    bundle, tones = Bundle.load(str(data.folder)), Corpus.load("tones")
    for name, table in (("predictions", data.test), ("validation", data.validation)):
        found = pd.read_parquet(data.folder / f"{name}.parquet")
        assert (
            found["id"].tolist() == table["id"].tolist() and set(found["fold"]) == {3} and set(found["repeat"]) == {0}
        )
        np.testing.assert_array_equal(found["true_arousal"], table["arousal"])
        scores = bundle.score_samples([load_audio(tones.path_of(file)) for file in table["file"]])
        np.testing.assert_allclose(found["predicted_arousal"], scores.attributes["arousal"], atol=1e-5)
    done = json.loads((data.folder / "done.json").read_text())
    assert done["cpu_s"] > 0 and done["num_parameters"] == sum(
        value.numel() for value in experiment.system.build(4, data.targets).parameters()
    )


def test_the_bundle_says_where_it_comes_from(tones_fold: TonesFold) -> None:
    experiment, data = tones_fold(3, system=CHUNKS, training=ONE_EPOCH)
    Fold(experiment, data, alone=False, warnings=["mind this"]).run()
    about = about_of(data.folder)
    recipe, (target,) = experiment.recipe, data.targets
    assert about["name"] == about["description"] + "-fold-3" == "mine-fold-3"
    assert about["feature"]["name"] == "mel" and about["feature"]["settings"]["num_mels"] == 4
    assert about["targets"] == [target.to_json()] and about["max_utterance_s"] == data.longest[1]
    assert about["normalise"] == recipe.to_json()["normalise"] and about["licence"] == "CC0"
    training = about["training"]
    assert training["recipe"] == recipe.to_json() and training["recipe_hash"] == recipe.hash
    assert training["corpora"] == {"tones": Corpus.load("tones").fingerprint}
    assert training["split_hash"] == data.split.fingerprint and training["warnings"] == ["mind this"]
    assert (training["seed"], training["repeat"], training["fold"]) == (0, 0, 3)
    alone = Fold(experiment, data)._about(module.Trained(experiment.system, torch.nn.Identity(), Whole()), data.folder)
    assert alone.name == "mine"


def test_nothing_is_validated_where_everything_trains(tones_fold: TonesFold) -> None:
    training = ONE_EPOCH | {"best": "last"}
    experiment, data = tones_fold(system=CHUNKS, training=training, split={"name": "everything"})
    Fold(experiment, data).run()
    assert not list(data.folder.glob("*predictions.parquet")) and not (data.folder / "validation.parquet").exists()
    assert (data.folder / "metrics.csv").read_text().splitlines()[0] == "epoch,loss"


def test_a_system_that_solves_says_what_it_chose(tones_fold: TonesFold, fits: list[Path]) -> None:
    settings: dict[str, Any] = {"system": {"name": "functionals-svm", "c_grid": [0.1, 1.0]}, "feature": "scores"}
    experiment, data = tones_fold(**settings)
    Fold(experiment, data).run()
    (chosen,) = json.loads((data.folder / "done.json").read_text())["chosen"].values()
    assert chosen["c"] in (0.1, 1.0) and set(chosen["inner_folds"]) == {"0.1", "1"} and not fits


@pytest.mark.parametrize("system", ["functionals-svm", "light-heads"])
@pytest.mark.parametrize("copies", [1, 2])
def test_what_trains_validates_by_networks_that_do_not_know_it(tones_fold: TonesFold, system: str, copies: int) -> None:
    """All rows, in order: of the SVM those of both parts, of light heads the validation part; of originals alone."""
    settings: dict[str, Any] = {"system": system, "feature": "scores", "augmentation": {"voices": copies}}
    experiment, data = tones_fold(**settings)
    Fold(experiment, data).run()
    seen = ["train", "validation"] if system == "functionals-svm" else ["validation"]
    table = pd.concat([getattr(data, part).assign(voice=0) if part == "validation" else data.train for part in seen])
    table = table[table["voice"] == 0] if "voice" in table else table
    found = pd.read_parquet(data.folder / "validation.parquet")
    assert found["id"].tolist() == table["utterance"].tolist() and found["held_out"].all()
    np.testing.assert_array_equal(found["true_arousal"], table["arousal"])
    bundle = Bundle.load(str(data.folder))
    by_bundle = bundle.score_features(data.dataset.rows(data.validation).utterances).attributes["arousal"]
    held_out = found[found["id"].isin(data.split.validation)]["predicted_arousal"]
    assert not np.allclose(held_out, by_bundle, atol=1e-3)
    Fold(*tones_fold(**settings | {"system": {"name": system, "refit": False}})).run()
    apart = pd.read_parquet(data.folder / "validation.parquet")
    assert apart["id"].tolist() == list(data.validation["id"])


# ---- steps ------------------------------------------------------------------------------------------------------


def test_a_step_trains_another_system_and_is_read_back(tones_fold: TonesFold, fits: list[Path]) -> None:
    experiment, data = tones_fold(system=CLUSTERS, training=ONE_EPOCH)
    choice = Choice("chunk-attention", {key: value for key, value in CHUNKS.items() if key != "name"})
    folder = data.folder / "step"
    first, again = (Fold(experiment, data).train_step(choice, Training(**ONE_EPOCH), folder) for _ in range(2))
    assert fits == [folder] and first.view == again.view == first.system.view(0.016, data.longest[1])
    assert not (folder / "checkpoint.pt").exists()
    assert about_of(folder)["name"] == "mine-step"
    inputs, _ = data.examples(data.test, first.view).batch(np.arange(3))
    torch.testing.assert_close(first.network(inputs), again.network(inputs))


def test_what_a_step_has_to_say_is_not_the_fold_s(tones_fold: TonesFold, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it matter whether the step is trained or read back."""
    experiment, data = tones_fold(system=CHUNKS, training=ONE_EPOCH)

    def prepare(system: Any, fold: Any, folder: Path, train: Any, validation: Any, train_step: Any) -> dict[str, Any]:
        if folder != data.folder:
            return {"start": "of the step"}
        choice = Choice("chunk-attention", {key: value for key, value in CHUNKS.items() if key != "name"})
        train_step(choice, Training(**ONE_EPOCH), folder / "step", None)
        return {}

    monkeypatch.setattr("emotone.training.system.System.prepare", prepare)
    said = []
    for _ in range(2):
        Fold(experiment, data).run()
        said.append(json.loads((data.folder / "done.json").read_text()).keys())
    assert said == [{"num_parameters", "cpu_s"}] * 2


def test_a_step_may_be_given_a_view(tones_fold: TonesFold) -> None:
    experiment, data = tones_fold(system=CHUNKS, training=ONE_EPOCH)
    choice = Choice("chunk-attention", {key: value for key, value in CHUNKS.items() if key != "name"})
    view = Chunks(5, 7)
    assert Fold(experiment, data).train_step(choice, Training(**ONE_EPOCH), data.folder / "step", view).view == view


# ---- views ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("feature", "num_channels"), [("logspec", 1), ("logmeldeltaspec", 3)])
def test_the_feature_says_how_many_channels_a_segment_has(
    tones_fold: TonesFold, feature: str, num_channels: int
) -> None:
    system = {"name": "spectrogram-image", "segment_frames": 30}
    normalise = {"scale": "min-max"}
    settings = {"targets": ["emotion"], "feature": feature, "training": {"epochs": 1}, "normalise": normalise}
    experiment, data = tones_fold(system=system, **settings)
    assert Fold(experiment, data)._view(experiment.system) == Segments(30, num_channels)


def test_training_goes_on_with_the_view_of_the_bundle_it_starts_from(tones_fold: TonesFold, tiny_bundle: Path) -> None:
    experiment, data = tones_fold(system=CHUNKS, training=ONE_EPOCH)
    start = Bundle.load(str(tiny_bundle))
    fold = Fold(experiment, data)
    assert fold._view(experiment.system, start) == start.view == Whole(4) != fold._view(experiment.system)


def test_a_bundle_of_other_streams_is_refused(tones_fold: TonesFold, two_streams: list[Path]) -> None:
    experiment, data = tones_fold(system=CHUNKS, training=ONE_EPOCH)
    with pytest.raises(EmotoneError, match="recipe mine: init both does not take the streams and tokens that"):
        Fold(experiment, data)._view(experiment.system, Bundle.load(str(two_streams[0])))


# ---- clusters ---------------------------------------------------------------------------------------------------


def test_clusters_of_every_part_are_kept_of_many_utterances_some(
    tones_fold: TonesFold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_CLUSTERED", 4)
    experiment, data = tones_fold(system=CLUSTERS, training=ONE_EPOCH, unlabelled={"corpora": ["others"]})
    Fold(experiment, data).run()
    found = pd.read_parquet(data.folder / "clusters.parquet")
    assert found["part"].value_counts(sort=False).to_dict() == {"train": 4, "unlabelled": 4, "validation": 3, "test": 3}
    train = found[found["part"] == "train"]
    assert train["id"].tolist() == data.train["id"].iloc[[0, 1, 3, 5]].tolist()  # spread evenly over the six
    assert list(found) == ["id", "corpus", "speaker", "arousal", "network", "part", "cluster", "embedding"]
    assert found["cluster"].isin([0, 1]).all() and set(map(len, found["embedding"])) == {3}


def test_a_speaker_who_normalises_is_needed_whole(tones_fold: TonesFold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CLUSTERED", 2)
    experiment, data = tones_fold(system=CLUSTERS, training=ONE_EPOCH, normalise={"by": "speaker"})
    Fold(experiment, data).run()
    parts = pd.read_parquet(data.folder / "clusters.parquet")["part"].value_counts().to_dict()
    assert parts == {"train": 6, "validation": 3, "test": 3}
