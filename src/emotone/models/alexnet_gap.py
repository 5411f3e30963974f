"""AlexNet's convolutions with a 1 x 1 convolution to classes in place of its linear layers: a map for each class.

Global average pooling is that of Lin, Chen & Yan, "Network In Network", ICLR 2014, section 3.2.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from emotone.models.alexnet import POOLED, alexnet_convolutions, average_maps, new_head


class AlexNetGap(nn.Module):
    """Convolutions -> maps averaged to 6 x 6 -> a 6 x 6 map per class -> its mean: 2,470,724 parameters for 4 classes.

    Its convolutions are AlexNet's, by name and shape; the head starts Xavier-uniform with biases 0.

    Args:
        num_classes: K.
        num_channels: C, of the images.

    >>> import torch
    >>> network = AlexNetGap(4).eval()
    >>> tuple(network(torch.zeros(2, 3, 63, 95)).shape)
    (2, 4)
    """

    head: ClassVar[str] = "classifier"

    def __init__(self, num_classes: int, num_channels: int = 3) -> None:
        super().__init__()
        self.features = alexnet_convolutions(num_channels)
        self.classifier = new_head(nn.Conv2d(256, num_classes, 1))

    @property
    def first(self) -> nn.Conv2d:
        """The convolution that sees the images."""
        return self.features[0]  # type: ignore[return-value]  # Sequential knows no types

    def activation(self, maps: Tensor) -> Tensor:
        """A map per class [N, K, 6, 6], whose mean is the logit, of what the first convolution gives."""
        return self.classifier(average_maps(self.features[1:](maps), POOLED))

    def rest(self, maps: Tensor) -> Tensor:
        """Logits [N, K] of what the first convolution gives."""
        return self.activation(maps).mean(dim=(2, 3))

    def forward(self, images: Tensor) -> Tensor:  # [N, C, H, W], at least 63 x 63 -> [N, K]
        return self.rest(self.first(images))
