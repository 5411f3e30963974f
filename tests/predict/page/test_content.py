"""What a page holds: colours of emotions, times, how many recordings are drawn."""

from __future__ import annotations

import re

import pytest

from emotone.predict.page.content import (
    EMOTION_COLOURS,
    MOST_SHOWN,
    OTHER_COLOURS,
    TRACK_COLOURS,
    clock,
    clock_tenths,
    colours_of,
    num_shown,
)


def test_clock() -> None:
    assert [clock(seconds) for seconds in (0, 59.9, 60, 3599, 36_061)] == ["0:00", "0:59", "1:00", "59:59", "10:01:01"]
    assert [clock_tenths(seconds) for seconds in (0.04, 59.96, 3599.94)] == ["0:00.0", "1:00.0", "59:59.9"]


def test_colours_are_colours() -> None:
    colours = [*EMOTION_COLOURS.values(), *OTHER_COLOURS, *TRACK_COLOURS]
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)
    found = colours_of([f"mood {number}" for number in range(20)])
    assert len(found) == 20 and len(set(found)) == len(OTHER_COLOURS)
    assert colours_of(["Anger"]) == colours_of(["x", "anger"])[1:]


@pytest.mark.parametrize(
    ("lengths_s", "num"), [([], 0), ([1e6], 1), ([20_000.0, 1000.0, 1000.0], 2), ([1.0] * 999, MOST_SHOWN)]
)
def test_as_many_are_drawn_as_a_page_takes(lengths_s: list[float], num: int) -> None:
    assert num_shown(lengths_s) == num
