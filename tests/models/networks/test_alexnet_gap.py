"""AlexNet with a map per class: against torch's functions, and its maps against its logits."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional as F

from emotone.models.networks.alexnet import AlexNet
from emotone.models.networks.alexnet_gap import AlexNetGap


def test_its_convolutions_are_those_of_alexnet() -> None:
    with torch.device("meta"):
        network, other = AlexNetGap(4), AlexNet(4)
    own, given = network.state_dict(), other.state_dict()
    features = {name: value.shape for name, value in given.items() if name.startswith("features")}
    assert {name: value.shape for name, value in own.items()} == features | {
        "classifier.weight": (4, 256, 1, 1),
        "classifier.bias": (4,),
    }
    assert sum(value.numel() for value in network.parameters()) == 2_470_724


def test_it_computes_what_torchs_functions_do() -> None:
    torch.manual_seed(0)
    network = AlexNetGap(4).eval()
    images = torch.randn(2, 3, 256, 384)
    with torch.inference_mode():
        maps = F.adaptive_avg_pool2d(network.features(images), 6)
        weight = network.classifier.weight[:, :, 0, 0]
        expected = torch.einsum("nchw,kc->nkhw", maps, weight) + network.classifier.bias[:, None, None]
        logits, activation = network(images), network.activation(network.first(images))
    torch.testing.assert_close(activation, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(activation.mean(dim=(2, 3)), logits, atol=1e-6, rtol=0)
    assert activation.shape == (2, 4, 6, 6) and activation.std() > 0.01


def test_the_head_starts_xavier_uniform() -> None:
    torch.manual_seed(0)
    head = AlexNetGap(7).classifier
    assert not head.bias.any() and 0.9 < head.weight.abs().max() / np.sqrt(6 / (256 + 7)) <= 1
