"""Schedules against the published arithmetic, and orders against sorting by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.errors import EmotoneError
from emotone.training.curriculum import Curriculum, Schedule

scored = st.lists(st.sampled_from([-0.5, 0.0, 0.1, 0.25, 3.0]), min_size=10, max_size=60)


def names_of(scores: list[float]) -> list[str]:
    return [f"{(7 * row) % 61:02d}.wav" for row in range(len(scores))]


@pytest.mark.parametrize("num_rows", [10, 57, 999, 44_879])
def test_the_published_schedule(num_rows: int) -> None:
    schedule = Schedule(np.arange(num_rows)[::-1])
    for epoch in range(70):
        level = next((k for k in range(1, 10) if epoch < 5 * k), 10)
        assert schedule.level(epoch) == level
        np.testing.assert_array_equal(schedule.rows(epoch), np.arange(num_rows)[::-1][: int(level / 10 * num_rows)])
    assert schedule.level(4) == 1 and schedule.level(5) == 2
    assert len(schedule.rows(44)) < num_rows == len(schedule.rows(45))


@given(scored)
def test_orders_equal_sorting(scores: list[float]) -> None:
    names = names_of(scores)
    for order, easy, sign in (
        ("easy-first", "highest", -1),
        ("easy-first", "lowest", 1),
        ("hard-first", "highest", 1),
        ("hard-first", "lowest", -1),
    ):
        setting: Any = {"order": order, "easy": easy}
        expected = sorted(range(len(scores)), key=lambda row, sign=sign: (sign * scores[row], names[row]))
        assert Curriculum(**setting).schedule(scores, names).ranking.tolist() == expected


@given(scored, st.integers(1, 10), st.integers(1, 7))
def test_levels_grow_to_all_rows(scores: list[float], num_levels: int, epochs_per_level: int) -> None:
    schedule = Curriculum("random", "highest", num_levels, epochs_per_level).schedule(scores, names_of(scores), 1)
    sizes = [len(schedule.rows(epoch)) for epoch in range(num_levels * epochs_per_level + 3)]
    assert sizes == sorted(sizes) and sizes[0] >= 1
    assert sorted(schedule.rows(num_levels * epochs_per_level)) == list(range(len(scores)))
    assert sizes[(num_levels - 1) * epochs_per_level] == len(scores)
    if num_levels > 1:
        assert sizes[(num_levels - 1) * epochs_per_level - 1] < len(scores)


def test_as_many_levels_as_utterances() -> None:
    """int(1 / 49 * 49) is 0, and an epoch needs a row."""
    schedule = Curriculum(num_levels=49, epochs_per_level=1).schedule(np.arange(49), [str(row) for row in range(49)])
    assert schedule.rows(0).tolist() == [48] and len(schedule.rows(48)) == 49


def test_random_orders_follow_the_seed_and_none_is_all_at_once() -> None:
    scores, names = np.arange(100.0), [f"{row:03d}" for row in range(100)]
    first, again, other = (Curriculum("random").schedule(scores, names, seed).ranking for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist()
    assert len(Curriculum("none").schedule(scores, names).rows(0)) == 100
    assert len(Curriculum("none").schedule([np.nan], ["a"]).rows(0)) == 1  # scores do not matter


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(EmotoneError, match="num_levels must be at least 1, not 0"):
        Curriculum(num_levels=0)
    with pytest.raises(EmotoneError, match="epochs_per_level must be at least 1, not -1"):
        Curriculum(epochs_per_level=-1)
    with pytest.raises(EmotoneError, match=r"10 levels are more than there are utterances \(2\)"):
        Curriculum().schedule([1.0, 2.0], ["a", "b"])
    with pytest.raises(EmotoneError, match="1 of 2 utterances have no score"):
        Curriculum(num_levels=2).schedule([1.0, np.nan], ["a", "b"])
    with pytest.raises(ValueError, match="2 scores are not those of 1"):
        Curriculum().schedule([1.0, 2.0], ["a"])
