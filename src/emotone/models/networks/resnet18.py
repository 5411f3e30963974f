"""ResNet-18: residual convolutions over an image, with torchvision's parameter names and shapes.

He, Zhang, Ren & Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, table 1, as torchvision has it.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

WIDTHS = (64, 128, 256, 512)


class _Block(nn.Module):
    """Two 3 x 3 convolutions and what goes past them: [N, V, h, w] -> [N, W, h / stride, w / stride]."""

    def __init__(self, in_width: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_width, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = (
            nn.Sequential(nn.Conv2d(in_width, width, 1, stride, bias=False), nn.BatchNorm2d(width))
            if stride != 1 or in_width != width
            else nn.Identity()
        )

    def forward(self, maps: Tensor) -> Tensor:
        added = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(maps)))))
        return torch.relu(added + self.downsample(maps))


class ResNet18(nn.Module):
    """A convolution and four stages of two residual blocks -> mean -> linear: 11,178,564 parameters for 4 classes.

    Convolutions start as He et al. have it (normal, by what goes out), the head as torch does.

    Args:
        num_classes: K.
        num_channels: C, of the images.

    >>> network = ResNet18(4).eval()
    >>> tuple(network(torch.zeros(2, 3, 64, 96)).shape)
    (2, 4)
    """

    head: ClassVar[str] = "fc"

    def __init__(self, num_classes: int, num_channels: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(num_channels, WIDTHS[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(WIDTHS[0])
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(_Block(WIDTHS[0], WIDTHS[0], 1), _Block(WIDTHS[0], WIDTHS[0], 1))
        self.layer2 = nn.Sequential(_Block(WIDTHS[0], WIDTHS[1], 2), _Block(WIDTHS[1], WIDTHS[1], 1))
        self.layer3 = nn.Sequential(_Block(WIDTHS[1], WIDTHS[2], 2), _Block(WIDTHS[2], WIDTHS[2], 1))
        self.layer4 = nn.Sequential(_Block(WIDTHS[2], WIDTHS[3], 2), _Block(WIDTHS[3], WIDTHS[3], 1))
        self.fc = nn.Linear(WIDTHS[3], num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    @property
    def first(self) -> nn.Conv2d:
        """The convolution that sees the images."""
        return self.conv1

    def activation(self, maps: Tensor) -> Tensor:
        """A map per class [N, K, h, w], whose mean is the logit, of what the first convolution gives.

        Zhou et al., "Learning Deep Features for Discriminative Localization", CVPR 2016, equation 2, with the bias.
        """
        return self.fc(self._stages(maps).movedim(1, -1)).movedim(-1, 1)

    def rest(self, maps: Tensor) -> Tensor:
        """Logits [N, K] of what the first convolution gives."""
        return self.fc(self._stages(maps).mean(dim=(2, 3)))

    def forward(self, images: Tensor) -> Tensor:  # [N, C, H, W], at least 32 x 32 -> [N, K]
        return self.rest(self.first(images))

    def _stages(self, maps: Tensor) -> Tensor:  # [N, 64, H / 2, W / 2] -> [N, 512, H / 32, W / 32]
        maps = self.maxpool(torch.relu(self.bn1(maps)))
        return self.layer4(self.layer3(self.layer2(self.layer1(maps))))
