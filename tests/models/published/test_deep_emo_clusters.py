"""The published DeepEmoClusters networks as one bundle: equal to the reference outputs, refused when something else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from emotone.audio.read import load_audio
from emotone.bundle.bundle import Bundle
from emotone.bundle.view import view
from emotone.errors import EmotoneError
from emotone.models.cluster_branch import Clustered
from emotone.models.networks.deep_emo_clusters import DeepEmoClusters
from emotone.models.published.deep_emo_clusters import load_network
from emotone.models.pull import published_systems, pull
from emotone.models.side_by_side import SeparateNetworks
from emotone.predict.predictor import Predictor

ATTRIBUTES = {"arousal": "Act", "dominance": "Dom", "valence": "Val"}  # and the published names of them
GOLDEN = ("03a01Fa", "08a07Ta", "12a02Wa", "14b09Wa", "2609-156975-0000", "DK_001_A_1")
NUM_CLUSTERS = {"arousal": 10, "dominance": 30, "valence": 30}
NUM_FILES = 20  # of the 450: all of them take two minutes


@pytest.fixture(scope="module")
def folder(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pull("deep-emo-clusters", shared / "published", tmp_path_factory.mktemp("pulled") / "deep-emo-clusters")


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Bundle:
    return Bundle.load(str(folder), threads=1)


@pytest.fixture(scope="module")
def networks(folder: Path) -> dict[str, Clustered]:
    """The torch networks with the bundle's weights, cluster branches included."""
    parts = {name: Clustered(DeepEmoClusters(128, {name: 1}), num) for name, num in NUM_CLUSTERS.items()}
    SeparateNetworks(parts).load_state_dict(load_file(folder / "weights.safetensors"))
    return {name: part.eval() for name, part in parts.items()}


def chunks_of(bundle: Bundle, features: NDArray[np.float32]) -> torch.Tensor:
    """What the networks see of one utterance: [1, C, m, D]."""
    return torch.from_numpy(view.apply(bundle.view, features, bundle.normaliser))[None]


@pytest.mark.parametrize("name", GOLDEN)
def test_scores_equal_the_published_ones(shared: Path, bundle: Bundle, name: str) -> None:
    golden = np.load(shared / f"golden/systems/{name}.npz")
    from_features = bundle.score_features([golden["mel"]])
    from_audio = bundle.score_samples([load_audio(shared / str(golden["audio"]))])
    for attribute, short in ATTRIBUTES.items():
        expected = golden[f"deep_emo_clusters__{short}__score"].item()
        mean_of_chunks = golden[f"deep_emo_clusters__{short}__chunk_normalised"].mean()
        assert from_features.attributes[attribute][0] == pytest.approx(expected, abs=1e-4)
        assert from_audio.attributes[attribute][0] == pytest.approx(expected, abs=1e-3)
        assert from_features.outputs[attribute][0] == pytest.approx(mean_of_chunks, abs=1e-4)


@pytest.mark.parametrize("name", GOLDEN)
def test_chunks_and_clusters_equal_the_published_ones(
    shared: Path, bundle: Bundle, networks: dict[str, Clustered], name: str
) -> None:
    golden = np.load(shared / f"golden/systems/{name}.npz")
    samples = load_audio(shared / str(golden["audio"]))
    for features, tolerance in ((golden["mel"], 1e-4), (bundle.extract(samples), 1e-3)):
        for attribute, short in ATTRIBUTES.items():
            with torch.inference_mode():
                logits, scores = networks[attribute].logits_and_scores(chunks_of(bundle, features))
            expected = golden[f"deep_emo_clusters__{short}__chunk_normalised"]
            np.testing.assert_allclose(scores[attribute][0], expected, atol=tolerance, rtol=0)
            np.testing.assert_array_equal(logits[0].argmax(dim=1), golden[f"deep_emo_clusters__{short}__cluster"])


def test_danish_files_are_scored_as_published(shared: Path, bundle: Bundle) -> None:
    published = pd.read_csv(shared / "golden/emotale-da-published.csv").sample(NUM_FILES, random_state=0)
    files = {path.stem: path for path in (shared / "data/emotale-da").rglob("*.flac")}
    scores = bundle.score_samples([load_audio(files[Path(file).stem]) for file in published["file"]])
    for attribute, short in ATTRIBUTES.items():
        expected = published[f"deep_emo_clusters/{short}/score"]
        np.testing.assert_allclose(scores.attributes[attribute], expected, atol=1e-3, rtol=0)


def test_onnx_equals_torch(bundle: Bundle, networks: dict[str, Clustered]) -> None:
    mean, std = bundle.normaliser.mean, bundle.normaliser.std
    for batch_size in (1, 3):
        random = np.random.default_rng(batch_size).normal(size=(batch_size, 300, 128))
        features = (random * std + mean).astype(np.float32)
        outputs = bundle.score_features(list(features)).outputs
        chunks = torch.cat([chunks_of(bundle, part) for part in features])
        for attribute, network in networks.items():
            with torch.inference_mode():
                np.testing.assert_allclose(outputs[attribute], network(chunks)[attribute], atol=1e-5)


def test_what_the_bundle_says(folder: Path) -> None:
    predictor = Predictor.load(str(folder))
    assert predictor.attributes == dict.fromkeys(ATTRIBUTES, (1.0, 7.0)) and predictor.categories == []
    about = predictor.bundle.about
    assert about.name == "deep-emo-clusters" and about.max_utterance_s == 11.0
    assert about.training.files == published_systems()["deep-emo-clusters"].files
    assert about.training.system["num_clusters"] == NUM_CLUSTERS
    (result,) = about.results
    assert {name: result[name] for name in ATTRIBUTES} == {"arousal": 0.6732, "dominance": 0.5547, "valence": 0.1902}
    card = (folder / "README.md").read_text()
    assert "perceived" in card and "0.6732" in card and "K. Sridhar" in card


def test_other_weights_are_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {"classifier.0.weight": torch.zeros(2)}}, tmp_path / "w")
    with pytest.raises(EmotoneError, match="not the weights of a published DeepEmoClusters network") as caught:
        load_network(tmp_path / "w", "arousal")
    assert "\n" not in str(caught.value)
