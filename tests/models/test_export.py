"""Torch networks as bundles: ONNX equal to torch, arrays and weights as they are, and weights to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from bundle_edits import change
from safetensors.numpy import load_file
from torch import nn

from emotone.base.plugins import Choice
from emotone.bundle.about import BundleAbout
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import UNBOUNDED, Target
from emotone.bundle.view.streams import StreamNormalisers
from emotone.bundle.view.view import Chunks, Normaliser, Segments, View, Whole
from emotone.errors import EmotoneError
from emotone.models.export import ScoresAndCurves, load_weights, write_bundle
from emotone.models.networks.chunk_attention import ChunkAttention
from emotone.models.networks.emotion_seq2seq import EmotionSeq2Seq
from emotone.models.networks.linear import Linear
from emotone.models.side_by_side import SeparateNetworks

AS_IS = StreamNormalisers(Normaliser(np.zeros(16), np.ones(16)))
AROUSAL = Target("arousal", "attribute", (1.0, 5.0), 3.0, 2.0)


def about_of(*targets: Target, view: View | None = None, curves: bool = False) -> BundleAbout:
    """A description of a network that sees mels, in 4 chunks of 9 frames unless said otherwise."""
    feature, view = Choice("mel", {"num_mels": 16}), view or Chunks(9, 4)
    return BundleAbout(name="x", max_utterance_s=4.0, feature=feature, view=view, targets=list(targets), curves=curves)


@pytest.mark.parametrize(
    ("aggregation", "across_chunks"),
    [("NonAtten", True), ("GatedVec", True), ("RnnAttenVec", True), ("SelfAttenVec", True), ("SelfAttenVec", False)],
)
@pytest.mark.parametrize("separate", [True, False])
def test_onnx_equals_torch(tmp_path: Path, aggregation: Any, across_chunks: bool, separate: bool) -> None:
    torch.manual_seed(0)
    sizes = {"arousal": 1, "emotion": 5}
    groups = [{name: size} for name, size in sizes.items()] if separate else [sizes]
    parts = [ChunkAttention(16, group, aggregation, hidden_size=24, across_chunks=across_chunks) for group in groups]
    for module in (module for part in parts for module in part.modules()):
        if isinstance(module, torch.nn.BatchNorm1d):  # as if trained
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2.0)
    network = SeparateNetworks(dict(zip(sizes, parts, strict=True))) if separate else parts[0]
    emotion = Target("emotion", "category", labels=tuple("abcde"))
    write_bundle(tmp_path / "b", network.eval(), about_of(AROUSAL, emotion), AS_IS, "")
    bundle = Bundle.load(str(tmp_path / "b"))
    for batch_size in (1, 3, 7):
        features = [np.random.default_rng(n).normal(size=(36 + n, 16)).astype(np.float32) for n in range(batch_size)]
        scores = bundle.score_features(features)
        inputs = np.stack([np.clip(part, -3, 3)[bundle.view.index(len(part))] for part in features])
        with torch.inference_mode():
            expected = network(torch.from_numpy(inputs))
        for name, output in expected.items():
            np.testing.assert_allclose(scores.outputs[name], output.numpy(), atol=1e-5)
        np.testing.assert_allclose(scores.attributes["arousal"], expected["arousal"].numpy() * 2 + 3, atol=2e-5)
        shares = torch.softmax(expected["emotion"], dim=1).numpy()
        np.testing.assert_allclose(np.stack(list(scores.probabilities.values()), axis=1), shares, atol=1e-5)


def test_one_pass_gives_both(tmp_path: Path) -> None:
    """The exported network has one LSTM of two layers, not one for scores and one for curves."""
    valence, emotion = Target("valence", "attribute", UNBOUNDED), Target("emotion", "category", labels=("a", "b"))
    about = about_of(AROUSAL, valence, emotion, curves=True)
    network = EmotionSeq2Seq(16, {"arousal": 1, "valence": 1, "emotion": 2}, 24)
    folder = write_bundle(tmp_path / "b", network.eval(), about, AS_IS, "")
    nodes = onnx.load(folder / "model.onnx").graph.node
    assert [node.op_type for node in nodes].count("LSTM") == 2


def test_scores_are_the_means_of_their_curves() -> None:
    torch.manual_seed(0)
    network, chunks = EmotionSeq2Seq(16, {"arousal": 1, "emotion": 2}, 24).eval(), torch.randn(3, 4, 9, 16)
    with torch.inference_mode():
        found, curves = ScoresAndCurves(network)(chunks), network.curves(chunks)
    assert set(found) == {"arousal", "emotion", "arousal_curve", "emotion_curve"}
    for name, curve in curves.items():
        assert torch.equal(found[f"{name}_curve"], curve) and torch.allclose(found[name], curve.mean(dim=1))


class Means(nn.Module):
    """The mean of everything an utterance has, however many axes that are."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, features: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"arousal": features.flatten(start_dim=1).mean(dim=1) * self.scale}


@pytest.mark.parametrize("view", [Whole(3), Chunks(9, 4), Segments(20)])
@pytest.mark.parametrize("num_frames", [1, 40])
def test_utterances_may_be_longer_than_what_was_traced(tmp_path: Path, view: View, num_frames: int) -> None:
    write_bundle(tmp_path, Means().eval(), about_of(AROUSAL, view=view), AS_IS, "", num_frames)
    bundle = Bundle.load(str(tmp_path))
    batch = [np.full((length, 16), 0.25 * length / 64, np.float32) for length in (64, 64, 160)]
    outputs = bundle.score_features(batch).outputs["arousal"]
    assert outputs[0] == outputs[1] == pytest.approx(0.5 if not isinstance(view, Segments) else 0.4, abs=1e-6)
    assert outputs[2] == pytest.approx(1.25, abs=1e-6)  # 8 whole segments


def test_arrays_and_weights_are_single_precision_and_named(tmp_path: Path) -> None:
    normaliser = Normaliser(np.arange(16.0), np.full(16, 0.1), clip=None)
    write_bundle(tmp_path, Means().eval(), about_of(AROUSAL), StreamNormalisers(normaliser), "# card")
    arrays = load_file(tmp_path / "arrays.safetensors")
    assert set(arrays) == {"feature_mean", "feature_std"} and arrays["feature_std"].dtype == np.float32
    np.testing.assert_array_equal(arrays["feature_mean"], np.arange(16))
    weights = load_file(tmp_path / "weights.safetensors")
    assert list(weights) == ["scale"] and weights["scale"] == 2 and (tmp_path / "README.md").read_text() == "# card"


# ---- weights to start from --------------------------------------------------------------------------------------


@pytest.fixture
def linear(tmp_path: Path) -> Path:
    """A bundle of a linear network on 16 features: its weights are 0.5, its biases 0.25."""
    network = Linear(16, {"arousal": 1, "emotion": 2})
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.fill_(0.25 if name.endswith("bias") else 0.5)
    emotion = Target("emotion", "category", labels=("a", "b"))
    return write_bundle(tmp_path / "b", network.eval(), about_of(AROUSAL, emotion, view=Whole()), AS_IS, "")


def test_weights_that_fit_are_taken(linear: Path) -> None:
    network = Linear(16, {"arousal": 1, "emotion": 2})
    assert load_weights(network, linear) == {"taken": len(network.state_dict()), "new": []}
    assert {float(value.mean()) for value in network.state_dict().values()} == {0.5, 0.25}


def test_weights_of_other_shapes_begin_anew(linear: Path) -> None:
    network = Linear(16, {"arousal": 1, "emotion": 3})
    before = {name: value.clone() for name, value in network.state_dict().items()}
    found = load_weights(network, linear)
    after = network.state_dict()
    assert found["new"] and found["taken"] + len(found["new"]) == len(after)
    for name, value in after.items():
        assert torch.equal(value, before[name]) == (name in found["new"])


def test_a_network_that_shares_nothing_is_refused(linear: Path) -> None:
    with pytest.raises(EmotoneError, match="no weight of this bundle fits the recipe's network"):
        load_weights(nn.Conv1d(3, 3, 3), linear)


def test_damaged_weights_are_refused(linear: Path) -> None:
    (linear / "weights.safetensors").write_bytes(b"other")
    with pytest.raises(EmotoneError, match="weights.safetensors: damaged"):
        load_weights(Linear(16, {"arousal": 1, "emotion": 2}), linear)
    change(linear, lambda about: about.pop("view"))
    with pytest.raises(EmotoneError, match="not a complete bundle description"):
        load_weights(Linear(16, {"arousal": 1, "emotion": 2}), linear)
