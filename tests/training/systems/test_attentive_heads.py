"""Attentive heads learn what frames say, and refuse what they cannot take."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from emotone.base import plugins
from emotone.bundle.target import Target
from emotone.data.recipe import Training
from emotone.errors import EmotoneError

TARGETS = [Target("arousal", "attribute", (1.0, 7.0)), Target("emotion", "category", labels=("anger", "neutral"))]


def system(**settings: Any) -> Any:
    return plugins.create("systems", "attentive-heads", settings)


@pytest.mark.parametrize("hidden", [0, 8])
def test_it_finds_the_frames_that_count(hidden: int) -> None:
    """The label is in the one frame that a flag marks; the plain mean over 20 frames says little of it."""
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    frames = random.normal(size=(256, 20, 4)).astype(np.float32)
    frames[:, :, 3] = 0
    marked = random.integers(20, size=256)
    frames[np.arange(256), marked, 3] = 4
    values = frames[np.arange(256), marked, 0]
    labels = {"arousal": torch.from_numpy(values), "emotion": torch.from_numpy(np.eye(2)[(values > 0).astype(int)])}
    one = system(hidden=hidden, dropout=0.0)
    network = one.build(4, TARGETS)
    settings = Training(iterations=300, learning_rate=0.03)
    optimiser, schedule = one.optimiser(network, settings)
    for _ in range(settings.rounds):
        optimiser.zero_grad()
        one.loss(network(torch.from_numpy(frames)), labels).backward()
        optimiser.step()
        schedule.step()
    with torch.inference_mode():
        found = network.eval()(torch.from_numpy(frames))
    assert np.corrcoef(found["arousal"], values)[0, 1] > 0.9 > np.corrcoef(frames[:, :, 0].mean(axis=1), values)[0, 1]
    assert ((found["emotion"].argmax(dim=1).numpy() > 0) == (values > 0)).mean() > 0.9


def test_it_needs_frames_and_possible_settings() -> None:
    with pytest.raises(EmotoneError, match="attentive-heads needs a feature with frames"):
        system().view(None, 3.0)
    assert system(crop_frames=50).crop(np.random.default_rng(0)) == 50
    assert system(max_utterance_s=9.0).utterance_limit_s(3.0) == 9.0
    wrong = {"hidden": -1, "dropout": 1.0, "crop_frames": 1, "smoothing": float("nan"), "max_utterance_s": 0.0}
    for name, value in wrong.items():
        with pytest.raises(EmotoneError, match=f"attentive-heads: {name} must be"):
            system(**{name: value})
