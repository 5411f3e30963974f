"""Tables for people, as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def align(rows: Sequence[Mapping[str, Any]], indent: str = "") -> str:
    """Rows of one kind as lines with columns below their names; numbers to the right, to three decimals.

    >>> print(align([{"system": "a", "uar": 0.5}, {"system": "longer", "uar": float("nan")}]))
    system    uar
    a       0.500
    longer      -
    """
    if not rows:
        return ""
    names = list(rows[0])
    cells = [[cell(row[name]) for name in names] for row in rows]
    widths = [max(len(line[column]) for line in [names, *cells]) for column in range(len(names))]
    is_number = [all(isinstance(row[name], int | float) for row in rows) for name in names]
    lines = []
    for line in [names, *cells]:
        places = zip(line, widths, is_number, strict=True)
        lines.append(
            indent + "  ".join(text.rjust(width) if right else text.ljust(width) for text, width, right in places)
        )
    return "\n".join(line.rstrip() for line in lines)


def cell(value: Any) -> str:
    """A cell's text: numbers to three decimals, unknown as a dash."""
    if value is None or value != value:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
