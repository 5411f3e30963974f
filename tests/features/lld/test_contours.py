"""Smoothing and deltas, against plain loops over rows."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from emotone.features.lld.contours import Contours

RANDOM = np.random.default_rng(0)


def drawn(num: int) -> NDArray[np.float32]:
    rows = RANDOM.normal(size=(num, 65)).astype(np.float32)
    rows[:, :6] *= RANDOM.uniform(size=(num, 1)) < 0.6
    return rows


def by_loops(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    num = len(rows)
    raw = np.concatenate([rows[:1], rows, rows[-1:], rows[-1:]]).astype(np.float64)
    smooth = np.stack([raw[t : t + 3].mean(axis=0) for t in range(num + 1)])
    for t in range(num + 1):
        for c in range(6):
            near = raw[t : t + 3, c]
            smooth[t, c] = near[near != 0].mean() if near[1] != 0 else 0.0
    deltas = np.zeros_like(smooth)
    denominator = 10.0
    for t in range(num + 1):
        for c in range(65):
            last = num - 1 if c < 6 else num
            past, future = ([smooth[min(max(t + sign * k, 0), last), c] for k in (1, 2)] for sign in (-1, 1))
            counts = [c >= 6 or (a != 0 and b != 0) for a, b in zip(past, future, strict=True)]
            if c < 6:
                denominator += counts[0] + 4 * counts[1]
            total = sum(k * (b - a) for k, a, b, is_in in zip((1, 2), past, future, counts, strict=True) if is_in)
            deltas[t, c] = total / (denominator if c < 6 else 10)
    return np.concatenate([smooth, deltas], axis=1)


@pytest.mark.parametrize("num", [2, 3, 5, 60])
def test_rows_are_those_of_loops(num: int) -> None:
    rows = drawn(num)
    np.testing.assert_allclose(Contours().push(rows, is_last=True), by_loops(rows), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("sizes", [[1] * 40, [3] * 13 + [1], [0, 39, 1], [40, 0], [1, 1, 38]])
def test_blocks_make_no_difference(sizes: list[int]) -> None:
    rows, contours, parts, start = drawn(40), Contours(), [], 0
    for number, size in enumerate(sizes):
        parts.append(contours.push(rows[start : start + size], is_last=number == len(sizes) - 1))
        start += size
    np.testing.assert_array_equal(np.concatenate(parts), Contours().push(rows, is_last=True))
