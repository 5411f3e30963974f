"""A small network from log-mel frames to attributes and categories: 2-D convolutions, dilated 1-D blocks, attention."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class _TemporalBlock(nn.Module):
    """Residual dilated convolution over time: [B, W, T] -> [B, W, T]."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.convolve = nn.Sequential(
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
            nn.Conv1d(width, width, 1, bias=False),
            nn.BatchNorm1d(width),
        )

    def forward(self, frames: Tensor) -> Tensor:
        return torch.relu(frames + self.convolve(frames))


class _AttentiveStatistics(nn.Module):
    """Attention-weighted mean and deviation over time, per head: [B, W, T] -> [B, 2 W].

    Okabe et al., "Attentive Statistics Pooling for Deep Speaker Embedding", Interspeech 2018, with several heads.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.score = nn.Sequential(nn.Conv1d(width, 64, 1), nn.Tanh(), nn.Conv1d(64, num_heads, 1))

    def forward(self, frames: Tensor) -> Tensor:
        weight = torch.softmax(self.score(frames), dim=2).unsqueeze(2)  # [B, H, 1, T]
        heads = frames.unflatten(1, (self.num_heads, -1))  # [B, H, W / H, T]
        mean = (weight * heads).sum(3)
        variance = (weight * heads.square()).sum(3) - mean.square()
        return torch.cat([mean.flatten(1), torch.sqrt(variance.clamp(min=1e-5)).flatten(1)], dim=1)


class _Tower(nn.Module):
    """Convolutions, pooling over time and an embedding: planes of frames [B, P, T, D] -> [B, W]."""

    def __init__(
        self,
        num_planes: int,
        num_features: int,
        channels: tuple[int, int, int],
        width: int,
        num_blocks: int,
        num_heads: int,
        dropout: float,
    ) -> None:
        super().__init__()
        first, second, third = channels
        self.stem = nn.Sequential(
            _layer(num_planes, first, 5, (2, 2)), _layer(first, second, 3, (2, 2)), _layer(second, third, 3, (1, 2))
        )
        bands = third * (num_features // 8)
        self.project = nn.Sequential(nn.Conv1d(bands, width, 1, bias=False), nn.BatchNorm1d(width), nn.ReLU())
        self.blocks = nn.Sequential(*[_TemporalBlock(width, 2**number) for number in range(num_blocks)])
        self.pool = _AttentiveStatistics(width, num_heads)
        self.embed = nn.Sequential(
            nn.BatchNorm1d(2 * width), nn.Dropout(dropout), nn.Linear(2 * width, width), nn.ReLU(), nn.Dropout(dropout)
        )

    def forward(self, planes: Tensor) -> Tensor:
        frames = self.project(self.stem(planes).transpose(2, 3).flatten(1, 2))  # [B, W, T / 4]
        return self.embed(self.pool(self.blocks(frames)))


class MelConvolution(nn.Module):
    """Normalised log-mel frames [B, T, D] of any length -> named outputs.

    Two towers: that of the attributes sees the frames as they are and with their loudness-weighted mean over time
    removed; that of the categories sees only the latter, so that a fixed channel (microphone, equaliser) or the
    speaker's average spectrum cannot decide a category.

    Args:
        num_features: D, a multiple of 8.
        outputs: {name: number of values}; an attribute has 1 value, a category one logit per class.
        channels: of each tower's three 2-D convolutions.
        width: W, of everything after them.
        num_blocks: residual blocks over time, dilations 1, 2, 4, ...
        num_heads: of the attentive pooling.
        dropout: before and after the embedding layer.

    >>> network = MelConvolution(128, {"arousal": 1, "emotion": 7}).eval()
    >>> {name: tuple(output.shape) for name, output in network(torch.zeros(2, 100, 128)).items()}
    {'arousal': (2,), 'emotion': (2, 7)}
    """

    def __init__(
        self,
        num_features: int,
        outputs: Mapping[str, int],
        channels: tuple[int, int, int] = (12, 24, 32),
        width: int = 88,
        num_blocks: int = 3,
        num_heads: int = 4,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        attributes = [name for name, size in outputs.items() if size == 1]
        sizes = (channels, width, num_blocks, num_heads, dropout)
        self.attributes = attributes
        self.towers = nn.ModuleDict()
        if attributes:
            self.towers["attributes"] = _Tower(2, num_features, *sizes)
            self.attribute_output = nn.Linear(width, len(attributes))
        categories = {name: size for name, size in outputs.items() if size > 1}
        if categories:
            self.towers["categories"] = _Tower(1, num_features, *sizes)
        self.category_outputs = nn.ModuleDict({name: nn.Linear(width, size) for name, size in categories.items()})

    def forward(self, mel: Tensor) -> dict[str, Tensor]:  # [B, T, D] -> {name: [B] or [B, K]}
        loudness = torch.sigmoid(3 * mel.mean(2, keepdim=True))  # [B, T, 1]: silence must not decide the mean
        centred = mel - (loudness * mel).sum(1, keepdim=True) / loudness.sum(1, keepdim=True)
        outputs: dict[str, Tensor] = {}
        if self.attributes:
            values = self.attribute_output(self.towers["attributes"](torch.stack([mel, centred], dim=1)))
            outputs |= {name: values[:, place] for place, name in enumerate(self.attributes)}
        if self.category_outputs:
            embedding = self.towers["categories"](centred[:, None])
            outputs |= {name: output(embedding) for name, output in self.category_outputs.items()}
        return outputs


def _layer(in_channels: int, out_channels: int, kernel: int, stride: tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )
