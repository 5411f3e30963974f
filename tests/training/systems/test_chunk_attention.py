"""Chunk-level attention's system: the published numbers, networks per target or for all, labels that are missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from emotone.base import plugins
from emotone.bundle.target import Target
from emotone.errors import EmotoneError
from emotone.models.side_by_side import SeparateNetworks
from emotone.training.systems import chunk_attention as module

AROUSAL, VALENCE = (Target(name, "attribute", (1.0, 7.0)) for name in ("arousal", "valence"))
EMOTION = Target("emotion", "category", labels=("anger", "neutral", "sadness"))
TARGETS = [AROUSAL, VALENCE, EMOTION]
NAN = float("nan")


def system(**settings: Any) -> module.ChunkAttention:
    return plugins.create("systems", "chunk-attention", settings)


def small(**settings: Any) -> module.ChunkAttention:
    return system(**{"hidden_size": 8, "dropout": 0.0, **settings})


def chunks(num_utterances: int = 4, num_chunks: int = 3) -> Tensor:
    return torch.randn(num_utterances, num_chunks, 5, 6, generator=torch.Generator().manual_seed(1))


# ---- networks ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("networks", ["separate", "joint"])
@pytest.mark.parametrize("aggregation", ["NonAtten", "GatedVec", "RnnAttenVec", "SelfAttenVec"])
def test_every_target_has_its_output(networks: str, aggregation: str) -> None:
    outputs = small(networks=networks, aggregation=aggregation).build(6, TARGETS).eval()(chunks())
    shapes = {name: tuple(output.shape) for name, output in outputs.items()}
    assert shapes == {"arousal": (4,), "valence": (4,), "emotion": (4, 3)}


@pytest.mark.parametrize(("networks", "num_lstms"), [("separate", 3), ("joint", 1)])
def test_separate_networks_share_nothing(networks: str, num_lstms: int) -> None:
    network = small(networks=networks).build(6, TARGETS).train()
    assert sum(isinstance(part, torch.nn.LSTM) for part in network.modules()) == num_lstms
    network(chunks())["arousal"].square().sum().backward()
    moved = {name for name, value in network.named_parameters() if value.grad is not None and value.grad.any()}
    if networks == "joint":
        assert moved == {name for name, _ in network.named_parameters()}
    else:
        own = {name for name, _ in network.named_parameters() if name.startswith("networks.arousal.")}
        assert isinstance(network, SeparateNetworks) and moved == own


def test_separate_networks_are_those_of_one_target_alone() -> None:
    network = small().build(6, TARGETS).eval()
    outputs = network(chunks())
    for target in TARGETS:
        alone = small().build(6, [target]).eval()
        prefix = f"networks.{target.name}."
        alone.load_state_dict({key: value for key, value in network.state_dict().items() if key.startswith(prefix)})
        assert torch.equal(alone(chunks())[target.name], outputs[target.name])


def test_settings_reach_the_network() -> None:
    settings = {"hidden_size": 12, "dropout": 0.25, "num_heads": 3, "aggregation": "SelfAttenVec"}
    for across_chunks in (True, False):
        network = system(**settings, networks="joint", across_chunks=across_chunks).build(6, TARGETS)
        assert (network.lstm.input_size, network.lstm.hidden_size, network.lstm.dropout) == (6, 12, 0.25)
        assert (network.aggregation.num_heads, network.aggregation.across_chunks) == (3, across_chunks)


TORCH_NAMES = {
    "query_key_value.weight": "self_attn.in_proj_weight",
    "query_key_value.bias": "self_attn.in_proj_bias",
    "output.weight": "self_attn.out_proj.weight",
    "output.bias": "self_attn.out_proj.bias",
    "widen.weight": "linear1.weight",
    "widen.bias": "linear1.bias",
    "narrow.weight": "linear2.weight",
    "narrow.bias": "linear2.bias",
    "norm_1.weight": "norm1.weight",
    "norm_1.bias": "norm1.bias",
    "norm_2.weight": "norm2.weight",
    "norm_2.bias": "norm2.bias",
}


@pytest.mark.parametrize("across_chunks", [True, False])
def test_self_attention_is_torchs_encoder_layer(across_chunks: bool) -> None:
    """On the chunks as one sequence; the published way, on every chunk as a sequence of length 1."""
    network = system(networks="joint", aggregation="SelfAttenVec", across_chunks=across_chunks).build(6, [AROUSAL])
    attention = network.aggregation.double().eval()
    layer = torch.nn.TransformerEncoderLayer(130, 2, 2048, 0.1, batch_first=True).double().eval()
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.uniform_(-0.3, 0.3)  # biases too, which start at zero
        layer.load_state_dict({TORCH_NAMES[name]: value for name, value in attention.state_dict().items()})
        vectors = torch.randn(5, 11, 130, dtype=torch.float64)
        sequences = vectors if across_chunks else vectors.reshape(55, 1, 130)
        expected = layer(sequences).reshape(5, 11, 130).mean(dim=1)
        torch.testing.assert_close(attention(vectors), expected, atol=1e-10, rtol=0)


def test_the_published_network_is_the_default() -> None:
    """Chunk-level attention with an RNN, 130 LLDs, one network per attribute; parameters counted from the paper."""
    network = system().build(130, [AROUSAL])
    lstm = 2 * (4 * 130 * (130 + 130) + 2 * 4 * 130)
    attention = (2 * 130 * 130 + 2 * 130) + 130 * 130 + 130 * 260
    head = (130 * 130 + 130) + (130 + 1)
    assert sum(value.numel() for value in network.parameters()) == lstm + 2 * 130 + attention + head


@pytest.mark.parametrize("aggregation", ["NonAtten", "GatedVec", "RnnAttenVec", "SelfAttenVec"])
@pytest.mark.parametrize("networks", ["separate", "joint"])
def test_a_batch_of_one_chunk_trains(aggregation: str, networks: str) -> None:
    """An epoch's last batch may hold one utterance, and a short utterance may be one chunk."""
    fitted = small(aggregation=aggregation, networks=networks)
    network = fitted.build(6, TARGETS).train()
    before = {name: value.clone() for name, value in network.named_buffers()}
    labels = {"arousal": torch.zeros(1), "valence": torch.ones(1), "emotion": torch.eye(3)[:1]}
    trained = network(chunks(1, 1))
    loss = fitted.loss(trained, labels)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(value.grad is None or torch.isfinite(value.grad).all() for value in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.named_buffers())
    if aggregation != "SelfAttenVec":  # whose dropout is its own
        seen = network.eval()(chunks(1, 1))
        assert all(torch.equal(seen[name], output) for name, output in trained.items())


# ---- the loss ---------------------------------------------------------------------------------------------------


def plain_loss(outputs: dict[str, Tensor], labels: dict[str, Tensor], ddof: int = 0) -> float:
    """CCC losses and cross-entropy over the rows that have a label, in numpy."""
    total = 0.0
    for name in ("arousal", "valence"):
        known = ~np.isnan(labels[name].numpy())
        if known.any():
            p, t = (values.detach().double().numpy()[known] for values in (outputs[name], labels[name]))
            covariance = ((p - p.mean()) * (t - t.mean())).mean()
            total += 1 - 2 * covariance / (p.var(ddof=ddof) + t.var(ddof=ddof) + (p.mean() - t.mean()) ** 2)
    logits, hot = (values["emotion"].detach().double().numpy() for values in (outputs, labels))
    known = hot.any(axis=1)
    if known.any():
        chosen = np.log(np.exp(logits).sum(axis=1)) - (logits * hot).sum(axis=1)
        total += chosen[known].mean()
    return total


def outputs_of_six() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(2)
    shapes = {"arousal": (6,), "valence": (6,), "emotion": (6, 3)}
    return {name: torch.randn(shape, generator=generator).requires_grad_() for name, shape in shapes.items()}


def labels_of_six() -> dict[str, Tensor]:
    return {
        "arousal": torch.tensor([0.3, NAN, -1.0, 0.8, NAN, 0.1]),
        "valence": torch.tensor([NAN, 0.5, 1.0, -0.2, 0.0, 2.0]),
        "emotion": torch.eye(3)[[0, 1, 2, 0, 1, 2]] * torch.tensor([1.0, 1, 0, 1, 0, 1])[:, None],
    }


@pytest.mark.parametrize(("ccc", "ddof"), [("lin", 0), ("published", 1)])
def test_rows_without_a_label_do_not_count(ccc: str, ddof: int) -> None:
    outputs, labels = outputs_of_six(), labels_of_six()
    loss = system(ccc=ccc).loss(outputs, labels)
    assert loss.item() == pytest.approx(plain_loss(outputs, labels, ddof), abs=1e-5)
    loss.backward()
    for name, output in outputs.items():
        known = labels[name].any(dim=1) if output.ndim == 2 else ~torch.isnan(labels[name])
        assert output.grad is not None and torch.isfinite(output.grad).all()
        assert not output.grad[~known].any() and output.grad[known].any()


def test_a_target_without_any_label_adds_nothing() -> None:
    outputs, labels = outputs_of_six(), labels_of_six()
    labels["valence"], labels["emotion"] = torch.full((6,), NAN), torch.zeros(6, 3)
    loss = system().loss(outputs, labels)
    assert loss.item() == pytest.approx(plain_loss(outputs, labels), abs=1e-5)
    loss.backward()
    assert all(outputs[name].grad is not None and not outputs[name].grad.any() for name in ("valence", "emotion"))


def test_the_order_of_targets_does_not_matter() -> None:
    outputs, labels = outputs_of_six(), labels_of_six()
    turned = dict(reversed(outputs.items()))
    assert system().loss(turned, labels).item() == pytest.approx(system().loss(outputs, labels).item(), abs=1e-6)


# ---- settings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_heads": 0}, "num_heads must be at least 1, not 0"),
        ({"aggregation": "SelfAttenVec", "num_heads": 4}, "hidden_size 130 must be a multiple of num_heads 4"),
        ({"aggregation": "selfattenvec"}, "aggregation must be one of 'NonAtten', 'GatedVec'"),
        ({"across_chunk": True}, "did you mean 'across_chunks'"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError, match=words) as caught:
        system(**settings)
    assert str(caught.value).startswith(("chunk-attention: ", "system chunk-attention: "))
    assert "\n" not in str(caught.value)


def test_heads_matter_to_self_attention_alone() -> None:
    outputs = system(hidden_size=9, num_heads=2).build(6, [EMOTION]).eval()(chunks())
    assert outputs["emotion"].shape == (4, 3)
