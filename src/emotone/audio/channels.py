"""Many channels as one: their mean, unless they cancel each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotone.errors import EmotoneError, counted

CANCELLED = 0.2
"""Of independent channels the mean has 1 / C of their mean power. With less than a fifth of that they are opposed."""
LEAST_POWER = 1e-10
"""Below, -100 dB of full scale, there is nothing to be cancelled."""
EVERY = 8
"""Samples from one by which powers are measured to the next."""
NOTE = "read by one channel, since the channels cancel (one is upside down)"


class Downmix:
    """Blocks [N] or [N, C] -> [N]: the mean of the channels, or, from where they cancel on, the loudest of them.

    `channel`, from 1, is the one that is heard in their place; calling it raises EmotoneError where there is no such.

    >>> wave = np.sin(np.arange(100.0))
    >>> downmix = Downmix()
    >>> downmix(np.stack([wave, -wave], axis=1)).max() > 0.9, downmix.note
    (np.True_, 'read by one channel, since the channels cancel (one is upside down)')
    """

    def __init__(self, channel: int | None = None) -> None:
        self._channel = channel
        self._chosen: int | None = None

    @property
    def note(self) -> str:
        """What is to be said of it; "" where all is well."""
        return "" if self._chosen is None else NOTE

    def __call__(self, block: NDArray[np.floating]) -> NDArray[np.floating]:
        if self._channel is not None:
            count = 1 if block.ndim == 1 else block.shape[1]
            if not 1 <= self._channel <= count:
                raise EmotoneError(f"has {counted(count, 'channel')}, and no channel {self._channel}")
            return np.ascontiguousarray(block if block.ndim == 1 else block[:, self._channel - 1])
        if block.ndim == 1:
            return block
        if block.shape[1] == 1:
            return block[:, 0]
        # Of two columns the same numbers as the mean of rows, in a twentieth of the time.
        with np.errstate(all="ignore"):  # samples may be anything; who reads them looks for infinite ones
            mean = (block[:, 0] + block[:, 1]) / 2 if block.shape[1] == 2 else block.mean(axis=1)
            if self._chosen is None:
                self._chosen = _opposed(block[::EVERY], mean[::EVERY])
        if self._chosen is None:
            return mean
        return np.ascontiguousarray(block[:, min(self._chosen, block.shape[1] - 1)])


def _opposed(block: NDArray[np.floating], mean: NDArray[np.floating]) -> int | None:
    """The loudest channel of those [N, C] that cancel in their mean [N]; None where they do not."""
    if not len(block):
        return None
    powers = np.einsum("nc,nc->c", block, block) / len(block)
    kept = float(mean @ mean) / len(mean) * block.shape[1]
    return int(powers.argmax()) if kept < CANCELLED * powers.mean() > CANCELLED * LEAST_POWER else None


RATES_HZ = (4_000, 768_000)
"""What a rate of sound may be; speech at less is not to be understood."""


def check_rate(rate_hz: float) -> None:
    """Raise EmotoneError for a rate that no recording of speech has.

    >>> check_rate(44.1)
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: has a rate of 44.1 Hz; it must be from 4000 to 768000 Hz (in Hz, not in kHz)
    """
    if not RATES_HZ[0] <= rate_hz <= RATES_HZ[1]:
        hint = " (in Hz, not in kHz)" if RATES_HZ[0] <= 1_000 * rate_hz <= RATES_HZ[1] else ""
        raise EmotoneError(f"has a rate of {rate_hz:g} Hz; it must be from {RATES_HZ[0]} to {RATES_HZ[1]} Hz{hint}")
