"""The light network's system: batches, batch augmentation and the balanced category biases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from emotone.base import plugins
from emotone.bundle.target import Target
from emotone.errors import EmotoneError
from emotone.training.closed_form import bias_for, prior_of
from emotone.training.systems import mel_convolution as module

LABELS = ("anger", "neutral", "sadness")


def system(**settings: object) -> module.MelConvolution:
    return plugins.create("systems", "mel-convolution", settings)


def test_batches_are_even_over_categories() -> None:
    hot = np.zeros((100, 3), np.float32)
    hot[:40, 0], hot[40:45, 1], hot[45:60, 2] = 1, 1, 1  # 40 unlabelled rows remain
    rows = system(labelled_share=0.6).sample({"emotion": hot}, 50, 7, 0)
    counts = hot[rows].sum(axis=0)
    assert len(rows) == 50 and counts.sum() == 30 and set(counts) == {10.0}
    np.testing.assert_array_equal(rows, system(labelled_share=0.6).sample({"emotion": hot}, 50, 7, 0))


def test_masks_and_mixup_keep_shapes_and_label_mass() -> None:
    inputs = torch.randn(8, 64, 16)
    hot = torch.eye(3)[torch.arange(8) % 3]
    hot[5] = 0
    out, labels = system(warp_bins=2.0, tilt=0.5).augment(inputs, {"emotion": hot}, np.random.default_rng(0))
    assert out.shape == inputs.shape and torch.isfinite(out).all()
    assert labels["emotion"].sum() == pytest.approx(7, abs=1e-4)


def test_no_augmentation_is_the_identity() -> None:
    inputs = torch.randn(4, 64, 16)
    still = system(warp_bins=0.0, mask_frames=0, mask_bins=0, mixup=0.0)
    still = module.MelConvolution(**{**plugins.settings_of(still), "crop_frames": (96, 224)})
    out, _ = still.augment(inputs, {}, np.random.default_rng(0))
    assert out.shape == inputs.shape  # the warp's stretch by up to 6 % remains


@pytest.mark.parametrize("balance", [{}, {"neutral": 0.5}])
def test_balance_gives_the_mean_probabilities(balance: dict[str, float]) -> None:
    logits = np.random.default_rng(0).normal([2, 0, -1], 1, (200, 3)).astype(np.float32)
    bias = bias_for(logits, prior_of(balance, LABELS, "balance"))
    shares = torch.softmax(torch.from_numpy(logits + bias), dim=1).mean(dim=0).numpy()
    expected = [0.25, 0.5, 0.25] if balance else [1 / 3] * 3
    np.testing.assert_allclose(shares, expected, atol=1e-6)


def test_balance_names_known_categories() -> None:
    target = Target("emotion", "category", labels=LABELS)
    network = system().build(16, [target])
    with pytest.raises(EmotoneError, match="did you mean 'neutral'"):
        system(balance={"neutrl": 0.5}).finish(network, [target], {"emotion": np.zeros((2, 3), np.float32)})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, "width must be at least 1, not 0"),
        ({"channels": [12, 0, 32]}, "channels must be at least 1, not 0"),
        ({"mixup": -1.0}, "mixup must be at least 0, not -1"),
        ({"dropout": 2.0}, "dropout must be from 0 to 1, not 2"),
        ({"labelled_share": 1.5}, "labelled_share must be from 0 to 1, not 1.5"),
        ({"max_utterance_s": float("nan")}, "max_utterance_s must be at least 0.5, not nan"),
        ({"warp_bins": float("inf")}, "warp_bins must be at least 0, not inf"),
        ({"width": 30}, "width must be a multiple of 4, not 30"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(EmotoneError, match=f"mel-convolution: {message}"):
        plugins.create("systems", "mel-convolution", settings)


@pytest.mark.parametrize(
    "balance",
    [
        {"neutral": 1.5},
        {"neutral": -0.1},
        {"neutral": 1.0},
        {"neutral": 0.5, "anger": 0.1, "sadness": 0.1},
        {"neutral": float("nan")},
    ],
)
def test_a_balance_that_cannot_be_reached_is_refused_before_training(balance: dict[str, float]) -> None:
    with pytest.raises(EmotoneError, match="balance must leave every category a share, together 1, not {'neutral'"):
        system(balance=balance).build(16, [Target("emotion", "category", labels=LABELS)])
