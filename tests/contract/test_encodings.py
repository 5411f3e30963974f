"""What is read and written as text is UTF-8 by name, and its lines end in one way: what a system takes by itself may be
anything, as on Windows."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src" / "emotone"


def names_none(call: ast.Call) -> bool:
    """Whether a call reads or writes text without naming an encoding."""
    if any(keyword.arg == "encoding" for keyword in call.keywords):
        return False
    if isinstance(call.func, ast.Attribute):
        num_without = {"read_text": 0, "write_text": 1}.get(call.func.attr)  # the next would be the encoding
        return len(call.args) == num_without
    modes = modes_of(call)
    return modes is not None and not any("b" in str(mode) for mode in modes)


def names_no_newline(call: ast.Call) -> bool:
    """Whether a call writes text without saying how its lines end."""
    if any(keyword.arg == "newline" for keyword in call.keywords):
        return False
    if isinstance(call.func, ast.Attribute):
        return call.func.attr == "write_text"
    return any(mode in ("w", "a", "x") for mode in modes_of(call) or ())


def modes_of(call: ast.Call) -> list[object] | None:
    """The constants among what may be the mode of a call of open; None of any other call."""
    if not (isinstance(call.func, ast.Name) and call.func.id == "open"):
        return None
    given = [*call.args[1:2], *(keyword.value for keyword in call.keywords)]
    return [one.value for one in given if isinstance(one, ast.Constant)]


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call in the package, and where it is."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node


@pytest.mark.parametrize(
    ("lacks", "what", "cases"),
    [
        (
            names_none,
            "an encoding",
            {
                "open(path)": True,
                "open(path, 'w', newline='')": True,
                "open(path, 'rb')": False,
                "path.read_text()": True,
                "path.write_text(text, encoding='utf-8')": False,
            },
        ),
        (
            names_no_newline,
            "a newline",
            {
                "open(path, 'w', encoding='utf-8')": True,
                "open(path, 'wb')": False,
                "open(path, encoding='utf-8')": False,
                "path.write_text(text, encoding='utf-8')": True,
                "path.write_text(text, encoding='utf-8', newline='\\n')": False,
            },
        ),
    ],
)
def test_every_text_names(lacks: Callable[[ast.Call], bool], what: str, cases: dict[str, bool]) -> None:
    for given, expected in cases.items():
        call = ast.parse(given, mode="eval").body
        assert isinstance(call, ast.Call) and lacks(call) == expected, given
    found = [place for place, call in calls() if lacks(call)]
    assert not found, f"without {what}: {', '.join(found)}"
