"""Samples as bare bytes, from stdin or a named pipe: there is no header, so the rate, format and channels are given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from emotone.audio.channels import check_rate
from emotone.errors import EmotoneError, unknown

PcmFormat = Literal["s16", "s32", "f32"]
"""Little-endian integers of 16 or 32 bits, or floats of 32 in [-1, 1], as arecord, sox and ffmpeg name them."""
TYPES: dict[str, str] = {"s16": "<i2", "s32": "<i4", "f32": "<f4"}
BLOCK_S = 0.1
"""What is read at once: a stream waits no longer for its rows."""
MOST_CHANNELS = 64
HEADS = (b"RIFF", b"RF64", b"FORM", b"fLaC", b"OggS", b"ID3", b"caff")
"""How files begin that have a header: heard as samples they would be noise, or speech at another rate."""


class PcmReader:
    """Blocks of samples, [N] or [N, channels], in [-1, 1], from a binary stream until it ends.

    Bytes that are no whole sample at its end are left out, and `note` says so. Raises EmotoneError for impossible rates
    and channels, and, when read, for a file with a header.

    >>> import io
    >>> reader = PcmReader(io.BytesIO(np.array([0, 16384], "<i2").tobytes() + b"!"), 16_000)
    >>> [block.tolist() for block in reader], reader.note
    ([[0.0, 0.5]], 'ends within a sample (1 byte is left out)')
    """

    def __init__(self, file: BinaryIO, rate_hz: int, form: str = "s16", channels: int = 1) -> None:
        if form not in TYPES:
            raise unknown("PCM format", form, list(TYPES))
        if not 1 <= channels <= MOST_CHANNELS:
            raise EmotoneError(f"PCM has from 1 to {MOST_CHANNELS} channels, not {channels}")
        try:
            check_rate(rate_hz)
        except EmotoneError as error:
            raise EmotoneError(f"the stream {error}") from None
        self.rate_hz = rate_hz
        self.note = ""
        self._file = file
        self._type = np.dtype(TYPES[form])
        self._channels = channels
        self._block = round(BLOCK_S * rate_hz) * channels * self._type.itemsize

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        rest, is_first = b"", True
        read = getattr(self._file, "read1", self._file.read)  # what is there, without waiting for a full block
        while data := read(self._block):
            if is_first and data.startswith(HEADS):
                head = data[:4].decode("ascii", "replace")
                raise EmotoneError(
                    f"the stream begins with the header of a file ({head}), not with bare samples: emotone predict "
                    "reads files; arecord and sox write bare samples by -t raw, ffmpeg by -f s16le"
                )
            data, is_first = rest + data, False
            whole = len(data) // (self._channels * self._type.itemsize) * self._channels * self._type.itemsize
            rest = data[whole:]
            if whole:
                yield self._decode(data[:whole])
        if rest:
            self.note = f"ends within a sample ({len(rest)} byte{'s are' if len(rest) > 1 else ' is'} left out)"

    def _decode(self, data: bytes) -> NDArray[np.float32]:
        samples = np.frombuffer(data, self._type)
        if self._type.kind == "i":
            samples = samples / 2.0 ** (8 * self._type.itemsize - 1)
        scaled = samples.astype(np.float32)
        return scaled if self._channels == 1 else scaled.reshape(-1, self._channels)
