"""Token states of MiniLM, a small text encoder that comes as a package, over transcripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from emotone.features.encoder import Layer, Precision, TextEncoder


@dataclass(frozen=True)
class Minilm(TextEncoder):
    """States of the tokens of a transcript, `[CLS]` and `[SEP]` among them, float32 [T, 384].

    Wang et al., "MiniLM: deep self-attention distillation", 2020, tuned for sentences by sentence-transformers, where
    a sentence's vector is the mean of these. English. Settings and what it raises: `emotone.features.encoder.Encoder`.

    >>> Minilm()("so good to see you").shape
    (7, 384)
    """

    requires: ClassVar[tuple[str, ...]] = ("text",)

    weights: str = "sentence-transformers/all-MiniLM-L6-v2"
    layer: Layer = None
    sha256: str | None = None
    precision: Precision = "auto"
