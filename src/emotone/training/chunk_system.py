"""The base of systems on chunks: how an utterance is cut, and one network per target or one for all."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from emotone.bundle.view.chunk import chunk_size, count_chunks
from emotone.bundle.view.view import Chunks
from emotone.errors import EmotoneError
from emotone.training.system import System, num_outputs

if TYPE_CHECKING:
    from torch import nn

    from emotone.bundle.target import Target


@dataclass(frozen=True)
class ChunkSystem(System):
    """Base of systems on chunks.

    chunk_s: chunk length Wc in seconds.
    max_utterance_s: Tmax in seconds; null takes the longest utterance of the training split.
    scale: n, chunks per utterance are n * ceil(Tmax / Wc).
    hidden_size, dropout: of the network.
    networks: "separate" fits one network per target, as published; "joint" one with an output per target.
    """

    name: ClassVar[str]
    """As users write it."""

    chunk_s: float = 1.0
    max_utterance_s: float | None = None
    scale: int = 1
    hidden_size: int = 130
    dropout: float = 0.5
    networks: Literal["separate", "joint"] = "separate"

    def __post_init__(self) -> None:
        for name in ("chunk_s", "max_utterance_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise EmotoneError(f"{self.name}: {name} must be a positive number of seconds, not {value}")
        if self.max_utterance_s is not None and self.max_utterance_s < self.chunk_s:
            raise EmotoneError(
                f"{self.name}: max_utterance_s must be at least chunk_s, {self.chunk_s}, not {self.max_utterance_s}"
            )
        self.check_counts("scale", "hidden_size")
        if not 0 <= self.dropout <= 1:
            raise EmotoneError(f"{self.name}: dropout must be from 0 to 1, not {self.dropout}")

    def check_counts(self, *names: str) -> None:
        """Raise EmotoneError for a setting that is less than 1."""
        for name in names:
            if getattr(self, name) < 1:
                raise EmotoneError(f"{self.name}: {name} must be at least 1, not {getattr(self, name)}")

    def view(self, hop_s: float | None, longest_s: float) -> Chunks:
        """The chunks of an utterance; `longest_s` is the training split's longest utterance."""
        if hop_s is None:
            raise EmotoneError(f"{self.name} needs a feature with frames; this one gives one vector per utterance")
        num_chunks = count_chunks(self.max_utterance_s or longest_s, self.chunk_s)
        return Chunks(chunk_size(self.chunk_s, hop_s), self.scale * num_chunks)

    def utterance_limit_s(self, longest_s: float) -> float:
        """Tmax: beyond it chunks would leave gaps."""
        return self.max_utterance_s or longest_s

    def side_by_side(self, network: Callable[[dict[str, int]], nn.Module], targets: list[Target]) -> nn.Module:
        """Networks made of {target: number of outputs}: one per target, or one for all."""
        from emotone.models.side_by_side import SeparateNetworks

        if self.networks == "separate":
            return SeparateNetworks({target.name: network(num_outputs([target])) for target in targets})
        return network(num_outputs(targets))
