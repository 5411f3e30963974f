"""A linear map of one vector per utterance."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


class Linear(nn.Module):
    """Mean over frames, then one linear map per target: [B, T, D] -> {target: [B] or [B, K]}.

    outputs: {target: number of outputs}; a target with one output gives [B].

    >>> import torch
    >>> {name: tuple(y.shape) for name, y in Linear(4, {"arousal": 1, "emotion": 3})(torch.zeros(2, 1, 4)).items()}
    {'arousal': (2,), 'emotion': (2, 3)}
    """

    def __init__(self, num_features: int, outputs: Mapping[str, int]) -> None:
        super().__init__()
        self.outputs = nn.ModuleDict({name: nn.Linear(num_features, size) for name, size in outputs.items()})

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        vector = features.mean(dim=1)  # [B, D]
        values = {name: output(vector) for name, output in self.outputs.items()}
        return {name: value[:, 0] if value.shape[1] == 1 else value for name, value in values.items()}
