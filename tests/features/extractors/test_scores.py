"""Scores as a feature: the mean over bundles, which must agree on what they score."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotone.bundle.bundle import Bundle
from emotone.errors import EmotoneError
from emotone.features.extractors.scores import Scores
from emotone.models.published.emotion_retrieval import RANKER

SAMPLES = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)


@pytest.fixture
def changed(tiny_bundle: Path, tmp_path: Path) -> Callable[..., str]:
    """changed(key=value, ..): the tiny bundle with these keys in its first target, arousal."""

    def write(**keys: Any) -> str:
        folder = shutil.copytree(tiny_bundle, tmp_path / "-".join(keys))
        about = json.loads((folder / "bundle.json").read_text())
        about["targets"][0] |= keys
        (folder / "bundle.json").write_text(json.dumps(about))
        return str(folder)

    return write


def test_one_vector_of_the_attributes_in_alphabetical_order(tiny_bundle: Path) -> None:
    feature = Scores((str(tiny_bundle),))
    assert feature.names == ["arousal", "dominance", "valence"] and feature.hop_s is None
    found, expected = feature(SAMPLES), Bundle.load(str(tiny_bundle)).score_samples([SAMPLES]).attributes
    assert found.shape == (1, 3) and found.dtype == np.float32
    np.testing.assert_allclose(found[0], [expected[name][0] for name in feature.names], atol=1e-6)


def test_several_bundles_are_averaged(tiny_bundle: Path, changed: Callable[..., str]) -> None:
    other = changed(mean=6.0)  # of labels: its scores of arousal are 2 higher
    alone, both = Scores((str(tiny_bundle),))(SAMPLES), Scores((str(tiny_bundle), other))(SAMPLES)
    np.testing.assert_allclose(both - alone, [[1.0, 0.0, 0.0]], atol=1e-6)


def test_bundles_must_agree_on_attributes_and_ranges(tiny_bundle: Path, changed: Callable[..., str]) -> None:
    with pytest.raises(EmotoneError, match="do not give the same attributes on the same range"):
        Scores((str(tiny_bundle), changed(range=[0, 1]))).names  # noqa: B018


def test_relative_scores_are_no_feature(changed: Callable[..., str]) -> None:
    with pytest.raises(EmotoneError, match="its scores of arousal are relative"):
        Scores((changed(range=None),)).names  # noqa: B018


def test_no_bundle_at_all() -> None:
    with pytest.raises(EmotoneError, match="feature scores needs at least one bundle"):
        Scores(())


def test_published_rankers_are_no_feature(pull_once: Callable[[str], Path]) -> None:
    ranker = str(pull_once(RANKER))
    for bundles in ([ranker], ["default", ranker]):
        with pytest.raises(EmotoneError, match="scores of arousal, dominance, valence are relative") as caught:
            _ = Scores(tuple(bundles)).names
        assert "\n" not in str(caught.value) and ranker in str(caught.value)
