"""What networks for images share: averaged maps, new heads, and the way in behind the first convolution."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from emotone.models.networks._image_network import average_maps, new_head
from emotone.models.networks.alexnet_gap import AlexNetGap


@pytest.mark.parametrize("size", [(7, 11), (6, 12), (1, 3), (13, 6)])
@pytest.mark.parametrize("pooled", [6, 7])
def test_maps_are_averaged_as_torch_does(size: tuple[int, int], pooled: int) -> None:
    maps = torch.randn(2, 3, *size, dtype=torch.float64)
    expected = F.adaptive_avg_pool2d(maps, pooled)
    torch.testing.assert_close(average_maps(maps, pooled), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("layer", [nn.Linear(30, 10), nn.Conv2d(30, 10, 1), nn.Linear(30, 10, bias=False)])
def test_a_new_head_is_xavier_uniform_without_biases(layer: nn.Linear | nn.Conv2d) -> None:
    torch.manual_seed(0)
    head = new_head(layer)
    assert head is layer and layer.weight.abs().max() <= math.sqrt(6 / 40) < 1.1 * layer.weight.abs().max()
    assert layer.bias is None or not layer.bias.any()


def test_a_network_can_be_entered_behind_its_first_convolution() -> None:
    torch.manual_seed(0)
    network, images = AlexNetGap(4).eval(), torch.randn(2, 3, 63, 95)
    with torch.inference_mode():
        maps = network.first(images)
        assert torch.equal(network.rest(maps), network(images)) and network.pool(maps).shape == (2, 256, 6, 6)
