"""A run of spectrogram images on real speech with noisy copies, its bundle, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from safetensors.numpy import load_file, save_file

from emotone.audio.read import RATE_HZ, AudioError, load_audio
from emotone.base import plugins
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import Target
from emotone.bundle.view import view as views
from emotone.bundle.view.view import Segments
from emotone.corpora.corpus import Corpus
from emotone.data.noisy_copies import kinds_in
from emotone.data.recipe import Recipe, Training
from emotone.data.recipe_yaml import from_json
from emotone.errors import EmotoneError
from emotone.evaluate.scores import score_predictions
from emotone.models.export import load_weights
from emotone.predict.predictor import Predictor
from emotone.training.run import train_recipe

EMOTION = Target("emotion", "category", labels=("anger", "neutral", "sadness"))
NUM_PARAMETERS = 2_470_724 - 257  # alexnet-gap's for four classes; a class has 256 weights and a bias


@pytest.fixture(scope="module")
def folder(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run lies, its noises, and the corpus `small`: two utterances of three speakers in three categories."""
    folder = tmp_path_factory.mktemp("spectrograms")
    (folder / "noises").mkdir()
    rain = load_audio(shared / "data/esc10/002_rain/1-17367-A.flac", 0.0, 1.0)  # shorter than the speech
    soundfile.write(folder / "noises/traffic.wav", rain, RATE_HZ)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOTONE_CACHE", str(folder / "cache"))
        whole = plugins.create("corpora", "emodb").read(shared / "data/emodb")
        table = whole.utterances
        table = table[table["speaker"].isin(["03", "08", "09"]) & table["emotion"].isin(EMOTION.labels)]
        table = table.groupby(["speaker", "emotion"]).head(2).reset_index(drop=True)
        Corpus("small", whole.root, table, None, whole.meta).save()
        alone = table[table["emotion"].eq("anger") | table["speaker"].eq("03")].reset_index(drop=True)
        Corpus("lacking", whole.root, alone, None, whole.meta).save()
    return folder


@pytest.fixture(autouse=True)
def _own_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTONE_CACHE", str(folder / "cache"))


def recipe_of(system: dict[str, Any] | None = None, **settings: Any) -> Recipe:
    """The first fold: speaker 03 tests, 08 validates, 09 trains."""
    about: dict[str, Any] = {
        "name": "small",
        "corpora": ["small"],
        "targets": ["emotion"],
        "feature": "logspec",
        "normalise": {"scale": "min-max"},
        "split": {"name": "leave-one-speaker-out", "fold": 0},
        "system": {"name": "spectrogram-image", "short_side": 63, **(system or {})},
        "training": {"batch_size": 8, "epochs": 1},
    }
    return from_json({**about, **settings}, "here")


def with_all(folder: Path) -> Recipe:
    """The recipe of `trained`."""
    return recipe_of({"oversample": 2, "mixup": 0.4, "stability": "corrected", "noise": str(folder / "noises")})


@pytest.fixture(scope="module")
def trained(folder: Path) -> Path:
    """A run with all that there is: oversampling, mixup, stability; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMOTONE_CACHE", str(folder / "cache"))
        return train_recipe(with_all(folder), folder / "run", quiet=True)


@pytest.fixture
def network(trained: Path) -> Any:
    """Its network in torch."""
    bundle = Bundle.load(str(trained))
    network = plugins.create("systems", "spectrogram-image", {"short_side": 63}).build(200, [EMOTION], bundle.view)
    about = load_weights(network, bundle.folder)
    assert about["new"] == []
    return network.eval()


# ---- a run ------------------------------------------------------------------------------------------------------


def test_a_run_says_what_was_trained(trained: Path) -> None:
    result = json.loads((trained / "test.json").read_text())
    assert result["num_parameters"] == NUM_PARAMETERS and result["start"] == ["at random"]
    assert result["num_utterances"] == 6 and result["classes"] == list(EMOTION.labels)
    history = pd.read_csv(trained / "metrics.csv")
    validation = pd.read_parquet(trained / "validation.parquet")
    predicted = validation[[f"p_{label}" for label in EMOTION.labels]].to_numpy().argmax(axis=1)
    right = np.array(EMOTION.labels)[predicted] == validation["true_emotion"]
    assert history["emotion"].iloc[-1] == pytest.approx(right.mean())  # weighted accuracy, as published


def test_pictures_span_what_trains_with_its_noise_and_nothing_else(trained: Path, folder: Path) -> None:
    corpus, bundle = Corpus.load("small"), Bundle.load(str(trained))
    copies = kinds_in(str(folder / "noises"), None)
    assert [copy.kind for copy in copies] == ["traffic", "reverberation", "gaussian"]
    own = corpus.utterances[corpus.utterances["speaker"] == "09"]
    frames = []
    for row in own.itertuples():
        samples = load_audio(corpus.path_of(row.file))
        frames += [bundle.feature(changed) for changed in (samples, *(copy(samples, row.id) for copy in copies))]
    every = np.concatenate(frames)
    arrays = load_file(trained / "bundle/arrays.safetensors")
    np.testing.assert_array_equal(arrays["feature_mean"], every.min(axis=0))
    np.testing.assert_allclose(arrays["feature_std"], every.max(axis=0) - every.min(axis=0), rtol=1e-6)
    stores = [path.name for path in (folder / "cache/features/small").iterdir()]
    assert len(stores) == 4 and all(name.startswith("logspec-") for name in stores)


def test_the_bundle_equals_torch_for_any_number_of_segments(trained: Path, network: Any) -> None:
    bundle = Bundle.load(str(trained))
    random = np.random.default_rng(0)
    lengths = (40, 300, 301, 700, 300, 1200)
    batch = [random.uniform(-90, 3, (length, 200)).astype(np.float32) for length in lengths]
    scores = bundle.score_features(batch)
    for place, features in enumerate(batch):
        segments = views.apply(bundle.view, features, bundle.normaliser)  # type: ignore[arg-type]
        assert len(segments) == -(-lengths[place] // 300)
        with torch.inference_mode():
            expected = network(torch.from_numpy(segments)[None])["emotion"][0].numpy()
        np.testing.assert_allclose(scores.outputs["emotion"][place], expected, atol=1e-5)
    np.testing.assert_allclose(sum(scores.probabilities.values()), 1.0)


def test_prediction_of_files_is_that_of_the_test(trained: Path) -> None:
    table = pd.read_parquet(trained / "predictions.parquet")
    corpus, predictor = Corpus.load("small"), Predictor.load(str(trained))
    row = table.loc[table["duration_s"].idxmin()]
    file = corpus.utterances.set_index("id").loc[row["id"], "file"]
    found = predictor.predict(corpus.path_of(file))
    assert found.probabilities == pytest.approx({label: row[f"p_{label}"] for label in EMOTION.labels}, abs=1e-5)


def test_long_recordings_are_windows_each_like_a_file(trained: Path, shared: Path) -> None:
    predictor = Predictor.load(str(trained))
    file = sorted((shared / "data/librispeech/test-other").rglob("*.flac"))[0]
    samples = load_audio(file)[: 9 * RATE_HZ]
    found = predictor.predict(samples, RATE_HZ)
    assert predictor.bundle.max_utterance_s < 9 and found.windows is not None and len(found.windows.start_s) > 1
    start_s, end_s = found.windows.start_s[1], found.windows.end_s[1]
    alone = predictor.predict(samples[round(start_s * 16_000) : round(end_s * 16_000)], RATE_HZ)
    for label in EMOTION.labels:
        assert found.windows.columns[label][1] == pytest.approx(alone.probabilities[label], abs=1e-5)


# ---- what is refused --------------------------------------------------------------------------------------------


def write_silence(folder: Path) -> Path:
    folder.mkdir()
    soundfile.write(folder / "cafe.wav", np.zeros(1600), 16_000)
    return folder


@pytest.mark.parametrize(
    ("system", "settings", "words"),
    [
        ({}, {"targets": ["arousal"]}, "no utterance of small has a value for arousal"),
        ({}, {"training": {"iterations": 5}}, "spectrogram-image goes by epochs; set training.epochs"),
        ({}, {"training": {"epochs": 1, "best": "published-loss"}}, "training.best must be 'metric', as published"),
        ({}, {"curriculum": {"order": "random"}}, "takes no curriculum; set curriculum.order=none"),
        ({}, {"normalise": {}}, "takes pictures; set normalise.scale=min-max, by=training and over=frames"),
        ({}, {"normalise": {"scale": "min-max", "over": "utterance-means"}}, "by=training and over=frames"),
        ({}, {"feature": "functionals"}, "needs a feature with frames; this one gives one vector per utterance"),
        ({}, {"corpora": ["lacking"]}, "no training utterance has the category neutral (2), sadness (2)"),
        ({"stability": "corrected", "noise": "nowhere"}, {}, "nowhere"),
        ({"stability": "corrected", "noise": "empty"}, {}, "empty"),
        ({"stability": "corrected", "noise": "silent"}, {}, "1 of 1 recordings cannot serve as noise, e.g. "),
        ({"stability": "corrected"}, {"augmentation": {"voices": 2}}, "leave stability or augmentation out"),
        ({"noise": "noises"}, {}, "noise, speech and noise_snr_db are of stability training; set stability"),
        ({"weights": "nowhere.pth"}, {}, "nowhere.pth: no such weights of alexnet"),
        ({"weights": "other.safetensors"}, {}, "weights of another architecture than AlexNetGap (features.0.weight"),
        ({"short_side": 62}, {}, "short_side must be at least 63, not 62"),
        ({"segment_frames": 9}, {}, "segment_frames must be at least 10, not 9"),
        ({"oversample": -1}, {}, "oversample must be at least 0, not -1"),
        ({"weight_decay": float("nan")}, {}, "weight_decay must be at least 0, not nan"),
        ({"mixup": 0.0}, {}, "mixup must be above 0, or nothing (null), not 0.0"),
        ({"network": "alexnet_gap"}, {}, "network must be one of"),
    ],
)
def test_what_cannot_be_is_one_line_before_any_feature_is_made(
    system: dict[str, Any], settings: dict[str, Any], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    write_silence(tmp_path / "silent")
    save_file({"features.0.weight": np.zeros((64, 3, 7, 7), np.float32)}, tmp_path / "other.safetensors")
    with pytest.raises(EmotoneError) as caught:
        train_recipe(recipe_of(system, **settings), tmp_path / "run", quiet=True)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "read", [{"noise traffic": "another"}, {}, {"noise traffic": "same", "noise rain": "gone"}], ids=str
)
def test_a_run_does_not_go_on_with_other_noise(
    trained: Path, folder: Path, tmp_path: Path, read: dict[str, str]
) -> None:
    shutil.copytree(trained, tmp_path / "run")
    file = tmp_path / "run/files_read.json"
    same = json.loads(file.read_text())["noise traffic"]
    file.write_text(json.dumps({name: same if value == "same" else value for name, value in read.items()}))
    with pytest.raises(EmotoneError, match="its noise (traffic|rain) has changed since the run began"):
        train_recipe(with_all(folder), tmp_path / "run", quiet=True)


def test_a_finished_run_is_left_as_it_is(trained: Path, folder: Path) -> None:
    before = (trained / "predictions.parquet").stat().st_mtime_ns
    assert train_recipe(with_all(folder), trained, quiet=True) == trained
    assert (trained / "predictions.parquet").stat().st_mtime_ns == before


def test_only_categories_are_learnt(folder: Path) -> None:
    system = plugins.create("systems", "spectrogram-image")

    class Data:
        recipe = recipe_of()
        targets = (Target("arousal", "attribute", (1.0, 7.0)), EMOTION)

    with pytest.raises(EmotoneError, match=r"learns one target with categories alone; set targets=\[emotion\]"):
        system.check_data(Data(), plugins.create("features", "logspec"))


def test_a_class_that_is_not_tested_is_not_in_the_metrics() -> None:
    table = pd.DataFrame({"id": list("abcd"), "speaker": list("1122")})
    table["true_emotion"] = ["anger", "anger", "sadness", None]
    table[["p_anger", "p_neutral", "p_sadness"]] = [[0.3, 0.6, 0.1], [0.1, 0.6, 0.3], [0.3, 0.6, 0.1], [0, 0, 1]]
    result = score_predictions(table, [EMOTION])
    assert result["classes"] == ["anger", "sadness"] and result["num_left_out"] == 1
    assert result["metrics"]["emotion"]["uar"]["value"] == pytest.approx(0.25)
    with pytest.raises(
        EmotoneError, match="no utterance has a label for emotion but anger, so there is nothing to tell"
    ):
        score_predictions(table[:2], [EMOTION])


def test_noisy_copies_that_failed_are_counted(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(folder / "noises", tmp_path / "noises")
    system = {"stability": "corrected", "noise": str(tmp_path / "noises")}

    def lost(*arguments: Any) -> Any:
        raise AudioError("traffic.wav", "is gone")

    monkeypatch.setattr("emotone.data.noisy_copies._load", lost)
    with pytest.raises(EmotoneError, match="18 utterances have no features, e.g. .*: traffic.wav: is gone"):
        train_recipe(recipe_of(system), tmp_path / "run", quiet=True)


# ---- the system by itself ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["alexnet", "alexnet-gap", "resnet18", "vgg11"])
def test_maps_are_there_where_the_network_has_them(name: str) -> None:
    system = plugins.create("systems", "spectrogram-image", {"network": name})
    assert system.has_maps == (name in ("alexnet-gap", "resnet18"))


def test_the_optimiser_is_as_published() -> None:
    system = plugins.create("systems", "spectrogram-image")
    optimiser, schedule = system.optimiser(torch.nn.Linear(2, 2), Training(learning_rate=1e-4, epochs=1))
    group = optimiser.param_groups[0]
    assert isinstance(optimiser, torch.optim.AdamW) and schedule is None
    assert (group["lr"], group["weight_decay"]) == (1e-4, 0.01)
    assert system.view(0.01, 4.0) == Segments(300, padding="white") and not system.distributes


def test_a_feature_of_three_channels_gives_pictures_of_three() -> None:
    system = plugins.create("systems", "spectrogram-image", {"short_side": 63})
    network = system.build(3 * 100, [EMOTION], Segments(300, num_channels=3))
    assert network.images(torch.rand(2, 300, 300)).shape == (2, 3, 63, 189)
