"""The network that the DeepMI curriculum trains (Lin, Sridhar & Busso 2024): dense layers on utterance vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

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
class CurriculumNetwork(System):
    """How the network of `networks.curriculum_network` is fitted; which utterances come when, the recipe says.

    hidden_size, dropout: of the network.
    halve_every: epochs until the learning rate is halved, again and again (published: at epochs 4, 9, .., 44 from 0,
    with each new level); null keeps it.
    halve_until: the last epoch that may halve it; published 45, when all utterances are there.
    ccc: "lin", or "published" with its mixed degrees of freedom.
    """

    hidden_size: int = 512
    dropout: float = 0.3
    halve_every: int | None = 5
    halve_until: int = 45
    ccc: Literal["lin", "published"] = "lin"

    def __post_init__(self) -> None:
        for name in ("hidden_size", "halve_every", "halve_until"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise EmotoneError(f"curriculum-network: {name} must be at least 1, not {value}")
        if not 0 <= self.dropout < 1:
            raise EmotoneError(f"curriculum-network: dropout must be at least 0 and less than 1, not {self.dropout}")

    def view(self, hop_s: float | None, longest_s: float) -> Whole:
        """The one vector of an utterance."""
        if hop_s is not None:
            raise EmotoneError("curriculum-network needs a feature with one vector per utterance; this one has frames")
        return Whole()

    def check_training(self, training: Training, has_curriculum: bool) -> None:
        """Epochs, where the learning rate falls by them."""
        if self.halve_every is not None and training.epochs is None:
            raise EmotoneError("curriculum-network: set training.epochs, or halve_every=null: the rate falls by epochs")

    def build(self, num_features: int, targets: list[Target], view: View | None = None) -> nn.Module:
        """The untrained network: [B, 1, D] -> {target: [B] or [B, K]}."""
        from emotone.models.networks.curriculum_network import CurriculumNetwork as Network

        return Network(num_features, num_outputs(targets), self.hidden_size, self.dropout)

    def loss(self, outputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        """The sum over targets of CCC loss (attributes, z-normalised) or cross-entropy (categories)."""
        from emotone.models.losses import sum_over_targets

        return sum_over_targets(outputs, labels, self.ccc)

    def optimiser(self, network: nn.Module, settings: Training) -> tuple[torch.optim.Optimizer, Any]:
        """Adam, its rate halved before the last epoch of every `halve_every`, as published."""
        import torch

        optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
        if self.halve_every is None:
            return optimiser, None
        every, until = self.halve_every, self.halve_until
        return optimiser, torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda epoch: 0.5 ** (min(epoch + 1, until) // every)
        )
