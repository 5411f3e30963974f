"""The aggregations against a loop over utterances and chunks in float64, written from the paper's equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from emotone.models.networks.chunk_attention import ChunkAttention

Doubles = NDArray[np.float64]
B, C, M, D, H = 5, 7, 4, 6, 12  # utterances, chunks, frames, features, hidden size


def network(aggregation: Any, **settings: Any) -> ChunkAttention:
    torch.manual_seed(3)
    model = ChunkAttention(D, {"arousal": 1, "emotion": 3}, aggregation, hidden_size=H, num_heads=3, **settings)
    with torch.no_grad():  # as if trained
        model.norm.running_mean.uniform_(-0.3, 0.3)
        model.norm.running_var.uniform_(0.5, 2.0)
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5)
    return model.double().eval()


def chunks() -> Tensor:
    return torch.randn(B, C, M, D, dtype=torch.float64, generator=torch.Generator().manual_seed(4))


def values_of(model: ChunkAttention) -> dict[str, Doubles]:
    return {name: value.numpy() for name, value in model.state_dict().items()}


# ---- the oracle -------------------------------------------------------------------------------------------------


def sigmoid(x: Doubles) -> Doubles:
    return 1 / (1 + np.exp(-x))


def softmax(x: Doubles) -> Doubles:
    odds = np.exp(x - x.max())
    return odds / odds.sum()


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


def encode(chunk: Doubles, w: dict[str, Doubles]) -> Doubles:
    last = lstm(lstm(chunk, w, 0), w, 1)[-1]
    z = (last - w["norm.running_mean"]) / np.sqrt(w["norm.running_var"] + 1e-5)
    return z * w["norm.weight"] + w["norm.bias"]


def aggregate(h: Doubles, w: dict[str, Doubles], aggregation: str, across_chunks: bool) -> Doubles:
    """Chunk vectors [C, H] of one utterance as one vector [H]."""
    w = {name.removeprefix("aggregation."): value for name, value in w.items() if name.startswith("aggregation.")}
    if aggregation == "NonAtten":
        return h.mean(axis=0)
    if aggregation == "GatedVec":
        return np.mean([sigmoid(w["gate.weight"][0] @ vector + w["gate.bias"][0]) * vector for vector in h], axis=0)
    if aggregation == "RnnAttenVec":
        state, states = np.zeros(H), []
        for vector in h:
            state = np.tanh(
                w["rnn.weight_ih_l0"] @ vector
                + w["rnn.bias_ih_l0"]
                + w["rnn.weight_hh_l0"] @ state
                + w["rnn.bias_hh_l0"]
            )
            states.append(state)
        share = softmax(np.array([(w["score.weight"] @ state) @ states[-1] for state in states]))
        context = np.sum([a * state for a, state in zip(share, states, strict=True)], axis=0)
        return np.tanh(w["output.weight"] @ np.concatenate([context, states[-1]]))
    if across_chunks:
        return transformer(h, w).mean(axis=0)
    return np.mean([transformer(vector[None], w)[0] for vector in h], axis=0)


def transformer(sequence: Doubles, w: dict[str, Doubles], num_heads: int = 3) -> Doubles:
    """One post-norm encoder layer (Vaswani et al. 2017) over [L, H]."""
    query, key, value = np.split(sequence @ w["query_key_value.weight"].T + w["query_key_value.bias"], 3, axis=1)
    size, heads = H // num_heads, []
    for head in range(num_heads):
        part = slice(head * size, (head + 1) * size)
        scores = query[:, part] @ key[:, part].T / np.sqrt(size)
        heads.append(np.array([softmax(row) for row in scores]) @ value[:, part])
    attended = np.concatenate(heads, axis=1) @ w["output.weight"].T + w["output.bias"]
    x = layer_norm(sequence + attended, w, "norm_1")
    wide = np.maximum(x @ w["widen.weight"].T + w["widen.bias"], 0)
    return layer_norm(x + wide @ w["narrow.weight"].T + w["narrow.bias"], w, "norm_2")


def layer_norm(x: Doubles, w: dict[str, Doubles], name: str) -> Doubles:
    z = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    return z * w[f"{name}.weight"] + w[f"{name}.bias"]


def score(utterance: Doubles, w: dict[str, Doubles], aggregation: str, across_chunks: bool) -> Doubles:
    vector = aggregate(np.array([encode(chunk, w) for chunk in utterance]), w, aggregation, across_chunks)
    hidden = np.maximum(w["hidden.weight"] @ vector + w["hidden.bias"], 0)
    return w["output.weight"] @ hidden + w["output.bias"]


# ---- tests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("aggregation", "across_chunks"),
    [("NonAtten", True), ("GatedVec", True), ("RnnAttenVec", True), ("SelfAttenVec", True), ("SelfAttenVec", False)],
)
def test_batches_equal_a_loop_over_utterances(aggregation: str, across_chunks: bool) -> None:
    model = network(aggregation, across_chunks=across_chunks)
    inputs = chunks()
    with torch.inference_mode():
        outputs = model(inputs)
    w = values_of(model)
    for position in range(B):
        expected = score(inputs[position].numpy(), w, aggregation, across_chunks)
        assert outputs["arousal"][position].item() == pytest.approx(expected[0], abs=1e-12)
        np.testing.assert_allclose(outputs["emotion"][position].numpy(), expected[1:], atol=1e-12)


@pytest.mark.parametrize("aggregation", ["NonAtten", "GatedVec", "RnnAttenVec", "SelfAttenVec"])
def test_utterances_of_a_batch_do_not_touch_each_other(aggregation: str) -> None:
    model, inputs = network(aggregation), chunks()
    with torch.inference_mode():
        together = model(inputs)["emotion"]
        for position in range(B):
            alone = model(inputs[position : position + 1])["emotion"][0]
            torch.testing.assert_close(together[position], alone, atol=1e-12, rtol=0)


def test_across_chunks_attends_across_and_the_published_way_does_not() -> None:
    """A changed chunk moves the vectors of the others only where chunks see each other."""
    inputs = chunks()
    changed = inputs.clone()
    changed[:, 2] += 1.0
    for across, moves in ((True, True), (False, False)):
        model = network("SelfAttenVec", across_chunks=across)
        seen: list[Tensor] = []
        model.aggregation.norm_2.register_forward_hook(lambda _module, _inputs, output, seen=seen: seen.append(output))
        with torch.inference_mode():
            model(inputs), model(changed)
        before, after = (part.reshape(B, C, H) for part in seen)
        others = [place for place in range(C) if place != 2]
        assert torch.equal(before[:, others], after[:, others]) is not moves
        assert not torch.equal(before[:, 2], after[:, 2])


@pytest.mark.parametrize(("aggregation", "matters"), [("NonAtten", False), ("GatedVec", False), ("RnnAttenVec", True)])
def test_the_order_of_chunks_matters_to_the_rnn_alone(aggregation: str, matters: bool) -> None:
    model, inputs = network(aggregation), chunks()
    with torch.inference_mode():
        forwards, backwards = model(inputs)["arousal"], model(inputs.flip(1))["arousal"]
    assert torch.allclose(forwards, backwards, atol=1e-12) is not matters


@pytest.mark.parametrize("aggregation", ["NonAtten", "GatedVec", "RnnAttenVec", "SelfAttenVec"])
def test_every_parameter_learns(aggregation: Any) -> None:
    model = ChunkAttention(D, {"arousal": 1, "emotion": 3}, aggregation, hidden_size=H).train()
    outputs = model(chunks().float())
    (outputs["arousal"].square().sum() + outputs["emotion"].square().sum()).backward()
    silent = {name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()}
    assert silent == set()


def test_any_number_of_chunks_and_outputs() -> None:
    model = network("RnnAttenVec")
    with torch.inference_mode():
        for num_chunks in (1, 3, 22):
            outputs = model(torch.zeros(2, num_chunks, M, D, dtype=torch.float64))
            assert outputs["arousal"].shape == (2,) and outputs["emotion"].shape == (2, 3)
