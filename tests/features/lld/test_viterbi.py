"""The course of the pitch, against a plain search over all frames without the shortcut."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from emotone.features.lld.pitch import Candidates
from emotone.features.lld.viterbi import UNVOICED, begin, decide, local_costs


def drawn(num: int, seed: int) -> Candidates:
    """Stretches of clear voice, of doubtful ones, and of none."""
    random = np.random.default_rng(seed)
    level = np.repeat(random.choice([0.3, 0.55, 0.68, 0.75, 0.85], num // 5 + 1), 5)[:num]
    voicing = np.clip(level[:, None] - np.abs(random.normal(0, 0.08, (num, 6))), 0.01, 0.99)
    pitch_hz = random.uniform(60, 600, (num, 6))
    steady = np.repeat(random.uniform(90, 400, num // 20 + 1), 20)[:num]
    pitch_hz[:, 0] = np.where(random.uniform(size=num) < 0.8, steady, pitch_hz[:, 0])
    count = random.integers(0, 7, num)
    there = np.arange(6) < count[:, None]
    best = np.where(there, voicing, -1).argmax(axis=1)
    rows = np.arange(num)
    voicing[rows, 0], voicing[rows, best] = voicing[rows, best], voicing[rows, 0].copy()
    return Candidates(np.where(there, pitch_hz, 0.0), np.where(there, voicing, 0.0), random.uniform(size=num) < 0.05)


def by_loops(found: Candidates) -> tuple[list[float], list[float]]:
    """The search over every frame, in words: costs of all states, traced back 29 frames later."""
    local, f = local_costs(found), found.pitch_hz
    num = len(f)
    costs, before = local[0].copy(), np.full((num, 7), UNVOICED)
    chosen = np.full(num, UNVOICED)
    for t in range(num):
        if t:
            now = np.full(7, np.inf)
            for j in range(7):
                for i in range(7):
                    if i < 6 and f[t - 1, i] == 0 or j < 6 and f[t, j] == 0:
                        continue
                    if i == j == UNVOICED:
                        step = 1.0
                    elif UNVOICED in (i, j):
                        step = 10.0
                    else:
                        move = abs(np.log(f[t, j] / f[t - 1, i]))
                        also = abs(np.log(f[t - 1, i] / f[t - 1, i - 1])) if i else move
                        step = 10 * (move + also + (t == 1 and i == j == 0))
                    if costs[i] + step < now[j]:
                        now[j], before[t, j] = costs[i] + step, i
            costs = now + local[t]
        for u in range(t - 29, t - 28) if t < num - 1 else range(max(0, t - 29), num):
            if u >= 0:
                state = int(costs.argmin())
                for back in range(t, u, -1):
                    state = before[back, state]
                chosen[u] = state
    pitch_hz = [
        0.0 if quiet or state == UNVOICED else f[t, state]
        for t, (state, quiet) in enumerate(zip(chosen, found.is_quiet, strict=True))
    ]
    voicing = [
        0.0 if quiet else found.voicing[t, 0 if state == UNVOICED else state]
        for t, (state, quiet) in enumerate(zip(chosen, found.is_quiet, strict=True))
    ]
    return pitch_hz, voicing


@pytest.mark.parametrize("seed", range(6))
def test_the_path_is_that_of_a_plain_search(seed: int) -> None:
    found = drawn(150, seed)
    track, _ = decide(found, begin(), is_last=True)
    pitch_hz, voicing = by_loops(found)
    np.testing.assert_allclose(track.pitch_hz, pitch_hz)
    np.testing.assert_allclose(track.voicing, voicing)
    assert 10 < (track.pitch_hz > 0).sum() < 140


def pushed(found: Candidates, sizes: list[int]) -> NDArray[np.float64]:
    state, parts, start = begin(), [], 0
    for number, size in enumerate(sizes):
        track, state = decide(found.part(start, start + size), state, is_last=number == len(sizes) - 1)
        parts.append(np.stack(track))
        start += size
        assert len(state.best) <= 29
    return np.concatenate(parts, axis=1)


@pytest.mark.parametrize("sizes", [[1] * 400, [7] * 57 + [1], [100, 0, 200, 100], [399, 1]])
def test_blocks_make_no_difference(sizes: list[int]) -> None:
    found = drawn(400, 11)
    np.testing.assert_array_equal(pushed(found, sizes), np.stack(decide(found, begin(), is_last=True)[0]))


def test_nothing_gives_nothing() -> None:
    track, _ = decide(drawn(10, 0).part(0, 0), begin(), is_last=True)
    assert len(track.pitch_hz) == 0
