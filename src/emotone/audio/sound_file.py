"""Files that libsndfile reads, as blocks: all that they hold, or an error."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from emotone.audio.channels import check_rate
from emotone.audio.length import mended
from emotone.audio.pieces import Piece, Pieces
from emotone.errors import EmotoneError

Block = NDArray[np.float32]
"""Samples of all channels, [N] or [N, C]."""

BLOCK_VALUES = 2**22
"""A block has no more values, whatever its rate and its channels: 44 s of stereo at 48 kHz, 16 MB."""
LONGEST_SAMPLES = 2**40
"""More (two years) is what a FLAC stream says that was written to a pipe: it does not know."""
UNREAD_BYTES = 8_192
"""How much may follow the last sample of a FLAC or MP3 file: a tag, what the decoder has not looked at."""


class UnknownFormatError(EmotoneError):
    """What libsndfile does not read; another decoder may."""


def decode(path: str, kind: str, start_s: float, end_s: float | None, block_s: float) -> Iterator[tuple[Block, int]]:
    """Blocks of a file of a kind (`emotone.audio.kind`) from `start_s` to `end_s`, and their rate; NaN may be in them.

    Raises EmotoneError for what is damaged or ends early, `UnknownFormatError` for what libsndfile cannot read.
    """
    before_s, rate_hz = 0.0, 0
    with open(path, "rb") as file:
        for pieces in mended(file, kind, os.fstat(file.fileno()).st_size) or [[]]:
            with _open(file, kind, pieces) as stream:
                check_rate(stream.samplerate)
                if rate_hz not in (0, stream.samplerate):
                    rates = f"{rate_hz} to {stream.samplerate} Hz"
                    raise EmotoneError(f"changes its rate from {rates} after {before_s:.1f} s")
                rate_hz = stream.samplerate
                stop_s = None if end_s is None else end_s - before_s
                yield from _read(stream, max(0.0, start_s - before_s), stop_s, block_s)
                before_s += stream.frames / rate_hz
            if end_s is not None and before_s >= end_s:
                return


class _Stream(soundfile.SoundFile):
    """A file read from front to back.

    soundfile seeks after every read of a seekable file, and an MP3 decoder that has sought leaves up to a third of a
    second silent, because its frames lean on earlier ones; a FLAC stream of unknown length cannot be sought at all.
    """

    @property
    def is_mp3(self) -> bool:
        """Whether libmpg123 decodes it."""
        return self.format == "MP3"

    def seekable(self) -> bool:
        """False, so that soundfile seeks by itself no more."""
        return False

    def skip_to(self, position: int) -> None:
        """Go to a sample by its number; of an MP3 the second before it is decoded, too."""
        lead = min(position, self.samplerate) if self.is_mp3 else 0
        if position > lead:
            self.seek(position - lead)
        self.read(lead, dtype="float32")

    def check_read(self) -> None:
        """Raise EmotoneError where much of the file was not needed for all that its header counts."""
        if isinstance(self.name, Pieces) or self.format not in ("FLAC", "MP3"):
            return
        is_number = isinstance(self.name, int)
        position = os.lseek(self.name, 0, os.SEEK_CUR) if is_number else self.name.tell()
        unread = os.fstat(self.name if is_number else self.name.fileno()).st_size - position
        if unread > UNREAD_BYTES:
            raise EmotoneError(f"holds more than the {self.frames} samples that its header counts: {unread} bytes")


def _open(file: BinaryIO, kind: str, pieces: list[Piece]) -> _Stream:
    """An open file, or the pieces of it; the file stays open when it is closed."""
    source: Pieces | BinaryIO | int = Pieces(file, pieces) if pieces else file
    if not pieces and os.name == "posix":  # elsewhere two libraries may count descriptors differently
        source = file.fileno()
        os.lseek(source, 0, os.SEEK_SET)
    elif not pieces:
        file.seek(0)
    try:
        with _quiet(kind in ("mp3", "")):
            return _Stream(source, closefd=False)
    except (soundfile.SoundFileError, OSError, TypeError) as error:  # TypeError: raw samples without a header
        reason = _reason(error)
        if "possibly a pipe" in reason:  # what libsndfile says of an MP3 without a whole frame
            reason = "no audio in it"
        raise UnknownFormatError(f"is not audio that can be read ({reason})") from None


def _read(stream: _Stream, start_s: float, end_s: float | None, block_s: float) -> Iterator[tuple[Block, int]]:
    rate_hz, total = stream.samplerate, stream.frames
    first = min(round(start_s * rate_hz), total)
    stop = total if end_s is None else min(round(end_s * rate_hz), total)
    size = max(1, min(int(block_s * rate_hz), BLOCK_VALUES // stream.channels))
    position = first
    try:
        if 0 < first < total:
            with _quiet(stream.is_mp3):
                stream.skip_to(first)
        while position < stop:
            wanted = min(size, stop - position)
            with _quiet(stream.is_mp3):
                block = stream.read(wanted, dtype="float32")
            position += len(block)
            if len(block) < wanted:
                if total <= LONGEST_SAMPLES:
                    raise EmotoneError(f"is truncated: {position} of {total} samples could be read")
                stop = position
            yield block, rate_hz
    except (soundfile.SoundFileError, OSError) as error:
        raise EmotoneError(f"is damaged or truncated ({_reason(error)})") from None
    if position >= total:
        stream.check_read()


def _reason(error: Exception) -> str:
    return getattr(error, "error_string", str(error)).rstrip(".")


# ---- libmpg123's own words --------------------------------------------------------------------------------------

_lock = threading.Lock()
_num_quiet = 0
_standard_error = -1


@contextlib.contextmanager
def _quiet(is_loud: bool) -> Iterator[None]:
    """Standard error leads nowhere while it lasts, where a decoder `is_loud`: libmpg123's notes have no other switch.

    It is the whole process's, so that it is switched off for no longer than a block takes.
    """
    global _num_quiet, _standard_error
    if not is_loud:
        yield
        return
    with _lock:
        if not _num_quiet:
            _standard_error = _divert()
        _num_quiet += 1
    try:
        yield
    finally:
        with _lock:
            _num_quiet -= 1
            if not _num_quiet and _standard_error >= 0:
                os.dup2(_standard_error, 2)
                os.close(_standard_error)


def _divert() -> int:
    """Lead standard error nowhere; returns a copy of where it led, -1 where it is closed."""
    try:
        kept = os.dup(2)
    except OSError:
        return -1
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return kept
