"""The curriculum's network as a system: published size and learning rate, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from emotone.base import plugins
from emotone.bundle.target import Target
from emotone.bundle.view.view import Whole
from emotone.data.recipe import Training
from emotone.errors import EmotoneError
from emotone.models.export import to_onnx

AROUSAL = Target("arousal", "attribute", (1.0, 7.0))
EMOTION = Target("emotion", "category", labels=("anger", "neutral", "sadness"))


def system(**settings: Any) -> Any:
    return plugins.create("systems", "curriculum-network", settings)


def test_the_published_network_is_the_default() -> None:
    network = system().build(6373, [AROUSAL])
    sizes = [value.numel() for name, value in network.named_parameters() if name.endswith("weight")]
    assert sizes == [6373 * 512, 512 * 512, 512 * 512, 512]
    assert [layer.p for layer in network.modules() if isinstance(layer, torch.nn.Dropout)] == [0.3, 0.3]


def test_settings_reach_the_network() -> None:
    network = system(hidden_size=7, dropout=0.1).build(4, [AROUSAL, EMOTION])
    assert network.embedding_size == 7 and {layer.p for layer in network.modules() if hasattr(layer, "p")} == {0.1}
    outputs = network(torch.zeros(2, 1, 4))
    assert outputs["arousal"].shape == (2,) and outputs["emotion"].shape == (2, 3)


@pytest.mark.parametrize(
    ("settings", "halved"),
    [
        ({}, [4, 9, 14, 19, 24, 29, 34, 39, 44]),  # as published
        ({"halve_every": 10, "halve_until": 30}, [9, 19, 29]),
        ({"halve_every": None}, []),
    ],
)
def test_the_rate_is_halved_with_the_levels(settings: dict[str, Any], halved: list[int]) -> None:
    owner = system(**settings)
    optimiser, schedule = owner.optimiser(owner.build(3, [AROUSAL]), Training(epochs=70, learning_rate=1e-3))
    rate = 1e-3
    assert isinstance(optimiser, torch.optim.Adam)
    for epoch in range(70):
        rate *= 0.5 if epoch in halved else 1
        assert optimiser.param_groups[0]["lr"] == pytest.approx(rate, rel=1e-9), epoch
        optimiser.step()
        if schedule is not None:
            schedule.step()


def test_frames_are_refused() -> None:
    assert system().view(None, 3.0) == Whole()
    with pytest.raises(EmotoneError, match="needs a feature with one vector per utterance; this one has frames"):
        system().view(0.016, 3.0)


def test_onnx_equals_torch_for_any_batch() -> None:
    torch.manual_seed(0)
    network = system(hidden_size=8).build(5, [AROUSAL, EMOTION]).eval()
    names = ["arousal", "emotion"]
    model = to_onnx(network, {"features": np.zeros((2, 1, 5), np.float32)}, names, {"features": {0: "B", 1: "T"}})
    session = onnxruntime.InferenceSession(model)
    for size in (1, 3, 7):
        inputs = np.random.default_rng(size).normal(0, 1, (size, 1, 5)).astype(np.float32)
        expected = network(torch.from_numpy(inputs))
        for name, output in zip(names, session.run(names, {"features": inputs}), strict=True):
            np.testing.assert_allclose(output, expected[name].detach().numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hidden_size": 0}, "curriculum-network: hidden_size must be at least 1, not 0"),
        ({"halve_every": 0}, "curriculum-network: halve_every must be at least 1, not 0"),
        ({"halve_until": -1}, "curriculum-network: halve_until must be at least 1, not -1"),
        ({"dropout": 1.0}, "dropout must be at least 0 and less than 1, not 1.0"),
        ({"dropout": float("nan")}, "dropout must be at least 0 and less than 1, not nan"),
        ({"halve_evry": 3}, "did you mean 'halve_every'?"),
        ({"ccc": "lim"}, "ccc must be one of 'lin', 'published'"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError, match=".") as caught:
        system(**settings)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_rate_by_epochs_needs_epochs() -> None:
    """Counted in iterations it would fall to a five-hundredth within the first 45 batches."""
    with pytest.raises(EmotoneError, match="set training.epochs.*halve_every"):
        system().check_training(Training(iterations=500), False)
    system().check_training(Training(epochs=70), True)
    system(halve_every=None).check_training(Training(iterations=500), False)
