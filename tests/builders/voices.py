"""Speech for tests that need somebody to speak, as long as they like."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from emotone.audio.read import RATE_HZ, Samples, load_audio

JFK = Path(__file__).parents[2] / "examples" / "jfk.wav"


def spoken(duration_s: float, seed: int = 0) -> Samples:
    """The recording of the examples over and over, from a place and at a level that the seed chooses."""
    random = np.random.default_rng(seed)
    start, level = int(random.integers(RATE_HZ)), float(random.uniform(0.5, 1.0))
    recording = _recording()[RATE_HZ // 2 :]
    num = round(duration_s * RATE_HZ)
    return np.resize(np.roll(recording, -start), num).astype(np.float32) * np.float32(level)


@lru_cache(maxsize=1)
def _recording() -> Samples:
    return load_audio(JFK)
