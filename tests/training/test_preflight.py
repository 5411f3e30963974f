"""What a run refuses before it extracts features, each in one line, and what it only warns of."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from emotone.bundle.folder import read_about
from emotone.corpora.corpus import Corpus
from emotone.data.recipe import Recipe
from emotone.data.selection import Selection
from emotone.data.split import Split
from emotone.errors import EmotoneError
from emotone.training.experiment import Experiment
from emotone.training.preflight import (
    check_audio,
    check_data,
    check_experiment,
    check_init,
    check_leakage,
    check_ranks,
    check_split,
    check_training_device,
    refusals,
)
from emotone.training.ranks import Ranks

Make = Callable[..., Recipe]
CLUSTERS = {"name": "deep-emo-clusters"}
WORDS = {"name": "multi-scale", "streams": "speech"}
EPOCHS = {"epochs": 1}
EASY = {"order": "easy-first"}


def line_of(call: Callable[..., Any], *arguments: Any) -> str:
    """The one line of what it raises."""
    with pytest.raises(EmotoneError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# ---- device -----------------------------------------------------------------------------------------------------


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    check_training_device("cpu")
    assert "device 'cuda' is not available" in line_of(check_training_device, "cuda")
    assert "unknown device 'gpu'" in line_of(check_training_device, "gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    check_training_device("cuda")


# ---- settings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"curriculum": EASY, "training": EPOCHS},
        {"system": CLUSTERS, "training": EPOCHS, "unlabelled": {"num": 3}},
        {"curriculum": EASY | {"score": "deep-mi"}, "training": EPOCHS, "unlabelled": {"num": 3}},
        {"system": WORDS, "alignment": "whisper"},
        {"system": {"name": "multi-scale"}, "text_feature": "minilm"},
    ],
)
def test_settings_that_go_together(tones_recipe: Make, settings: dict[str, Any]) -> None:
    check_experiment(Experiment.resolve(tones_recipe(**settings)))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"split": {"repeats": 0}}, "recipe mine: split.repeats must be at least 1, not 0"),
        ({"system": {"name": "multi-scale"}}, "learns from transcripts too; set text_feature (e.g. minilm)"),
        ({"system": WORDS, "text_feature": "minilm"}, "as it is set takes no transcripts; set text_feature=null"),
        ({"text_feature": "minilm"}, "system chunk-attention as it is set takes no transcripts"),
        ({"system": WORDS, "normalise": {"by": "speaker"}}, "normalises by the training part only; set normalise.by"),
        ({"alignment": "corpus"}, "does not go by words; leave alignment out"),
        ({"curriculum": EASY, "training": EPOCHS, "system": "functionals-svm"}, "solved at once, so it takes no"),
        ({"curriculum": EASY, "training": EPOCHS, "system": CLUSTERS}, "by their clusters, so it takes no"),
        ({"system": CLUSTERS}, "set training.epochs"),
        ({"unlabelled": {"num": 3}}, "does not learn from unlabelled speech; set unlabelled.corpora=[] unlabelled.num"),
    ],
)
def test_settings_that_do_not(tones_recipe: Make, settings: dict[str, Any], words: str) -> None:
    assert words in line_of(check_experiment, Experiment.resolve(tones_recipe(**settings)))


@pytest.mark.parametrize(("score", "words"), [("deep-mi", "not emotion"), ("teacher-error", "first target is emotion")])
def test_curricula_of_an_attribute_alone(tones_recipe: Make, score: str, words: str) -> None:
    recipe = tones_recipe(curriculum=EASY | {"score": score}, training=EPOCHS, targets=["emotion"])
    assert words in line_of(check_data, Experiment.resolve(recipe), Selection.read(recipe, quiet=True))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"system": "functionals-svm"}, "functionals-svm is solved at once, in one process; train without torchrun"),
        ({"system": CLUSTERS, "training": EPOCHS}, "does not learn from batches that can be divided; train without"),
        ({"system": "emotion-seq2seq"}, "does not learn from batches that can be divided; train without"),
        ({"curriculum": EASY, "training": EPOCHS}, "a curriculum is learned in one process; train without"),
        ({"training": {"batch_size": 5}}, "training.batch_size 5 is of the whole batch, too few for 3"),
    ],
)
def test_what_several_processes_cannot_share(tones_recipe: Make, settings: dict[str, Any], words: str) -> None:
    experiment = Experiment.resolve(tones_recipe(**settings))
    check_ranks(experiment, Ranks())
    assert words in line_of(check_ranks, experiment, Ranks(0, 3))


# ---- splits -----------------------------------------------------------------------------------------------------

IDS = tuple(f"{number:02d}" for number in range(12))


@pytest.mark.parametrize(
    ("settings", "split", "words"),
    [
        ({}, Split(IDS[:6], IDS[6:9], IDS[9:]), ""),
        ({}, Split((), IDS[:9], IDS[9:]), "the train part of split leave-speakers-out is empty"),
        ({}, Split(IDS[:9], (), IDS[9:]), "the validation part of split leave-speakers-out is empty"),
        ({}, Split(IDS[:9], IDS[9:]), "the test part of split leave-speakers-out is empty"),
        ({"split": {"name": "everything"}}, Split(IDS), "validates nothing, so training.best must be 'last', not 'met"),
        ({"split": {"name": "everything"}, "training": {"best": "last"}}, Split(IDS), ""),
        ({"split": {"validate": False}}, Split(IDS[:9], (), IDS[9:]), "validates nothing, so training.best must be"),
        ({"split": {"validate": False}, "system": "functionals-svm"}, Split(IDS[:9], (), IDS[9:]), ""),
    ],
)
def test_parts_that_are_needed(tones_recipe: Make, settings: dict[str, Any], split: Split, words: str) -> None:
    experiment = Experiment.resolve(tones_recipe(**settings))
    data = Selection.read(experiment.recipe, quiet=True)
    if words:
        assert words in line_of(check_split, split, data, experiment)
    else:
        check_split(split, data, experiment)


def test_audio_that_cannot_be_read_is_named_together(tones_recipe: Make, tmp_path: Path) -> None:
    tones = Corpus.load("tones")
    shutil.copytree(tones.root, tmp_path / "torn")
    for name in ("02", "09"):
        (tmp_path / "torn" / f"{name}.wav").write_bytes(b"")
    dataclasses.replace(tones, name="torn", root=tmp_path / "torn").save()
    line = line_of(check_audio, Selection.read(tones_recipe(corpora=["torn"]), quiet=True))
    assert line.startswith("recipe mine: 2 of 12 utterances cannot be read: ")
    assert "02.wav: is empty (0 bytes), " in line and "09.wav: is empty (0 bytes); set bad_files=drop" in line
    dropped = Selection.read(tones_recipe(corpora=["torn"], bad_files="drop"), quiet=True)
    check_audio(dropped)
    assert len(dropped.table) == 10 and sum(dropped.left_out.values()) == 2
    check_audio(Selection.read(tones_recipe(), quiet=True))


def test_every_class_must_train(tones_recipe: Make) -> None:
    experiment = Experiment.resolve(tones_recipe(targets=["emotion"]))
    data = Selection.read(experiment.recipe, quiet=True)
    by_emotion = data.table.groupby("emotion")["id"].agg(tuple)
    low, high = by_emotion["low"], by_emotion["high"]
    check_split(Split((*low[1:], high[0]), low[:1], high[1:]), data, experiment)
    line = line_of(check_split, Split(low[1:], low[:1], high), data, experiment)
    assert f"no training utterance has the category high ({len(high)}); name the wanted ones by classes" in line


# ---- leaks ------------------------------------------------------------------------------------------------------


def check(recipe: Recipe, *splits: Split) -> list[str]:
    experiment = Experiment.resolve(recipe)
    data = Selection.read(experiment.recipe, quiet=True)
    return check_leakage(experiment, data, splits or list(data.folds().values()))


def test_no_leak_no_warning(tones_recipe: Make) -> None:
    assert check(tones_recipe()) == []


def test_a_leak_is_refused_unless_it_is_allowed(tones_recipe: Make) -> None:
    leaking = Split(IDS[:4], IDS[4:8], IDS[8:])  # all four speakers in each
    line = line_of(check, tones_recipe(), leaking)
    assert line.startswith("recipe mine: the split leaks: 4 speakers are in train, validation and test")
    clean = Split(*(tuple(IDS[k] for k in range(12) if k % 4 in speakers) for speakers in ((0, 1), (2,), (3,))))
    (warning,) = check(tones_recipe(allow_leakage=True), leaking, clean, leaking)  # once, whatever the folds
    assert warning.startswith("LEAKAGE ALLOWED: 4 speakers are in train, validation and test (4, 4 and 4 utterances)")


def test_unlabelled_speech_leaks_where_something_learns_from_it(tones_recipe: Make) -> None:
    tones = Corpus.load("tones")
    Corpus("again", tones.root, tones.utterances.assign(speaker=None)).save()
    settings: dict[str, Any] = {"unlabelled": {"corpora": ["again"]}, "training": EPOCHS}
    assert check(tones_recipe(**settings)) == []  # of a system that does not
    line = line_of(check, tones_recipe(**settings, system=CLUSTERS))
    assert "duplicate recordings are in test and unlabelled" in line
    curriculum = EASY | {"score": "deep-mi"}
    assert "and unlabelled" in line_of(check, tones_recipe(**settings, curriculum=curriculum))


def test_normalising_per_speaker_is_told(tones_recipe: Make) -> None:
    assert check(tones_recipe(normalise={"by": "speaker"})) == [
        "transductive: features are normalised by statistics of all utterances of each test speaker"
    ]


def test_a_bundle_to_start_from_may_know_the_test_part(tones_recipe: Make, tiny_bundle: Path, tmp_path: Path) -> None:
    start = shutil.copytree(tiny_bundle, tmp_path / "start")
    assert check(tones_recipe(init=str(start))) == []
    about = json.loads((start / "bundle.json").read_text())
    about["training"]["corpora"] = {"renamed": Corpus.load("tones").fingerprint}
    (start / "bundle.json").write_text(json.dumps(about))
    told = f"the bundle {start} was itself trained on tones, so it may know the test part"
    line = line_of(check, tones_recipe(init=str(start)))
    assert line == f"recipe mine: {told}; set allow_leakage=true if you mean it"
    assert check(tones_recipe(init=str(start), allow_leakage=True)) == [f"LEAKAGE ALLOWED: {told}"]


# ---- a bundle to start from -------------------------------------------------------------------------------------


def test_a_bundle_of_another_feature(tones_recipe: Make, tiny_bundle: Path) -> None:
    recipe = tones_recipe(init=str(tiny_bundle), feature={"name": "moments", "of": "mel"}, system="functionals-svm")
    line = f"recipe mine: init {tiny_bundle} takes the feature mel, not moments; leave feature out"
    assert line_of(check_init, Experiment.resolve(recipe), Selection.read(recipe, quiet=True)) == line
    assert line in refusals(recipe)


def test_what_is_solved_at_once_starts_from_no_weights(tones_recipe: Make, tiny_bundle: Path) -> None:
    about = read_about(tiny_bundle)
    feature = {"name": about.feature.name, **about.feature.settings}
    recipe = tones_recipe(init=str(tiny_bundle), feature=feature, system="light-heads")
    line = f"recipe mine: init {tiny_bundle}: light-heads is solved at once, from no weights; leave init out"
    assert line_of(check_init, Experiment.resolve(recipe), Selection.read(recipe, quiet=True)) == line


def test_published_weights_of_other_targets(tones_recipe: Make, pulled: dict[str, Path]) -> None:
    init = str(pulled["chunk-attention-self"])
    about = read_about(Path(init))
    own = {
        "init": init,
        "system": about.training.trained_system,
        "feature": {"name": about.feature.name, **about.feature.settings},
    }
    assert refusals(tones_recipe(targets=["emotion"], **own)) == [
        f"recipe mine: init {init} has no weights for the recipe's network, a chunk-attention of emotion: it is a "
        "chunk-attention of arousal, dominance, valence"
    ]
    assert refusals(tones_recipe(targets=["arousal"], **own)) == []


def test_refusals_are_those_of_every_check_once(tones_recipe: Make) -> None:
    assert refusals(tones_recipe()) == []
    (line,) = refusals(tones_recipe(system={"name": "deep-emo-clusters"}))
    assert "set training.epochs" in line
    attention = {"name": "chunk-attention", "aggregation": "SelfAttenVec", "hidden_size": 3}
    (line,) = refusals(tones_recipe(system=attention))
    assert "hidden_size 3 must be a multiple of num_heads 2" in line


def test_unlabelled_speech_that_trains_may_leak_too(tones_recipe: Make, tmp_path: Path) -> None:
    tones = Corpus.load("tones").utterances
    by_speaker = tones.groupby("speaker")["id"].agg(list)
    parts = {"train": by_speaker["0"], "validation": by_speaker["1"], "test": by_speaker["2"]}
    parts |= {"test": [*by_speaker["2"], *by_speaker["3"][1:]], "unlabelled": by_speaker["3"][:1]}
    (tmp_path / "parts.json").write_text(json.dumps(parts))
    split = {"name": "given", "file": str(tmp_path / "parts.json")}
    assert refusals(tones_recipe(split=split)) == []  # nothing learns from it
    learns = {"split": split, "system": CLUSTERS, "training": EPOCHS}
    (line,) = refusals(tones_recipe(**learns))
    assert line.startswith("recipe mine: the split leaks: 1 speaker is in test and unlabelled (2 and 1 utterances): 3;")
    assert refusals(tones_recipe(**learns, allow_leakage=True)) == []
