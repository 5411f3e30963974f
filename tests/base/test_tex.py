"""Tables in LaTeX: columns, numbers, and text of any kind."""

from __future__ import annotations

import pytest

from emotone.base.tex import escape, to_tex


def test_columns_are_those_of_the_first_row_and_numbers_stand_to_the_right() -> None:
    table = to_tex([{"system": "a", "n": 3, "p": float("nan")}, {"system": "b", "n": 12, "p": 0.25}])
    lines = table.splitlines()
    assert lines[0] == r"\begin{tabular}{lrr}" and lines[2] == r"system & n & p \\"
    assert lines[4:6] == [r"a & 3 & - \\", r"b & 12 & 0.250 \\"] and lines[-1] == r"\end{tabular}"
    assert to_tex([]) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("a_b & c", r"a\_b \& c"),
        ("US$ #1 50% ~^", r"US\$ \#1 50\% \textasciitilde{}\textasciicircum{}"),
        ("<0.001", r"\textless{}0.001"),
        (".5 ± .1 –", r".5 $\pm$ .1 --"),
        ("-.1 [-0.2, 3] A - B 2026-11-30 --", "$-$.1 [$-$0.2, 3] A - B 2026-11-30 --"),
    ],
)
def test_text_is_shown_letter_by_letter(text: str, expected: str) -> None:
    assert escape(text) == expected
