"""What a feature is: which are computed in batches, and what is found when one is made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from emotone.base import plugins
from emotone.features.extractors.mel import Mel
from emotone.features.extractors.moments import Moments
from emotone.features.feature import BatchedFeature


def test_features_of_one_input_are_not_batched() -> None:
    assert not isinstance(Mel(), BatchedFeature)
    assert (Mel.input, Mel.resolved) == ("audio", ())


def test_encoders_are_batched_and_find_their_identity(tiny_wav2vec2: Path, tiny_roberta: Path) -> None:
    for name, folder, takes in (("wav2vec2", tiny_wav2vec2, "audio"), ("roberta", tiny_roberta, "text")):
        feature = plugins.create("features", name, {"weights": str(folder)})
        assert isinstance(feature, BatchedFeature) and (feature.input, feature.resolved) == (takes, ("sha256",))
        assert len(feature.sha256) == 64  # of the weights that are there, though none was asked for


def test_a_feature_of_another_finds_what_that_finds(tiny_wav2vec2: Path) -> None:
    moments = Moments("wav2vec2", {"weights": str(tiny_wav2vec2)})
    assert moments.resolved == ("settings",) and len(moments.settings["sha256"]) == 64
    assert moments == replace(moments) and moments.settings["weights"] == str(tiny_wav2vec2)


def test_batches_are_what_calls_give(tiny_wav2vec2: Path) -> None:
    feature = plugins.create("features", "wav2vec2", {"weights": str(tiny_wav2vec2)})
    samples = [np.random.default_rng(size).normal(0, 0.1, size).astype(np.float32) for size in (800, 3_000)]
    assert [feature.check(one) for one in samples] == ["", ""]
    for one, states in zip(samples, feature.encode(samples), strict=True):
        np.testing.assert_allclose(states, feature(one), atol=2e-5)
