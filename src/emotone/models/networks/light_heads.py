"""Linear heads on pooled states of a pretrained encoder."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class LightHeads(nn.Module):
    """Mean over frames, then a linear map per target: [B, T, D] -> {target: [B] or [B, K]}.

    outputs: {target: number of outputs}; a target with one output gives [B]. expected: {target: K} of those to whose
    map the expectation of K values is added, under probabilities of its own (`expectations`).

    >>> network = LightHeads(4, {"valence": 1, "emotion": 3}, {"valence": 3})
    >>> {name: tuple(value.shape) for name, value in network(torch.zeros(2, 5, 4)).items()}
    {'valence': (2,), 'emotion': (2, 3)}
    """

    def __init__(
        self, num_features: int, outputs: Mapping[str, int], expected: Mapping[str, int] | None = None
    ) -> None:
        super().__init__()
        expectations = {name: _Expectation(num_features, size) for name, size in (expected or {}).items()}
        self.outputs = nn.ModuleDict({name: nn.Linear(num_features, size) for name, size in outputs.items()})
        self.expectations = nn.ModuleDict(expectations)

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        vector = features.mean(dim=1)  # [B, D]
        values = {name: output(vector) for name, output in self.outputs.items()}
        found = {name: value[:, 0] if value.shape[1] == 1 else value for name, value in values.items()}
        return found | {name: found[name] + expect(vector) for name, expect in self.expectations.items()}


class _Expectation(nn.Module):
    """The expectation of `values` [K] under the probabilities of a linear map: [B, D] -> [B]."""

    values: Tensor

    def __init__(self, num_features: int, num_values: int) -> None:
        super().__init__()
        self.logits = nn.Linear(num_features, num_values)
        self.register_buffer("values", torch.zeros(num_values))

    def forward(self, vector: Tensor) -> Tensor:
        return self.logits(vector).softmax(dim=1) @ self.values
