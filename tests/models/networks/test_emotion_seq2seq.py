"""The network against a loop over chunks and frames in float64, and what a curve and its mean have to do."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from emotone.models.networks.emotion_seq2seq import EmotionSeq2Seq

Doubles = NDArray[np.float64]
B, C, M, D, H = 3, 5, 4, 6, 7  # utterances, chunks, frames, features, hidden size
OUTPUTS = {"arousal": 1, "emotion": 3, "valence": 1}


def network() -> EmotionSeq2Seq:
    torch.manual_seed(3)
    model = EmotionSeq2Seq(D, OUTPUTS, H).double().eval()
    with torch.no_grad():  # as if trained
        for parameter in model.parameters():
            parameter.uniform_(-1, 1)
    return model


def chunks() -> Tensor:
    return torch.randn(B, C, M, D, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def sigmoid(x: Doubles) -> Doubles:
    return 1 / (1 + np.exp(-x))


def lstm(sequence: Doubles, w: dict[str, Doubles], layer: int) -> Doubles:
    h, c, outputs = np.zeros(H), np.zeros(H), []
    for x in sequence:
        gates = (
            w[f"lstm.weight_ih_l{layer}"] @ x
            + w[f"lstm.bias_ih_l{layer}"]
            + w[f"lstm.weight_hh_l{layer}"] @ h
            + w[f"lstm.bias_hh_l{layer}"]
        )
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.array(outputs)


def score(chunk: Doubles, w: dict[str, Doubles]) -> Doubles:
    """One chunk [m, D] -> [5]: arousal, three logits, valence."""
    last = lstm(lstm(chunk, w, 0), w, 1)[-1]
    return w["output.weight"] @ np.maximum(w["hidden.weight"] @ last + w["hidden.bias"], 0) + w["output.bias"]


def test_curves_and_scores_equal_a_loop_over_chunks() -> None:
    model, inputs = network(), chunks()
    w = {name: value.numpy() for name, value in model.state_dict().items()}
    with torch.inference_mode():
        curves, scores = model.curves(inputs), model(inputs)
    expected = np.array([[score(inputs[b, c].numpy(), w) for c in range(C)] for b in range(B)])
    assert np.ptp(expected, axis=(0, 1)).min() > 0.1
    for name, values in {
        "arousal": expected[..., 0],
        "emotion": expected[..., 1:4],
        "valence": expected[..., 4],
    }.items():
        np.testing.assert_allclose(curves[name], values, atol=1e-12)
        np.testing.assert_allclose(scores[name], values.mean(axis=1), atol=1e-12)


@pytest.mark.parametrize("moved", [0, 2, C - 1])
def test_a_chunk_moves_its_own_point_of_the_curve_only(moved: int) -> None:
    model, inputs = network(), chunks()
    changed = inputs.clone()
    changed[1, moved] += 1.0
    with torch.inference_mode():
        difference = (model.curves(changed)["arousal"] - model.curves(inputs)["arousal"]).abs().numpy()
    assert difference[1, moved] > 1e-3
    assert np.count_nonzero(difference > 1e-12) == 1


def test_the_published_sizes() -> None:
    model = EmotionSeq2Seq(130, {"arousal": 1})
    assert (model.lstm.num_layers, model.lstm.hidden_size, model.lstm.dropout) == (2, 130, 0.5)
    assert not model.lstm.bidirectional
    assert model.hidden.weight.shape == (130, 130) and model.output.weight.shape == (1, 130)
    for shape in ((1, 22, 62, 130), (3, 1, 50, 130)):
        assert model(torch.zeros(shape))["arousal"].shape == shape[:1]
        assert model.curves(torch.zeros(shape))["arousal"].shape == shape[:2]


def test_every_parameter_learns_from_curves_and_dropout_is_for_training() -> None:
    model, inputs = network().train(), chunks()
    first, second = model.curves(inputs), model.curves(inputs)
    assert not torch.equal(first["arousal"], second["arousal"])
    torch.cat([curve.flatten() for curve in first.values()]).square().sum().backward()
    silent = {name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()}
    assert silent == set()
    assert torch.equal(model.eval().curves(inputs)["arousal"], model.curves(inputs)["arousal"])
