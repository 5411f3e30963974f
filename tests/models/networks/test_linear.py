"""The linear model against numpy, and through ONNX."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
import torch

from emotone.models.export import to_onnx
from emotone.models.networks.linear import Linear


@pytest.mark.parametrize("batch", [1, 3])
def test_it_is_a_linear_map_in_torch_and_onnx(batch: int) -> None:
    torch.manual_seed(0)
    network = Linear(6, {"arousal": 1, "emotion": 4}).eval()
    inputs = np.random.default_rng(0).normal(size=(batch, 1, 6)).astype(np.float32)
    with torch.inference_mode():
        outputs = {name: value.numpy() for name, value in network(torch.from_numpy(inputs)).items()}
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    expected = inputs[:, 0] @ weights["outputs.emotion.weight"].T + weights["outputs.emotion.bias"]
    np.testing.assert_allclose(outputs["emotion"], expected, atol=1e-6)
    assert outputs["arousal"].shape == (batch,)
    model = to_onnx(
        network, {"features": np.zeros((2, 1, 6), np.float32)}, ["arousal", "emotion"], {"features": {0: "B", 1: "T"}}
    )
    found = onnxruntime.InferenceSession(model).run(["arousal", "emotion"], {"features": inputs})
    for name, value in zip(("arousal", "emotion"), found, strict=True):
        np.testing.assert_allclose(value, outputs[name], atol=1e-6)
