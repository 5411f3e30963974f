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

    The numbers of the framework (Lin & Busso 2023), by their names there:

    chunk_s: Wc, the length of a chunk in seconds.
    chunk_frames: m, the frames of a chunk; null: floor(Wc / hop of the feature). Given, it stands for Wc.
    max_utterance_s: Tmax, seconds of the longest utterance that is scored as a whole; null: that of training.
    num_chunks: C, chunks of an utterance at scale 1; null: ceil(Tmax / Wc), so that they cover it. Fewer leave gaps.
    scale: n, an utterance has n * C chunks.
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
    chunk_frames: int | None = None
    num_chunks: int | None = None

    def __post_init__(self) -> None:
        for name in ("chunk_s", "max_utterance_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise EmotoneError(f"{self.name}: {name} must be a positive number of seconds, not {value}")
        by_seconds = self.max_utterance_s is not None and self.chunk_frames is None
        if by_seconds and self.max_utterance_s < self.chunk_s:  # type: ignore[operator]  # which is there
            raise EmotoneError(
                f"{self.name}: max_utterance_s must be at least chunk_s, {self.chunk_s}, not {self.max_utterance_s}"
            )
        given = [name for name in ("chunk_frames", "num_chunks") if getattr(self, name) is not None]
        self.check_counts("scale", "hidden_size", *given)
        if self.chunk_frames is not None and self.chunk_s != ChunkSystem.chunk_s:
            raise EmotoneError(f"{self.name}: chunk_frames stands for chunk_s; set one of them")
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
        chunk_frames, chunk_s = chunk_size(self.chunk_s, hop_s), self.chunk_s
        if self.chunk_frames is not None:
            chunk_frames, chunk_s = self.chunk_frames, self.chunk_frames * hop_s
        num_chunks = self.num_chunks or count_chunks(self.max_utterance_s or longest_s, chunk_s)
        return Chunks(chunk_frames, self.scale * num_chunks)

    def utterance_limit_s(self, longest_s: float) -> float:
        """Tmax: beyond it chunks would leave gaps."""
        return self.max_utterance_s or longest_s

    def side_by_side(self, network: Callable[[dict[str, int]], nn.Module], targets: list[Target]) -> nn.Module:
        """Networks made of {target: number of outputs}: one per target, or one for all."""
        from emotone.models.side_by_side import SeparateNetworks

        if self.networks == "separate":
            return SeparateNetworks({target.name: network(num_outputs([target])) for target in targets})
        return network(num_outputs(targets))
