"""Log mel spectrogram: triangular filters of the short-time power spectrum in dB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from emotone.errors import EmotoneError
from emotone.features.extractors.mel import filter_bands, hz_to_mel, mel_to_hz, write_mels
from emotone.features.spectrogram import NUM_FFT, Spectrogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]


@dataclass(frozen=True)
class LogMelSpec(Spectrogram):
    """Mels of the power spectrum in dB, float32 [T, D = num_mels]; frames and dB as in `Spectrogram`.

    num_mels: filters of unit area between 0 Hz and half of the rate (`mel_filters`). rate_hz: of the signal that is
    transformed.

    >>> LogMelSpec()(np.ones(16_000, np.float32)).shape
    (101, 128)
    """

    rate_hz: Literal[16000, 8000] = 16_000
    num_mels: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_mels < 1:
            raise EmotoneError(f"{self.title}: num_mels must be at least 1, not {self.num_mels}")

    @property
    def bin_names(self) -> list[str]:
        """Names of the filters of one channel."""
        return [f"mel_{index}" for index in range(self.num_mels)]

    @property
    def bins_hz(self) -> NDArray[np.float64]:
        """Frequencies at which the filters peak."""
        return mel_to_hz(np.linspace(0, hz_to_mel(self.rate_hz / 2), self.num_mels + 2))[1:-1]

    def reduce(self, block: Array, power: Array) -> float:
        """Sum the power in each filter."""
        write_mels(block, power, filter_bands(NUM_FFT, self.num_mels, self.rate_hz))
        return float(block.max())
