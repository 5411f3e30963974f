"""Plugins by file name, and their settings checked."""

from __future__ import annotations

import json
import sys
import types
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.base import plugins
from emotone.base.settings import check_settings
from emotone.errors import EmotoneError


def test_names_are_those_of_the_files() -> None:
    assert {"functionals", "lld", "mel"} <= set(plugins.names("features"))
    assert {"chunk-attention", "mel-convolution"} <= set(plugins.names("systems"))
    assert not any("_" in name for kind in plugins.KINDS for name in plugins.names(kind))


@pytest.mark.parametrize("name", ["chunk-attention", "chunk_attention"])
def test_both_spellings_are_found(name: str) -> None:
    assert plugins.find("systems", name).__module__ == "emotone.training.systems.chunk_attention"


@pytest.mark.parametrize("name", ["chunk-atention", "../mel", "", "mel.py", "emotone.features.extractors.mel"])
def test_unknown_plugins_are_one_line(name: str) -> None:
    with pytest.raises(EmotoneError, match=r"unknown system '.*known: chunk-attention, .*mel-convolution") as caught:
        plugins.find("systems", name)
    assert ("did you mean 'chunk-attention'" in str(caught.value)) == (name == "chunk-atention")


def test_a_module_has_one_public_class() -> None:
    module = types.ModuleType("two")
    for name in ("A", "B"):
        setattr(module, name, type(name, (), {"__module__": "two"}))
    with pytest.raises(TypeError, match="exactly one public class, not 2"):
        plugins.public_class(module)


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
        ("where", "a mapping or nothing (null)"),
    ],
)
def test_types_in_words(key: str, words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        check_settings(Example, {key: object}, "here")
    assert f"{key} must be {words}, not" in str(caught.value)


def test_unknown_settings_name_the_nearest() -> None:
    with pytest.raises(EmotoneError, match="feature mel: unknown setting 'num_mell'; did you mean 'num_mels'"):
        plugins.create("features", "mel", {"num_mell": 3})


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


def test_settings_are_plain_data() -> None:
    feature = plugins.create("features", "mel", {"num_mels": 64})
    assert json.loads(json.dumps(plugins.settings_of(feature))) == plugins.settings_of(feature)
    assert plugins.create("features", "mel", plugins.settings_of(feature)) == feature


def test_finding_names_imports_nothing_heavy() -> None:
    import subprocess

    code = "import sys; from emotone.base.plugins import KINDS, names; [*map(names, KINDS)]; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "pandas", "opensmile", "numpy"} & set(loaded)
