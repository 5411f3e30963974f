"""Missing data: words, audio frames, bursts of audio or a whole modality taken from an utterance, by severity.

`emotone.audio.change.degrade` makes audio worse, this module takes parts away. With a generator of the same seed a
higher severity takes what a lower one takes, and more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotone.audio.change.degrade import DegradationCurve
from emotone.audio.read import RATE_HZ, Samples
from emotone.base.draws import Random
from emotone.errors import EmotoneError

BURST_S = 0.25
"""Length of a burst that is lost: about a syllable, more than a packet."""
PRESENT, ABSENT, RECOGNISED = "present", "absent", "recognised"
PERCENT = (0.0, 10.0, 25.0, 50.0, 75.0, 90.0)


@dataclass(frozen=True)
class MissingCurve(DegradationCurve):
    """A curve along which parts of an utterance's transcript go missing, or of its audio."""

    takes_transcript: bool = False


CURVES: dict[str, MissingCurve] = {
    "words": MissingCurve("Missing words", "words deleted", (*PERCENT, 100.0), 0.0, "%", takes_transcript=True),
    "transcript": MissingCurve("Missing transcript", "transcript", (PRESENT, ABSENT), PRESENT, takes_transcript=True),
    RECOGNISED: MissingCurve(
        "Recognised transcript", "transcript", ("reference", RECOGNISED), "reference", takes_transcript=True
    ),
    "frames": MissingCurve("Missing frames", "audio frames dropped", PERCENT, 0.0, "%"),
    "bursts": MissingCurve("Missing bursts", "audio lost", PERCENT, 0.0, "%", f", {BURST_S:g} s at a time"),
    "audio": MissingCurve("Missing audio", "audio", (PRESENT, ABSENT), PRESENT),
}


def delete_words(transcript: str, share: float, random: Random) -> str:
    """A transcript without a share of its words, as white space separates them; "" without any left.

    >>> delete_words("one two three four", 0.25, np.random.default_rng(0))
    'one three four'
    """
    words = transcript.split()
    lost = choose_lost(len(words), share, random)
    return " ".join(word for word, is_lost in zip(words, lost, strict=True) if not is_lost)


def drop_frames(features: NDArray[np.float32], share: float, random: Random) -> NDArray[np.float32]:
    """Features [T, D] with a share of their frames NaN, which normalising makes the mean; the others keep their time.

    >>> drop_frames(np.ones((4, 1), np.float32), 0.25, np.random.default_rng(0))[:, 0].tolist()
    [1.0, nan, 1.0, 1.0]
    """
    return np.where(choose_lost(len(features), share, random)[:, None], np.float32(np.nan), features)


def lose_bursts(samples: Samples, share: float, random: Random, burst_s: float = BURST_S) -> Samples:
    """Samples [N] with a share of their bursts silent: pieces of `burst_s` from a random phase on, never overlapping.

    >>> lose_bursts(np.ones(16_000, np.float32), 0.5, np.random.default_rng(0)).mean().round(2)
    np.float32(0.5)
    """
    size = max(1, round(burst_s * RATE_HZ))
    phase = int(random.integers(min(size, max(1, len(samples)))))
    burst = (np.arange(len(samples)) + phase) // size
    num_bursts = int(burst[-1]) + 1 if len(burst) else 0
    return np.where(choose_lost(num_bursts, share, random)[burst], np.float32(0), samples)


def choose_lost(num: int, share: float, random: Random) -> NDArray[np.bool_]:
    """Which of `num` things are lost: bool [num], the nearest number to that share of them.

    A higher share with a generator of the same seed adds to those of a lower one.

    Raises EmotoneError for a share outside [0, 1].

    >>> choose_lost(4, 0.5, np.random.default_rng(0)).sum()
    np.int64(2)
    """
    if not 0 <= share <= 1:
        raise EmotoneError(f"the share of what is missing must be from 0 to 1 (0 to 100 %), not {share:g}")
    return random.permutation(num) < int(share * num + 0.5)
