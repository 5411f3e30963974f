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


def by_loops(rows: NDArray[np.float32], corrected: bool) -> NDArray[np.float64]:
    num = len(rows)
    num_rows = num if corrected else num + 1
    raw = np.concatenate([rows[:1], rows, rows[-1:], rows[-1:]]).astype(np.float64)
    smooth = np.stack([raw[t : t + 3].mean(axis=0) for t in range(num_rows)])
    for t in range(num_rows):
        for c in range(6):
            near = raw[t : t + 3, c]
            smooth[t, c] = near[near != 0].mean() if near[1] != 0 else 0.0
    deltas = np.zeros_like(smooth)
    denominator = 10.0
    for t in range(num_rows):
        for c in range(65):
            last = num - 1 if c < 6 else num_rows - 1
            past, future = ([smooth[min(max(t + sign * k, 0), last), c] for k in (1, 2)] for sign in (-1, 1))
            counts = [c >= 6 or (a != 0 and b != 0) for a, b in zip(past, future, strict=True)]
            denominator = 0.0 if corrected else denominator
            if c < 6:
                denominator += (counts[0] + 4 * counts[1]) * (2 if corrected else 1)
            total = sum(k * (b - a) for k, a, b, is_in in zip((1, 2), past, future, counts, strict=True) if is_in)
            deltas[t, c] = total / ((denominator or 1) if c < 6 else 10)
    return np.concatenate([smooth, deltas], axis=1)


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("num", [2, 3, 5, 60])
def test_rows_are_those_of_loops(num: int, corrected: bool) -> None:
    rows = drawn(num)
    found, expected = Contours(corrected).push(rows, is_last=True), by_loops(rows, corrected)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("num_beyond", [1, 2, 3, 4])
def test_frames_beyond_the_last_row_take_the_place_of_what_is_repeated(num_beyond: int) -> None:
    rows, beyond = drawn(20), drawn(num_beyond)[:, 6:]
    found = Contours().push(rows, is_last=True, beyond=beyond)
    longer = rows.copy()[np.minimum(np.arange(20 + num_beyond), 19)]
    longer[20:, 6:] = beyond
    of_all = by_loops(longer, corrected=False)[:21]
    np.testing.assert_allclose(found[:, 6:65], of_all[:, 6:65], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found[:, 75:], of_all[:, 75:], rtol=1e-4, atol=1e-6)
    ended = found[np.minimum(np.arange(18, 23), 20), 6:10]
    expected = (2 * (ended[4] - ended[0]) + ended[3] - ended[1]) / 10
    np.testing.assert_allclose(found[20, 71:75], expected, rtol=1e-4, atol=1e-6)
    voice = [*range(6), *range(65, 71)]
    np.testing.assert_array_equal(found[:, voice], Contours().push(rows, is_last=True)[:, voice])


@pytest.mark.parametrize("num", [1, 2, 3, 4])
def test_corrected_there_is_a_row_for_each_frame(num: int) -> None:
    assert Contours(corrected=True).push(drawn(num), is_last=True).shape == (num, 130)


def test_corrected_deltas_of_a_line_are_its_slope_wherever_it_lies() -> None:
    line = np.tile(np.arange(1, 41, dtype=np.float32)[:, None], 65)
    line[20, :6] = 0.0
    deltas = Contours(corrected=True).push(line, is_last=True)[:, 65:]
    away = [*range(4, 17), *range(24, 36)]  # from the gap, whose neighbours are smoothed over two values
    np.testing.assert_allclose(deltas[away], 1.0, rtol=1e-6)


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize("sizes", [[1] * 40, [3] * 13 + [1], [0, 39, 1], [40, 0], [1, 1, 38]])
def test_blocks_make_no_difference(sizes: list[int], corrected: bool) -> None:
    rows, contours, parts, start = drawn(40), Contours(corrected), [], 0
    for number, size in enumerate(sizes):
        parts.append(contours.push(rows[start : start + size], is_last=number == len(sizes) - 1))
        start += size
    np.testing.assert_array_equal(np.concatenate(parts), Contours(corrected).push(rows, is_last=True))
