"""CTranslate2's files: what is written is read, in parts too, and nothing damaged gets through."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emotone.errors import EmotoneError
from emotone.features.ctranslate2_file import read_variables

ARRAYS = {
    "encoder/a": np.arange(6, dtype=np.float16).reshape(2, 3),
    "encoder/n": np.array(8, np.int16),
    "decoder/b": np.ones(4, np.float32),
}
CODES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}


def text(value: str) -> bytes:
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def content(arrays: dict[str, NDArray[np.generic]], version: int = 6) -> bytes:
    parts = [struct.pack("<I", version), text("WhisperSpec"), struct.pack("<II", 3, len(arrays))]
    for name, array in arrays.items():
        parts += [text(name), struct.pack("<B", array.ndim), struct.pack(f"<{array.ndim}I", *array.shape)]
        parts += [struct.pack("<BI", CODES[array.dtype.name], array.nbytes), array.tobytes()]
    return b"".join(parts) + struct.pack("<I", 0)


@pytest.mark.parametrize("cut", [0, 1, 30, 70])
def test_variables_are_read_from_parts(tmp_path: Path, cut: int) -> None:
    whole = content(ARRAYS)
    parts = [tmp_path / "model.bin.part1", tmp_path / "model.bin.part2"]
    for path, data in zip(parts, (whole[:cut], whole[cut:]), strict=True):
        path.write_bytes(data)
    found = read_variables(parts)
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert list(read_variables(parts, "encoder/")) == ["encoder/a", "encoder/n"]


def test_no_cut_file_is_read(tmp_path: Path) -> None:
    whole = content(ARRAYS)
    path = tmp_path / "model.bin"
    for size in range(len(whole) - 4):  # the list of other names at the end is not needed
        path.write_bytes(whole[:size])
        with pytest.raises(EmotoneError, match=r"model.bin: not a CTranslate2 model") as caught:
            read_variables([path])
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (content(ARRAYS, version=5), "its version is 5, not 6"),
        (content(ARRAYS).replace(text("encoder/a") + b"\x02", text("encoder/a") + b"\x09"), "9 axes"),
        (content(ARRAYS).replace(struct.pack("<BI", 4, 12), struct.pack("<BI", 0, 12)), "12 bytes of type 0"),
        (content(ARRAYS).replace(struct.pack("<BI", 4, 12), struct.pack("<BI", 7, 12)), "12 bytes of type 7"),
        (content(ARRAYS).replace(struct.pack("<BI", 4, 12), struct.pack("<BI", 4, 2**31)), "ends too early"),
        (content(ARRAYS).replace(b"encoder/a", b"encoder/\xff"), "codec"),
        (b"\x80\x04\x95", "buffer"),
    ],
)
def test_damage_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "model.bin").write_bytes(data)
    with pytest.raises(EmotoneError, match=words):
        read_variables([tmp_path / "model.bin"])


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmotoneError, match="model.bin"):
        read_variables([tmp_path / "model.bin"])
