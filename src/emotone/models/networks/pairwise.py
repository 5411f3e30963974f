"""Linear maps of one vector per utterance, of categories one for each pair of them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from emotone.models.pairs import signs_of, sum_votes


class Pairwise(nn.Module):
    """Mean over frames, then linear maps: [B, T, D] -> {target: [B] or [B, K]}.

    outputs: {target: number of outputs}; a target with one output gives [B]. Of K categories there is a map for each
    pair, and what a category gets is the sum of its votes (`emotone.models.pairs`), none larger than `largest`.

    >>> import torch
    >>> {name: tuple(y.shape) for name, y in Pairwise(4, {"arousal": 1, "emotion": 3})(torch.zeros(2, 1, 4)).items()}
    {'arousal': (2,), 'emotion': (2, 3)}
    """

    def __init__(self, num_features: int, outputs: Mapping[str, int]) -> None:
        super().__init__()
        sizes = {name: max(1, num * (num - 1) // 2) for name, num in outputs.items()}
        self.outputs = nn.ModuleDict({name: nn.Linear(num_features, size) for name, size in sizes.items()})
        self.votes = nn.ModuleDict({name: _Votes(num) for name, num in outputs.items() if num > 1})

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        vector = features.mean(dim=1)  # [B, D]
        found = {name: output(vector) for name, output in self.outputs.items()}
        return {
            name: self.votes[name](values) if name in self.votes else values[:, 0] for name, values in found.items()
        }


class _Votes(nn.Module):
    """The sums of the margins of pairs: [B, P] -> [B, K]."""

    signs: Tensor
    largest: Tensor

    def __init__(self, num: int) -> None:
        super().__init__()
        self.register_buffer("signs", torch.from_numpy(signs_of(num)), persistent=False)
        self.register_buffer("largest", torch.tensor(1.0))

    def forward(self, margins: Tensor) -> Tensor:
        return sum_votes(margins, self.signs, self.largest)
