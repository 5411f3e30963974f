"""DenseResNet: dense stages with residual blocks on one feature vector per utterance, for semi-supervised learning.

Lin, Sridhar & Busso, "An Interpretable Deep Mutual Information Curriculum Metric for a Robust and Generalized Speech
Emotion Recognition System", IEEE/ACM Transactions on Audio, Speech, and Language Processing, 2024.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class _ResidualBlock(nn.Module):
    """Linear -> ReLU -> dropout -> linear -> + input -> ReLU: [..., W] -> [..., W]."""

    def __init__(self, width: int, dropout: float, always_drop: bool) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(width, width), nn.Linear(width, width)
        self.rate, self.always_drop = dropout, always_drop

    def forward(self, vectors: Tensor) -> Tensor:
        hidden = F.dropout(torch.relu(self.first(vectors)), self.rate, self.training or self.always_drop)
        return torch.relu(vectors + self.second(hidden))


class DenseResNet(nn.Module):
    """Stages (linear -> dropout -> residual blocks) -> shared embedding -> a head with one hidden layer per output.

    Args:
        num_features: D, features per frame; frames are averaged (functionals have one).
        outputs: {name: number of values}; an attribute has 1 value, a category one logit per class.
        widths: of the stages; the last is H, the size of the embedding and of the heads' hidden layers.
        num_blocks: residual blocks per stage.
        dropout: after a stage's first layer and within its blocks.
        always_drop: the blocks' dropout stays active in evaluation, as in the published code, whose embeddings and
            scores are therefore random.

    >>> network = DenseResNet(20, {"arousal": 1, "emotion": 7}, widths=(16, 8)).eval()
    >>> {name: tuple(output.shape) for name, output in network(torch.zeros(2, 1, 20)).items()}
    {'arousal': (2,), 'emotion': (2, 7)}
    """

    items: ClassVar[str] = "vectors"

    def __init__(
        self,
        num_features: int,
        outputs: Mapping[str, int],
        widths: tuple[int, ...] = (1024, 512, 256),
        num_blocks: int = 2,
        dropout: float = 0.3,
        always_drop: bool = False,
    ) -> None:
        super().__init__()
        self.embedding_size = size = widths[-1]
        layers: list[nn.Module] = []
        for before, width in zip((num_features, *widths), widths, strict=False):
            blocks = [_ResidualBlock(width, dropout, always_drop) for _ in range(num_blocks)]
            layers += [nn.Linear(before, width), nn.Dropout(dropout), *blocks]
        self.stages = nn.Sequential(*layers)
        self.heads = nn.ModuleDict(
            {name: nn.Sequential(nn.Linear(size, size), nn.ReLU(), nn.Linear(size, K)) for name, K in outputs.items()}
        )

    def embed(self, vectors: Tensor) -> Tensor:
        """Embeddings [..., H] of feature vectors [..., D]."""
        return self.stages(vectors)

    def score(self, embeddings: Tensor) -> dict[str, Tensor]:
        """Outputs {name: [...] or [..., K]} of embeddings [..., H]."""
        values = {name: head(embeddings) for name, head in self.heads.items()}
        return {name: value[..., 0] if value.shape[-1] == 1 else value for name, value in values.items()}

    def forward(self, features: Tensor) -> dict[str, Tensor]:  # [B, T, D] -> {name: [B] or [B, K]}
        return self.score(self.embed(features.mean(dim=1)))
