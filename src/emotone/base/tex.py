"""Tables for papers, in LaTeX with the rules of the package booktabs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from emotone.base.text_table import cell

ESCAPED = {character: f"\\{character}" for character in "#$%&_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "–": "--",
    "±": r"$\pm$",
}

MINUS = re.compile(r"(?<![\w.-])-(?=\.?\d)")


def to_tex(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of one kind as a `tabular`, numbers to the right and to three decimals; all text is escaped.

    >>> print(to_tex([{"system": "a_b", "uar": 0.5}]))
    \\begin{tabular}{lr}
    \\toprule
    system & uar \\\\
    \\midrule
    a\\_b & 0.500 \\\\
    \\bottomrule
    \\end{tabular}
    """
    if not rows:
        return ""
    names = list(rows[0])
    is_number = [all(isinstance(row[name], int | float) for row in rows) for name in names]
    columns = "".join("r" if right else "l" for right in is_number)
    lines = [" & ".join(escape(cell(row[name])) for name in names) + r" \\" for row in rows]
    head = " & ".join(map(escape, names)) + r" \\"
    return "\n".join(
        [f"\\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *lines, r"\bottomrule", r"\end{tabular}"]
    )


def escape(text: str) -> str:
    """Text as LaTeX shows it letter by letter; a hyphen before a number is a minus.

    >>> escape("50% of p_1 < x")
    '50\\\\% of p\\\\_1 \\\\textless{} x'
    """
    return MINUS.sub("$-$", "".join(ESCAPED.get(character, character) for character in text))
