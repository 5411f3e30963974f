"""The published rankers and Seq2Seq networks as bundles: equal to the reference outputs, refused when other things."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray

from emotone.audio.read import load_audio
from emotone.base.files import sha256_of
from emotone.bundle.bundle import Bundle
from emotone.bundle.view import view
from emotone.cli.main import main
from emotone.errors import EmotoneError
from emotone.models.published.emotion_retrieval import RANKER, SEQ2SEQ, load_network, weight_path
from emotone.models.pull import published_systems, pull
from emotone.predict.predictor import Predictor

ATTRIBUTES = {"arousal": "Act", "dominance": "Dom", "valence": "Val"}  # and the published names of them
GOLDEN = ("03a01Fa", "08a07Ta", "12a02Wa", "14b09Wa", "2609-156975-0000", "DK_001_A_1")
NUM_FILES = 40  # of the 450
REPOSITORY = "Chunk-Level-Emotion-Retrieval"


@pytest.fixture(scope="module")
def folders(pull_once: Callable[[str], Path]) -> dict[str, Path]:
    return {name: pull_once(name) for name in (RANKER, SEQ2SEQ)}


@pytest.fixture(scope="module")
def bundles(folders: dict[str, Path]) -> dict[str, Bundle]:
    return {name: Bundle.load(str(folder), threads=1) for name, folder in folders.items()}


# ---- golden equality --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", GOLDEN)
def test_seq2seq_equals_the_published_one(shared: Path, bundles: dict[str, Bundle], name: str) -> None:
    golden, bundle = np.load(shared / f"golden/systems/{name}.npz"), bundles[SEQ2SEQ]
    from_features = bundle.score_features([golden["lld"]])
    from_audio = bundle.score_samples([load_audio(shared / str(golden["audio"]))])
    targets = {target.name: target for target in bundle.targets}
    for attribute, short in ATTRIBUTES.items():
        chunks = golden[f"seq2seq__{short}__chunk_normalised"]
        curve = chunks * targets[attribute].std + targets[attribute].mean
        for scores, tolerance in ((from_features, 1e-4), (from_audio, 1e-3)):
            np.testing.assert_allclose(scores.outputs[f"{attribute}_curve"][0], chunks, atol=tolerance, rtol=0)
            np.testing.assert_allclose(scores.curves[attribute][0], curve, atol=tolerance, rtol=0)
            assert scores.attributes[attribute][0] == pytest.approx(
                golden[f"seq2seq__{short}__score"].item(), abs=tolerance
            )


@pytest.mark.parametrize("name", GOLDEN)
def test_rankers_prefer_and_rank_as_published(shared: Path, bundles: dict[str, Bundle], name: str) -> None:
    golden, bundle = np.load(shared / f"golden/systems/{name}.npz"), bundles[RANKER]
    from_features = bundle.score_features([golden["lld"]])
    from_audio = bundle.score_samples([load_audio(shared / str(golden["audio"]))])
    for scores in (from_features, from_audio):
        for attribute, short in ATTRIBUTES.items():
            margins = scores.curves[attribute][0]
            preference = margins[:, None] > margins
            num_wins = preference.sum(axis=1)
            rank = 1 + (num_wins > num_wins[:, None]).sum(axis=1)
            np.testing.assert_array_equal(preference, golden[f"ranker__{short}__preference"])
            np.testing.assert_array_equal(rank, golden[f"ranker__{short}__rank"])
            assert scores.attributes[attribute][0] == pytest.approx(margins.mean(), abs=1e-5)


def test_danish_files_are_scored_as_published(shared: Path, bundles: dict[str, Bundle]) -> None:
    published = pd.read_csv(shared / "golden/emotale-da-published.csv").sample(NUM_FILES, random_state=0)
    files = {path.stem: path for path in (shared / "data/emotale-da").rglob("*.flac")}
    scores = bundles[SEQ2SEQ].score_samples([load_audio(files[Path(file).stem]) for file in published["file"]])
    for attribute, short in ATTRIBUTES.items():
        expected = published[f"seq2seq/{short}/score"]
        np.testing.assert_allclose(scores.attributes[attribute], expected, atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", [RANKER, SEQ2SEQ])
@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_onnx_equals_torch(shared: Path, bundles: dict[str, Bundle], name: str, batch_size: int) -> None:
    bundle = bundles[name]
    mean, std = bundle.normaliser.mean, bundle.normaliser.std
    random = np.random.default_rng(batch_size)
    utterances = [random.normal(size=(300 + 9 * n, 130)) for n in range(batch_size)]
    features: list[NDArray[np.float32]] = [(part * std + mean).astype(np.float32) for part in utterances]
    outputs = bundle.score_features(features).outputs
    inputs = np.stack([view.apply(bundle.view, part, bundle.normaliser) for part in features])
    for attribute in ATTRIBUTES:
        network: Any = load_network(shared / "published" / REPOSITORY / weight_path(name, attribute), name, attribute)
        with torch.inference_mode():
            curve = network.curves(torch.from_numpy(inputs))[attribute].numpy()
        np.testing.assert_allclose(outputs[f"{attribute}_curve"], curve, atol=1e-5, rtol=0)
        np.testing.assert_allclose(outputs[attribute], curve.mean(axis=1), atol=1e-5, rtol=0)


# ---- what the bundles say ---------------------------------------------------------------------------------------


def test_what_the_seq2seq_bundle_says(folders: dict[str, Path]) -> None:
    predictor = Predictor.load(str(folders[SEQ2SEQ]))
    assert predictor.attributes == dict.fromkeys(ATTRIBUTES, (1.0, 7.0)) and predictor.categories == []
    about = predictor.bundle.about
    assert predictor.bundle.has_curves and about.max_utterance_s == 11.0
    assert not any(target.is_relative for target in predictor.bundle.targets)
    assert about.training.files == published_systems()[SEQ2SEQ].files
    (result,) = about.results
    assert {name: result[name] for name in ATTRIBUTES} == {"arousal": 0.7103, "dominance": 0.6302, "valence": 0.3222}
    card = (folders[SEQ2SEQ] / "README.md").read_text()
    assert "perceived" in card and "0.7103" in card and "Scores on 1..7" in card


def test_the_rankers_bundle_says_that_only_order_counts(folders: dict[str, Path]) -> None:
    bundle = Bundle.load(str(folders[RANKER]))
    assert bundle.has_curves and all(target.is_relative for target in bundle.targets)
    about = json.loads((folders[RANKER] / "bundle.json").read_text())
    assert [target["range"] for target in about["targets"]] == [None] * 3
    card = (folders[RANKER] / "README.md").read_text()
    for text in (card, about["description"]):
        assert "of two, the higher one has more" in text and "1..7" not in text
    assert "perceived" in card and about["training"]["files"] == published_systems()[RANKER].files


@pytest.mark.parametrize("name", [RANKER, SEQ2SEQ])
def test_predict_gives_their_scores(
    shared: Path, folders: dict[str, Path], bundles: dict[str, Bundle], tmp_path: Path, name: str
) -> None:
    golden = np.load(shared / "golden/systems/DK_001_A_1.npz")
    file, output = str(shared / str(golden["audio"])), tmp_path / "scores.csv"
    assert main(["predict", file, "--model", str(folders[name]), "--output", str(output)]) == 0
    table = pd.read_csv(output)
    expected = bundles[name].score_samples([load_audio(file)]).attributes
    for attribute in ATTRIBUTES:
        assert table[attribute].item() == pytest.approx(expected[attribute][0], rel=1e-5)


# ---- what weights may be ----------------------------------------------------------------------------------------


def test_pull_from_a_folder_uses_no_network(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTONE_SOURCE_URL", "http://127.0.0.1:1/{path}")
    command = ["pull", SEQ2SEQ, "--from", str(shared / "published"), "--to", str(tmp_path / "bundle")]
    assert main(command) == 0
    assert Bundle.load(str(tmp_path / "bundle")).name == SEQ2SEQ


@pytest.mark.parametrize("name", [RANKER, SEQ2SEQ])
def test_every_file_has_its_hash(shared: Path, tmp_path: Path, name: str) -> None:
    files = published_systems()[name].files
    assert len(files) == {RANKER: 5, SEQ2SEQ: 11}[name]
    for path, digest in files.items():
        copy = tmp_path / REPOSITORY / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((shared / "published" / REPOSITORY / path).read_bytes())
        assert sha256_of(copy) == digest
    for path in files:
        copy = tmp_path / REPOSITORY / path
        content = copy.read_bytes()
        copy.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(EmotoneError, match="refused, its SHA-256 is"):
            pull(name, tmp_path, tmp_path / "to")
        copy.write_bytes(content)
    assert not (tmp_path / "to").exists()


def test_other_weights_are_refused(shared: Path, tmp_path: Path) -> None:
    torch.save({"fc1.weight": torch.zeros(2), "odd": torch.zeros(2)}, tmp_path / "w")
    ranker = shared / "published" / REPOSITORY / weight_path(RANKER, "arousal")
    for path in (tmp_path / "w", ranker):
        with pytest.raises(EmotoneError, match="not the weights of a published emotion-seq2seq network") as caught:
            load_network(path, SEQ2SEQ, "arousal")
        assert "\n" not in str(caught.value) and str(path) in str(caught.value)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")  # torch, of what it refuses
def test_what_is_more_than_tensors_is_refused(tmp_path: Path) -> None:
    torch.save({"fc1.weight": print}, tmp_path / "w")
    with pytest.raises(EmotoneError, match="refused, not a file of plain tensors"):
        load_network(tmp_path / "w", RANKER, "arousal")
