"""What published systems share: normalisation terms as targets and normalisers, weights under other names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat
from torch import nn

from emotone.bundle.target import Target
from emotone.errors import EmotoneError
from emotone.models.published_weights import (
    ATTRIBUTES,
    Published,
    attribute_targets,
    published_result,
    read_normalisers,
    with_weights,
)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Normalisation terms as they are published: of 3 features, and of each attribute's labels."""
    terms = {"feat_norm_means": [1, 2, 3], "feat_norm_stds": [4, 5, 6]}
    for place, short in enumerate(ATTRIBUTES.values()):
        terms |= {f"{short.lower()}_norm_means": [place + 0.5], f"{short.lower()}_norm_stds": [place + 0.25]}
    for name, term in terms.items():
        savemat(tmp_path / f"{name}.mat", {"normal_para": np.array(term, float)[:, None]})
    return {f"NormTerm/{name}.mat": tmp_path / f"{name}.mat" for name in terms}


def test_normalisation_terms(files: dict[str, Path]) -> None:
    normaliser = read_normalisers(files).speech
    assert (normaliser.mean.tolist(), normaliser.std.tolist(), normaliser.clip) == ([1, 2, 3], [4, 5, 6], 3.0)
    assert attribute_targets(files) == [
        Target("arousal", "attribute", (1.0, 7.0), 0.5, 0.25),
        Target("dominance", "attribute", (1.0, 7.0), 1.5, 1.25),
        Target("valence", "attribute", (1.0, 7.0), 2.5, 2.25),
    ]


def test_weights_are_renamed_by_the_first_beginning_that_fits() -> None:
    network = nn.ModuleDict({"hidden": nn.Linear(2, 1), "rest": nn.Linear(1, 1, bias=False)})
    weights = {"fc.weight": torch.ones(1, 2), "fc.bias": torch.zeros(1), "rest.weight": torch.full((1, 1), 3.0)}
    found = with_weights(network, weights, {"fc.": "hidden.", "fc.b": "no."}, Path("w"), "tiny")
    assert found is network and not network.training
    assert found["hidden"].weight.tolist() == [[1, 1]] and found["rest"].weight.item() == 3


def test_weights_of_another_network() -> None:
    with pytest.raises(EmotoneError, match=r"^some/w: not the weights of a published tiny network \(") as caught:
        with_weights(nn.Linear(2, 1), {"weight": torch.ones(1, 3)}, {}, Path("some/w"), "tiny")
    assert "Missing" in str(caught.value) and "\n" not in str(caught.value)


def test_where_weights_come_from_is_said() -> None:
    published = Published("Repository", "c0ffee", "tiny", {"w": "ff"}, lambda files, to: to)
    assert published.provenance({"name": "linear"}).to_json() == {
        "system": {"name": "linear"},
        "corpus": "MSP-Podcast 1.6",
        "parts": ["train", "validation"],
        "repository": "winston-lin-wei-cheng/Repository",
        "commit": "c0ffee",
        "files": {"w": "ff"},
    }
    assert published_result({"arousal": 0.5}) == {
        "protocol": "MSP-Podcast 1.6 test, as published (not measured by Emotone)",
        "metric": "CCC",
        "arousal": 0.5,
    }
