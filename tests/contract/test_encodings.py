"""What is read and written as text is UTF-8 by name, and its lines end in one way: what a system takes by itself may be
anything, as on Windows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "emotone"


def names_none(call: ast.Call) -> bool:
    """Whether a call reads or writes text without naming an encoding."""
    if any(keyword.arg == "encoding" for keyword in call.keywords):
        return False
    if isinstance(call.func, ast.Attribute):
        num_without = {"read_text": 0, "write_text": 1}.get(call.func.attr)  # the next would be the encoding
        return len(call.args) == num_without
    modes = [one.value for one in [*call.args[1:2], *(k.value for k in call.keywords)] if isinstance(one, ast.Constant)]
    return isinstance(call.func, ast.Name) and call.func.id == "open" and not any("b" in str(mode) for mode in modes)


def names_no_newline(call: ast.Call) -> bool:
    """Whether a call writes text without saying how its lines end."""
    if any(keyword.arg == "newline" for keyword in call.keywords):
        return False
    if isinstance(call.func, ast.Attribute):
        return call.func.attr == "write_text"
    modes = [one.value for one in [*call.args[1:2], *(k.value for k in call.keywords)] if isinstance(one, ast.Constant)]
    is_written = any(mode in ("w", "a", "x") for mode in modes)
    return isinstance(call.func, ast.Name) and call.func.id == "open" and is_written


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call in the package, and where it is."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node


def test_every_text_names_its_encoding() -> None:
    for given, expected in {
        "open(path)": True,
        "open(path, 'w', newline='')": True,
        "open(path, 'rb')": False,
        "path.read_text()": True,
        "path.write_text(text, encoding='utf-8')": False,
    }.items():
        call = ast.parse(given, mode="eval").body
        assert isinstance(call, ast.Call) and names_none(call) == expected, given
    found = [place for place, call in calls() if names_none(call)]
    assert not found, f"without an encoding: {', '.join(found)}"


def test_every_text_ends_its_lines_in_one_way() -> None:
    for given, expected in {
        "open(path, 'w', encoding='utf-8')": True,
        "open(path, 'wb')": False,
        "open(path, encoding='utf-8')": False,
        "path.write_text(text, encoding='utf-8')": True,
        "path.write_text(text, encoding='utf-8', newline='\\n')": False,
    }.items():
        call = ast.parse(given, mode="eval").body
        assert isinstance(call, ast.Call) and names_no_newline(call) == expected, given
    found = [place for place, call in calls() if names_no_newline(call)]
    assert not found, f"without a newline: {', '.join(found)}"
