"""Files that only PyAV reads (m4a, webm, ...), as blocks, each at its time: a late start and holes become silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from emotone.audio.channels import check_rate
from emotone.audio.sound_file import BLOCK_VALUES, Block
from emotone.errors import EmotoneError

FORMATS = {"wav": "wav", "aiff": "aiff", "caf": "caf", "ogg": "ogg"}
"""FFmpeg's names of formats that libsndfile reads, too, for codecs that it does not know."""
SLACK_S = 0.25
"""How much shorter than its container says a track may be: coders' delays and paddings."""
JITTER_S = 0.03
"""By how much times of packets may be off: some containers count in milliseconds, and clocks drift."""
LONGEST_HOLE_S = 7_200.0
"""A longer one is a fault of the clock."""
FULL_SCALE = {"u1": 2.0**7, "i2": 2.0**15, "i4": 2.0**31, "i8": 2.0**63}


def decode(path: str, kind: str, start_s: float, end_s: float | None, block_s: float) -> Iterator[tuple[Block, int]]:
    """Blocks of a file of a kind (`emotone.audio.kind`) from `start_s` to `end_s`, and their rate; NaN may be in them.

    Times are those of the recording: of its container's clock from 0 on, or, where that begins anywhere, from the first
    of its tracks. The format is never guessed, since some formats are lists of other files.
    Raises EmotoneError for what is damaged or ends early, and without the package av.
    """
    try:
        import av
    except ImportError:
        raise EmotoneError(f'{kind} needs the package av: pip install "emotone[av]"') from None
    try:
        with av.open(f"file:{path}", format=FORMATS.get(kind, kind), **_any_metadata(av.__version__)) as container:
            if not container.streams.audio:
                raise EmotoneError("holds no audio stream")
            position, rate_hz = 0, 0
            for position, block, rate_hz in _gathered(_placed(container), block_s):
                first = max(0, round(start_s * rate_hz) - position)
                stop = None if end_s is None else round(end_s * rate_hz) - position
                if first < len(block) and (stop is None or stop > 0):
                    yield block[first:stop], rate_hz
                position += len(block)
                if stop is not None and stop <= len(block):
                    return
            promised_s = _promised_s(container)
    except av.FFmpegError as error:
        raise EmotoneError(f"is not audio that can be read ({error.strerror})") from None
    if promised_s is not None and rate_hz and position / rate_hz < promised_s - SLACK_S:
        raise EmotoneError(f"is truncated: {position / rate_hz:.2f} of {promised_s:.2f} s could be read")


def _any_metadata(version: str) -> dict[str, Any]:
    """How PyAV is told to take metadata that are no UTF-8, which from 19 on it does by itself.

    >>> _any_metadata("18.1.0"), _any_metadata("19.0.2")
    ({'metadata_errors': 'replace'}, {})
    """
    return {"metadata_errors": "replace"} if int(version.partition(".")[0]) < 19 else {}


def _placed(container: Any) -> Iterator[tuple[Block, int]]:
    """Frames [N, C] in order, without a gap: what is missing before one of them is silence."""
    has_clock = container.format.name.startswith(("mov", "matroska"))
    origin_s = 0.0 if has_clock or container.start_time is None else container.start_time / 1e6
    position = rate_hz = 0
    for frame in container.decode(audio=0):
        block = _samples(frame)
        check_rate(frame.sample_rate)
        if rate_hz not in (0, frame.sample_rate):
            raise EmotoneError(
                f"changes its rate from {rate_hz} to {frame.sample_rate} Hz after {position / rate_hz:.1f} s"
            )
        rate_hz = frame.sample_rate
        if frame.time is not None:
            hole = round((frame.time - origin_s) * rate_hz) - position
            if hole > LONGEST_HOLE_S * rate_hz:
                raise EmotoneError(f"has a hole of {hole / rate_hz:.0f} s after {position / rate_hz:.1f} s")
            if hole < -JITTER_S * rate_hz:  # a clock that was set back: from here on it counts from here
                origin_s += hole / rate_hz
            if hole > JITTER_S * rate_hz:
                yield from _silence(hole, block.shape[1], rate_hz)
                position += hole
        yield block, rate_hz
        position += len(block)


def _silence(num_samples: int, num_channels: int, rate_hz: int) -> Iterator[tuple[Block, int]]:
    for start in range(0, num_samples, rate_hz):
        yield np.zeros((min(rate_hz, num_samples - start), num_channels), np.float32), rate_hz


def _gathered(frames: Iterator[tuple[Block, int]], block_s: float) -> Iterator[tuple[int, Block, int]]:
    """Frames joined to blocks of at least `block_s` seconds, each with the number of its first sample."""
    waiting: list[Block] = []
    position, held, rate_hz = 0, 0, 0
    for frame, rate_hz in frames:
        num_channels = frame.shape[1]
        is_full = held >= min(block_s * rate_hz, BLOCK_VALUES / num_channels)
        if waiting and (is_full or num_channels != waiting[0].shape[1]):
            yield position, np.concatenate(waiting), rate_hz
            waiting, position, held = [], position + held, 0
        waiting.append(frame)
        held += len(frame)
    if waiting:
        yield position, np.concatenate(waiting), rate_hz


def _samples(frame: Any) -> Block:
    """A frame as float32 [N, C], integers scaled by their full range."""
    values = frame.to_ndarray()
    values = values.T if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels)
    if values.dtype.kind in "iu":
        middle = 128.0 if values.dtype.kind == "u" else 0.0
        return ((values - np.float64(middle)) / FULL_SCALE[values.dtype.str[1:]]).astype(np.float32)
    return values.astype(np.float32, copy=False)


def _promised_s(container: Any) -> float | None:
    """When an MP4 or Matroska file says its audio ends; None for other formats, which only estimate it."""
    stream = container.streams.audio[0]
    if not container.format.name.startswith(("mov", "matroska")):
        return None
    if stream.duration is not None:
        return float((stream.duration + max(0, stream.start_time or 0)) * stream.time_base)
    return container.duration / 1e6 if container.duration is not None and len(container.streams) == 1 else None
