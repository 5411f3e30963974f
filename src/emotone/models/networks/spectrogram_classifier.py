"""Segments of a spectrogram as pictures, a network for images over them, and the mean over an utterance's segments.

The steps of a picture are the published ones: 8-bit grey, low frequencies at the bottom, three equal channels, resized
as Pillow does, ImageNet's mean and deviation. All are batched tensor operations and part of the network, so that
training, evaluation and the exported network run the same.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of red, green and blue, in units of full scale."""
WHITE = 255.0
PILLOW_BITS = 22
"""Pillow rounds the weights of 8-bit pictures to this many binary places."""
BLOCK = 8
"""Segments that a CPU resizes at a time, so that they stay in its cache."""


class _PictureNetwork(Protocol):
    """A network for images [N, C, H, W] that can be entered behind its first convolution."""

    @property
    def first(self) -> nn.Conv2d:
        """The convolution that sees the images."""

    def rest(self, maps: Tensor) -> Tensor:
        """Logits [N, K] of what the first convolution gives."""

    def __call__(self, images: Tensor) -> Tensor:
        """Logits [N, K] of images."""


class SpectrogramClassifier(nn.Module):
    """Min-max units of segments -> 8-bit pictures -> a network for images -> mean log-probabilities per utterance.

    Args:
        network: for images of `num_image_channels(num_channels)` channels.
        num_bins: of each channel; D = num_channels * num_bins, all bins of channel 0 first.
        num_channels: of the feature; one becomes three equal ones.
        segment_frames: m, frames per segment.
        short_side: of the pictures in pixels; the long side is in proportion (200 x 300 -> 256 x 384).
        target: the name of the output.

    >>> from emotone.models.networks.alexnet_gap import AlexNetGap
    >>> classifier = SpectrogramClassifier(AlexNetGap(4), num_bins=200).eval()
    >>> segments = torch.rand(2, 3, 300, 200)
    >>> tuple(classifier.images(segments[0]).shape), tuple(classifier(segments)["emotion"].shape)
    ((3, 3, 256, 384), (2, 4))
    """

    def __init__(
        self,
        network: _PictureNetwork,
        num_bins: int,
        num_channels: int = 1,
        segment_frames: int = 300,
        short_side: int = 256,
        target: str = "emotion",
    ) -> None:
        super().__init__()
        self.network: _PictureNetwork = network
        self.num_channels = num_channels
        self.target = target
        height, width = resized(num_bins, segment_frames, short_side)
        self.over_time = _Resize(segment_frames, width)
        self.over_bins = _Resize(num_bins, height, is_flipped=True)
        colours = num_image_channels(num_channels)
        mean, std = (np.array(of_colours) for of_colours in (IMAGENET_MEAN, IMAGENET_STD))
        if colours != 3:
            mean, std = mean.mean().repeat(colours), std.mean().repeat(colours)
        for name, values in (("scale", 1 / (WHITE * std)), ("shift", -mean / std)):
            column = torch.from_numpy(values.astype(np.float32))[:, None, None]
            self.register_buffer(name, column, persistent=False)
        self.scale: Tensor
        self.shift: Tensor

    def pictures(self, segments: Tensor) -> Tensor:
        """Grey levels 0..255, whole numbers [N, channels, H, W], of segments [N, m, D]: those of Pillow.

        Values outside [0, 1] count as its ends. At the published sizes (200, 128 or 100 bins to 256 pixels) no pixel
        differs; at others, fewer than one in a hundred by 1 level: Pillow's 22 places do not fit float32 then.
        """
        # A tracer would keep the number of parts; other devices are quicker with one.
        if segments.device.type != "cpu" or torch.jit.is_tracing():
            return self._resize(segments)
        return torch.cat([self._resize(part) for part in segments.split(BLOCK)])

    def images(self, segments: Tensor) -> Tensor:
        """Inputs of the network, [N, 3 or channels, H, W], of segments [N, m, D]: pictures in ImageNet's units."""
        return self.pictures(segments) * self.scale + self.shift

    def segment_logits(self, segments: Tensor) -> Tensor:
        """Logits [N, K] of segments [N, m, D]."""
        return self.network.rest(self._first_maps(segments))

    def activation(self, segments: Tensor) -> Tensor:
        """Which region speaks for each class: maps [N, K, h, w] of segments [N, m, D], their mean the logits.

        Rows are those of the picture: the first is the highest frequency. Raises ValueError for networks that mix all
        places (linear layers over the maps).
        """
        if not hasattr(self.network, "activation"):
            name = type(self.network).__name__
            raise ValueError(f"{name} has no map per class; networks that have one: AlexNetGap, ResNet18")
        return self.network.activation(self._first_maps(segments))

    def forward(self, segments: Tensor) -> dict[str, Tensor]:  # [B, S, m, D] -> {target: [B, K]}
        num_segments = segments.shape[1]
        scores = torch.log_softmax(self.segment_logits(segments.flatten(0, 1)), dim=1)
        return {self.target: scores.unflatten(0, (-1, num_segments)).mean(dim=1)}

    def _resize(self, segments: Tensor) -> Tensor:
        levels = self.over_time(segments.clamp(0, 1).mul_(WHITE).floor_())  # [N, W, D]; along a row first, as Pillow
        # Whole numbers up to 255 are exact in 16 bits, which take less than half the time to transpose.
        rows = levels.half().transpose(1, 2).contiguous().unflatten(1, (self.num_channels, -1))
        return self.over_bins(rows.flatten(0, 1)).unflatten(0, (-1, self.num_channels))

    def _first_maps(self, segments: Tensor) -> Tensor:
        """What the first convolution gives for the images.

        Three equal channels are never made: one channel is convolved with the sum of their weights, and the shift, the
        same for every picture (and 0 beyond its border), is convolved once.
        """
        first = self.network.first
        pictures = self.pictures(segments)
        if self.num_channels > 1:
            return first(pictures * self.scale + self.shift)
        weight = (first.weight * self.scale).sum(dim=1, keepdim=True)
        shift = self.shift.expand(1, -1, *pictures.shape[-2:])
        maps = F.conv2d(pictures, weight, None, first.stride, first.padding)
        return maps + F.conv2d(shift, first.weight, first.bias, first.stride, first.padding)


class _Resize(nn.Module):
    """One pass of Pillow's bilinear resizing: whole levels [N, size, M] -> whole levels [N, new_size, M].

    Each new place is a weighted mean of few old ones, rounded (halves up).
    """

    def __init__(self, size: int, new_size: int, is_flipped: bool = False) -> None:
        super().__init__()
        weights = pillow_weights(size, new_size)
        num_taps = int((weights > 0).sum(axis=1).max())
        places = np.minimum((weights > 0).argmax(axis=1), size - num_taps)[:, None] + np.arange(num_taps)
        weights = np.take_along_axis(weights, places, axis=1)
        places = size - 1 - places if is_flipped else places
        self.register_buffer("places", torch.from_numpy(places.T.copy()), persistent=False)
        self.register_buffer("weights", torch.from_numpy(weights.T[..., None].astype(np.float32)), persistent=False)
        self.places: Tensor
        self.weights: Tensor

    def forward(self, levels: Tensor) -> Tensor:
        total = levels.index_select(1, self.places[0]).float().mul_(self.weights[0])
        for places, weights in zip(self.places[1:], self.weights[1:], strict=True):
            total.addcmul_(levels.index_select(1, places).float(), weights)
        return total.add_(0.5).floor_()


def num_image_channels(num_channels: int) -> int:
    """Channels of the pictures of a feature: three equal ones of one, else the feature's own.

    >>> num_image_channels(1), num_image_channels(3)
    (3, 3)
    """
    return 3 if num_channels == 1 else num_channels


def resized(height: int, width: int, short_side: int) -> tuple[int, int]:
    """The size of a picture whose short side is given, the long one in proportion and truncated.

    >>> resized(200, 300, 256), resized(128, 300, 256)
    ((256, 384), (256, 600))
    """
    short, long = sorted((height, width))
    long_side = int(short_side * long / short)
    return (short_side, long_side) if height <= width else (long_side, short_side)


def pillow_weights(size: int, new_size: int) -> NDArray[np.float64]:
    """Weights [new_size, size] of Pillow's bilinear resizing of 8-bit pictures along one axis.

    A triangle around each new pixel's centre, as wide as an old pixel or, when shrinking, a new one; what reaches
    beyond the border is left out; fixed-point numbers of 22 binary places.
    """
    scale = size / new_size
    reach = max(scale, 1.0)
    centres = (np.arange(new_size)[:, None] + 0.5) * scale
    distances = np.abs(np.arange(size) + 0.5 - centres) / reach
    weights = np.maximum(1 - distances, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    return np.floor(weights * 2**PILLOW_BITS + 0.5) / 2**PILLOW_BITS
