"""The emotion ranker: which of two chunks has more of an attribute, by a number for each chunk alone.

Lin & Busso, "Sequential Modeling by Leveraging Non-Uniform Distribution of Speech Emotion", IEEE/ACM Transactions on
Audio, Speech, and Language Processing 31, 2023, as published: a Siamese network f with two outputs, where
f(x1) - f(x2) are the logits of "x1 is lower" and "x1 is higher". So x1 is higher where its *margin*
f_1(x) - f_0(x) is, and the logit of that is the difference of the two margins.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class EmotionRanker(nn.Module):
    """LSTM per chunk -> one hidden layer -> two outputs per attribute -> their difference, the chunk's margin.

    Two outputs where one would do, as published: their difference learns at another pace under Adam.

    Args:
        num_features: D, features per frame.
        outputs: {attribute: 1}, as all networks take them; a category has no order, so more values are refused.
        hidden_size: of the LSTM and the hidden layer; 130 as published.
        dropout: between the two LSTM layers.

    >>> network = EmotionRanker(130, {"arousal": 1}).eval()
    >>> margins = network(torch.zeros(2, 22, 62, 130))["arousal"]
    >>> margins.shape, bool(margins[0, 0] > margins[1, 0])
    (torch.Size([2, 22]), False)
    """

    def __init__(
        self, num_features: int, outputs: Mapping[str, int], hidden_size: int = 130, dropout: float = 0.5
    ) -> None:
        super().__init__()
        if set(outputs.values()) != {1}:
            raise ValueError(f"a ranker gives one margin per attribute, not {dict(outputs)}")
        self.attributes = tuple(outputs)
        self.lstm = nn.LSTM(num_features, hidden_size, num_layers=2, batch_first=True, dropout=dropout)
        self.hidden = nn.Linear(hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, 2 * len(self.attributes))

    def curves(self, chunks: Tensor) -> dict[str, Tensor]:
        """Margins {attribute: [B, C]} of chunks [B, C, m, D], in time order."""
        _, (state, _) = self.lstm(chunks.flatten(0, 1))  # [layers, B * C, H]
        values = self.output(torch.relu(self.hidden(state[-1]))).unflatten(0, (-1, chunks.shape[1]))  # [B, C, 2A]
        margins = values[..., 1::2] - values[..., ::2]
        return {name: margins[..., place] for place, name in enumerate(self.attributes)}

    def forward(self, chunks: Tensor) -> dict[str, Tensor]:  # [B, C, m, D] -> {attribute: [B, C]}
        return self.curves(chunks)
