"""CTranslate2's `model.bin`, read as plain data: names and arrays, nothing that could run.

Binary version 6, little endian: uint32 version, text (uint16 length with its final zero), uint32 revision, uint32
number of variables, then per variable its name, uint8 rank, uint32 sizes, uint8 type, uint32 bytes, data.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.errors import EmotoneError

VERSION = 6
DTYPES = {0: "<f4", 1: "<i1", 2: "<i2", 3: "<i4", 4: "<f2"}
"""numpy's names of CTranslate2's types; 5, bfloat16, is not among numpy's."""
LARGEST_RANK = 8


def read_variables(files: Sequence[Path], prefix: str = "") -> dict[str, NDArray[Any]]:
    """Variables of a model whose names begin with `prefix`; `files` are the parts of `model.bin` in order.

    Raises EmotoneError for a file that is not complete, of another version, or has types that numpy lacks.
    """
    try:
        data = b"".join(path.read_bytes() for path in files)
        return dict(_variables(_Reader(data), prefix))
    except (OSError, ValueError, struct.error) as error:
        raise EmotoneError(f"{files[0]}: not a CTranslate2 model that can be read ({error})") from None


def _variables(reader: _Reader, prefix: str) -> Iterator[tuple[str, NDArray[Any]]]:
    version = reader.number("I")
    if version != VERSION:
        raise ValueError(f"its version is {version}, not {VERSION}")
    reader.text()  # the kind of model
    reader.number("I")
    for _ in range(reader.number("I")):
        name, rank = reader.text(), reader.number("B")
        if rank > LARGEST_RANK:
            raise ValueError(f"{name} has {rank} axes")
        shape = tuple(reader.number("I") for _ in range(rank))
        code, size = reader.number("B"), reader.number("I")
        content = reader.take(size)
        if not name.startswith(prefix):
            continue
        if code not in DTYPES or np.dtype(DTYPES[code]).itemsize * math.prod(shape) != size:
            raise ValueError(f"{name} {list(shape)} has {size} bytes of type {code}")
        yield name, np.frombuffer(content, DTYPES[code]).reshape(shape)


@dataclass
class _Reader:
    """Numbers, texts and bytes one after another; struct.error or ValueError where there are no more."""

    data: bytes
    place: int = 0

    def number(self, kind: str) -> int:
        value: int = struct.unpack_from(f"<{kind}", self.data, self.place)[0]
        self.place += struct.calcsize(kind)
        return value

    def text(self) -> str:
        return self.take(self.number("H")).decode("utf-8").removesuffix("\0")

    def take(self, size: int) -> bytes:
        if self.place + size > len(self.data):
            raise ValueError("it ends too early")
        self.place += size
        return self.data[self.place - size : self.place]
