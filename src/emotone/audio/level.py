"""How loud samples are: level, silence, the part with sound; full scale is 1."""

from __future__ import annotations

import numpy as np

from emotone.audio.read import RATE_HZ, Samples

SILENCE_PEAK = 1e-4
"""A peak below -80 dB of full scale is silence: less than two steps of a 16-bit sample and its dither."""


def is_silent(samples: Samples) -> bool:
    """Whether nothing is louder than -80 dB of full scale, whatever the offset: a constant cannot be heard.

    >>> is_silent(np.full(100, 0.5, np.float32)), is_silent(np.array([0.5, 0.4], np.float32))
    (True, False)
    """
    return not len(samples) or bool(samples.max() - samples.min() < 2 * SILENCE_PEAK)


def rms(samples: Samples) -> float:
    """Root of the mean square of samples [N], in float64.

    >>> rms(np.array([0.5, -0.5], np.float32))
    0.5
    """
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def fit_full_scale(samples: Samples) -> Samples:
    """Samples [N] made quieter as a whole where one leaves [-1, 1], which keeps ratios where clipping would not.

    >>> fit_full_scale(np.array([0.5, -2.0]))
    array([ 0.25, -1.  ])
    """
    return samples / max(1.0, float(np.abs(samples).max()))


def active_duration_s(samples: Samples, frame_s: float = 0.032, range_db: float = 35.0) -> float:
    """Seconds of sound: frames within `range_db` of the loudest frame and above -60 dB of full scale.

    An energy measure, not a speech detector: it costs nothing and only weighs windows of one recording against each
    other, where a detector's time (ten times the network's) would buy little.

    >>> tone = np.sin(np.arange(16_000) / 5).astype(np.float32)
    >>> round(active_duration_s(np.concatenate([tone, np.zeros(16_000, np.float32)])), 1)
    1.0
    """
    size = int(frame_s * RATE_HZ)
    frames = samples[: len(samples) // size * size].reshape(-1, size) if len(samples) >= size else samples[None]
    power = np.einsum("tn,tn->t", frames, frames) / frames.shape[1]
    threshold = max(power.max() * 10 ** (-range_db / 10), min(1e-6, power.max()))
    return float((power >= threshold).mean() * len(samples) / RATE_HZ)
