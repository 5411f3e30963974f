"""Chunk-level attention (Lin & Busso 2023): dynamic chunks, one LSTM, four aggregations, CCC or cross-entropy loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from emotone.errors import EmotoneError
from emotone.training.chunk_system import ChunkSystem

if TYPE_CHECKING:
    from torch import Tensor, nn

    from emotone.bundle.target import Target
    from emotone.bundle.view.view import View


@dataclass(frozen=True)
class ChunkAttention(ChunkSystem):
    """How the network of `emotone.models.networks.chunk_attention` is fitted to attributes or categories.

    Besides the settings of `emotone.training.chunk_system`:

    aggregation: of the chunks, one of the paper's four.
    num_heads: of SelfAttenVec.
    across_chunks: SelfAttenVec attends across chunks, as in the paper; false is what the published weights do.
    ccc: "lin", or "published" with its mixed degrees of freedom.
    """

    name: ClassVar[str] = "chunk-attention"

    aggregation: Literal["NonAtten", "GatedVec", "RnnAttenVec", "SelfAttenVec"] = "RnnAttenVec"
    num_heads: int = 2
    across_chunks: bool = True
    ccc: Literal["lin", "published"] = "lin"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_counts("num_heads")
        if self.aggregation == "SelfAttenVec" and self.hidden_size % self.num_heads:
            raise EmotoneError(
                f"{self.name}: hidden_size {self.hidden_size} must be a multiple of num_heads {self.num_heads}"
            )

    def build(self, num_features: int, targets: list[Target], view: View | None = None) -> nn.Module:
        """The untrained network: chunks [B, C, m, D] -> {target: [B] or [B, K]}."""
        from emotone.models.networks.chunk_attention import ChunkAttention as Network

        def network(outputs: dict[str, int]) -> nn.Module:
            return Network(
                num_features,
                outputs,
                aggregation=self.aggregation,
                hidden_size=self.hidden_size,
                dropout=self.dropout,
                num_heads=self.num_heads,
                across_chunks=self.across_chunks,
            )

        return self.side_by_side(network, targets)

    def loss(self, outputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        """The sum over targets of CCC loss (attributes, z-normalised) or cross-entropy (categories)."""
        from emotone.models.losses import sum_over_targets

        return sum_over_targets(outputs, labels, self.ccc)
