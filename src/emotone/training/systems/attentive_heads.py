"""Small heads on the frames of a pretrained encoder, trained by the loop: attentive pooling, a hidden layer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.bundle.view.view import Whole
from emotone.errors import EmotoneError
from emotone.training.system import System, num_outputs

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from emotone.bundle.target import Target
    from emotone.bundle.view.view import View
    from emotone.data.recipe import Training


@dataclass(frozen=True)
class AttentiveHeads(System):
    """Which frames count is learnt, and a hidden layer may lie before the outputs; `light-heads` has neither.

    hidden: units of the layer; 0: none. dropout: of pooled values. crop_frames: of a training batch's random crops.
    category_weight, smoothing: weight of the cross-entropy against the attributes' loss; label smoothing.
    weight_decay: of AdamW, whose learning rate follows one cycle. max_utterance_s: longest recording scored as a whole.
    """

    hidden: int = 64
    dropout: float = 0.2
    crop_frames: int = 100
    category_weight: float = 0.5
    smoothing: float = 0.1
    weight_decay: float = 0.02
    max_utterance_s: float = 12.0

    def __post_init__(self) -> None:
        limits: dict[str, tuple[float, float]] = {
            **dict.fromkeys(("hidden", "category_weight", "weight_decay"), (0, math.inf)),
            "dropout": (0, 0.99),
            "smoothing": (0, 1),
            "crop_frames": (2, math.inf),
            "max_utterance_s": (0.5, math.inf),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not (low <= value <= high and math.isfinite(value)):
                allowed = f"from {low:g} to {high:g}" if high < math.inf else f"at least {low:g}"
                raise EmotoneError(f"attentive-heads: {name} must be {allowed}, not {value:g}")

    def view(self, hop_s: float | None, longest_s: float) -> Whole:
        """All frames of an utterance."""
        if hop_s is None:
            raise EmotoneError(
                "attentive-heads needs a feature with frames, such as whisper-light with pooled=no; this one gives one "
                "vector per utterance"
            )
        return Whole(2)

    def utterance_limit_s(self, longest_s: float) -> float:
        """`max_utterance_s`, whatever the training split holds."""
        return self.max_utterance_s

    def build(self, num_features: int, targets: list[Target], view: View | None = None) -> nn.Module:
        """The untrained network: frames [B, T, D] -> {target: [B] or [B, K]}."""
        from emotone.models.networks.attentive_heads import AttentiveHeads as Network

        return Network(num_features, num_outputs(targets), self.hidden, self.dropout)

    def crop(self, random: np.random.Generator) -> int:
        """One length for all batches."""
        return self.crop_frames

    def loss(self, outputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        """Mean over attributes of CCC loss + half the squared error, plus the weighted cross-entropy."""
        from emotone.models.losses import attributes_and_categories

        return attributes_and_categories(outputs, labels, self.category_weight, self.smoothing)

    def optimiser(self, network: nn.Module, settings: Training) -> tuple[torch.optim.Optimizer, Any]:
        """AdamW with one cycle of the learning rate (Smith & Topin 2018)."""
        import torch

        optimiser = torch.optim.AdamW(network.parameters(), settings.learning_rate, weight_decay=self.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, settings.rounds)
        return optimiser, schedule
