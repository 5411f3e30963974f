"""Markdown of docstrings and tables, for the pages of the documentation that are made of the code."""

from __future__ import annotations

import html
import inspect
import re
import textwrap
from collections.abc import Iterable


def prose(docstring: str, examples: bool = True) -> str:
    """A docstring as Markdown: its doctests as code, what stands deeper as it is, all else as paragraphs.

    >>> prose("A tone < 1 kHz.")
    'A tone &lt; 1 kHz.'
    """
    blocks = []
    for block in re.split(r"\n\s*\n", inspect.cleandoc(docstring)):
        if block.lstrip().startswith(">>>"):
            blocks.append(fence("pycon", block) if examples else "")
        elif all(line.startswith("    ") for line in block.splitlines()):
            blocks.append(fence("text", textwrap.dedent(block)))
        else:
            blocks.append(escape(re.sub(r"\n\s*", "\n", block)))
    return "\n\n".join(block for block in blocks if block)


def escape(text: str) -> str:
    """Text whose marks mean nothing to Markdown, but for `code`.

    >>> print(escape("a_b * [T, D] `x_y`"))
    a\\_b \\* \\[T, D\\] `x_y`
    """
    pieces = re.split(r"(`[^`]*`)", text)
    pieces[::2] = [re.sub(r"([*_\[\]])", r"\\\1", html.escape(piece, quote=False)) for piece in pieces[::2]]
    return "".join(pieces)


def fence(language: str, text: str) -> str:
    """A block of code."""
    return f"```{language}\n{text.strip(chr(10))}\n```"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table; cells are one line and may hold bars."""
    head = list(head)
    lines = [head, ["---"] * len(head), *(list(row) for row in rows)]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    pieces = re.split(r"(`[^`]*`)", re.sub(r"\s*\n\s*", " ", text))
    pieces[::2] = [piece.replace("|", "\\|") for piece in pieces[::2]]  # in `code` a bar is one, and a backslash, too
    return "".join(pieces)


def join(parts: Iterable[str]) -> str:
    """A page of its parts, without those that are empty."""
    return "\n\n".join(part for part in parts if part) + "\n"
