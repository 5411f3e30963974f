"""Recordings cut into windows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from emotone.audio.read import RATE_HZ, Samples
from emotone.errors import EmotoneError

WINDOW_S = 8.0
"""Windows of a long recording, unless the user or the bundle's longest utterance says less."""
HOP_S = 4.0
BATCH_S = 64.0
"""Seconds of audio scored together: enough to keep the network busy, little enough to stay in the cache."""
Cut = tuple[int, Samples]


def mark_last(windows: Iterable[Cut]) -> Iterator[tuple[Cut, bool]]:
    """Every window, and whether the recording ends with it."""
    waiting: Cut | None = None
    for window in windows:
        if waiting is not None:
            yield waiting, False
        waiting = window
    if waiting is not None:
        yield waiting, True


def check_window(window_s: float | None, hop_s: float | None) -> None:
    """Raise EmotoneError for window settings that make no sense."""
    if window_s is not None and not 0.1 <= window_s <= 600:
        raise EmotoneError(f"window must be from 0.1 to 600 seconds, not {window_s:g}")
    if hop_s is not None and not 0.05 <= hop_s <= (window_s or WINDOW_S):
        raise EmotoneError(f"hop must be from 0.05 seconds to the window ({window_s or WINDOW_S:g}), not {hop_s:g}")


def cut_windows(
    blocks: Iterable[Samples], window_s: float, hop_s: float, limit_s: float
) -> Iterator[tuple[int, Samples]]:
    """Windows (first sample, samples) of a stream of blocks; a stream no longer than `limit_s` is one window.

    The last window ends with the recording and is shorter where the durations do not divide; nothing is left out.

    >>> second = np.ones(16_000, np.float32)
    >>> [(start / 16_000, len(window) / 16_000) for start, window in cut_windows([second] * 5, 2.0, 1.5, 4.0)]
    [(0.0, 2.0), (1.5, 2.0), (3.0, 2.0)]
    """
    window, hop, limit = (round(seconds * RATE_HZ) for seconds in (window_s, hop_s, limit_s))
    buffer: list[Samples] = []
    held, start, is_long = 0, 0, False
    for block in blocks:
        buffer.append(block)
        held += len(block)
        is_long = is_long or held > limit
        if not is_long or held <= window:
            continue
        joined = np.concatenate(buffer)
        position = 0
        while len(joined) - position > window:  # one sample more: this window is not the last
            yield start + position, joined[position : position + window]
            position += hop
        buffer, held, start = [joined[position:].copy()], len(joined) - position, start + position
    if held:
        yield start, np.concatenate(buffer)
