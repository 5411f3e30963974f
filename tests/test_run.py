"""Runs on a tiny corpus of tones: everything a run leaves behind, and that testing goes through the bundle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from emotone import audio
from emotone.bundle import Bundle
from emotone.corpus import Corpus
from emotone.errors import EmotoneError
from emotone.evaluate.protocol import evaluate_model
from emotone.recipe import Recipe, load_recipe
from emotone.run import train_recipe

NUM_SPEAKERS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this module's corpus, cache and runs lie."""
    return tmp_path_factory.mktemp("tones")


@pytest.fixture(autouse=True)
def _own_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTONE_CACHE", str(folder / "cache"))


@pytest.fixture
def tones(folder: Path) -> Corpus:
    """48 tones of 4 speakers; pitch is arousal and, above the middle, the category "high"; known to every network."""
    random = np.random.default_rng(0)
    rows = []
    for number in range(48):
        pitch = random.uniform(200, 2000)
        time_s = np.arange(int(random.uniform(0.4, 0.8) * 16_000)) / 16_000
        file = f"{number:02d}.wav"
        soundfile.write(folder / file, 0.5 * np.sin(2 * np.pi * pitch * time_s), 16_000)
        rows.append(
            {
                "id": file[:-4],
                "file": file,
                "speaker": str(number % NUM_SPEAKERS),
                "emotion": "high" if pitch > 1100 else "low",
                "arousal": 1 + 6 * (pitch - 200) / 1800,
            }
        )
    corpus = Corpus("tones", folder, pd.DataFrame(rows), meta={"ranges": {"arousal": [1, 7]}, "licence": "CC0"})
    corpus.save()
    return corpus


@pytest.fixture
def recipe(folder: Path) -> Path:
    """A recipe that learns the tones in seconds."""
    path = folder / "tones.yaml"
    path.write_text(
        "corpora: [tones]\ntargets: [arousal, emotion]\nfeature: {name: mel, scale: log, num_mels: 16}\n"
        "split: {name: leave-speakers-out, num_folds: 4, fold: 0}\n"
        "system: {name: chunk-attention, aggregation: NonAtten, chunk_s: 0.2, hidden_size: 16}\n"
        "training: {batch_size: 16, iterations: 50, validate_every: 10, learning_rate: 1e-2}\n"
    )
    return path


@pytest.fixture
def trained(tones: Corpus, recipe: Path, folder: Path) -> Path:
    """The run of that recipe; the second use finds it finished."""
    return train_recipe(load(recipe), folder / "run", quiet=True)


def load(path: Path, *overrides: str) -> Recipe:
    return load_recipe(str(path), overrides)


def test_run_leaves_bundle_and_result(tones: Corpus, trained: Path) -> None:
    result = json.loads((trained / "test.json").read_text())
    assert result["num_utterances"] == 12 and result["num_speakers"] == 1
    assert result["metrics"]["arousal"]["ccc"]["value"] > 0.8
    assert result["metrics"]["emotion"]["uar"]["value"] > 0.8
    split = json.loads((trained / "split.json").read_text())
    speakers = tones.utterances.set_index("id")["speaker"]
    assert set(speakers[split["test"]]) == {"0"} and set(speakers[split["validation"]]) == {"1"}
    assert (trained / "metrics.csv").read_text().startswith("iteration,loss,arousal,emotion\n10,")
    assert any((trained / "tensorboard").iterdir())
    assert not (trained / "checkpoint.pt").exists()


def test_evaluate_repeats_the_test_result(trained: Path) -> None:
    result = json.loads((trained / "test.json").read_text())
    again = evaluate_model(str(trained), None, quiet=True)
    for target, values in again["metrics"].items():
        for name, interval in values.items():
            assert interval["value"] == result["metrics"][target][name]["value"]


def test_bundle_predicts_from_audio_what_the_test_had_from_the_store(tones: Corpus, trained: Path) -> None:
    table = pd.read_parquet(trained / "predictions.parquet")
    bundle = Bundle.load(str(trained))
    scores = bundle.score_samples([audio.load(tones.path_of(f"{id_}.wav")) for id_ in table["id"]])
    np.testing.assert_allclose(scores.attributes["arousal"], table["predicted_arousal"], atol=1e-5)
    np.testing.assert_allclose(scores.probabilities["high"], table["p_high"], atol=1e-5)


def test_all_folds_are_pooled_and_resumed(tones: Corpus, recipe: Path, tmp_path: Path) -> None:
    settings = ("split.fold=all", "training.iterations=4", "training.validate_every=2", "targets=[arousal]")
    whole = train_recipe(load(recipe, *settings), tmp_path / "a", quiet=True)
    result = json.loads((whole / "test.json").read_text())
    assert result["num_utterances"] == len(tones) and result["num_speakers"] == NUM_SPEAKERS
    (whole / "fold-2" / "done.json").unlink()  # as if the run had ended before
    train_recipe(load(recipe, *settings), whole, quiet=True)
    again = json.loads((whole / "test.json").read_text())
    assert again["metrics"] == result["metrics"]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("targets=[arousl]", "unknown target 'arousl'; did you mean 'arousal'?"),
        ("corpora=[tone]", "corpus 'tone' is not prepared"),
        ("classes=[hi, low]", "unknown class 'hi'"),
        ("split.num_folds=2", "split.num_folds must be from 3"),
        ("split.name=oficial", "unknown split 'oficial'; did you mean 'official'?"),
        ("split.name=official", "have no official split"),
        ("where={speakr: ['0']}", "unknown column 'speakr'; did you mean 'speaker'?"),
        ("split.name=everything", "training.best must be 'last'"),
    ],
)
def test_what_cannot_run_is_one_line(tones: Corpus, recipe: Path, tmp_path: Path, override: str, words: str) -> None:
    with pytest.raises(EmotoneError, match=".") as caught:
        train_recipe(load(recipe, override), tmp_path / "run", quiet=True)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_folder_holds_one_run(tones: Corpus, recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.yaml").write_text("name: other\n")
    with pytest.raises(EmotoneError, match="another recipe"):
        train_recipe(load(recipe), tmp_path / "run", quiet=True)


def test_a_leaking_split_is_refused_unless_allowed(tones: Corpus, recipe: Path, tmp_path: Path) -> None:
    ids = list(tones.utterances["id"])
    lists = tmp_path / "split.json"
    lists.write_text(json.dumps({"train": ids[:30], "validation": ids[30:40], "test": ids[40:]}))
    settings = ["split.name=given", f"split.file={lists}", "training.iterations=2", "targets=[arousal]"]
    with pytest.raises(EmotoneError, match="allow_leakage"):
        train_recipe(load(recipe, *settings), tmp_path / "a", quiet=True)
    folder = train_recipe(load(recipe, *settings, "allow_leakage=true"), tmp_path / "b", quiet=True)
    assert "LEAKAGE ALLOWED" in json.loads((folder / "test.json").read_text())["protocol"]


def test_teacher_and_augmented_copies(trained: Path, recipe: Path, tmp_path: Path) -> None:
    """Student of a bundle under augmentation: the copies train, the utterances themselves test."""
    settings = [
        f"teacher=[{trained / 'bundle'}]",
        "augmentation={voices: 2, channels: 2, seed: 1}",
        "system={name: mel-convolution, channels: [4, 4, 4], width: 16, num_blocks: 1, crop_frames: [32, 64]}",
        "training.average=0.9",
        "training.best=last",
        "training.iterations=8",
        "training.validate_every=4",
    ]
    folder = train_recipe(load(recipe, *settings), tmp_path / "student", quiet=True)
    result = json.loads((folder / "test.json").read_text())
    assert result["num_utterances"] == 12
    assert Bundle.load(str(folder)).about["training"]["recipe"]["teacher"] == [str(trained / "bundle")]
