"""AlexNet: five convolutions and three linear layers over an image, with torchvision's parameter names and shapes.

Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, as torchvision has it.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

POOLED = 6
"""Rows and columns of the maps after pooling."""


class AlexNet(nn.Module):
    """Convolutions -> maps averaged to 6 x 6 -> three linear layers: 57,020,228 parameters for 4 classes.

    It starts as torch does, its head Xavier-uniform with biases 0.

    Args:
        num_classes: K.
        num_channels: C, of the images.

    >>> network = AlexNet(4).eval()
    >>> tuple(network(torch.zeros(2, 3, 63, 95)).shape)
    (2, 4)
    """

    head: ClassVar[str] = "classifier.6"

    def __init__(self, num_classes: int, num_channels: int = 3) -> None:
        super().__init__()
        self.features = alexnet_convolutions(num_channels)
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Linear(256 * POOLED**2, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            new_head(nn.Linear(4096, num_classes)),
        )

    @property
    def first(self) -> nn.Conv2d:
        """The convolution that sees the images."""
        return self.features[0]  # type: ignore[return-value]  # Sequential knows no types

    def rest(self, maps: Tensor) -> Tensor:
        """Logits [N, K] of what the first convolution gives."""
        maps = average_maps(self.features[1:](maps), POOLED)
        return self.classifier(maps.flatten(1))

    def forward(self, images: Tensor) -> Tensor:  # [N, C, H, W], at least 63 x 63 -> [N, K]
        return self.rest(self.first(images))


def alexnet_convolutions(num_channels: int) -> nn.Sequential:
    """Images [N, C, H, W] -> maps [N, 256, h, w]."""
    return nn.Sequential(
        nn.Conv2d(num_channels, 64, 11, stride=4, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2),
    )


def new_head(layer: nn.Linear | nn.Conv2d) -> nn.Module:
    """The layer, its weights Xavier-uniform and its biases 0."""
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def average_maps(maps: Tensor, size: int) -> Tensor:
    """Adaptive average pooling of maps [N, C, h, w] to [N, C, size, size], equal to `nn.AdaptiveAvgPool2d`.

    Two products with constant matrices: ONNX has no pooling whose windows differ in size.
    """
    rows, columns = (_average(int(length), size).to(maps) for length in maps.shape[-2:])
    return rows @ maps @ columns.T


def _average(length: int, num_parts: int) -> Tensor:
    """Weights [num_parts, length] of the mean of each part of an axis: i L / n (down) to (i + 1) L / n (up)."""
    places, parts = torch.arange(length), torch.arange(num_parts)[:, None]
    within = (places >= parts * length // num_parts) & (places < -(-(parts + 1) * length // num_parts))
    return within / within.sum(dim=1, keepdim=True)
