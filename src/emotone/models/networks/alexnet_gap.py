"""AlexNet's convolutions with a 1 x 1 convolution to classes in place of its linear layers: a map for each class.

Global average pooling is that of Lin, Chen & Yan, "Network In Network", ICLR 2014, section 3.2.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from emotone.models.networks._image_network import ImageNetwork, new_head
from emotone.models.networks.alexnet import POOLED, alexnet_convolutions


class AlexNetGap(ImageNetwork):
    """Convolutions -> maps averaged to 6 x 6 -> a 6 x 6 map per class -> its mean: 2,470,724 parameters for 4 classes.

    Its convolutions are AlexNet's, by name and shape; the head starts Xavier-uniform with biases 0.

    Args:
        num_classes: K.
        num_channels: C, of the images, which are at least 63 x 63.

    >>> import torch
    >>> network = AlexNetGap(4).eval()
    >>> tuple(network(torch.zeros(2, 3, 63, 95)).shape)
    (2, 4)
    """

    head: ClassVar[str] = "classifier"
    pooled: ClassVar[int] = POOLED

    def __init__(self, num_classes: int, num_channels: int = 3) -> None:
        super().__init__()
        self.features = alexnet_convolutions(num_channels)
        self.classifier = new_head(nn.Conv2d(256, num_classes, 1))

    def activation(self, maps: Tensor) -> Tensor:
        """A map per class [N, K, 6, 6], whose mean is the logit, of what the first convolution gives."""
        return self.classifier(self.pool(maps))

    def rest(self, maps: Tensor) -> Tensor:
        """Logits [N, K] of what the first convolution gives."""
        return self.activation(maps).mean(dim=(2, 3))
