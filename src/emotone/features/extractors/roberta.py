"""Token states of RoBERTa, or of any text encoder of transformers, over transcripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from emotone.features.encoder import Layer, Precision, TextEncoder


@dataclass(frozen=True)
class Roberta(TextEncoder):
    """States of the tokens of a transcript, `<s>` and `</s>` among them, float32 [T, D]; D is 768 for RoBERTa-base.

    Liu et al., "RoBERTa: a robustly optimized BERT pretraining approach", 2019; the text features of Lin and Busso's
    multi-scale chunk regularisation. Settings and what it raises: `emotone.features.encoder.Encoder`. A transcript
    longer than the encoder takes (512 tokens) is cut, which its note says.
    """

    requires: ClassVar[tuple[str, ...]] = ("text",)

    weights: str = "FacebookAI/roberta-base"
    layer: Layer = None
    sha256: str | None = None
    precision: Precision = "auto"
