"""What networks for images with torchvision's names share: entry behind the first convolution, pooling, new heads."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn


class ImageNetwork(nn.Module):
    """Convolutions `features` -> maps averaged to `pooled` x `pooled` -> `classifier`."""

    pooled: ClassVar[int]
    features: nn.Sequential
    classifier: nn.Module

    @property
    def first(self) -> nn.Conv2d:
        """The convolution that sees the images."""
        first = self.features[0]
        assert isinstance(first, nn.Conv2d)
        return first

    def pool(self, maps: Tensor) -> Tensor:
        """Averaged maps [N, C, pooled, pooled] of what the first convolution gives."""
        return average_maps(self.features[1:](maps), self.pooled)

    def rest(self, maps: Tensor) -> Tensor:
        """Logits [N, K] of what the first convolution gives."""
        return self.classifier(self.pool(maps).flatten(1))

    def forward(self, images: Tensor) -> Tensor:  # [N, C, H, W] -> [N, K]
        return self.rest(self.first(images))


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
