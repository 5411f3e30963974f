"""DeepMI's settings; what it computes is tested where it runs (`test_fold_curriculum`)."""

from __future__ import annotations

from typing import Any

import pytest

from emotone.base import plugins
from emotone.bundle.target import Target
from emotone.errors import EmotoneError
from emotone.training.difficulties.deep_mi import DeepMi

CLUSTERS = {"name": "deep-emo-clusters", "model": "dense-res-net"}


def test_the_defaults_are_a_system_with_clusters() -> None:
    made = plugins.create("difficulties", "deep-mi", {})
    assert made == DeepMi() and made.easy == "highest" and made.takes_unlabelled


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"alpha": -0.1}, "alpha must be from 0 to 1, not -0.1"),
        ({"alpha": float("nan")}, "alpha must be from 0 to 1, not nan"),
        ({"alpah": 0.5}, "unknown setting 'alpah'; did you mean 'alpha'?"),
        ({"system": {"name": "deep-emo-cluster"}}, "did you mean 'deep-emo-clusters'?"),
        ({"system": {**CLUSTERS, "num_cluster": 3}}, "did you mean 'num_clusters'?"),
        ({"system": {**CLUSTERS, "num_clusters": 0}}, "finds no clusters"),
        ({"system": {**CLUSTERS, "networks": "separate", "num_clusters": {"arousal": 0}}}, "finds no clusters"),
        ({"system": {"name": "curriculum-network"}}, "finds no clusters"),
        ({"training": {"batch_size": 4}}, "goes by epochs: set training.epochs"),
        ({"training": {"epochs": 0}}, "epochs must be at least 1, not 0"),
        ({"training": {"epochs": "many"}}, "epochs must be a whole number or nothing"),
        ({"training": {"epoch": 4}}, "did you mean 'epochs'?"),
    ],
)
def test_what_cannot_be_is_one_line(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError, match=".") as caught:
        plugins.create("difficulties", "deep-mi", settings)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("targets", [["arousal", "valence"], ["emotion"], ["arousal", "emotion"]])
def test_it_is_of_one_attribute(targets: list[str]) -> None:
    targets_by_name = {name: Target(name, "attribute", (1.0, 7.0)) for name in ("arousal", "valence")}
    targets_by_name["emotion"] = Target("emotion", "category", labels=("calm", "tense"))
    with pytest.raises(EmotoneError, match=f"set targets to one, not {', '.join(targets)}"):
        DeepMi().check_targets([targets_by_name[name] for name in targets])
    DeepMi().check_targets([targets_by_name["valence"]])
