"""Chunk-level attention (Lin & Busso 2023): dynamic chunks, one LSTM, four aggregations, CCC or cross-entropy loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from emotone.data.chunk import chunk_size, count_chunks
from emotone.data.view import Chunks
from emotone.errors import EmotoneError
from emotone.system import System

if TYPE_CHECKING:
    from torch import Tensor, nn

    from emotone.bundle import Target
    from emotone.data.view import View


@dataclass(frozen=True)
class ChunkAttention(System):
    """How the network of `emotone.models.chunk_attention` is fitted to attributes or categories.

    aggregation: of the chunks, one of the paper's four.
    chunk_s: chunk length Wc in seconds.
    max_utterance_s: Tmax in seconds; null takes the longest utterance of the training split.
    scale: n, chunks per utterance are n * ceil(Tmax / Wc).
    hidden_size, dropout, num_heads: of the network.
    across_chunks: SelfAttenVec attends across chunks, as in the paper; false is what the published weights do.
    networks: "separate" fits one network per target, as published; "joint" one with an output per target.
    ccc: "lin", or "published" with its mixed degrees of freedom.
    """

    aggregation: Literal["NonAtten", "GatedVec", "RnnAttenVec", "SelfAttenVec"] = "RnnAttenVec"
    chunk_s: float = 1.0
    max_utterance_s: float | None = None
    scale: int = 1
    hidden_size: int = 130
    dropout: float = 0.5
    num_heads: int = 2
    across_chunks: bool = True
    networks: Literal["separate", "joint"] = "separate"
    ccc: Literal["lin", "published"] = "lin"

    def __post_init__(self) -> None:
        for name in ("chunk_s", "max_utterance_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise EmotoneError(f"chunk-attention: {name} must be a positive number of seconds, not {value}")
        for name in ("scale", "hidden_size", "num_heads"):
            if getattr(self, name) < 1:
                raise EmotoneError(f"chunk-attention: {name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.dropout <= 1:
            raise EmotoneError(f"chunk-attention: dropout must be from 0 to 1, not {self.dropout}")
        if self.aggregation == "SelfAttenVec" and self.hidden_size % self.num_heads:
            raise EmotoneError(
                f"chunk-attention: hidden_size {self.hidden_size} must be a multiple of num_heads {self.num_heads}"
            )

    def view(self, hop_s: float | None, longest_s: float) -> Chunks:
        """The chunks of an utterance; `longest_s` is the training split's longest utterance."""
        if hop_s is None:
            raise EmotoneError("chunk-attention needs a feature with frames; this one gives one vector per utterance")
        num_chunks = count_chunks(self.max_utterance_s or longest_s, self.chunk_s)
        return Chunks(chunk_size(self.chunk_s, hop_s), self.scale * num_chunks)

    def utterance_limit_s(self, longest_s: float) -> float:
        """Tmax: beyond it chunks would leave gaps."""
        return self.max_utterance_s or longest_s

    def build(self, num_features: int, targets: list[Target], view: View | None = None) -> nn.Module:
        """The untrained network: chunks [B, C, m, D] -> {target: [B] or [B, K]}."""
        from emotone.export import SeparateNetworks
        from emotone.models.chunk_attention import ChunkAttention as Network

        def network(group: list[Target]) -> nn.Module:
            outputs = {target.name: max(1, len(target.labels)) for target in group}
            return Network(
                num_features,
                outputs,
                self.aggregation,
                self.hidden_size,
                self.dropout,
                self.num_heads,
                self.across_chunks,
            )

        if self.networks == "separate":
            return SeparateNetworks({target.name: network([target]) for target in targets})
        return network(targets)

    def loss(self, outputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        """The sum over targets of CCC loss (attributes, z-normalised) or cross-entropy (categories)."""
        from emotone.losses import sum_over_targets

        return sum_over_targets(outputs, labels, self.ccc)
