"""The Seq2Seq network of emotion retrieval: a score of every chunk, which make a curve, and their mean.

Lin & Busso, "Sequential Modeling by Leveraging Non-Uniform Distribution of Speech Emotion", IEEE/ACM Transactions on
Audio, Speech, and Language Processing 31, 2023, as published.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class EmotionSeq2Seq(nn.Module):
    """LSTM per chunk -> one hidden layer -> named outputs of each chunk; an utterance's are the means over its chunks.

    Args:
        num_features: D, features per frame.
        outputs: {name: number of values}; an attribute has 1 value, a category one logit per class.
        hidden_size: of the LSTM and the hidden layer; 130 as published.
        dropout: between the two LSTM layers.

    >>> network = EmotionSeq2Seq(130, {"arousal": 1, "valence": 1}).eval()
    >>> chunks = torch.zeros(2, 22, 62, 130)
    >>> network(chunks)["arousal"].shape, network.curves(chunks)["arousal"].shape
    (torch.Size([2]), torch.Size([2, 22]))
    """

    def __init__(
        self, num_features: int, outputs: Mapping[str, int], hidden_size: int = 130, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.sizes = dict(outputs)
        self.lstm = nn.LSTM(num_features, hidden_size, num_layers=2, batch_first=True, dropout=dropout)
        self.hidden = nn.Linear(hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, sum(outputs.values()))

    def curves(self, chunks: Tensor) -> dict[str, Tensor]:
        """Outputs {name: [B, C] or [B, C, K]} of chunks [B, C, m, D], in time order."""
        _, (state, _) = self.lstm(chunks.flatten(0, 1))  # [layers, B * C, H]
        values = self.output(torch.relu(self.hidden(state[-1]))).unflatten(0, (-1, chunks.shape[1]))
        parts = values.split(list(self.sizes.values()), dim=2)
        return {
            name: part[..., 0] if size == 1 else part
            for (name, size), part in zip(self.sizes.items(), parts, strict=True)
        }

    def forward(self, chunks: Tensor) -> dict[str, Tensor]:  # [B, C, m, D] -> {name: [B] or [B, K]}
        return {name: curve.mean(dim=1) for name, curve in self.curves(chunks).items()}
