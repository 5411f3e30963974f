"""The light network: any length, and what its two towers may depend on."""

from __future__ import annotations

import pytest
import torch

from emotone.models.networks.mel_convolution import MelConvolution


@pytest.fixture
def network() -> MelConvolution:
    """A small one in evaluation mode."""
    torch.manual_seed(0)
    return MelConvolution(32, {"arousal": 1, "emotion": 3}, (4, 4, 4), width=16, num_blocks=2).eval()


@pytest.mark.parametrize("num_frames", [1, 2, 7, 16, 333])
def test_takes_any_length(network: MelConvolution, num_frames: int) -> None:
    outputs = network(torch.randn(2, num_frames, 32))
    assert outputs["arousal"].shape == (2,) and outputs["emotion"].shape == (2, 3)
    assert all(torch.isfinite(output).all() for output in outputs.values())


def test_utterances_of_a_batch_do_not_see_each_other(network: MelConvolution) -> None:
    batch = torch.randn(3, 50, 32)
    whole, alone = network(batch), network(batch[1:2])
    torch.testing.assert_close(whole["arousal"][1:2], alone["arousal"], atol=1e-6, rtol=0)
    torch.testing.assert_close(whole["emotion"][1:2], alone["emotion"], atol=1e-6, rtol=0)


def test_only_attributes_without_categories() -> None:
    network = MelConvolution(32, {"arousal": 1, "valence": 1}, (4, 4, 4), width=16, num_blocks=1).eval()
    assert list(network(torch.randn(1, 20, 32))) == ["arousal", "valence"]
