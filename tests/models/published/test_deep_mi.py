"""The networks of DeepMI's first step from a folder: equal to the published layers by hand, or refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy.io import loadmat
from torch import Tensor

from emotone.bundle.bundle import Bundle
from emotone.errors import EmotoneError
from emotone.models.published.deep_mi import NORM_FILES, REPOSITORY, find, weight_path
from emotone.models.pull import pull
from emotone.training.given_clusters import given_clusters

SHORT = {"arousal": "act", "dominance": "dom", "valence": "val"}


def published_weights(seed: int) -> dict[str, Tensor]:
    """A state dict with the names and shapes that the published program saves; the features ran in parallel."""
    random, weights = torch.Generator().manual_seed(seed), {}

    def linear(name: str, inputs: int, outputs: int) -> None:
        weights[f"{name}.weight"] = torch.randn(outputs, inputs, generator=random) / inputs**0.5
        weights[f"{name}.bias"] = torch.randn(outputs, generator=random) / 10

    for stage, (inputs, width) in enumerate([(6373, 1024), (1024, 512), (512, 256)]):
        linear(f"dnn_features.module.{4 * stage}", inputs, width)
        for block in (4 * stage + 2, 4 * stage + 3):
            for layer in ("dense1", "dense2"):
                linear(f"dnn_features.module.{block}.{layer}", width, width)
    linear("classifier.0", 256, 256)
    linear("emo_regressor.0", 256, 256)
    linear("emo_regressor.2", 256, 1)
    linear("top_layer_class", 256, 50)
    return weights


def by_hand(weights: dict[str, Tensor], vectors: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Clusters [N] and raw outputs [N] of normalised vectors [N, D], as the published network without dropout."""

    def linear(name: str, values: Tensor) -> Tensor:
        return values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    values = torch.from_numpy(vectors)
    for stage in range(3):
        values = linear(f"dnn_features.module.{4 * stage}", values)
        for block in (4 * stage + 2, 4 * stage + 3):
            name = f"dnn_features.module.{block}"
            values = torch.relu(values + linear(f"{name}.dense2", torch.relu(linear(f"{name}.dense1", values))))
    logits = linear("top_layer_class", torch.relu(linear("classifier.0", values)))
    return logits.argmax(dim=1).numpy(), linear("emo_regressor.2", torch.relu(linear("emo_regressor.0", values)))[
        :, 0
    ].numpy()


@pytest.fixture(scope="module")
def source(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with the published normalisation and random weights; not to be changed."""
    folder = tmp_path_factory.mktemp("repositories") / REPOSITORY
    shutil.copytree(shared / "published" / REPOSITORY / "NormTerm", folder / "NormTerm")
    (folder / "trained_SSLmodels_v1.8").mkdir()
    for seed, attribute in enumerate(SHORT):
        content = {"epoch": 200, "arch": "resnet", "state_dict": published_weights(seed)}
        torch.save(content, folder / weight_path(attribute))
    return folder.parent


@pytest.fixture(scope="module")
def folder(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pull("deep-mi", source, tmp_path_factory.mktemp("pulled") / "deep-mi")


def test_scores_and_clusters_are_those_of_the_published_layers(shared: Path, source: Path, folder: Path) -> None:
    bundle = Bundle.load(str(folder), threads=1)
    terms = {path: loadmat(source / REPOSITORY / path)["normal_para"].reshape(-1) for path in NORM_FILES}
    mean, std = (terms[f"NormTerm/feat_norm_{which}.mat"] for which in ("means", "stds"))
    features = (mean + std * np.random.default_rng(0).normal(0, 2, (4, 6373))).astype(np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        normalised = np.clip(np.nan_to_num((features - mean) / std, posinf=9, neginf=-9), -3, 3).astype(np.float32)
    scores = bundle.score_features([one[None] for one in features])
    given = given_clusters(str(folder))
    network = given._network()
    for seed, (attribute, short) in enumerate(SHORT.items()):
        clusters, outputs = by_hand(published_weights(seed), normalised)
        label_mean, label_std = (terms[f"NormTerm/{short}_norm_{which}.mat"][0] for which in ("means", "stds"))
        np.testing.assert_allclose(scores.attributes[attribute], outputs * label_std + label_mean, atol=1e-4)
        part = network.networks[attribute]  # type: ignore[index, union-attr]
        with torch.inference_mode():
            found = part.logits(torch.from_numpy(normalised)).argmax(dim=1)  # type: ignore[operator]
        np.testing.assert_array_equal(found, clusters)


def test_what_the_bundle_says(source: Path, folder: Path) -> None:
    about = Bundle.load(str(folder)).about
    assert about.training.corpus == "MSP-Podcast 1.8" and about.training.parts == ["train", "validation"]
    assert {path: about.training.files[path] for path in NORM_FILES} == NORM_FILES and len(about.training.files) == 11
    assert about.feature.settings["frame_step_ms"] == 16.0
    assert load_file(folder / "weights.safetensors")["networks.valence.branch.top.weight"].shape == (50, 256)
    assert find(source) == find(source / REPOSITORY)


def test_what_is_missing_or_other_is_said(shared: Path, source: Path, tmp_path: Path) -> None:
    with pytest.raises(EmotoneError, match="deep-mi is not downloaded; name the folder that holds its weights"):
        pull("deep-mi")
    with pytest.raises(EmotoneError, match=r"3 of 11 files are missing, e.g. trained_SSLmodels_v1.8/ResNetDeepEmo"):
        pull("deep-mi", shared / "published", tmp_path / "x")
    copy = shutil.copytree(source, tmp_path / "copy")
    path = copy / REPOSITORY / weight_path("valence")
    torch.save({"state_dict": {"weight": torch.zeros(2)}}, path)
    with pytest.raises(EmotoneError, match=r"clusters_Val.pth.tar: not the weights of a published deep-mi network"):
        pull("deep-mi", copy, tmp_path / "x")
    (copy / REPOSITORY / "NormTerm/act_norm_means.mat").write_bytes(b"other")
    with pytest.raises(EmotoneError, match="act_norm_means.mat"):
        pull("deep-mi", copy, tmp_path / "x")
