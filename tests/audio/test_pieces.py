"""Files of pieces read as the bytes that they are."""

from __future__ import annotations

import io

import numpy as np

from emotone.audio.pieces import Pieces, patched

CONTENT = np.random.default_rng(0).bytes(1_000)


def test_any_order_of_reads_gives_the_same_bytes() -> None:
    pieces = [b"head", (900, 1_000), (5, 5), (100, 101), b"", (0, 300), b"tail"]
    expected = b"head" + CONTENT[900:] + CONTENT[100:101] + CONTENT[:300] + b"tail"
    file, rng = Pieces(io.BytesIO(CONTENT), pieces), np.random.default_rng(1)
    assert file.seek(0, io.SEEK_END) == len(expected)
    for _ in range(300):
        start, size = int(rng.integers(0, 450)), int(rng.integers(0, 200))
        file.seek(start)
        assert file.read(size) == expected[start : start + size]
        assert file.tell() == max(start, min(start + size, len(expected))) if start < len(expected) else True
    file.seek(-3, io.SEEK_END)
    assert (file.read(10), file.read(10)) == (b"ail", b"")


def test_patches_take_the_place_of_bytes() -> None:
    file = Pieces(io.BytesIO(CONTENT), patched(len(CONTENT), [(4, b"xy"), (996, b"last")]))
    assert file.read() == CONTENT[:4] + b"xy" + CONTENT[6:996] + b"last"


def test_a_file_that_became_shorter_ends(tmp_path: object) -> None:
    assert Pieces(io.BytesIO(b"abc"), [(0, 10)]).read() == b"abc"
