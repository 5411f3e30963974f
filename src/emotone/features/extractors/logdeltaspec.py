"""Log spectrogram with its first and second derivative in time, as three channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from emotone.features.extractors.logspec import LogSpec
from emotone.features.spectrogram import write_delta

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

WIDTH = 9


@dataclass(frozen=True)
class LogDeltaSpec(LogSpec):
    """The bins of `LogSpec` in dB, their delta and their second-order delta, float32 [T, D = 3 * num_bins].

    The deltas, in dB per frame and per frame squared, are those of the bins that are kept: of a line and of a parabola
    fitted to 9 frames, `interpolated` at the ends (`write_delta`), so the shortest input has 9 frames, 80 ms.

    >>> import numpy as np
    >>> LogDeltaSpec()(np.ones(16_000, np.float32)).shape
    (101, 600)
    """

    channels: ClassVar[tuple[str, ...]] = ("", "delta_", "delta2_")
    num_frames_min: ClassVar[int] = WIDTH

    rate_hz: Literal[16000, 8000] = 16_000
    num_bins: int | None = None

    def fill(self, images: Array, signal: Array, top_db: float) -> None:
        """Write the bins and, of these, the deltas of order 1 and 2."""
        super().fill(images, signal, top_db)
        for order in (1, 2):
            write_delta(images[:, order], images[:, 0], WIDTH, order, "interpolated")
