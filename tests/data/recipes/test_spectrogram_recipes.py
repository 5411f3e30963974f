"""The recipes of spectrogram images on small trees in the owners' layouts, end to end, and the tables they leave."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from torch import nn

from emotone.base import plugins
from emotone.bundle.bundle import Bundle
from emotone.data.recipe_yaml import load_recipe
from emotone.errors import EmotoneError
from emotone.evaluate.report.folds import published_folds, section
from emotone.evaluate.report.part import Evaluated
from emotone.evaluate.run_folder import load_run
from emotone.evaluate.scores import summarise_folds
from emotone.models.networks import alexnet_gap
from emotone.training.run import train_recipe

SETTINGS = {"thai-ser-assigned": {"labels": "assigned"}}
"""How readers are told to read what is not their default."""
SMALL = ("training.epochs=1", "training.batch_size=32", "system.short_side=63", "training.learning_rate=1e-2")
START = "system.weights=null"


@pytest.fixture(autouse=True)
def _small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """AlexNet's convolutions in small: ten folds with the published size would take a minute."""

    def convolutions(num_channels: int) -> nn.Sequential:
        layers = [nn.Conv2d(num_channels, 8, 11, stride=4, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, stride=2)]
        return nn.Sequential(*layers, nn.Conv2d(8, 256, 3), nn.ReLU(inplace=True))

    monkeypatch.setattr(alexnet_gap, "alexnet_convolutions", convolutions)


def write_audio(path: Path, number: int) -> None:
    """A tenth of a second of noise of its own: equal audio on both sides of a split would be a leak."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(number).normal(0, 0.1, 1600)
    soundfile.write(path, noise * (1 + np.sin(np.arange(1600) * (number % 7) / 20)), 16_000)


def iemocap(folder: Path) -> None:
    """Four improvised turns of each speaker, one of each category, and one more that nobody agrees on."""
    for session in range(1, 6):
        dialogue, lines = f"Ses0{session}F_impro01", []
        for place, (actor, emotion) in enumerate((a, e) for a in "FM" for e in ("neu", "hap", "sad", "ang", "xxx")):
            stem = f"{dialogue}_{actor}{place:03}"
            write_audio(folder / f"Session{session}/sentences/wav/{dialogue}/{stem}.wav", 100 * session + place)
            lines.append(f"[{place}.0 - {place + 1}.0]\t{stem}\t{emotion}\t[2.5, 2.5, 2.5]\n")
        labels = folder / f"Session{session}/dialog/EmoEvaluation/{dialogue}.txt"
        labels.parent.mkdir(parents=True)
        labels.write_text("% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n\n" + "\n".join(lines))


def thai_ser(folder: Path) -> None:
    """An improvised turn in each of 80 studios."""
    labels = {}
    for studio in range(1, 81):
        name = f"s{studio:03}_con_actor{studio:03}_impro1_1.flac"
        write_audio(folder / f"studio/studio{studio:03}/con/{name}", studio)
        emotion = ("Neutral", "Angry", "Happy", "Sad", "Frustrated")[studio % 5]
        labels[name] = [{"assigned_emo": emotion, "majority_emo": emotion, "agreement": 1.0, "annotated": [[emotion]]}]
    (folder / "emotion_label.json").write_text(json.dumps(labels))


def thai_ser_assigned(folder: Path) -> None:
    """The same, prepared by the emotion that the actor was to show."""
    thai_ser(folder)


def emodb(folder: Path) -> None:
    """Every category of each of four speakers."""
    for number, (speaker, letter) in enumerate((s, e) for s in ("03", "08", "09", "10") for e in "WLEAFTN"):
        write_audio(folder / f"wav/{speaker}a01{letter}a.wav", number)


def ravdess(folder: Path) -> None:
    """Two of eight categories of each of 24 actors."""
    for number, (actor, emotion) in enumerate((a, 1 + (a + half) % 8) for a in range(1, 25) for half in (0, 4)):
        write_audio(folder / f"Actor_{actor:02}/03-01-{emotion:02}-01-01-01-{actor:02}.wav", number)


@pytest.fixture
def plant(tmp_path: Path) -> Callable[[Callable[[Path], None]], None]:
    """plant(corpus): its tree, written, read and prepared."""

    def plant(write: Callable[[Path], None]) -> None:
        folder, name = tmp_path / write.__name__, write.__name__.replace("_", "-")
        write(folder)
        reader = plugins.create("corpora", name.removesuffix("-assigned"), SETTINGS.get(name, {}))
        corpus = reader.read(folder)
        corpus.name = name
        corpus.save()

    return plant


@pytest.mark.parametrize(
    ("corpus", "recipe", "num_tested", "num_classes", "num_folds"),
    [
        (iemocap, "iemocap-8k-spectrogram", 4, 4, 10),
        (emodb, "emodb-spectrogram", 7, 7, 4),
        (thai_ser, "thai-ser-majority-spectrogram", 5, 5, 8),
        (thai_ser_assigned, "thai-ser-spectrogram", 4, 4, 16),
        (ravdess, "ravdess-spectrogram", 8, 4, 6),
    ],
)
def test_a_fold_of_each_protocol(
    corpus: Callable[[Path], None],
    recipe: str,
    num_tested: int,
    num_classes: int,
    num_folds: int,
    plant: Callable[[Callable[[Path], None]], None],
    tmp_path: Path,
) -> None:
    plant(corpus)
    loaded = load_recipe(recipe, (*SMALL, START, "split.fold=1", "split.repeats=1"))
    assert load_recipe(recipe).training.epochs == 100
    result = json.loads((train_recipe(loaded, tmp_path / "run", quiet=True) / "test.json").read_text())
    assert result["num_utterances"] == num_tested and len(result["classes"]) == num_classes
    assert result["num_parameters"] > 256 * num_classes and result["start"] == ["at random"]
    with pytest.raises(EmotoneError, match=f"split.fold must be from 0 to {num_folds - 1}, or all, not 99"):
        train_recipe(load_recipe(recipe, (START, "split.fold=99")), tmp_path / "none", quiet=True)
    bins = 100 if recipe.startswith(("iemocap-8k", "thai-ser")) else 200
    about = json.loads((tmp_path / "run/bundle/bundle.json").read_text())
    feature = plugins.create("features", about["feature"]["name"], about["feature"]["settings"])
    assert len(feature.names) == bins and about["view"]["segment_frames"] == 300


def test_the_published_tables_of_iemocap(plant: Callable[[Callable[[Path], None]], None], tmp_path: Path) -> None:
    """Ten runs in one command, resumed run by run, and the average over five of them."""
    plant(iemocap)
    assert load_recipe("iemocap-spectrogram").split.repeats == 5
    recipe = load_recipe("iemocap-spectrogram", (*SMALL, START, "split.repeats=1"))
    folder = train_recipe(recipe, tmp_path / "run", quiet=True)
    run = load_run(folder)
    assert run.result["num_utterances"] == 40 and run.result["left_out"] == {"no label": 10}
    first = json.loads((folder / "fold-0/split.json").read_text())
    speakers = {part: {id_.split("_")[-1][0] + id_[7] for id_ in ids} for part, ids in first.items()}
    assert speakers["test"] == {"F1"} and speakers["validation"] == {"M1"} and len(speakers["train"]) == 8
    (folder / "fold-9/done.json").unlink()  # as if the run had ended before
    train_recipe(recipe, folder, quiet=True)
    assert load_run(folder).result["metrics"] == run.result["metrics"]

    labels = ["anger", "happiness", "neutral", "sadness"]
    other = run.test.assign(repeat=1, true_emotion=run.test["true_emotion"].to_numpy()[::-1])
    run.test = pd.concat([run.test, other], ignore_index=True)  # as two repeats leave
    run.result["folds"] = summarise_folds(run.test, run.targets)
    predicted = np.array(labels)[run.test[[f"p_{label}" for label in labels]].to_numpy().argmax(axis=1)]
    right = (predicted == run.test["true_emotion"]).groupby([run.test["repeat"], run.test["speaker"]]).mean()
    published = published_folds(run)
    assert published is not None and len(published["emotion"]["uar"]["each"]) == 10
    by_hand = right[right.index.get_level_values("speaker").isin(["1M", "2F", "3F", "4F", "5F"])]
    assert published["emotion"]["accuracy"]["mean"] == pytest.approx(by_hand.mean())
    assert published["emotion"]["accuracy"]["std"] == pytest.approx(by_hand.std())

    sections = {shown.title: shown for shown in section(Evaluated(run)).sections}
    tables = {"Emotion: UAR", "Emotion: accuracy", "Emotion: macro F1"}
    assert set(sections) == {"Folds", *tables, "The published five folds"}
    rows = list(sections["Emotion: accuracy"].table or [])
    assert [row["tested"] for row in rows] == [f"{session}{actor}" for session in range(1, 6) for actor in "FM"]
    assert list(rows[3]) == ["fold", "tested", "repeat 0", "repeat 1", "mean"]
    assert rows[3]["repeat 1"] == right[1]["2M"] and rows[3]["mean"] == (right[0]["2M"] + right[1]["2M"]) / 2
    row = (sections["Folds"].table or [])[1]
    assert row["mean"] == pytest.approx(right.mean()) and row["std"] == pytest.approx(right.std())
    assert row["std, published"] == pytest.approx(np.std(right))


def test_published_recipes_are_as_published() -> None:
    """ImageNet's weights, mixup, no oversampling, min-max with the padding; and what is missing is named."""
    for name in ("iemocap-spectrogram", "iemocap-8k-spectrogram", "thai-ser-spectrogram"):
        recipe = load_recipe(name)
        system = plugins.create("systems", recipe.system.name, recipe.system.settings)
        assert (system.weights, system.mixup, system.oversample, system.padding) == ("imagenet", 0.4, 0, "white")
        assert (recipe.normalise.scale, recipe.normalise.over) == ("min-max", "segments")


def test_both_protocols_of_thai_ser_go_from_audio_to_a_table(
    plant: Callable[[Callable[[Path], None]], None], tmp_path: Path
) -> None:
    """All 16 runs by the assigned emotion, in which every studio is tested, and all 8 folds by the majority's."""
    for corpus, name, num_folds, num_tested in (
        (thai_ser_assigned, "thai-ser-spectrogram", 16, 64),
        (thai_ser, "thai-ser-majority-spectrogram", 8, 40),
    ):
        plant(corpus)
        run = load_run(train_recipe(load_recipe(name, (*SMALL, START)), tmp_path / name, quiet=True))
        assert run.result["num_utterances"] == num_tested
        assert run.result["num_speakers"] == num_tested and len(run.result["splits"]) == num_folds
        assert len(run.result["folds"]["emotion"]["accuracy"]["each"]) == num_folds
        sections = {shown.title: shown for shown in section(Evaluated(run)).sections}
        assert [row["metric"] for row in sections["Folds"].table or []] == ["UAR", "accuracy", "macro F1"]


def test_zero_padding_makes_0_db_white_in_every_bin(
    plant: Callable[[Callable[[Path], None]], None], tmp_path: Path
) -> None:
    plant(emodb)
    for over in ("frames", "segments"):
        recipe = load_recipe("emodb-spectrogram", (*SMALL, START, f"normalise.over={over}", "split.fold=0"))
        bundle = Bundle.load(str(train_recipe(recipe, tmp_path / over, quiet=True)))
        greatest = bundle.normaliser.mean + bundle.normaliser.std
        assert (np.abs(greatest) < 1e-4).all() if over == "segments" else greatest.max() < -1
    wrong = ("system.padding=floor", "normalise.over=segments")
    with pytest.raises(EmotoneError, match="normalise.over=segments is of padding=white, as published"):
        train_recipe(load_recipe("emodb-spectrogram", (*SMALL, *wrong)), tmp_path / "a", quiet=True)
    with pytest.raises(EmotoneError, match="emodb-functionals-svm: system functionals-svm sees no segments"):
        train_recipe(load_recipe("emodb-functionals-svm", ("normalise.over=segments",)), tmp_path / "b", quiet=True)
