"""States of wav2vec 2.0, or of any encoder of transformers that takes the waveform (HuBERT, WavLM, data2vec)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.audio.read import RATE_HZ
from emotone.errors import EmotoneError
from emotone.features.encoder import Layer, Precision, SpeechEncoder, chosen, cut

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    Array = NDArray[np.float32]


@dataclass(frozen=True)
class Wav2vec2(SpeechEncoder):
    """States every 20 ms, float32 [T, D]; D is 1024 for the default, wav2vec2-large-robust.

    Baevski et al., "wav2vec 2.0", 2020; Hsu et al., "Robust wav2vec 2.0", 2021. normalise: whether samples get zero
    mean and unit variance first, as the published systems have it and as these encoders' processors mostly do (where
    `preprocessor_config.json` says `"do_normalize": false`, give false). The other settings and what it raises:
    `emotone.features.encoder.Encoder`. Encoders whose normalisation runs over time (`"feat_extract_norm": "group"`) are
    given only inputs of one length together, since padding would change their states.
    """

    requires: ClassVar[tuple[str, ...]] = ("ssl",)
    # The first convolution fills 6.5 MB per second of speech: on a CPU, large batches cost more than they save.
    states_per_batch: ClassVar[dict[str, int]] = {"cpu": 200, "cuda": 24_000}

    weights: str = "facebook/wav2vec2-large-robust"
    layer: Layer = None
    normalise: bool = True
    sha256: str | None = None
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        kernels, strides = (self._config.get(key) for key in ("conv_kernel", "conv_stride"))
        if not isinstance(kernels, list) or not isinstance(strides, list) or len(kernels) != len(strides):
            kind = self._config.get("model_type")
            raise EmotoneError(
                f"{self.title}: takes encoders of the waveform (wav2vec2, hubert, wavlm, ...), not {kind}"
            )

    @property
    def hop_s(self) -> float:
        """Seconds from one state to the next."""
        return math.prod(self._config["conv_stride"]) / RATE_HZ

    @property
    def min_duration_s(self) -> float:
        """Shortest input in seconds: what the convolutions see for one state (25 ms)."""
        num_samples = 1
        for kernel, stride in zip(
            reversed(self._config["conv_kernel"]), reversed(self._config["conv_stride"]), strict=True
        ):
            num_samples = (num_samples - 1) * stride + kernel
        return num_samples / RATE_HZ

    @property
    def _least_share(self) -> float:
        return 0.8 if self._config.get("feat_extract_norm") == "layer" else 1.0

    def _prepare(self, source: Array) -> Array:
        if not self.normalise:
            return source
        return ((source - source.mean()) / np.sqrt(source.var() + 1e-7)).astype(np.float32)

    def _length(self, prepared: Array) -> float:
        return len(prepared) / (self.hop_s * RATE_HZ)  # not rounded: equal lengths are those equal to the sample

    def _num_states(self, samples: Array) -> int:
        num_states = len(samples)
        for kernel, stride in zip(self._config["conv_kernel"], self._config["conv_stride"], strict=True):
            num_states = (num_states - kernel) // stride + 1
        return num_states

    def _states(self, network: nn.Module, batch: list[Array]) -> list[Array]:
        import torch

        parameter = next(network.parameters())
        lengths = torch.tensor([len(samples) for samples in batch])
        padded = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(samples) for samples in batch], batch_first=True)
        mask = None
        if (lengths != lengths[0]).any():
            mask = (torch.arange(padded.shape[1]) < lengths[:, None]).long().to(parameter.device)
        with torch.inference_mode():
            inputs = padded.to(parameter.device, parameter.dtype)
            output = network(inputs, attention_mask=mask, output_hidden_states=self.layer is not None)
        return cut(chosen(output, self.layer), [self._num_states(samples) for samples in batch])
