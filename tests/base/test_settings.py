"""Settings against annotations: every kind of type, in words where it does not fit, unknown and missing names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.base.settings import check_settings, describe, fits
from emotone.errors import EmotoneError


@dataclass(frozen=True)
class Example:
    count: int = 1
    rate: float = 0.5
    name: str = "a"
    flag: bool = False
    mode: Literal["power", "log", 3] = "power"
    limit: float | None = None
    pair: tuple[float, float] = (0.0, 1.0)
    words: tuple[str, ...] = ()
    sizes: list[int] | None = None
    where: dict[str, list[str]] | None = None


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("count", [0, -3], [1.0, "1", True, None, [1]]),
        ("rate", [0.1, 3], ["0.1", False, None]),
        ("name", ["", "x"], [1, None, ["x"]]),
        ("flag", [True, False], [0, 1, "yes"]),
        ("mode", ["power", "log", 3], ["loud", 3.0, None, ["log"]]),
        ("limit", [None, 1, 2.5], ["1", True]),
        ("pair", [[0, 1], (0.5, 2)], [[1], [1, 2, 3], ["a", "b"], 1, "12"]),
        ("words", [[], ["a", "b", "c"]], ["abc", [1], None]),
        ("sizes", [[], [1], None], [[1.5], 1, ["a"]]),
        ("where", [{"a": ["b"]}, {}, None], [{"a": "b"}, {"a": [1]}, []]),
    ],
)
def test_types(key: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        checked = check_settings(Example, {key: value}, "here")[key]
        assert checked == value or checked == tuple(value) and key in ("pair", "words")
    for value in bad:
        with pytest.raises(EmotoneError) as caught:
            check_settings(Example, {key: value}, "here")
        assert str(caught.value).startswith(f"here: {key} must be ") and repr(value) in str(caught.value)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("count", "a whole number"),
        ("mode", "one of 'power', 'log', 3"),
        ("limit", "a number or nothing (null)"),
        ("pair", "a list of 2 (a number)"),
        ("words", "a list (text)"),
        ("where", "a mapping to a list (text) or nothing (null)"),
    ],
)
def test_types_in_words(key: str, words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        check_settings(Example, {key: object}, "here")
    assert f"{key} must be {words}, not" in str(caught.value)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.sampled_from(list(Example.__dataclass_fields__)), values)
def test_any_value_is_taken_or_named(key: str, value: Any) -> None:
    try:
        check_settings(Example, {key: value}, "here")
    except EmotoneError as error:
        assert "\n" not in str(error)


def test_names_that_are_unknown_or_missing_are_said() -> None:
    @dataclass(frozen=True)
    class Needy:
        path: str
        count: int = 1

    assert check_settings(Needy, {"path": "a"}, "here") == {"path": "a"}
    with pytest.raises(EmotoneError, match="^here: unknown setting 'cuont'; did you mean 'count'"):
        check_settings(Needy, {"path": "a", "cuont": 2}, "here")
    with pytest.raises(EmotoneError, match="^here: setting 'path' is missing$"):
        check_settings(Needy, {"count": 2}, "here")
    assert check_settings(Needy, {"count": 2}, "here", is_partial=True) == {"count": 2}


def test_the_annotations_of_any_init_are_checked() -> None:
    class Plain:
        def __init__(self, sizes: tuple[int, ...], note=None) -> None:  # type: ignore[no-untyped-def]
            self.sizes = sizes

    assert check_settings(Plain, {"sizes": [1, 2], "note": object}, "here")["sizes"] == (1, 2)
    with pytest.raises(EmotoneError, match=r"here: sizes must be a list \(a whole number\), not \[0.5\]"):
        check_settings(Plain, {"sizes": [0.5]}, "here")


def test_a_type_that_is_no_class_is_not_checked() -> None:
    assert fits("anything", Any) and fits(3, "a word") and not fits(3, str)
    assert (
        describe(dict[str, int]) == "a mapping to a whole number"
        and describe(dict[str, Any]) == "a mapping"
        and describe(bytes) == "bytes"
    )
