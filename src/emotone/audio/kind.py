"""What a file is by its content: names lie, and a decoder that is left to guess may open other files that one names."""

from __future__ import annotations

from typing import BinaryIO

HEAD_BYTES = 400
MOST_TAGS = 16
"""ID3 tags before the sound; more are no recording."""
AV_KINDS = ("aac", "amr", "asf", "avi", "flv", "matroska", "mov", "mpeg", "mpegts")
"""Kinds that only PyAV reads, named as FFmpeg names its formats."""
MOV_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")
MAGIC = {
    b"fLaC": "flac",
    b"OggS": "ogg",
    b"RF64": "rf64",
    b"BW64": "rf64",
    b"riff": "w64",
    b".snd": "au",
    b"caff": "caf",
    b"#!AM": "amr",
    b"FLV\x01": "flv",
    b"\x1aE\xdf\xa3": "matroska",
    b"\x30\x26\xb2\x75": "asf",
    b"\x00\x00\x01\xba": "mpeg",
}


def kind_of(file: BinaryIO) -> str:
    """The kind of a file: wav, rf64, w64, aiff, au, caf, flac, ogg, mp3, or one of `AV_KINDS`; "" for others.

    >>> import io
    >>> kind_of(io.BytesIO(b"RIFF" + bytes(4) + b"WAVE")), kind_of(io.BytesIO(b"<!DOCTYPE html>"))
    ('wav', '')
    """
    file.seek(0)
    head = file.read(HEAD_BYTES)
    start = 0
    for _ in range(MOST_TAGS):
        length = id3_bytes(head)
        if not length:
            break
        start += length
        file.seek(start)
        head = file.read(HEAD_BYTES)
    return _kind(head) or ("mp3" if start else "")


def id3_bytes(head: bytes) -> int:
    """Length of the ID3v2 tag that begins here, with its footer; 0 where none does.

    >>> id3_bytes(b"ID3\\x04\\x00\\x10" + bytes([0, 0, 1, 0]))
    148
    """
    if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 127:
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return 10 + size + (10 if head[5] & 0x10 else 0)


def _kind(head: bytes) -> str:
    if head[:4] in (b"RIFF", b"RIFX"):
        return {b"WAVE": "wav", b"AVI ": "avi"}.get(head[8:12], "")
    if head[:4] == b"FORM" and head[8:11] == b"AIF":
        return "aiff"
    if head[:4] in MAGIC:
        return MAGIC[head[:4]]
    if head[4:8] in MOV_BOXES:
        return "mov"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        has_layer = head[1] & 0x06 != 0
        return "mp3" if has_layer else "aac" if head[1] & 0xF0 == 0xF0 else ""
    packets = ((0, 188), (4, 192))  # MPEG transport streams of broadcast and of cameras
    is_stream = any(head[first::step][:2] == b"GG" for first, step in packets)
    return "mpegts" if is_stream else ""
