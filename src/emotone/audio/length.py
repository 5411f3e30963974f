"""How long an audio file says it is: libsndfile passes over most truncations, so headers are looked at here."""

from __future__ import annotations

import mmap
import os
import struct
from typing import BinaryIO

HEAD_BYTES = 65_536
LARGEST_PAGE_BYTES = 65_307  # of an Ogg stream
WRITTEN_TO_A_PIPE = 0x7FFF_0000
"""Writers that cannot go back leave a size of 0, or one that no file of 32-bit sizes has."""


def promised_bytes(file: BinaryIO) -> int | None:
    """Where the file says it ends, in bytes; None for formats and writers that do not say.

    WAV, RF64, Wave64, AIFF, AU and CAF say it in their headers; an Ogg stream must not end within a page. FLAC and MP3
    are left to their decoders.

    >>> import io
    >>> promised_bytes(io.BytesIO(b"RIFF" + bytes(4) + b"WAVEdata" + (100).to_bytes(4, "little")))
    120
    """
    head = file.read(HEAD_BYTES)
    try:
        if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
            return _wav_end(head)
        if head[:4] == b"RF64":
            return 8 + struct.unpack_from("<Q", head, 20)[0]
        if head[:4] == b"riff":  # Wave64, whose names are 16 bytes long
            return struct.unpack_from("<Q", head, 16)[0]
        if head[:4] == b"FORM" and head[8:11] == b"AIF":
            return _unless_piped(8, struct.unpack_from(">I", head, 4)[0])
        if head[:4] == b".snd":
            return _unless_piped(*struct.unpack_from(">II", head, 4))
        if head[:4] == b"caff":
            return _caf_end(head)
    except struct.error:  # cut off within the header, which the decoder finds
        return None
    return _ogg_end(file) if head[:4] == b"OggS" else None


def count_mp3_samples(file: BinaryIO) -> int | None:
    """Samples in an MP3 file without a frame count, found by walking its frames; None where it has a count.

    Without a count (a Xing, Info or VBRI header in the first frame) libsndfile guesses the length from the first frame.
    """
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        position = 0
        if data[:3] == b"ID3" and len(data) > 10:
            position = 10 + sum(byte << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
        if any(name in data[position : position + 192] for name in (b"Xing", b"Info", b"VBRI")):
            return None
        num_samples = 0
        while (frame := _mp3_frame(data[position : position + 4])) is not None:
            position += frame[0]
            num_samples += frame[1]
        return num_samples


MP3_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
MP3_KBPS = (
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # MPEG-2 and 2.5
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),  # MPEG-1
)


def _mp3_frame(header: bytes) -> tuple[int, int] | None:
    """Bytes and samples of the layer III frame with this header; None for what is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version, bit_rate, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version == 1 or bit_rate in (0, 15) or rate == 3:
        return None
    is_first = version == 3
    slots = (144_000 if is_first else 72_000) * MP3_KBPS[is_first][bit_rate] // MP3_RATES_HZ[version][rate]
    return slots + (header[2] >> 1 & 1), 1152 if is_first else 576


def _unless_piped(start: int, size: int) -> int | None:
    return None if size == 0 or size >= WRITTEN_TO_A_PIPE else start + size


def _wav_end(head: bytes) -> int | None:
    position = 12
    while position + 8 <= len(head):
        name, size = struct.unpack_from("<4sI", head, position)
        position += 8
        if name == b"data":
            return _unless_piped(position, size)
        position += size + size % 2
    return None


def _caf_end(head: bytes) -> int | None:
    position = 8
    while position + 12 <= len(head):
        name, size = struct.unpack_from(">4sq", head, position)
        position += 12
        if size < 0:  # an audio chunk that goes on to the end of the file
            return None
        position += size
        if name == b"data":
            return position
    return None


def _ogg_end(file: BinaryIO) -> int | None:
    """The end of the last page that begins in the file."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - LARGEST_PAGE_BYTES)
    file.seek(start)
    tail = file.read()
    place = tail.rfind(b"OggS")
    if place < 0:
        return None
    num_segments = tail[place + 26] if place + 26 < len(tail) else 0
    lengths = tail[place + 27 : place + 27 + num_segments]
    return start + place + 27 + num_segments + sum(lengths)
