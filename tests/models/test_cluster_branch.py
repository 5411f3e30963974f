"""The cluster branch: what it computes, how its top layer begins anew, and that any embedding network can take it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotone.models.cluster_branch import ClusterBranch, Clustered
from emotone.models.networks.deep_emo_clusters import DeepEmoClusters


class Vectors(nn.Module):
    """A network of one vector per utterance: [B, D] -> {target: [B]}."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding_size = 8
        self.layer = nn.Linear(5, 8)
        self.heads = nn.ModuleDict({"arousal": nn.Linear(8, 1)})

    def embed(self, inputs: Tensor) -> Tensor:
        return torch.tanh(self.layer(inputs))

    def score(self, embeddings: Tensor) -> dict[str, Tensor]:
        return {name: head(embeddings)[..., 0] for name, head in self.heads.items()}

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        return self.score(self.embed(inputs))


def clustered(kind: str) -> tuple[Clustered, Tensor, tuple[int, ...]]:
    """A network with its branch, inputs, and the shape of its items."""
    torch.manual_seed(0)
    if kind == "vectors":
        return Clustered(Vectors(), 4, hidden_std=0.5).eval(), torch.randn(6, 5), (6,)
    network = DeepEmoClusters(16, {"arousal": 1}, 12, (2, 3, 4), embedding_size=8)
    return Clustered(network, 4, hidden_std=0.5).eval(), torch.randn(6, 3, 12, 16), (6, 3)


@pytest.mark.parametrize("kind", ["vectors", "chunks"])
def test_features_and_logits_equal_the_plain_equations(kind: str) -> None:
    model, inputs, items = clustered(kind)
    w = {name: value.numpy() for name, value in model.branch.state_dict().items()}
    with torch.inference_mode():
        embeddings = model.network.embed(inputs).numpy()
        features, logits = model.features(inputs).numpy(), model.logits(inputs).numpy()
    expected = embeddings @ w["hidden.weight"].T + w["hidden.bias"]
    assert expected.shape == (*items, 8) and (expected < 0).any()  # before the ReLU
    np.testing.assert_allclose(features, expected, atol=1e-6)
    np.testing.assert_allclose(logits, np.maximum(expected, 0) @ w["top.weight"].T + w["top.bias"], atol=1e-6)
    assert logits.shape == (*items, 4)


@pytest.mark.parametrize("kind", ["vectors", "chunks"])
def test_both_heads_see_one_embedding(kind: str) -> None:
    model, inputs, items = clustered(kind)
    logits, scores = model.logits_and_scores(inputs)
    assert torch.equal(logits, model.logits(inputs)) and scores["arousal"].shape == items
    per_utterance = scores["arousal"].reshape(6, -1).mean(dim=1)
    torch.testing.assert_close(model(inputs)["arousal"], per_utterance)
    torch.testing.assert_close(model(inputs)["arousal"], model.network(inputs)["arousal"], atol=0, rtol=0)


@pytest.mark.parametrize("kind", ["vectors", "chunks"])
def test_what_learns_from_clusters_and_what_from_both(kind: str) -> None:
    model, inputs, items = clustered(kind)
    labels = torch.arange(np.prod(items)) % 4

    def silent() -> set[str]:
        return {name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()}

    F.cross_entropy(model.logits(inputs).flatten(0, -2), labels).backward()
    assert silent() == {f"network.heads.{name}" for name, _ in model.network.heads.named_parameters()}
    model.zero_grad()
    logits, scores = model.logits_and_scores(inputs)
    (F.cross_entropy(logits.flatten(0, -2), labels) + scores["arousal"].square().sum()).backward()
    assert silent() == set()


def test_a_new_top_layer_follows_its_generator_alone() -> None:
    branch = ClusterBranch(256, 10)
    hidden = branch.hidden.weight.detach().clone()
    state = torch.get_rng_state()
    first = branch.new_top_layer(30, torch.Generator().manual_seed(1))
    assert branch.top is first and branch(torch.zeros(2, 256)).shape == (2, 30)
    again = branch.new_top_layer(30, torch.Generator().manual_seed(1))
    other = branch.new_top_layer(30, torch.Generator().manual_seed(2))
    assert torch.equal(torch.get_rng_state(), state)  # dropout masks stay what they were
    assert again is not first and torch.equal(again.weight, first.weight)
    assert not torch.equal(other.weight, first.weight)
    assert other.weight.std().item() == pytest.approx(0.01, rel=0.05) and not other.bias.any()
    assert torch.equal(branch.hidden.weight, hidden) and other.weight.requires_grad
    assert {name for name, _ in branch.named_parameters()} == {
        "hidden.weight",
        "hidden.bias",
        "top.weight",
        "top.bias",
    }


def test_a_new_top_layer_is_of_the_branch_s_type() -> None:
    branch = ClusterBranch(16, 3).double()
    assert branch.new_top_layer(4).weight.dtype == torch.float64
    assert branch(torch.zeros(2, 16, dtype=torch.float64)).shape == (2, 4)


def test_how_the_hidden_layer_starts() -> None:
    torch.manual_seed(0)
    published, of_torch = ClusterBranch(256, 10), ClusterBranch(256, 10, hidden_std=None)
    assert published.hidden.weight.std().item() == pytest.approx(0.01, rel=0.02) and not published.hidden.bias.any()
    # torch's own: uniform within 1 / sqrt(256)
    assert of_torch.hidden.weight.abs().max().item() == pytest.approx(1 / 16, rel=0.01)
    assert of_torch.hidden.bias.any()
