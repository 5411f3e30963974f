"""The network of the curriculum against numpy, and its size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from emotone.models.networks.curriculum_network import CurriculumNetwork


def test_outputs_equal_numpy() -> None:
    torch.manual_seed(0)
    model = CurriculumNetwork(6, {"arousal": 1, "emotion": 3}, hidden_size=5).double().eval()
    frames = torch.randn(4, 2, 6, dtype=torch.float64)
    w = {name: value.numpy() for name, value in model.state_dict().items()}
    x = frames.mean(dim=1).numpy() @ w["layers.0.weight"].T + w["layers.0.bias"]
    for layer in ("layers.2", "layers.5"):
        x = np.maximum(x @ w[f"{layer}.weight"].T + w[f"{layer}.bias"], 0)
    np.testing.assert_allclose(model.embed(frames.mean(dim=1)).detach().numpy(), x, atol=1e-12)
    for name, output in model(frames).items():
        values = x @ w[f"heads.{name}.weight"].T + w[f"heads.{name}.bias"]
        np.testing.assert_allclose(output.detach().numpy().reshape(4, -1), values, atol=1e-12)


@pytest.mark.parametrize(("training", "equal"), [(False, True), (True, False)])
def test_dropout_is_of_training_only(training: bool, equal: bool) -> None:
    model = CurriculumNetwork(6, {"arousal": 1}).train(training)
    frames = torch.randn(4, 1, 6)
    assert torch.equal(model(frames)["arousal"], model(frames)["arousal"]) is equal


def test_the_published_size() -> None:
    model = CurriculumNetwork(6373, {"arousal": 1})
    assert sum(p.numel() for p in model.parameters()) == 6373 * 512 + 512 + 2 * (512 * 512 + 512) + 512 + 1
