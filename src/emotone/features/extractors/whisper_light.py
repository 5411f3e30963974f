"""States of the first blocks of Whisper-base's encoder, which come with Emotone and need no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from emotone.audio.read import RATE_HZ, Samples
from emotone.errors import EmotoneError
from emotone.features.feature import Input
from emotone.features.light_encoder import HOP_SAMPLES, STATES, WIDTH, encode, hear_speech, identity

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

MIN_DURATION_S = 0.05
LEVEL = 0.06
"""RMS of full scale to which the active frames of an input are brought."""
LEAST_RMS = 1e-5
"""The least divisor, in full scale: silence stays silence."""
ACTIVE_DB = 35.0
"""How far below the loudest frame a frame may be and count as active."""


@dataclass(frozen=True)
class WhisperLight:
    """States every 20 ms, float32 [T, D], T = ceil(N / 320), or their moments over the active frames, [1, D].

    The encoder of Radford et al., "Robust speech recognition via large-scale weak supervision", 2023, up to block 3,
    with 8-bit weights. The gain of an input does not count: its active frames, those within 35 dB of the loudest, are
    brought to an RMS of 0.06. Only frames that exist are encoded; inputs beyond 30 s are encoded 30 s by 30 s. Silence
    around does not count for moments, either: only what lies between the first and the last active frame is encoded.

    blocks: whose states, side by side, in rising order: 0 the convolutions, 1 to 3 the blocks after them; 512 values
    each. pooled: "mean" or "mean-and-deviation" over active frames, or "no". sha256: identity of the encoder; None:
    that of the one that comes with Emotone, and no other is accepted. Calling it raises EmotoneError for less than
    50 ms and for NaN. The frames that are speech come with the states (`listen`).

    >>> WhisperLight()(np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)).shape
    (50, 1024)
    """

    requires: ClassVar[tuple[str, ...]] = ()
    input: ClassVar[Input] = "audio"
    resolved: ClassVar[tuple[str, ...]] = ("sha256",)

    blocks: tuple[int, ...] = (2, 3)
    pooled: Literal["no", "mean", "mean-and-deviation"] = "no"
    sha256: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple(self.blocks))
        if self.blocks != tuple(sorted(set(self.blocks) & set(range(len(STATES))))) or not self.blocks:
            blocks = list(self.blocks)
            raise EmotoneError(f"feature whisper-light: blocks must be some of 0, 1, 2, 3 in this order, not {blocks}")
        found = identity(self.blocks[-1])
        if self.sha256 not in (None, found):
            raise EmotoneError(
                f"feature whisper-light: needs the encoder whose SHA-256 is {str(self.sha256)[:12]}…; "
                f"the one that comes with this version of Emotone is {found[:12]}…; take the version that it was made "
                "with, or make it anew"
            )
        object.__setattr__(self, "sha256", found)

    @property
    def names(self) -> list[str]:
        """Names of the D values; all means come before all deviations."""
        moments = {"no": [""], "mean": ["_mean"], "mean-and-deviation": ["_mean", "_std"]}[self.pooled]
        states = [f"{STATES[block]}_{index}" for block in self.blocks for index in range(WIDTH)]
        return [state + moment for moment in moments for state in states]

    @property
    def hop_s(self) -> float | None:
        """Seconds from one state to the next; None where they are pooled."""
        return HOP_SAMPLES / RATE_HZ if self.pooled == "no" else None

    @property
    def min_duration_s(self) -> float:
        """Shortest input in seconds."""
        return MIN_DURATION_S

    def __call__(self, samples: Array) -> Array:
        """Samples [N], 16 kHz -> states [T, D] or their moments [1, D]."""
        return self.listen(samples)[0]

    def listen(self, samples: Array) -> tuple[Array, NDArray[np.bool_]]:
        """What calling it gives, and in which of the T frames of 20 ms somebody speaks, bool [T]."""
        if len(samples) < MIN_DURATION_S * RATE_HZ:
            given_ms, least_ms = 1000 * len(samples) / RATE_HZ, 1000 * MIN_DURATION_S
            raise EmotoneError(f"feature whisper-light: {given_ms:g} ms are too short; it needs {least_ms:g} ms")
        is_active, gain = find_active(samples)
        if not np.isfinite(gain):
            raise EmotoneError("feature whisper-light: the samples hold NaN or infinite values")
        is_speech = np.zeros(len(is_active), bool)
        first, last = (0, len(is_active) - 1) if self.pooled == "no" else np.flatnonzero(is_active)[[0, -1]]
        encoded = slice(first, last + 1)
        heard: list[NDArray[np.bool_]] = []
        windows = self._windows(samples[first * HOP_SAMPLES : (last + 1) * HOP_SAMPLES], gain, heard)
        if self.pooled == "no":
            features = np.concatenate(list(windows))
        else:
            mean, deviation = moments(windows, is_active[encoded])
            features = np.concatenate([mean] if self.pooled == "mean" else [mean, deviation])[None]
        is_speech[encoded] = np.concatenate(heard)
        return features, is_speech & is_active

    def _windows(self, samples: Array, gain: float, heard: list[NDArray[np.bool_]]) -> Iterator[Array]:
        """States [T, D] of each 30 s; in which frames somebody speaks is appended to `heard`, window by window."""
        for states in encode(samples, max(1, self.blocks[-1]), gain):
            heard.append(hear_speech(states[1]))
            yield np.concatenate([states[block] for block in self.blocks], axis=1)


def find_active(samples: Samples) -> tuple[NDArray[np.bool_], float]:
    """Which of the T frames of samples [N] are active, bool [T], and the gain that gives these an RMS of 0.06.

    >>> is_active, gain = find_active(np.repeat([0.02, 0.0001], 320).astype(np.float32))
    >>> is_active.tolist(), round(gain, 3)
    ([True, False], 3.0)
    """
    power = frame_power(samples)
    if not np.isfinite(power).all():
        return np.zeros(len(power), bool), np.nan
    is_active = power >= power.max() * 10 ** (-ACTIVE_DB / 10)
    return is_active, LEVEL / max(float(np.sqrt(power[is_active].mean())), LEAST_RMS)


def frame_power(samples: Samples) -> NDArray[np.float64]:
    """Mean square of each 20 ms of samples [N]: [T], T = ceil(N / 320); the last frame is filled up with zeros.

    >>> frame_power(np.ones(480, np.float32)).tolist()
    [1.0, 0.5]
    """
    whole = len(samples) // HOP_SAMPLES * HOP_SAMPLES
    power = np.einsum("tn,tn->t", *[samples[:whole].reshape(-1, HOP_SAMPLES)] * 2)
    rest = np.square(samples[whole:]).sum(keepdims=True) if whole < len(samples) else samples[:0]
    return np.concatenate([power, rest]).astype(np.float64) / HOP_SAMPLES


def moments(windows: Iterable[Array], is_active: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Mean and population deviation [D] over the active ones of all frames, which come in windows [T, D] of 30 s.

    >>> mean, deviation = moments([np.array([[1.0], [9.0], [3.0]])], np.array([True, False, True]))
    >>> mean.tolist(), deviation.tolist()
    ([2.0], [1.0])
    """
    total, squares, num_frames = np.zeros(1), np.zeros(1), 0
    for frames in windows:
        heard = frames[is_active[num_frames : num_frames + len(frames)]].astype(np.float64)
        total, squares = total + heard.sum(axis=0), squares + np.square(heard).sum(axis=0)
        num_frames += len(frames)
    mean = total / is_active.sum()
    deviation = np.sqrt(np.maximum(squares / is_active.sum() - mean**2, 0))
    return mean.astype(np.float32), deviation.astype(np.float32)
