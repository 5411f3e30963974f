"""The frames of an MP3 file, counted: its header may count others, those of the first of joined files, or none at all.

libsndfile reads as many samples as the header in the first frame says, and guesses where there is none. Where that is
not what the frames are, the file is put together anew: a header that counts all of them, and nothing between them.
"""

from __future__ import annotations

import itertools
import mmap
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from emotone.audio.kind import id3_bytes
from emotone.audio.pieces import Piece
from emotone.errors import EmotoneError

Data = bytes | mmap.mmap
Span = tuple[int, int]

RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
KBPS = (
    (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # MPEG-2 and 2.5
    (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),  # MPEG-1
)
SLACK_BYTES = 2_048
"""How far the end of the file may lie from where its header says: part of a frame, a short tag."""
SLACK_FRAMES = 2
"""The header itself counts as a frame for some writers, and the last may not be whole."""
GOOD_FRAMES = 3
"""Frames in a row that are sound: two bytes alone are too often no header."""
MOST_TRIES = 100_000
"""Places that look like a frame and are none; no recording has so many."""


@dataclass(frozen=True)
class Frames:
    """The layer III frames of a file that hold sound: `spans` of bytes [start, stop), `num_samples` in all of them.

    counting: the bytes of the frame before the first of them, where that is one that counts.
    """

    rate_hz: int
    num_samples: int
    spans: list[Span]
    first_header: bytes
    counting: bytes = b""

    @property
    def num_frames(self) -> int:
        """How many frames there are."""
        return self.num_samples // _samples_per_frame(self.first_header)

    def pieces(self) -> list[Piece]:
        """All frames behind a header that counts them."""
        frame = self.counting if _counted(self.counting) else _empty_count(self.first_header)
        num_bytes = len(frame) + sum(stop - start for start, stop in self.spans)
        return [_count_in(frame, self.num_frames, num_bytes), *self.spans]


def find_frames(data: Data, start: int = 0, stop: int | None = None) -> Frames | None:
    """The frames in the bytes from `start` to `stop`; None where there is no layer III of a known bit rate.

    Raises EmotoneError where the rate changes, or where too much looks like sound that is none.
    """
    rate_hz = num_samples = 0
    spans: list[Span] = []
    for run, run_rate_hz, run_samples in _runs(data, start, len(data) if stop is None else stop):
        rate_hz = rate_hz or run_rate_hz
        if run_rate_hz != rate_hz:
            after_s = num_samples / rate_hz
            raise EmotoneError(f"changes its rate from {rate_hz} to {run_rate_hz} Hz after {after_s:.1f} s")
        num_samples += run_samples
        spans.append(run)
    counting = _counting_frames(data, spans)
    for place in counting:
        spans = [part for span in spans for part in _without(span, place)]
    if not spans:
        return None
    head = bytes(data[spans[0][0] : spans[0][0] + 4])
    num_samples -= len(counting) * _samples_per_frame(head)
    is_first = bool(counting) and counting[0][1] == spans[0][0]
    return Frames(rate_hz, num_samples, spans, head, bytes(data[slice(*counting[0])]) if is_first else b"")


def mended_mp3(data: Data) -> list[Piece]:
    """The pieces of a file of which the header counts not all frames; none where it does.

    Raises EmotoneError as `find_frames`, and where the header counts more frames than there are.
    """
    start = 0
    while length := id3_bytes(data[start : start + 10]):
        start += length
    frame = data[start : start + _STEPS.get(data[start : start + 3], (0,))[0]]
    counted = _counted(frame)
    if counted and counted[1] and abs(len(data) - start - counted[1]) <= SLACK_BYTES:
        return []
    frames = find_frames(data)
    if frames is None:
        return []
    if counted and counted[0] > frames.num_frames + SLACK_FRAMES:
        raise EmotoneError(f"is truncated: its header promises {counted[0]} frames, it has {frames.num_frames}")
    return frames.pieces()


def _counted(frame: bytes) -> tuple[int, int | None] | None:
    """The frames and bytes that a frame counts; None for one that counts none."""
    lead = _lead(frame) if len(frame) >= 4 else 0
    if not lead or frame[lead : lead + 4] not in (b"Xing", b"Info") or len(frame) < lead + 16:
        return None
    flags, num_frames, num_bytes = struct.unpack_from(">III", frame, lead + 4)
    return (num_frames, num_bytes if flags & 2 else None) if flags & 1 else None


def _steps() -> dict[bytes, tuple[int, int, int]]:
    """Of the first three bytes of a frame: its bytes, samples and rate."""
    steps = {}
    for second in (0xFA, 0xFB, 0xF2, 0xF3, 0xE2, 0xE3):
        is_first = second >= 0xFA  # MPEG-1
        for third in range(256):
            kbps, rate = third >> 4, third >> 2 & 3
            if 0 < kbps < 15 and rate < 3:
                rate_hz = RATES_HZ[second >> 3 & 3][rate]
                slots = (144_000 if is_first else 72_000) * KBPS[is_first][kbps - 1] // rate_hz
                steps[bytes((0xFF, second, third))] = slots + (third >> 1 & 1), 1152 if is_first else 576, rate_hz
    return steps


_STEPS = _steps()
_SYNC = re.compile(rb"\xff[\xfa\xfb\xf2\xf3\xe2\xe3]")


def _samples_per_frame(head: bytes) -> int:
    return _STEPS[head[:3]][1]


def _runs(data: Data, start: int, stop: int) -> Iterator[tuple[Span, int, int]]:
    """Frames that follow each other without a gap: their bytes, rate and samples."""
    position, num_tries = start, 0
    while True:
        position += id3_bytes(data[position : position + 10])
        found = _SYNC.search(data, position, stop)
        if found is None:
            return
        position = found.start()
        end, rate_hz, num_frames, num_samples = _follow(data, position, stop)
        if num_frames >= GOOD_FRAMES or (num_frames and end == stop):
            yield (position, end), rate_hz, num_samples
            position = end
            continue
        num_tries += 1
        if num_tries > MOST_TRIES:
            raise EmotoneError("is damaged: most of it is no MP3")
        position += 1


def _follow(data: Data, position: int, stop: int) -> tuple[int, int, int, int]:
    """The frames of one rate from here on: where they end, their rate, their number and their samples."""
    get, count = _STEPS.get, 0
    first = get(data[position : position + 3], (0, 0, 0))
    step: tuple[int, int, int] | None = first
    while step is not None and step[2] == first[2] and 0 < step[0] <= stop - position:
        position += step[0]
        count += 1
        step = get(data[position : position + 3])
    return position, first[2], count, count * first[1]


def _counting_frames(data: Data, runs: list[Span]) -> list[Span]:
    """Frames without sound that count those of their file: the first of each of joined files."""
    found = []
    for name, (start, stop) in itertools.product((b"Xing", b"Info", b"VBRI"), runs):
        match = data.find(name, start, stop)
        while match >= 0:
            for lead in {36, 21, 13}:
                place = max(start, match - lead)
                head = data[place : place + 4]
                if head[:3] in _STEPS and _lead(head, name) == lead and not any(data[place + 4 : match]):
                    found.append((place, place + _STEPS[head[:3]][0]))
            match = data.find(name, match + 1, stop)
    return sorted(found)


def _lead(head: bytes, name: bytes = b"Xing") -> int:
    """Bytes of a frame before its count: the header, and what says how the sound that it has not is coded."""
    if name == b"VBRI":
        return 36
    is_first, is_mono = head[1] >= 0xFA, head[3] >> 6 == 3
    return 4 + ((17 if is_mono else 32) if is_first else (9 if is_mono else 17))


def _without(span: Span, place: Span) -> list[Span]:
    """What is left of a span without the bytes of a place in it."""
    if not span[0] <= place[0] < span[1]:
        return [span]
    return [part for part in ((span[0], place[0]), (place[1], span[1])) if part[0] < part[1]]


def _empty_count(head: bytes) -> bytes:
    """A frame like those with this header, which counts."""
    second, third = head[1] | 1, head[2] & 0x0D | 0xA0  # without a checksum, at 160 or 96 kbit/s: there is space enough
    frame = bytearray(_STEPS[bytes((0xFF, second, third))][0])
    frame[:4] = bytes((0xFF, second, third, head[3]))
    lead = _lead(head)
    frame[lead : lead + 8] = b"Xing" + struct.pack(">I", 1)
    return bytes(frame)


def _count_in(frame: bytes, num_frames: int, num_bytes: int) -> bytes:
    """A frame that counts, made to count all; the silence that it says is at the start is still left out."""
    lead = _lead(frame)
    flags = struct.unpack_from(">I", frame, lead + 4)[0]
    counted = bytearray(frame)
    struct.pack_into(">I", counted, lead + 8, num_frames)
    if flags & 2:
        struct.pack_into(">I", counted, lead + 12, num_bytes)
    if flags == 15 and len(frame) >= lead + 144:  # the table of places and a mark of quality come before the delays
        counted[lead + 142] &= 0xF0
        counted[lead + 143] = 0
    return bytes(counted)
