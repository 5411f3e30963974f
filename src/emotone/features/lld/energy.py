"""Energy and zero crossings of frames of samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from emotone.features.lld.frames import PUBLISHED, Frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]


def rms_energy(frames: Array) -> Array:
    """Root of the mean square of every frame [K, size], no window: float32 [K], 1 at full scale (`pcm_RMSenergy`).

    >>> rms_energy(np.full((1, 512), -0.5, np.float32)).tolist()
    [0.5]
    """
    return np.sqrt(np.einsum("tn,tn->t", frames, frames) / np.float32(frames.shape[1]))


def zero_crossing_rate(samples: Array, num_frames: int, frames: Frames = PUBLISHED) -> Array:
    """Sign changes of each frame of n = `pitch_size` samples over n, float32 [K], from the samples [N] (`pcm_zcr`).

    Sample i = 1..n-2 of a frame counts where x[i-1] x[i] < 0, or x[i] = 0 and x[i-1] x[i+1] <= 0: the last pair of a
    frame is not looked at, and digital silence has n - 2 of them.

    >>> (zero_crossing_rate(np.zeros(512, np.float32), 1) * 512).tolist()
    [510.0]
    """
    before, here, after = samples[:-2], samples[1:-1], samples[2:]
    crosses, is_zero = before * here < 0, here == 0
    if is_zero.any():
        crosses |= is_zero & (before * after <= 0)
    counted = np.zeros(len(crosses) + 1, np.int32)
    np.cumsum(crosses, out=counted[1:])
    first, size = frames.hop * np.arange(num_frames), frames.pitch_size
    return ((counted[first + size - 2] - counted[first]) / size).astype(np.float32)
