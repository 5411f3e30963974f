"""Log mel spectrogram with its delta and the delta of that, as three channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from emotone.features.extractors.logmelspec import LogMelSpec
from emotone.features.spectrogram import write_delta

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

WIDTH = 5


@dataclass(frozen=True)
class LogMelDeltaSpec(LogMelSpec):
    """The mels of `LogMelSpec` in dB, their delta and the delta of that delta, float32 [T, D = 3 * num_mels].

    Deltas, in dB per frame, are slopes of lines fitted to 5 frames; beyond the ends frames are the `nearest` one
    (`write_delta`).

    >>> import numpy as np
    >>> LogMelDeltaSpec()(np.ones(16_000, np.float32)).shape
    (101, 384)
    """

    channels: ClassVar[tuple[str, ...]] = ("", "delta_", "delta_delta_")

    rate_hz: Literal[16000, 8000] = 16_000
    num_mels: int = 128

    def fill(self, images: Array, signal: Array, top_db: float) -> None:
        """Write the mels, and twice the delta of the channel before."""
        super().fill(images, signal, top_db)
        for channel in (1, 2):
            write_delta(images[:, channel], images[:, channel - 1], WIDTH)
