"""Heads that weigh the frames of an utterance, with a hidden layer where one is asked for."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


class AttentiveHeads(nn.Module):
    """Attentive mean and deviation over frames, a hidden layer, a linear map per target: [B, T, D] -> {target: ..}.

    Okabe, Koshinaka and Shinoda, "Attentive statistics pooling for deep speaker embedding", Interspeech 2018, with one
    linear score per frame. outputs: {target: number of outputs}; one gives [B], several [B, K]. hidden: units; 0: none.

    >>> import torch
    >>> network = AttentiveHeads(4, {"arousal": 1, "emotion": 3}, hidden=8, dropout=0.2)
    >>> {name: tuple(value.shape) for name, value in network(torch.zeros(2, 5, 4)).items()}
    {'arousal': (2,), 'emotion': (2, 3)}
    """

    def __init__(self, num_features: int, outputs: Mapping[str, int], hidden: int = 64, dropout: float = 0.2) -> None:
        super().__init__()
        self.attention = nn.Linear(num_features, 1)
        size = 2 * num_features
        layers = [nn.Linear(size, hidden), nn.GELU()] if hidden else []
        self.hidden = nn.Sequential(nn.Dropout(dropout), *layers)
        self.outputs = nn.ModuleDict({name: nn.Linear(hidden or size, num) for name, num in outputs.items()})

    def forward(self, frames: Tensor) -> dict[str, Tensor]:
        vector = self.hidden(self.pool(frames))
        values = {name: output(vector) for name, output in self.outputs.items()}
        return {name: value[:, 0] if value.shape[1] == 1 else value for name, value in values.items()}

    def pool(self, frames: Tensor) -> Tensor:
        """Weighted mean and deviation over frames: [B, T, D] -> [B, 2 D]."""
        import torch

        weights = self.attention(frames).softmax(dim=1)
        mean = (weights * frames).sum(dim=1)
        variance = (weights * (frames - mean[:, None]).square()).sum(dim=1)
        return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)
