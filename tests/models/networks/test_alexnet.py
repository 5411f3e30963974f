"""AlexNet by torchvision's names and shapes, against torch's functions one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from emotone.models.networks.alexnet import AlexNet


def test_names_and_shapes_are_those_of_torchvision() -> None:
    with torch.device("meta"):
        network = AlexNet(4)
    assert {name: tuple(value.shape) for name, value in network.state_dict().items() if "weight" in name} == {
        "features.0.weight": (64, 3, 11, 11),
        "features.3.weight": (192, 64, 5, 5),
        "features.6.weight": (384, 192, 3, 3),
        "features.8.weight": (256, 384, 3, 3),
        "features.10.weight": (256, 256, 3, 3),
        "classifier.1.weight": (4096, 9216),
        "classifier.4.weight": (4096, 4096),
        "classifier.6.weight": (4, 4096),
    }
    assert sum(value.numel() for value in network.parameters()) == 57_020_228
    with torch.device("meta"):
        published = AlexNet(1000)
    assert sum(value.numel() for value in published.parameters()) == 61_100_840  # torchvision's own


def test_it_computes_what_torchs_functions_do() -> None:
    torch.manual_seed(0)
    network = AlexNet(4, num_channels=2).eval()
    w = network.state_dict()
    images = torch.randn(2, 2, 128, 200)
    maps = images
    for place, settings in ((0, {"stride": 4, "padding": 2}), (3, {"padding": 2}), (6, {"padding": 1})):
        maps = F.relu(F.conv2d(maps, w[f"features.{place}.weight"], w[f"features.{place}.bias"], **settings))
        maps = F.max_pool2d(maps, 3, 2) if place < 6 else maps
    for place in (8, 10):
        maps = F.relu(F.conv2d(maps, w[f"features.{place}.weight"], w[f"features.{place}.bias"], padding=1))
    values = F.adaptive_avg_pool2d(F.max_pool2d(maps, 3, 2), 6).flatten(1)
    for place in (1, 4):
        values = F.relu(F.linear(values, w[f"classifier.{place}.weight"], w[f"classifier.{place}.bias"]))
    expected = F.linear(values, w["classifier.6.weight"], w["classifier.6.bias"])
    with torch.inference_mode():
        torch.testing.assert_close(network(images), expected, atol=1e-6, rtol=0)
    assert expected.std() > 0.001


def test_the_head_starts_xavier_uniform() -> None:
    torch.manual_seed(0)
    head = AlexNet(4).classifier[6]
    bound = np.sqrt(6 / (4096 + 4))
    assert not head.bias.any() and head.weight.abs().max() <= bound
    assert head.weight.std().item() == pytest.approx(bound / np.sqrt(3), rel=0.02)


def test_the_smallest_image() -> None:
    with torch.device("meta"):
        network = AlexNet(4)
        assert network(torch.zeros(1, 3, 63, 63)).shape == (1, 4)
        with pytest.raises(RuntimeError):
            network(torch.zeros(1, 3, 62, 63))
