"""AlexNet: five convolutions and three linear layers over an image, with torchvision's parameter names and shapes.

Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, as torchvision has it.
"""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from emotone.models.networks._image_network import ImageNetwork, new_head

POOLED = 6
"""Rows and columns of the maps after pooling."""


class AlexNet(ImageNetwork):
    """Convolutions -> maps averaged to 6 x 6 -> three linear layers: 57,020,228 parameters for 4 classes.

    It starts as torch does, its head Xavier-uniform with biases 0.

    Args:
        num_classes: K.
        num_channels: C, of the images, which are at least 63 x 63.

    >>> import torch
    >>> network = AlexNet(4).eval()
    >>> tuple(network(torch.zeros(2, 3, 63, 95)).shape)
    (2, 4)
    """

    head: ClassVar[str] = "classifier.6"
    pooled: ClassVar[int] = POOLED

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
