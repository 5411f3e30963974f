"""Multi-scale chunk regularisation of speech and text (Lin & Busso): co-attention of word chunks and tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emotone.bundle.view.chunk import chunk_size
from emotone.bundle.view.view import Strategy, StreamsTaken, WordChunks
from emotone.errors import EmotoneError
from emotone.training.system import System, num_outputs

if TYPE_CHECKING:
    from torch import Tensor, nn

    from emotone.bundle.target import Target
    from emotone.bundle.view.view import View
    from emotone.data.selection import Selection
    from emotone.features.feature import Feature


@dataclass(frozen=True)
class MultiScale(System):
    """How the network of `emotone.models.networks.co_attention` is fitted to attributes or categories.

    Speech is seen in as many chunks as words. With the strategy "multi-scale" each has `chunk_s`, of which training
    keeps a part of random length and place; "lexical" chunks are the aligned words, as they are.

    streams: what is learned from; a network of one stream is the same one, whose other stream is always absent.
    max_steps: words and tokens that count, the summary token not among them; the rest is cut.
    hidden_size, num_heads, num_self_layers, num_co_layers, dropout: of the network, as published.
    modality_dropout: share of training utterances that lose either stream (0 as published).
    """

    strategy: Strategy = "multi-scale"
    streams: StreamsTaken = "both"
    chunk_s: float = 1.0
    max_steps: int = 127
    hidden_size: int = 256
    num_heads: int = 4
    num_self_layers: int = 3
    num_co_layers: int = 2
    dropout: float = 0.3
    modality_dropout: float = 0.0

    def __post_init__(self) -> None:
        for name in ("max_steps", "hidden_size", "num_heads", "num_self_layers", "num_co_layers"):
            if getattr(self, name) < 1:
                raise EmotoneError(f"multi-scale: {name} must be at least 1, not {getattr(self, name)}")
        for name in ("dropout", "modality_dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise EmotoneError(f"multi-scale: {name} must be from 0 to 1, not {getattr(self, name)}")
        if not 0.1 <= self.chunk_s <= 60:
            raise EmotoneError(f"multi-scale: chunk_s must be from 0.1 to 60 seconds, not {self.chunk_s}")
        if self.hidden_size % self.num_heads or self.hidden_size % 2:
            raise EmotoneError(
                f"multi-scale: hidden_size must be even and a multiple of num_heads ({self.num_heads}), not "
                f"{self.hidden_size}"
            )

    @property
    def takes_words(self) -> bool:
        """Whether it sees utterances as chunks of words: always."""
        return True

    @property
    def takes_text(self) -> bool:
        """Whether it learns from transcripts too."""
        return self.streams != "speech"

    def check_data(self, data: Selection, feature: Feature) -> None:
        """Raise EmotoneError where lexical chunks have no aligned words, or copies of the audio with other times."""
        if self.strategy != "lexical":
            return
        recipe = data.recipe
        if recipe.alignment not in ("corpus", "whisper"):
            raise EmotoneError(
                f"recipe {recipe.name}: lexical chunks need the times of words; set alignment to corpus or whisper, "
                f"not {recipe.alignment}"
            )
        if recipe.augmentation.voices * recipe.augmentation.channels > 1:
            raise EmotoneError(
                f"recipe {recipe.name}: lexical chunks need words at their times, which training copies do not keep; "
                "set augmentation.voices=1 augmentation.channels=1"
            )

    def view(self, hop_s: float | None, longest_s: float) -> WordChunks:
        """Chunks and tokens of an utterance; how many features a token has is the text feature's to say."""
        if hop_s is None:
            raise EmotoneError("multi-scale needs a feature with frames; this one gives one vector per utterance")
        frames = chunk_size(self.chunk_s, hop_s)
        return WordChunks(frames, hop_s, strategy=self.strategy, streams=self.streams, max_steps=self.max_steps)

    def build(self, num_features: int, targets: list[Target], view: View | None = None) -> nn.Module:
        """The untrained network: streams [B, L, 7 D], [B, L, D'], [B], [B] -> {target: [B] or [B, K]}."""
        from emotone.bundle.view.temporal_pyramid import NUM_MEANS
        from emotone.models.networks.co_attention import CoAttention

        assert isinstance(view, WordChunks)
        return CoAttention(
            NUM_MEANS * num_features,
            view.num_text_features,
            num_outputs(targets),
            hidden_size=self.hidden_size,
            num_heads=self.num_heads,
            num_self_layers=self.num_self_layers,
            num_co_layers=self.num_co_layers,
            dropout=self.dropout,
            modality_dropout=self.modality_dropout,
        )

    def loss(self, outputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        """The mean over targets of CCC loss (attributes, z-normalised) or cross-entropy (categories)."""
        from emotone.models.losses import sum_over_targets

        return sum_over_targets(outputs, labels) / len(outputs)
