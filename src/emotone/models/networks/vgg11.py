"""VGG-11: eight convolutions and three linear layers over an image, with torchvision's parameter names and shapes.

Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015, table 1, column
A, as torchvision has it.
"""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from emotone.models.networks._image_network import ImageNetwork, new_head

STAGES = ((64,), (128,), (256, 256), (512, 512), (512, 512))
"""Channels of the convolutions; the maps are halved after each stage."""
POOLED = 7
"""Rows and columns of the maps after pooling."""


class Vgg11(ImageNetwork):
    """Convolutions -> maps averaged to 7 x 7 -> three linear layers: 128,782,724 parameters for 4 classes.

    Convolutions start normal by what goes out (He et al. 2015), linear layers N(0, 0.01), the head Xavier-uniform; all
    biases are 0.

    Args:
        num_classes: K.
        num_channels: C, of the images, which are at least 32 x 32.

    >>> import torch
    >>> with torch.device("meta"):  # shapes without memory
    ...     tuple(Vgg11(4)(torch.zeros(2, 3, 32, 48)).shape)
    (2, 4)
    """

    head: ClassVar[str] = "classifier.6"
    pooled: ClassVar[int] = POOLED

    def __init__(self, num_classes: int, num_channels: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        in_width = num_channels
        for stage in STAGES:
            for width in stage:
                layers += [nn.Conv2d(in_width, width, 3, padding=1), nn.ReLU(inplace=True)]
                in_width = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        head = nn.Linear(4096, num_classes)
        self.classifier = nn.Sequential(
            nn.Linear(in_width * POOLED**2, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            head,
        )
        self.apply(_initialise)
        new_head(head)


def _initialise(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(layer, nn.Linear):
        nn.init.normal_(layer.weight, std=0.01)
    if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
        nn.init.zeros_(layer.bias)
