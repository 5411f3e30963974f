"""ResNet-18 by torchvision's names and shapes, against torch's functions one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotone.models.networks.resnet18 import ResNet18


def torchvision_shapes() -> dict[str, tuple[int, ...]]:
    """Convolutions and linear layers of torchvision's resnet18 with 4 classes."""
    shapes: dict[str, tuple[int, ...]] = {"conv1.weight": (64, 3, 7, 7), "fc.weight": (4, 512), "fc.bias": (4,)}
    for stage, (before, width) in enumerate([(64, 64), (64, 128), (128, 256), (256, 512)], start=1):
        for block in (0, 1):
            name = f"layer{stage}.{block}"
            shapes[f"{name}.conv1.weight"] = (width, before if block == 0 else width, 3, 3)
            shapes[f"{name}.conv2.weight"] = (width, width, 3, 3)
        if stage > 1:
            shapes[f"layer{stage}.0.downsample.0.weight"] = (width, before, 1, 1)
    return shapes


def test_names_and_shapes_are_those_of_torchvision() -> None:
    with torch.device("meta"):
        network, published = ResNet18(4), ResNet18(1000)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    expected = torchvision_shapes()
    for name in [name for name in expected if name != "fc.weight" and name.endswith("weight")]:
        norm = name.replace("downsample.0", "downsample.1").replace("conv", "bn").removesuffix(".weight")
        expected |= {f"{norm}.{part}": expected[name][:1] for part in ("weight", "bias", "running_mean", "running_var")}
        expected[f"{norm}.num_batches_tracked"] = ()
    assert shapes == expected
    assert sum(value.numel() for value in network.parameters()) == 11_178_564
    assert sum(value.numel() for value in published.parameters()) == 11_689_512  # torchvision's own


def trained() -> ResNet18:
    """A network whose batch normalisation does something."""
    torch.manual_seed(0)
    network = ResNet18(4).eval()
    for name, value in network.state_dict().items():
        if "bn" in name or "downsample.1" in name:
            value.uniform_(0.5, 1.5) if value.is_floating_point() else value.fill_(1)
    return network


def test_it_computes_what_torchs_functions_do() -> None:
    network = trained()
    w = network.state_dict()

    def normalise(maps: Tensor, name: str) -> Tensor:
        statistics = w[f"{name}.running_mean"], w[f"{name}.running_var"]
        return F.batch_norm(maps, *statistics, w[f"{name}.weight"], w[f"{name}.bias"])

    def block(maps: Tensor, name: str, stride: int) -> Tensor:
        inner = F.relu(normalise(F.conv2d(maps, w[f"{name}.conv1.weight"], None, stride, 1), f"{name}.bn1"))
        inner = normalise(F.conv2d(inner, w[f"{name}.conv2.weight"], None, 1, 1), f"{name}.bn2")
        if f"{name}.downsample.0.weight" in w:
            maps = normalise(F.conv2d(maps, w[f"{name}.downsample.0.weight"], None, stride), f"{name}.downsample.1")
        return F.relu(inner + maps)

    images = torch.randn(2, 3, 128, 192)
    maps = F.relu(normalise(F.conv2d(images, w["conv1.weight"], None, 2, 3), "bn1"))
    maps = F.max_pool2d(maps, 3, 2, 1)
    for stage in (1, 2, 3, 4):
        for number in (0, 1):
            maps = block(maps, f"layer{stage}.{number}", 2 if stage > 1 and number == 0 else 1)
    expected = F.linear(F.adaptive_avg_pool2d(maps, 1).flatten(1), w["fc.weight"], w["fc.bias"])
    with torch.inference_mode():
        logits, activation = network(images), network.activation(network.first(images))
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(activation.mean(dim=(2, 3)), logits, atol=1e-5, rtol=1e-5)
    assert activation.shape == (2, 4, 4, 6)


def test_it_starts_as_published() -> None:
    torch.manual_seed(0)
    network = ResNet18(4)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            fan_out = layer.out_channels * layer.weight[0, 0].numel()
            assert layer.weight.std().item() == pytest.approx(np.sqrt(2 / fan_out), rel=0.05)
    assert network.fc.weight.abs().max() <= 1 / np.sqrt(512)


def test_any_size_from_32() -> None:
    with torch.device("meta"):
        assert ResNet18(4, num_channels=5)(torch.zeros(2, 5, 32, 33)).shape == (2, 4)
