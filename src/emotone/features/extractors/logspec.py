"""Log spectrogram: the lowest bins of the short-time spectrum in dB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from emotone.errors import EmotoneError
from emotone.features.spectrogram import NUM_FFT, RATE_HZ, Spectrogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

NUM_BINS = NUM_FFT // 2 + 1


@dataclass(frozen=True)
class LogSpec(Spectrogram):
    """The lowest bins of the magnitude spectrum in dB, float32 [T, D = num_bins]; frames and dB as in `Spectrogram`.

    num_bins: kept from 0 Hz up, of 401; None: 200 at 16 kHz (0-3980 Hz) and 100 at 8 kHz (0-990 Hz). rate_hz: of the
    signal that is transformed.

    >>> LogSpec()(np.ones(16_000, np.float32)).shape, LogSpec(rate_hz=8000)(np.ones(16_000, np.float32)).shape
    ((101, 200), (101, 100))
    """

    rate_hz: Literal[16000, 8000] = 16_000
    num_bins: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_bins is not None and not 1 <= self.num_bins <= NUM_BINS:
            raise EmotoneError(f"{self.title}: num_bins must lie in 1..{NUM_BINS}, not {self.num_bins}")

    @property
    def bin_names(self) -> list[str]:
        """Names of the bins of one channel: bin k lies at k * rate_hz / 800 Hz."""
        published = 200 if self.rate_hz == RATE_HZ else 100
        return [f"bin_{index}" for index in range(self.num_bins or published)]

    @property
    def bins_hz(self) -> NDArray[np.float64]:
        """Frequencies of the bins."""
        return np.arange(len(self.bin_names)) * self.rate_hz / NUM_FFT

    def reduce(self, block: Array, power: Array) -> float:
        """Keep the lowest bins."""
        block[...] = power[:, : block.shape[1]]
        return float(power.max())
