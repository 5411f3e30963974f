"""Missing data: words, audio frames, bursts of audio or a whole modality taken from an utterance, by severity.

What curves over missing data are made of, beside `emotone.audio.change.degrade`, which makes audio worse but leaves it
there. With a generator of the same seed a higher severity takes what a lower one takes, and more. What is absent is
None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from emotone.audio.change.degrade import DegradationCurve, Severity
from emotone.audio.read import RATE_HZ, Samples
from emotone.base.draws import Random
from emotone.errors import EmotoneError, unknown

BURST_S = 0.25
"""Length of a burst that is lost: about a syllable, more than a packet."""
PRESENT, ABSENT = "present", "absent"
PERCENT = (0.0, 10.0, 25.0, 50.0, 75.0, 90.0)

Part = Literal["transcript", "frames", "samples"]


@dataclass(frozen=True)
class MissingCurve(DegradationCurve):
    """A degradation curve that takes `part` of what is known of an utterance away, little by little or all at once."""

    part: Part = "transcript"


CURVES: dict[str, MissingCurve] = {
    "words": MissingCurve("Missing words", "words deleted (%)", (*PERCENT, 100.0), 0.0),
    "transcript": MissingCurve("Missing transcript", "transcript", (PRESENT, ABSENT), PRESENT),
    "frames": MissingCurve("Missing frames", "audio frames dropped (%)", PERCENT, 0.0, "frames"),
    "bursts": MissingCurve("Missing bursts", f"audio lost (%), {BURST_S:g} s at a time", PERCENT, 0.0, "samples"),
    "audio": MissingCurve("Missing audio", "audio", (PRESENT, ABSENT), PRESENT, "samples"),
}


def remove_text(transcript: str, curve: str, severity: Severity, random: Random) -> str | None:
    """A transcript at one severity of a curve of transcripts; None where no word is left.

    Raises EmotoneError for another curve.

    >>> remove_text("one two three four", "words", 50.0, np.random.default_rng(0))
    'one four'
    """
    _check(curve, "transcript")
    if curve == "transcript":
        return transcript if severity == PRESENT else None
    return delete_words(transcript, float(severity) / 100, random) or None


def remove_audio(samples: Samples, curve: str, severity: Severity, random: Random) -> Samples | None:
    """Samples [N] at one severity of a curve of samples; None where the audio is absent.

    Raises EmotoneError for another curve.

    >>> remove_audio(np.ones(100, np.float32), "audio", "absent", np.random.default_rng(0)) is None
    True
    """
    _check(curve, "samples")
    if curve == "audio":
        return samples if severity == PRESENT else None
    return lose_bursts(samples, float(severity) / 100, random)


def delete_words(transcript: str, share: float, random: Random) -> str:
    """A transcript without a share of its words, which are what stands between white space; "" without any left.

    >>> delete_words("one two three four", 0.25, np.random.default_rng(0))
    'one three four'
    """
    words = transcript.split()
    lost = choose(len(words), share, random)
    return " ".join(word for word, is_lost in zip(words, lost, strict=True) if not is_lost)


def drop_frames(features: NDArray[np.float32], share: float, random: Random) -> NDArray[np.float32]:
    """Features [T, D] with a share of their frames NaN, which normalising makes the mean; the others keep their time.

    >>> drop_frames(np.ones((4, 1), np.float32), 0.25, np.random.default_rng(0))[:, 0].tolist()
    [1.0, nan, 1.0, 1.0]
    """
    return np.where(choose(len(features), share, random)[:, None], np.float32(np.nan), features)


def lose_bursts(samples: Samples, share: float, random: Random, burst_s: float = BURST_S) -> Samples:
    """Samples [N] with a share of their bursts silent: pieces of `burst_s` from a random phase on, never overlapping.

    >>> lose_bursts(np.ones(16_000, np.float32), 0.5, np.random.default_rng(0)).mean().round(2)
    np.float32(0.5)
    """
    size = max(1, round(burst_s * RATE_HZ))
    phase = int(random.integers(min(size, max(1, len(samples)))))
    burst = (np.arange(len(samples)) + phase) // size
    num_bursts = int(burst[-1]) + 1 if len(burst) else 0
    return np.where(choose(num_bursts, share, random)[burst], np.float32(0), samples)


def choose(num: int, share: float, random: Random) -> NDArray[np.bool_]:
    """Which of `num` things are taken: bool [num], the nearest number to that share of them, more for a higher share.

    Raises EmotoneError for a share outside [0, 1].

    >>> choose(4, 0.5, np.random.default_rng(0)).sum()
    np.int64(2)
    """
    if not 0 <= share <= 1:
        raise EmotoneError(f"the share of what is missing must be from 0 to 1 (0 to 100 %), not {share:g}")
    return random.permutation(num) < int(share * num + 0.5)


def _check(curve: str, part: Part) -> None:
    known = [name for name, about in CURVES.items() if about.part == part]
    if curve not in known:
        raise unknown(f"curve of missing {part}", curve, known)
