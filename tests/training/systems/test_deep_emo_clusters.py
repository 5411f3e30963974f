"""DeepEmoClusters as a system: any embedding model, the published numbers, its bundles, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from emotone.base import plugins
from emotone.bundle.target import Target
from emotone.bundle.view.view import Chunks, Normaliser, View, Whole
from emotone.data.recipe import Training
from emotone.data.recipe_yaml import load_recipe
from emotone.data.rows import Rows
from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.models.cluster_branch import Clustered
from emotone.models.export import to_onnx
from emotone.models.side_by_side import SeparateNetworks, networks_of
from emotone.training.examples import StoreExamples, predict_outputs
from emotone.training.learners.learner import Lesson
from emotone.training.loop import Validation, fit

D = 6
CHUNKS = Chunks(5, 3)
AROUSAL, VALENCE = (Target(name, "attribute", (1.0, 7.0)) for name in ("arousal", "valence"))
EMOTION = Target("emotion", "category", labels=("anger", "neutral", "sadness"))
TARGETS = [AROUSAL, VALENCE, EMOTION]
SMALL: dict[str, dict[str, Any]] = {
    "deep-emo-clusters": {"channels": [2, 3], "embedding_size": 8},
    "dense-res-net": {"widths": [10, 8], "num_blocks": 1},
    "chunk-attention": {"hidden_size": 8, "aggregation": "SelfAttenVec"},
    "curriculum-network": {"hidden_size": 8},
}
VECTORS = ("dense-res-net", "curriculum-network")


def system(**settings: Any) -> Any:
    return plugins.create("systems", "deep-emo-clusters", settings)


def small(model: str, **settings: Any) -> Any:
    return system(model=model, model_settings=SMALL[model], num_clusters=3, **settings)


def view_of(model: str) -> View:
    return Whole() if model in VECTORS else CHUNKS


def build(owner: Any, model: str, targets: list[Target] = TARGETS) -> nn.Module:
    torch.manual_seed(0)
    return owner.build(D, targets, view_of(model))


def examples(view: View, num: int = 12, seed: int = 0) -> StoreExamples:
    """Three kinds of frames, of which the kind is the category."""
    random = np.random.default_rng(seed)
    kinds = np.arange(num) % 3
    length = 20 if isinstance(view, Chunks) else 1
    frames = [(random.normal(0, 0.3, (length, D)) + 2 * np.eye(3, D)[kind]).astype(np.float32) for kind in kinds]
    labels = {
        "arousal": torch.from_numpy(kinds.astype(np.float32) - 1),
        "valence": torch.randn(num),
        "emotion": torch.eye(3)[kinds],
    }
    labels["valence"][::3] = torch.nan
    return StoreExamples(Rows(frames, D), view, Normaliser(np.zeros(D), np.ones(D)), labels)


# ---- networks ---------------------------------------------------------------------------------------------------


def test_the_published_setting() -> None:
    """One network per attribute, K of each, 62 frames of 128 mels, 11 chunks, 704 single chunks a batch."""
    recipe = load_recipe("msp-podcast-1.6-deep-emo-clusters")
    owner = plugins.create("systems", recipe.system.name, recipe.system.settings)
    view = owner.view(0.016, 20.0)
    assert view == Chunks(62, 11) and owner.utterance_limit_s(20.0) == 11.0
    assert recipe.training.batch_size * view.num_chunks == 704 and recipe.training.epochs == 50
    assert (owner.shared_rate, owner.top_rate, recipe.training.learning_rate) == (1e-3, 0.05, 5e-4)
    assert (owner.start, owner.kmeans_iterations, owner.hidden_std) == ("random", 20, 0.01)
    network: Any = owner.build(128, [AROUSAL, VALENCE], view)
    assert {name: part.branch.top.out_features for name, part in network.networks.items()} == {
        "arousal": 10,
        "valence": 30,
    }
    for part in network.networks.values():
        shapes = [tuple(layer.weight.shape) for layer in part.modules() if isinstance(layer, nn.Linear)]
        K = part.branch.top.out_features
        assert shapes == [(256, 1024), (256, 256), (1, 256), (256, 256), (K, 256)]
        hidden = part.branch.hidden
        assert hidden.weight.std().item() == pytest.approx(0.01, rel=0.05) and not hidden.bias.any()


def test_the_published_first_step_of_deep_mi() -> None:
    """torch's own start, SGD 0.01 for top layers, Adam 1e-4, K = 50, batches of 512."""
    score = load_recipe("msp-podcast-1.8-deep-mi").curriculum.score.settings
    settings = {key: value for key, value in score["system"].items() if key != "name"}
    owner = system(**settings)
    assert (owner.top_rate, owner.shared_rate, owner.num_clusters, owner.heads) == (0.01, 1e-3, 50, "trained")
    assert score["training"] == {"batch_size": 512, "epochs": 200, "learning_rate": 1e-4}
    hidden = owner.build(6373, [AROUSAL], Whole()).branch.hidden
    assert hidden.weight.abs().max().item() == pytest.approx(1 / 16, rel=0.01) and hidden.bias.any()


@pytest.mark.parametrize("networks", ["joint", "separate"])
@pytest.mark.parametrize("model", list(SMALL))
def test_every_model_that_embeds_takes_the_branch(model: str, networks: str) -> None:
    network: Any = build(small(model, networks=networks), model).eval()
    outputs = network(examples(view_of(model)).batch(np.arange(4))[0])
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "arousal": (4,),
        "valence": (4,),
        "emotion": (4, 3),
    }
    parts = list(network.networks.values()) if networks == "separate" else [network]
    assert len(parts) == (3 if networks == "separate" else 1) and all(isinstance(part, Clustered) for part in parts)
    assert isinstance(network, SeparateNetworks) == (networks == "separate")


@pytest.mark.parametrize("model", list(SMALL))
def test_without_clusters_there_is_no_branch(model: str) -> None:
    owner = system(model=model, model_settings=SMALL[model], num_clusters=0)
    network = build(owner, model)
    assert not any("branch" in name for name, _ in network.named_modules())
    assert owner.find_clusters(network, examples(view_of(model)), 4) == {}


def test_numbers_of_clusters_by_target() -> None:
    owner = small("dense-res-net", networks="separate")
    network: Any = build(owner, "dense-res-net", [AROUSAL, VALENCE])
    assert list(owner.find_clusters(network, examples(Whole()), 4)) == ["arousal", "valence"]
    settings = {"model": "dense-res-net", "model_settings": SMALL["dense-res-net"], "networks": "separate"}
    owner = system(**settings, num_clusters={"arousal": 4, "valence": 0})
    network = build(owner, "dense-res-net", [AROUSAL, VALENCE])
    assert network.networks["arousal"].branch.top.out_features == 4
    assert list(owner.find_clusters(network, examples(Whole()), 4)) == ["arousal"]
    with pytest.raises(EmotoneError, match="num_clusters must say how many for emotion too"):
        build(owner, "dense-res-net")


# ---- an epoch of each -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("heads", ["trained", "frozen"])
@pytest.mark.parametrize("model", list(SMALL))
def test_an_epoch_of_every_model_with_attributes_and_categories(model: str, heads: str, tmp_path: Path) -> None:
    view, owner = view_of(model), small(model, heads=heads, hidden_std=None)
    train, unlabelled = examples(view), examples(view, 9, seed=1)
    training = Training(batch_size=4, epochs=1, learning_rate=1e-3, best="last")
    network, history = fit(owner, build(owner, model), Lesson(train, training, tmp_path, 0, unlabelled), quiet=True)
    assert len(history) == 1 and np.isfinite(history[0]["loss"]) and history[0]["clusters_unlabelled"] >= 1
    found = owner.find_clusters(network, train, 5)
    assert list(found) == [""] and found[""][0].shape == (12, 8) and set(found[""][1]) <= {0, 1, 2}
    outputs = predict_outputs(network, train, 5, "cpu")
    assert all(np.isfinite(value).all() for value in outputs.values())
    assert found[""][0].std(axis=0).max() > 1e-6


def test_categories_are_learned(tmp_path: Path) -> None:
    """Three kinds of vectors are three clusters and three categories."""
    owner = small("dense-res-net", hidden_std=None, shared_rate=1e-2)
    training = Training(batch_size=6, epochs=25, learning_rate=5e-3, best="last")
    train = examples(Whole(), 60)
    lesson = Lesson(train, training, tmp_path, 0, examples(Whole(), 30, seed=1))
    network, _ = fit(owner, build(owner, "dense-res-net", [EMOTION]), lesson, quiet=True)
    scores = predict_outputs(network, examples(Whole(), 30, seed=2), 10, "cpu")["emotion"]
    assert (scores.argmax(axis=1) == np.arange(30) % 3).mean() > 0.9


@pytest.mark.parametrize("networks", ["joint", "separate"])
def test_the_best_by_chunks_is_that_of_all_their_scores(networks: Any, tmp_path: Path) -> None:
    """The score of every epoch is the CCC of all chunks, each with its utterance's label; the best epoch is kept."""
    owner = small("deep-emo-clusters", best_by="chunks", networks=networks, hidden_std=None)
    known, targets = examples(CHUNKS, 9, seed=1), [AROUSAL, VALENCE]
    tested = owner.validated(known)
    training = Training(batch_size=4, epochs=4, learning_rate=1e-2)
    lesson = Lesson(examples(CHUNKS), training, tmp_path, 0)
    validation = Validation(tested, owner.scorer(targets, tested))
    network, history = fit(owner, build(owner, "deep-emo-clusters", targets), lesson, validation, quiet=True)
    parts = networks_of(network)
    for target in targets:
        part: Any = parts.get(target.name, parts.get(""))
        with torch.inference_mode():
            scores = part.network.score(part.network.embed(known.batch(np.arange(9))[0]))[target.name].numpy()
        truth = known.labels[target.name].numpy().repeat(3)
        there = ~np.isnan(truth)
        found = metrics.ccc(scores.ravel()[there], truth[there])
        each = [row[target.name] for row in history]
        best = (
            max(each)
            if networks == "separate"
            else each[int(np.argmax([r["arousal"] + r["valence"] for r in history]))]
        )
        assert found == pytest.approx(best, abs=1e-5)
    assert small("deep-emo-clusters").validated(known) is known


# ---- bundles ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("networks", ["joint", "separate"])
@pytest.mark.parametrize("model", list(SMALL))
def test_onnx_equals_torch_for_any_batch(model: str, networks: str) -> None:
    view = view_of(model)
    network = build(small(model, networks=networks), model).eval()
    names = [target.name for target in TARGETS]
    shape = (2, 3, 5, D) if isinstance(view, Chunks) else (2, 1, D)
    axes = {0: "B"} if isinstance(view, Chunks) else {0: "B", 1: "T"}
    exported = to_onnx(network, {"features": np.zeros(shape, np.float32)}, names, {"features": axes})
    session = onnxruntime.InferenceSession(exported)
    for size in (1, 3, 7):
        inputs = np.random.default_rng(size).normal(0, 1, (size, *shape[1:])).astype(np.float32)
        with torch.no_grad():
            expected = network(torch.from_numpy(inputs))
        for name, output in zip(names, session.run(names, {"features": inputs}), strict=True):
            np.testing.assert_allclose(output, expected[name].numpy(), atol=1e-5)


# ---- views ------------------------------------------------------------------------------------------------------


def test_views_are_those_of_the_model() -> None:
    assert system(model="dense-res-net").view(None, 3.0) == Whole()
    assert system().view(0.016, 3.4) == Chunks(62, 4) and system().utterance_limit_s(3.4) == 3.4
    assert system(chunk_s=0.5, max_utterance_s=4.0).view(0.016, 3.4) == Chunks(31, 8)
    for model in VECTORS:
        with pytest.raises(EmotoneError, match=f"model {model} needs a feature with one vector per utterance"):
            system(model=model).view(0.016, 3.0)
    for model in ("deep-emo-clusters", "chunk-attention"):
        with pytest.raises(EmotoneError, match=f"model {model} needs a feature with frames"):
            system(model=model).view(None, 3.0)


# ---- settings ---------------------------------------------------------------------------------------------------

DENSE = {"model": "dense-res-net"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model": "dense-resnet"}, "unknown model 'dense-resnet'; did you mean 'dense-res-net'?"),
        ({"model": "linear"}, "model linear has no embedding to cluster; choose chunk-attention, curriculum-network, "),
        ({"model": "mel-convolution"}, "model mel-convolution has no embedding to cluster"),
        ({**DENSE, "model_settings": {"width": [4]}}, "dense-res-net: unknown setting 'width'; did you mean 'widths'?"),
        ({**DENSE, "model_settings": {"widths": 4}}, "dense-res-net: widths must be a list (a whole number), not 4"),
        ({**DENSE, "model_settings": {"num_features": 4}}, "unknown setting 'num_features'"),
        ({"model_settings": {"chunk_frames": 4}}, "unknown setting 'chunk_frames'"),
        ({"num_clusters": 1}, "num_clusters must be 0 (supervised only), or 2 and more, not 1"),
        ({"num_clusters": -2}, "num_clusters must be 0 (supervised only), or 2 and more, not -2"),
        ({"num_clusters": {"arousal": 1}, "networks": "separate"}, "or 2 and more, not 1"),
        ({"num_clusters": {"arousal": 5}}, "num_clusters of each target needs networks: separate"),
        ({"num_clusters": 2.5}, "num_clusters must be a whole number or a mapping to a whole number, not 2.5"),
        ({"chunk_s": 0.0}, "chunk_s must be a positive number, not 0.0"),
        ({"max_utterance_s": -1}, "max_utterance_s must be a positive number, not -1"),
        ({"shared_rate": float("nan")}, "shared_rate must be a positive number, not nan"),
        ({"top_rate": float("inf")}, "top_rate must be a positive number, not inf"),
        ({"hidden_std": 0}, "hidden_std must be a positive number, not 0"),
        ({"kmeans_iterations": 0}, "kmeans_iterations must be at least 1, not 0"),
        ({"start": "kmeans++"}, "start must be one of 'random', 'k-means++'"),
        ({"draw": "uniform"}, "draw must be one of 'even', 'published', not 'uniform'"),
        ({"best_by": "chunk"}, "best_by must be one of 'utterances', 'chunks'"),
        ({**DENSE, "best_by": "chunks"}, "model dense-res-net scores no single chunks; set best_by: utterances"),
        ({"heads": "freezed"}, "heads must be one of 'trained', 'frozen'"),
        ({"num_cluster": 3}, "unknown setting 'num_cluster'; did you mean 'num_clusters'?"),
        # what the models themselves cannot be
        ({**DENSE, "model_settings": {"widths": []}}, "model dense-res-net: widths must be"),
        ({**DENSE, "model_settings": {"widths": [8, 0]}}, "model dense-res-net: widths must be"),
        ({**DENSE, "model_settings": {"dropout": 1.5}}, "model dense-res-net: dropout must be"),
        ({"model_settings": {"channels": []}}, "model deep-emo-clusters: channels must be"),
        ({"model_settings": {"embedding_size": 0}}, "model deep-emo-clusters: embedding_size must be"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError, match=".") as caught:
        system(**settings)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("training", "has_curriculum", "words"),
    [
        (Training(iterations=10), False, "deep-emo-clusters goes by epochs: set training.epochs"),
        (Training(epochs=3), True, "so it takes no curriculum"),
        (Training(epochs=3, precision="16-mixed"), False, "no 16-mixed precision"),
        (Training(epochs=3, clip_norm=1.0), False, "no clip_norm"),
    ],
)
def test_loops_that_it_cannot_follow(training: Training, has_curriculum: bool, words: str) -> None:
    with pytest.raises(EmotoneError, match=words):
        system().check_training(training, has_curriculum)
    system().check_training(Training(epochs=3, precision="bf16-mixed"), False)
