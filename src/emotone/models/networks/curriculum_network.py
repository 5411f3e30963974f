"""The plain network that the DeepMI curriculum trains, on one feature vector per utterance.

Lin, Sridhar & Busso, "An Interpretable Deep Mutual Information Curriculum Metric for a Robust and Generalized Speech
Emotion Recognition System", IEEE/ACM Transactions on Audio, Speech, and Language Processing, 2024.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn


class CurriculumNetwork(nn.Module):
    """Three hidden layers, the first without a ReLU as published -> named outputs.

    Args:
        num_features: D, features per frame; frames are averaged (functionals have one).
        outputs: {name: number of values}; an attribute has 1 value, a category one logit per class.
        hidden_size: H, of all hidden layers.
        dropout: after the first and the second.

    >>> import torch
    >>> network = CurriculumNetwork(20, {"arousal": 1, "emotion": 7}, hidden_size=8).eval()
    >>> {name: tuple(output.shape) for name, output in network(torch.zeros(2, 1, 20)).items()}
    {'arousal': (2,), 'emotion': (2, 7)}
    """

    items: ClassVar[str] = "vectors"

    def __init__(
        self, num_features: int, outputs: Mapping[str, int], hidden_size: int = 512, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.embedding_size = hidden_size
        self.layers = nn.Sequential(
            nn.Linear(num_features, hidden_size),
            nn.Dropout(dropout),
            nn.Linear(hidden_size, hidden_size),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden_size, hidden_size),
            nn.ReLU(),
        )
        self.heads = nn.ModuleDict({name: nn.Linear(hidden_size, size) for name, size in outputs.items()})

    def embed(self, vectors: Tensor) -> Tensor:
        """The last hidden layer [..., H] of feature vectors [..., D]."""
        return self.layers(vectors)

    def score(self, embeddings: Tensor) -> dict[str, Tensor]:
        """Outputs {name: [...] or [..., K]} of embeddings [..., H]."""
        values = {name: head(embeddings) for name, head in self.heads.items()}
        return {name: value[..., 0] if value.shape[-1] == 1 else value for name, value in values.items()}

    def forward(self, features: Tensor) -> dict[str, Tensor]:  # [B, T, D] -> {name: [B] or [B, K]}
        return self.score(self.embed(features.mean(dim=1)))
