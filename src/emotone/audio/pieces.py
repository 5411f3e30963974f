"""A file put together of parts of another and of given bytes, for decoders that would stop at what lies between."""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import BinaryIO

Piece = bytes | tuple[int, int]
"""Bytes as they are, or the part of the file from one offset to another."""


class Pieces(io.RawIOBase):
    """The pieces one after another, to read and to seek.

    >>> Pieces(io.BytesIO(b"0123456789"), [b"ab", (3, 6)]).read()
    b'ab345'
    """

    def __init__(self, file: BinaryIO, pieces: Sequence[Piece]) -> None:
        self._file = file
        self._pieces = [piece for piece in pieces if (len(piece) if isinstance(piece, bytes) else piece[1] > piece[0])]
        lengths = [len(piece) if isinstance(piece, bytes) else piece[1] - piece[0] for piece in self._pieces]
        self._starts = [0, *accumulate(lengths)]
        self._position = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to an offset from the start, from here, or from the end; returns it from the start."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._starts[-1]}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill the buffer as far as the pieces reach; returns the number of bytes."""
        done = 0
        while done < len(buffer) and self._position < self._starts[-1]:
            number = bisect_right(self._starts, self._position) - 1
            inside = self._position - self._starts[number]
            wanted = min(len(buffer) - done, self._starts[number + 1] - self._position)
            piece = self._pieces[number]
            if isinstance(piece, bytes):
                data = piece[inside : inside + wanted]
            else:
                self._file.seek(piece[0] + inside)
                data = self._file.read(wanted)
            if not data:  # the file has become shorter
                break
            buffer[done : done + len(data)] = data
            done += len(data)
            self._position += len(data)
        return done


def patched(size: int, patches: Sequence[tuple[int, bytes]]) -> list[Piece]:
    """The pieces of a file of `size` bytes in which other bytes stand at some offsets, in ascending order.

    >>> patched(10, [(4, b"ab")])
    [(0, 4), b'ab', (6, 10)]
    """
    pieces: list[Piece] = []
    position = 0
    for offset, given in patches:
        pieces += [(position, offset), given]
        position = offset + len(given)
    return [*pieces, (position, size)]
