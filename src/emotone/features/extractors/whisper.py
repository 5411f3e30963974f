"""States of Whisper's encoder; whisper-base comes as a package."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from emotone.audio.read import RATE_HZ
from emotone.errors import EmotoneError
from emotone.features.ctranslate2_file import read_variables
from emotone.features.encoder import Layer, Precision, SpeechEncoder, cut, load_network

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray
    from torch import nn

    from emotone.base.weights import Weights

    Array = NDArray[np.float32]

HOP_SAMPLES = 320
"""From one state to the next: two frames of the mel spectrogram."""
MEL_EDGE_SAMPLES = 400
"""Silence after the end that the last frames of the spectrogram look at."""
RENAMED = {
    "self_attention/layer_norm": "self_attn_layer_norm",
    "self_attention/linear_0": "self_attn/JOINT",
    "self_attention/linear_1": "self_attn/out_proj",
    "ffn/layer_norm": "final_layer_norm",
    "ffn/linear_0": "fc1",
    "ffn/linear_1": "fc2",
    "position_encodings/encodings": "embed_positions/weight",
    "gamma": "weight",
    "beta": "bias",
}
"""Parts of CTranslate2's names, and transformers'."""


@dataclass(frozen=True)
class Whisper(SpeechEncoder):
    """States every 20 ms of the frames that exist, float32 [T, D], T = ceil(N / 320); D is 512 for whisper-base.

    Radford et al., "Robust speech recognition via large-scale weak supervision", 2023. full_window: whether the encoder
    sees every input with silence up to 30 s, as it was trained; false: only the frames that exist, which costs as much
    less as the input is shorter and changes the states (by how much: `benchmarks/bench_encoders.py`). Longer inputs
    are encoded 30 s by 30 s. The other settings and what it raises: `emotone.features.encoder.Encoder`.

    >>> Whisper(full_window=False)(np.zeros(16_000, np.float32)).shape
    (50, 512)
    """

    requires: ClassVar[tuple[str, ...]] = ("ssl",)

    weights: str = "openai/whisper-base"
    layer: Layer = None
    full_window: bool = True
    sha256: str | None = None
    precision: Precision = "auto"

    @property
    def hop_s(self) -> float:
        """Seconds from one state to the next."""
        return HOP_SAMPLES / RATE_HZ

    @property
    def min_duration_s(self) -> float:
        """Shortest input in seconds: one sample, since it is padded."""
        return 1 / RATE_HZ

    @property
    def _config(self) -> dict[str, Any]:
        weights = self._weights
        config = weights.config if weights.format == "safetensors" else _sizes(weights.files)
        if config.get("model_type") != "whisper":
            raise EmotoneError(f"{self.title}: takes Whisper encoders, not {self.weights} ({config.get('model_type')})")
        return config | {"hidden_size": config.get("d_model"), "num_hidden_layers": config.get("encoder_layers")}

    def _build(self, weights: Weights) -> nn.Module:
        if weights.format == "safetensors":
            return load_network(weights, self.title).get_submodule("encoder")
        return _from_ctranslate2(weights.files)

    def encode(self, sources: Sequence[Array]) -> list[Array]:
        """States of inputs that `check` lets pass, float32 [T, D] each; the windows of long ones one after another."""
        size = self._number("max_source_positions") * HOP_SAMPLES
        windows = [[source[start : start + size] for start in range(0, len(source), size)] for source in sources]
        states = iter(super().encode([window for parts in windows for window in parts]))
        return [np.concatenate([next(states) for _ in parts]) for parts in windows]

    def _prepare(self, source: Array) -> tuple[Array, int]:
        """Log-mel spectrogram [M, 2 S] of a window and the T <= S states that exist; S is 1500 for a full window."""
        num_states, limit = -(-len(source) // HOP_SAMPLES), self._number("max_source_positions")
        num_steps = limit if self.full_window else num_states
        edge = 0 if num_steps == limit else MEL_EDGE_SAMPLES  # a full window has nothing after it
        padded = np.pad(source, (0, num_steps * HOP_SAMPLES + edge - len(source)))
        processor = _processor(self._number("num_mel_bins"))
        mels = processor(padded, sampling_rate=RATE_HZ, padding="longest", truncation=False)["input_features"][0]
        return np.asarray(mels[:, : 2 * num_steps], dtype=np.float32), num_states

    def _length(self, prepared: tuple[Array, int]) -> float:
        return prepared[0].shape[1] // 2

    def _states(self, network: nn.Module, batch: list[tuple[Array, int]]) -> list[Array]:
        import torch

        longest = max(mels.shape[1] for mels, _ in batch)
        padded = np.stack([np.pad(mels, ((0, 0), (0, longest - mels.shape[1]))) for mels, _ in batch])
        parameter = next(network.parameters())
        num_steps = torch.tensor([mels.shape[1] // 2 for mels, _ in batch], device=parameter.device)
        mels = torch.from_numpy(padded).to(parameter.device, parameter.dtype)
        with torch.inference_mode():
            states = encode_mels(network, mels, num_steps, self.layer)
        return cut(states, [num_states for _, num_states in batch])


def encode_mels(encoder: Any, mels: torch.Tensor, num_steps: torch.Tensor, layer: Layer = None) -> torch.Tensor:
    """States [B, T, D] of log-mel spectrograms [B, M, 2 T], of which `num_steps` [B] are not padding.

    What Whisper's encoder computes, for inputs of any length up to its own: with fewer of its positions, and a mask in
    place of the silence that it is used to. `layer`: states after so many layers; None: after the last and its norm;
    "all": of all layers side by side, the last one's after its norm.
    """
    import torch
    from torch.nn import functional as F

    def exists(width: int, factor: int) -> torch.Tensor:
        return torch.arange(width, device=mels.device) < factor * num_steps[:, None]  # [B, width]

    hidden = F.gelu(encoder.conv1(mels))
    hidden = hidden * exists(hidden.shape[2], 2)[:, None]  # the next convolution sees zeros beyond the end, not biases
    hidden = F.gelu(encoder.conv2(hidden)).transpose(1, 2)
    hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
    there = exists(hidden.shape[1], 1)
    mask = None
    if not bool(there.all()):
        mask = torch.zeros_like(there, dtype=hidden.dtype).masked_fill(~there, torch.finfo(hidden.dtype).min)[
            :, None, None
        ]
    states = [hidden]
    for block in encoder.layers[: None if layer == "all" else layer]:
        states.append(block(states[-1], mask))
    if layer in (None, "all"):
        states[-1] = encoder.layer_norm(states[-1])
    return torch.cat(states, dim=2) if layer == "all" else states[-1]


@lru_cache(maxsize=4)
def _processor(num_mel_bins: int) -> Any:
    from transformers import WhisperFeatureExtractor

    return WhisperFeatureExtractor(feature_size=num_mel_bins)


@lru_cache(maxsize=1)
def _encoder_arrays(files: tuple[Path, ...]) -> dict[str, NDArray[Any]]:
    return read_variables(files, "encoder/")


@lru_cache(maxsize=4)
def _sizes(files: tuple[Path, ...]) -> dict[str, Any]:
    """The sizes of an encoder in CTranslate2's format, named as in transformers' configuration."""
    arrays = _encoder_arrays(files)
    try:
        width, num_mel_bins, _ = arrays["encoder/conv1/weight"].shape
        return {
            "model_type": "whisper",
            "d_model": width,
            "num_mel_bins": num_mel_bins,
            "encoder_layers": sum(name.endswith("/ffn/linear_0/weight") for name in arrays),
            "encoder_attention_heads": int(arrays["encoder/num_heads"]),
            "encoder_ffn_dim": arrays["encoder/layer_0/ffn/linear_0/weight"].shape[0],
            "max_source_positions": arrays["encoder/position_encodings/encodings"].shape[0],
        }
    except (KeyError, ValueError) as error:
        raise EmotoneError(f"{files[0]}: holds no Whisper encoder ({error!r})") from None


def _from_ctranslate2(files: tuple[Path, ...]) -> nn.Module:
    """Transformers' encoder with the weights of CTranslate2's."""
    import torch
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    with torch.device("meta"):
        encoder = WhisperEncoder(WhisperConfig(**_sizes(files)))
    weights = {name: torch.from_numpy(array.astype(np.float32)) for name, array in _renamed(_encoder_arrays(files))}
    try:
        encoder.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise EmotoneError(f"{files[0]}: not a Whisper encoder whose weights are plain floats ({error})") from None
    return encoder


def _renamed(arrays: dict[str, NDArray[Any]]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Variables of CTranslate2 with transformers' names; the joint projection of attention is taken apart."""
    for name, array in arrays.items():
        if not array.ndim:
            continue  # number of heads and the like
        name = re.sub(r"^encoder/layer_(\d+)/", r"layers/\1/", name).removeprefix("encoder/")
        for theirs, ours in RENAMED.items():
            name = name.replace(theirs, ours)
        name = name.replace("/", ".")
        if "JOINT" not in name:
            yield name, array
            continue
        for part, rows in zip("qkv", np.split(array, 3), strict=True):
            if (part, array.ndim) != ("k", 1):  # keys have no bias
                yield name.replace("JOINT", f"{part}_proj"), rows
