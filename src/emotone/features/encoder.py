"""Pretrained encoders as features: what speech and text encoders share. A new one is one file in `extractors/`.

An encoder's settings name its weights and hold their SHA-256, which is filled in where it is not given, so that stores
and bundles made with it know which encoder they are of; with another of the same name they refuse to work.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from emotone.audio.read import RATE_HZ
from emotone.base.weights import Weights, find_weights
from emotone.errors import EmotoneError, missing_extra
from emotone.features.buckets import buckets
from emotone.features.feature import Input

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import nn

    Array = NDArray[np.float32]

Precision = Literal["auto", "float32", "bfloat16"]
Layer = int | Literal["all"] | None
HARMLESS = ("pooler", "masked_spec_embed")
"""Parameters that a checkpoint may lack: no state depends on them."""
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "sentencepiece.bpe.model", "spm.model", "tokenizer.model")


@dataclass(frozen=True)
class Encoder(ABC):
    """What encoders of speech and text share; each file in `extractors/` has its own default weights.

    weights: name on the hub or folder (`emotone.base.weights.find_weights`). layer: whose states, from 1; 0: what
    goes into the first; None: the last; "all": of all, from 0 on, side by side [T, (L + 1) * D]. sha256: identity of
    the weights; None: of those that are found. precision: bfloat16 or float32, or `auto`: bfloat16 on a GPU, which is
    used where there is one, and float32 elsewhere. Making one raises EmotoneError where the weights are not here or are
    others, and for a layer that they do not have.
    """

    requires: ClassVar[tuple[str, ...]]
    input: ClassVar[Input]
    resolved: ClassVar[tuple[str, ...]] = ("sha256",)
    states_per_batch: ClassVar[dict[str, int]] = {"cpu": 1_500, "cuda": 24_000}

    weights: str
    layer: Layer
    sha256: str | None
    precision: Precision

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", find_weights(self.weights, self.sha256, self.title).sha256)
        if isinstance(self.layer, int) and not 0 <= self.layer <= self._num_layers:
            raise EmotoneError(
                f"{self.title}: layer must be 0..{self._num_layers}, all, or nothing (null), not {self.layer}"
            )

    @property
    def title(self) -> str:
        """Name of the feature in errors."""
        return f"feature {type(self).__name__.lower()}"

    @property
    def names(self) -> list[str]:
        """Names of the D dimensions of the states."""
        kind, size = type(self).__name__.lower(), self._number("hidden_size")
        if self.layer == "all":
            return [f"{kind}_{layer}_{index}" for layer in range(self._num_layers + 1) for index in range(size)]
        return [f"{kind}_{index}" for index in range(size)]

    @abstractmethod
    def check(self, source: Any) -> str:
        """Raise EmotoneError for an input that cannot be encoded; returns a note on one that is not encoded whole."""

    def __call__(self, source: Any) -> Array:
        """States of one input, float32 [T, D]; raises EmotoneError as `check` does."""
        self.check(source)
        return self.encode([source])[0]

    def encode(self, sources: Sequence[Any]) -> list[Array]:
        """States of inputs that `check` lets pass, float32 [T, D] each; those of like length go through together."""
        network = _load(self)
        device = next(network.parameters()).device.type
        prepared = [self._prepare(source) for source in sources]
        states: list[Any] = [None] * len(prepared)
        lengths = [self._length(source) for source in prepared]
        for batch in buckets(lengths, self.states_per_batch[device], self._least_share):
            for position, state in zip(batch, self._states(network, [prepared[place] for place in batch]), strict=True):
                states[position] = state
        return states

    @abstractmethod
    def _prepare(self, source: Any) -> Any:
        """What the network is given of one input, not padded yet."""

    @abstractmethod
    def _length(self, prepared: Any) -> float:
        """How much of a batch it takes, in states."""

    @abstractmethod
    def _states(self, network: nn.Module, batch: list[Any]) -> list[Array]:
        """States of the inputs of one batch."""

    def _build(self, weights: Weights) -> nn.Module:
        """The network with its weights."""
        return load_network(weights, self.title)

    @property
    def _least_share(self) -> float:
        """How much shorter than the longest an input of a batch may be (`emotone.features.buckets`)."""
        return 0.8

    @property
    def _weights(self) -> Weights:
        return find_weights(self.weights, self.sha256, self.title)

    @property
    def _config(self) -> dict[str, Any]:
        return self._weights.config

    @property
    def _num_layers(self) -> int:
        return self._number("num_hidden_layers")

    def _number(self, key: str) -> int:
        """A size in the configuration; raises EmotoneError where it is missing."""
        value = self._config.get(key)
        if not isinstance(value, int) or value < 1:
            raise EmotoneError(
                f"{self._weights.folder / 'config.json'}: {key} must be a whole number from 1, not {value!r}"
            )
        return value


@dataclass(frozen=True)
class SpeechEncoder(Encoder):
    """An encoder of samples [N] at 16 kHz."""

    input: ClassVar[Input] = "audio"

    @property
    @abstractmethod
    def hop_s(self) -> float:
        """Seconds from one state to the next."""

    @property
    @abstractmethod
    def min_duration_s(self) -> float:
        """Shortest input in seconds."""

    def check(self, source: Array) -> str:
        """Raise EmotoneError for too few samples and for NaN."""
        num_samples_min = round(self.min_duration_s * RATE_HZ)
        if len(source) < num_samples_min:
            raise EmotoneError(f"{self.title}: needs at least {num_samples_min} samples at 16 kHz, not {len(source)}")
        if not np.isfinite(source).all():
            raise EmotoneError(f"{self.title}: the samples hold NaN or infinite values")
        return ""


@dataclass(frozen=True)
class TextEncoder(Encoder):
    """An encoder of text in tokens, the special ones included: a network of transformers with its tokenizer."""

    input: ClassVar[Input] = "text"
    requires: ClassVar[tuple[str, ...]] = ("text",)

    def __post_init__(self) -> None:
        super().__post_init__()
        config = self._config
        if config.get("is_encoder_decoder") or "vocab_size" not in config or "max_position_embeddings" not in config:
            kind = config.get("model_type")
            raise EmotoneError(f"{self.title}: takes text encoders (roberta, bert, ...), not {self.weights} ({kind})")

    @property
    def hop_s(self) -> None:
        """None: tokens have no times."""
        return None

    @property
    def min_duration_s(self) -> float:
        """0: the audio does not count."""
        return 0.0

    @property
    def max_tokens(self) -> int:
        """Tokens that the encoder takes, the special ones included."""
        positions = getattr(getattr(_load(self), "embeddings", None), "position_embeddings", None)
        padding = getattr(positions, "padding_idx", None)
        first = 0 if padding is None else padding + 1  # RoBERTa counts from behind its padding
        return min(self._number("max_position_embeddings") - first, _tokenizer(self).model_max_length)

    def check(self, source: str) -> str:
        """Raise EmotoneError for text without content, or of which the encoder knows no token; note what is cut."""
        if not source.strip():
            raise EmotoneError("the transcript is empty")
        tokenizer = _tokenizer(self)
        tokens = tokenizer(source, add_special_tokens=False, truncation=False, padding=False)["input_ids"]
        if all(token == tokenizer.unk_token_id for token in tokens):
            raise EmotoneError(f"{self.title}: {self.weights} knows no word of the transcript {source[:40]!r}")
        if len(tokens) + tokenizer.num_special_tokens_to_add() > self.max_tokens:
            return f"longer than {self.max_tokens} tokens, which is all that {self.weights} takes, and cut"
        return ""

    def _prepare(self, source: str) -> list[int]:
        return _tokenizer(self)(source, truncation=True, max_length=self.max_tokens, padding=False)["input_ids"]

    def _length(self, prepared: list[int]) -> float:
        return len(prepared)

    def _states(self, network: nn.Module, batch: list[list[int]]) -> list[Array]:
        import torch

        padded = _tokenizer(self).pad({"input_ids": batch}, padding=True, return_tensors="pt")
        with torch.inference_mode():
            output = network(
                **padded.to(next(network.parameters()).device), output_hidden_states=self.layer is not None
            )
        return cut(chosen(output, self.layer), map(len, batch))


def chosen(output: Any, layer: Layer) -> torch.Tensor:
    """The states [B, T, D] of a layer, or of all [B, T, (L + 1) * D], in what a network of transformers gives."""
    import torch

    if layer is None:
        return output.last_hidden_state
    return torch.cat(output.hidden_states, dim=2) if layer == "all" else output.hidden_states[layer]


def cut(states: torch.Tensor, lengths: Any) -> list[Array]:
    """The states [B, T, D] of a padded batch without those of padding, as float32 arrays."""
    arrays = states.float().cpu().numpy()
    return [array[:length].copy() for array, length in zip(arrays, lengths, strict=True)]


def load_network(weights: Weights, where: str) -> nn.Module:
    """A network of transformers with all its weights; raises EmotoneError where some are missing or do not fit."""
    if weights.format != "safetensors":
        raise EmotoneError(f"{where}: {weights.folder} has no weights for this kind of encoder (model.safetensors)")
    import transformers
    from safetensors import SafetensorError

    try:
        network, info = transformers.AutoModel.from_pretrained(
            weights.folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, AttributeError, SafetensorError) as error:
        raise EmotoneError(f"{where}: {weights.folder}: not an encoder that can be loaded ({error})") from None
    lacking = sorted(name for name in info["missing_keys"] if not any(part in name for part in HARMLESS))
    if lacking:
        raise EmotoneError(f"{where}: {weights.folder}: {len(lacking)} of its weights are missing, e.g. {lacking[0]}")
    return network


@lru_cache(maxsize=4)
def _load(encoder: Encoder) -> nn.Module:
    """The network of an encoder, ready to run, loaded once in a process."""
    import torch

    _quieten(encoder)
    network = encoder._build(encoder._weights)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    is_half = encoder.precision == "bfloat16" or (encoder.precision == "auto" and device == "cuda")
    return network.eval().requires_grad_(False).to(device, torch.bfloat16 if is_half else torch.float32)


@lru_cache(maxsize=4)
def _tokenizer(encoder: TextEncoder) -> Any:
    _quieten(encoder)
    import transformers

    folder = encoder._weights.folder
    if not any((folder / file).is_file() for file in TOKENIZERS):
        raise EmotoneError(f"{encoder.title}: {folder} lacks a tokenizer (one of {', '.join(TOKENIZERS)})")
    try:
        return transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EmotoneError(f"{encoder.title}: {folder}: no tokenizer that can be loaded ({error})") from None


def _quieten(encoder: Encoder) -> None:
    """No messages of transformers but errors, which become ours; raises EmotoneError where it is not installed."""
    try:
        from transformers.utils import logging
    except ImportError:
        raise missing_extra("transformers", encoder.requires[0], encoder.title) from None
    logging.set_verbosity_error()
    logging.disable_progress_bar()
