"""Tables as text: columns below their names, numbers to the right, what is unknown as a dash."""

from __future__ import annotations

from typing import Any

import pytest

from emotone.base.text_table import align, cell


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.12345, "0.123"), (-0.0005, "-0.001"), (3, "3"), (True, "True"), ("a", "a"), (None, "-"), (float("nan"), "-")],
)
def test_cells(value: Any, text: str) -> None:
    assert cell(value) == text


def test_numbers_lie_to_the_right_text_to_the_left() -> None:
    rows = [{"name": "a", "n": 1200, "mixed": 1}, {"name": "longer", "n": 3, "mixed": "x"}]
    assert align(rows).splitlines() == [
        "name       n  mixed",
        "a       1200  1",
        "longer     3  x",
    ]


def test_columns_are_as_wide_as_their_names_and_lines_may_be_indented() -> None:
    assert align([{"a long name": 1, "b": ""}], indent="  ") == "  a long name  b\n            1"


def test_no_rows_are_no_text() -> None:
    assert align([]) == ""
