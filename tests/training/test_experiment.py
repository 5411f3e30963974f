"""Experiments: a recipe with its plugins, and with the identity of the weights that its encoders use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emotone.data.recipe import Choice, Recipe
from emotone.data.recipe_yaml import from_json, load_recipe
from emotone.errors import EmotoneError
from emotone.features.extractors.mel import Mel
from emotone.training.difficulties.duration import Duration
from emotone.training.experiment import Experiment
from emotone.training.systems.chunk_attention import ChunkAttention


def recipe(**settings: Any) -> Recipe:
    small = {"name": "small", "corpora": ["emodb"], "targets": ["emotion"], "feature": "mel"}
    return from_json({**small, "system": "chunk-attention", **settings}, "here")


def test_plugins_are_made_with_the_settings_of_the_recipe() -> None:
    asked = recipe(feature={"name": "mel", "num_mels": 24}, system={"name": "chunk-attention", "scale": 2})
    found = Experiment.resolve(asked)
    assert found.recipe == asked and found.feature == Mel(num_mels=24) and found.text_feature is None
    assert found.system == ChunkAttention(scale=2) and found.difficulty == Duration()


def test_settings_that_a_plugin_refuses() -> None:
    with pytest.raises(EmotoneError, match="chunk-attention: scale must be at least 1, not 0"):
        Experiment.resolve(recipe(system={"name": "chunk-attention", "scale": 0}))


# ---- identity of weights ----------------------------------------------------------------------------------------


def test_the_weights_of_encoders_enter_the_hash(tiny_wav2vec2: Path, tiny_roberta: Path) -> None:
    audio = {"name": "wav2vec2", "weights": str(tiny_wav2vec2)}
    asked = recipe(feature=audio, text_feature={"name": "roberta", "weights": str(tiny_roberta)})
    pinned = Experiment.resolve(asked).recipe
    assert pinned.text_feature is not None and pinned.hash != asked.hash
    found = (pinned.feature.settings["sha256"], pinned.text_feature.settings["sha256"])
    assert [len(sha256) for sha256 in found] == [64, 64] and found[0] != found[1]
    assert Experiment.resolve(pinned).recipe == pinned  # a run that goes on finds its folder
    with pytest.raises(EmotoneError, match="SHA-256"):
        Experiment.resolve(recipe(feature=audio | {"sha256": "0" * 64}))


def test_so_does_the_encoder_that_comes_along() -> None:
    asked = recipe(feature={"name": "whisper-light", "pooled": "mean"})
    pinned = Experiment.resolve(asked).recipe
    assert len(pinned.feature.settings["sha256"]) == 64 and pinned.hash != asked.hash
    with pytest.raises(EmotoneError, match="SHA-256"):
        Experiment.resolve(recipe(feature={"name": "whisper-light", "sha256": "0" * 64}))


def test_so_do_those_of_an_encoder_within_another_feature() -> None:
    pinned = Experiment.resolve(load_recipe("ravdess-whisper-svm")).recipe
    assert pinned.feature == Choice("moments", pinned.feature.settings)
    assert len(pinned.feature.settings["settings"]["sha256"]) == 64


# ---- what it says of itself -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "score", "system", "expected"),
    [
        ("none", "duration", "chunk-attention", (False, False)),
        ("easy-first", "duration", "chunk-attention", (True, False)),
        ("easy-first", "deep-mi", "chunk-attention", (True, True)),  # by the clusters of unlabelled speech
        ("random", "deep-mi", "chunk-attention", (True, False)),  # which is then not measured
        ("none", "duration", "deep-emo-clusters", (False, True)),
    ],
)
def test_curriculum_and_unlabelled_speech(order: str, score: str, system: str, expected: tuple[bool, bool]) -> None:
    curriculum = {"order": order, "score": score}
    found = Experiment.resolve(recipe(system=system, curriculum=curriculum, training={"epochs": 2}))
    assert (found.has_curriculum, found.learns_from_unlabelled) == expected


def test_a_run_by_openSMILE_keeps_the_hash_that_it_had_before_there_was_another() -> None:  # noqa: N802
    before = load_recipe("emotale-chunk-attention").hash
    own = Experiment.resolve(load_recipe("emotale-chunk-attention")).recipe
    theirs = Experiment.resolve(load_recipe("emotale-chunk-attention", ["feature.extractor=opensmile"])).recipe
    assert own.feature.settings["extractor"] == "own" and own.hash != before
    assert theirs.feature.settings["extractor"] == "opensmile" and theirs.hash == before
