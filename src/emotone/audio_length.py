"""How long an audio file says it is: libsndfile passes over most truncations, so headers are looked at here."""

from __future__ import annotations

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


def mp3_tells_length(file: BinaryIO) -> bool:
    """Whether an MP3 file starts with a frame count (a Xing, Info or VBRI header); without it its length is a guess."""
    file.seek(0)
    head = file.read(10)
    if head[:3] == b"ID3" and len(head) == 10:
        size = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        file.seek(10 + size)
    else:
        file.seek(0)
    first_frame = file.read(192)
    return any(name in first_frame for name in (b"Xing", b"Info", b"VBRI"))


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
