"""Speech of any length for benchmarks of features."""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import numpy as np

from emotone.audio.read import Samples, load_audio


def speech(num_samples: int, seed: int) -> Samples:
    """The example's speech from a random place on, repeated to a length, under a little noise of its own."""
    rng = np.random.default_rng(seed)
    samples = load_audio(timing.EXAMPLE)
    repeated = np.resize(np.roll(samples, -rng.integers(len(samples))), num_samples)
    return (0.9 * repeated + rng.normal(0, 1e-3, num_samples)).astype(np.float32)
