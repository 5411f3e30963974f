"""Where a file's sound lies, by its headers: libsndfile passes over most truncations, and over all that is joined.

What is looked at is the headers alone, so that nothing of this costs an ordinary file anything.
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

from emotone.audio.mp3 import find_frames, mended_mp3
from emotone.audio.pieces import Piece, patched
from emotone.errors import EmotoneError

WRITTEN_TO_A_PIPE = 0x7FFF_0000
"""Writers that cannot go back leave a size of 0, or one that no file of 32-bit sizes has."""
SIZES = 2**32
"""A WAV of as many bytes or more has a size that is too small by a multiple."""
LONGEST_FILE = 2**60
"""The same for sizes of 64 bits."""
MOST_CHUNKS = 10_000
MP3_IN_WAV = 0x55

Chunk = tuple[bytes, int, int]
"""A chunk's name, where its content begins, and its size as it says."""


def promised_bytes(file: BinaryIO, kind: str) -> int | None:
    """Where a file of a kind (`emotone.audio.kind`) says that it ends, in bytes; None for writers that do not say.

    FLAC, Ogg, MP3 and what PyAV reads are left to their decoders.

    >>> import io
    >>> promised_bytes(io.BytesIO(b"RIFF" + bytes(4) + b"WAVEdata" + (100).to_bytes(4, "little")), "wav")
    120
    """
    file.seek(0)
    head = file.read(40)
    try:
        if kind == "wav":
            data = _find(_wav_chunks(file), b"data")
            return _unless_piped(data[1], data[2]) if data else None
        if kind == "rf64":
            return _unless_endless(8 + struct.unpack_from("<Q", head, 20)[0])
        if kind == "w64":  # whose names are 16 bytes long
            return _unless_endless(struct.unpack_from("<Q", head, 16)[0])
        if kind == "aiff":
            return _unless_piped(8, struct.unpack_from(">I", head, 4)[0])
        if kind == "au":
            return _unless_piped(*struct.unpack_from(">II", head, 4))
        if kind == "caf":
            data = _find(_chunks(file, 8, ">4sq", 1), b"data")
            return None if data is None or data[2] < 0 else data[1] + data[2]  # -1: it goes on to the end
    except struct.error:  # cut off within the header, which the decoder finds
        return None
    return None


def mended(file: BinaryIO, kind: str, size: int) -> list[list[Piece]]:
    """The files that a file of `size` bytes is decoded as, one after another; none: as it is.

    A header without sizes, as a recorder leaves that crashed, or with too small ones, of more than 4 GB, gets them; MP3
    in WAV is taken out of it; the links of an Ogg file are taken apart. Raises EmotoneError where the end is missing,
    and for a second WAV behind the first.
    """
    if kind == "wav":
        return _mended_wav(file, size)
    if kind == "rf64":
        return _mended_rf64(file, size)
    if kind in ("ogg", "mp3"):
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if kind == "mp3":
                return [pieces] if (pieces := mended_mp3(data)) else []
            starts = ogg_links(data)
        return [[span] for span in zip(starts, [*starts[1:], size], strict=True)] if len(starts) > 1 else []
    return []


def ogg_links(data: bytes | mmap.mmap) -> list[int]:
    """Where the links of an Ogg file begin, which are files of their own; raises EmotoneError for a page cut short."""
    links: list[int] = []
    position, was_first = 0, False
    while (position := data.find(b"OggS", position)) >= 0:
        num_segments = data[position + 26] if position + 26 < len(data) else 0
        lengths = data[position + 27 : position + 27 + num_segments]
        end = position + 27 + num_segments + sum(lengths)
        if end > len(data):
            raise EmotoneError(f"is truncated: its last page promises {end} bytes, it has {len(data)}")
        is_first = bool(data[position + 5] & 2)  # of a stream; those of one link begin together
        if is_first and not was_first:
            links.append(position)
        position, was_first = end, is_first
    return links


def _mended_wav(file: BinaryIO, size: int) -> list[list[Piece]]:
    chunks = {name: (start, length) for name, start, length in _wav_chunks(file)}
    if b"data" not in chunks:
        return []
    start, length = chunks[b"data"]
    is_unknown = _unless_piped(start, length) is None
    file.seek(0)
    name, riff_size = struct.unpack("<4sI", file.read(8))
    is_unfinished = length == 0 and start < size and riff_size + 8 != size
    if name == b"RIFF" and (is_unfinished or size - start >= SIZES):
        whole = size - start if is_unknown else length + (size - start - length) // SIZES * SIZES
        return [_with_long_sizes(start, whole)]
    end = size if is_unknown else min(start + length, size)
    file.seek(end + end % 2)
    if file.read(4) == b"RIFF":
        raise EmotoneError("holds a second recording behind its end: split it")
    if b"fmt " in chunks:
        file.seek(chunks[b"fmt "][0])
        if file.read(2) == MP3_IN_WAV.to_bytes(2, "little"):
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                frames = find_frames(data, start, end)
            return [frames.pieces()] if frames else []
    return []


def _with_long_sizes(start: int, length: int) -> list[Piece]:
    """A WAV whose samples begin at `start`, with the header of one that has sizes of 64 bits."""
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, start + 28 + length, length, 0, 0)
    unknown = b"\xff\xff\xff\xff"
    return [b"RF64" + unknown + b"WAVE" + sizes, (12, start - 8), b"data" + unknown, (start, start + length)]


def _mended_rf64(file: BinaryIO, size: int) -> list[list[Piece]]:
    chunks = {name: (start, length) for name, start, length in _wav_chunks(file)}
    if b"ds64" not in chunks or b"data" not in chunks:
        return []
    place, start = chunks[b"ds64"][0], chunks[b"data"][0]
    file.seek(place)
    sizes = struct.unpack("<QQQ", file.read(24))
    if sizes[0] < LONGEST_FILE and 0 < sizes[1] < LONGEST_FILE:
        return []
    return [patched(size, [(place, struct.pack("<QQQ", size - 8, size - start, 0))])]


def _wav_chunks(file: BinaryIO) -> Iterator[Chunk]:
    file.seek(0)
    order = ">" if file.read(4) == b"RIFX" else "<"
    return _chunks(file, 12, order + "4sI", 2)


def _chunks(file: BinaryIO, position: int, form: str, step: int) -> Iterator[Chunk]:
    """The chunks up to `data`; each begins at a multiple of `step`."""
    head_bytes, end = struct.calcsize(form), file.seek(0, os.SEEK_END)
    for _ in range(MOST_CHUNKS):
        file.seek(position)
        head = file.read(head_bytes)
        if len(head) < head_bytes:
            return
        name, size = struct.unpack(form, head)
        position += head_bytes
        yield name, position, size
        position += size + size % step
        if name == b"data" or size < 0 or position > end:
            return


def _find(chunks: Iterator[Chunk], name: bytes) -> Chunk | None:
    return next((chunk for chunk in chunks if chunk[0] == name), None)


def _unless_piped(start: int, size: int) -> int | None:
    return None if size == 0 or size >= WRITTEN_TO_A_PIPE else start + size


def _unless_endless(end: int) -> int | None:
    return end if 8 < end < LONGEST_FILE else None
