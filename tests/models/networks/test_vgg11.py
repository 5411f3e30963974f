"""VGG-11 by torchvision's names and shapes, against torch's functions one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from emotone.models.networks.vgg11 import Vgg11


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Vgg11:
    """VGG-11 with an eighth of the channels: its linear layers alone would take half a gigabyte."""
    stages = ((8,), (16,), (32, 32), (64, 64), (64, 64))
    monkeypatch.setattr("emotone.models.networks.vgg11.STAGES", stages)
    torch.manual_seed(0)
    return Vgg11(4).eval()


def test_names_and_shapes_are_those_of_torchvision() -> None:
    with torch.device("meta"):
        network, published = Vgg11(4), Vgg11(1000)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items() if "weight" in name}
    widths = (3, 64, 128, 256, 256, 512, 512, 512, 512)
    convolutions = zip((0, 3, 6, 8, 11, 13, 16, 18), widths[1:], widths[:-1], strict=True)
    expected = {f"features.{place}.weight": (width, before, 3, 3) for place, width, before in convolutions}
    sizes = {0: (4096, 25088), 3: (4096, 4096), 6: (4, 4096)}
    assert shapes == expected | {f"classifier.{place}.weight": size for place, size in sizes.items()}
    assert sum(value.numel() for value in network.parameters()) == 128_782_724
    assert sum(value.numel() for value in published.parameters()) == 132_863_336  # torchvision's own


def test_it_computes_what_torchs_functions_do(small: Vgg11) -> None:
    w = small.state_dict()
    images = torch.randn(2, 3, 96, 160)
    maps = images
    for place in (0, 3, 6, 8, 11, 13, 16, 18):
        maps = F.relu(F.conv2d(maps, w[f"features.{place}.weight"], w[f"features.{place}.bias"], padding=1))
        maps = F.max_pool2d(maps, 2) if place in (0, 3, 8, 13, 18) else maps
    values = F.adaptive_avg_pool2d(maps, 7).flatten(1)
    for place in (0, 3):
        values = F.relu(F.linear(values, w[f"classifier.{place}.weight"], w[f"classifier.{place}.bias"]))
    expected = F.linear(values, w["classifier.6.weight"], w["classifier.6.bias"])
    with torch.inference_mode():
        torch.testing.assert_close(small(images), expected, atol=1e-5, rtol=0)
    assert expected.std() > 0.001


def test_it_starts_as_published(small: Vgg11) -> None:
    *layers, head = [layer for layer in small.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    for layer in layers:
        std = np.sqrt(2 / (9 * layer.out_channels)) if isinstance(layer, nn.Conv2d) else 0.01
        assert layer.weight.std().item() == pytest.approx(std, abs=5 * std / np.sqrt(layer.weight.numel()))
        assert not layer.bias.any()
    assert not head.bias.any() and 0.9 < head.weight.abs().max() / np.sqrt(6 / (4096 + 4)) <= 1


def test_any_size_from_32() -> None:
    with torch.device("meta"):
        assert Vgg11(4, num_channels=2)(torch.zeros(1, 2, 32, 45)).shape == (1, 4)
        with pytest.raises(RuntimeError):
            Vgg11(4)(torch.zeros(1, 3, 31, 45))
