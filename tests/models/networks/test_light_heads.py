"""Light heads: a linear map of the mean over frames, and an expectation where there is one."""

from __future__ import annotations

import numpy as np
import torch

from emotone.models.networks.light_heads import LightHeads


def test_outputs_are_linear_in_the_mean_and_an_expectation_adds_its_own() -> None:
    torch.manual_seed(0)
    network = LightHeads(6, {"arousal": 1, "valence": 1, "emotion": 3}, {"valence": 3})
    norms = torch.tensor([-1.0, 0.5, 2.0])
    network.expectations["valence"].values.copy_(norms)
    frames = torch.randn(4, 5, 6)
    with torch.inference_mode():
        found = {name: output.numpy() for name, output in network(frames).items()}
        vector = frames.mean(dim=1)
        plain = {name: layer(vector).numpy() for name, layer in network.outputs.items()}
        logits = network.expectations["valence"].logits(vector).numpy()
    odds = np.exp(logits)
    expected = odds @ norms.numpy() / odds.sum(axis=1)
    np.testing.assert_allclose(found["arousal"], plain["arousal"][:, 0], rtol=1e-5)
    np.testing.assert_allclose(found["emotion"], plain["emotion"], rtol=1e-5)
    np.testing.assert_allclose(found["valence"], plain["valence"][:, 0] + expected, rtol=1e-5, atol=1e-6)
