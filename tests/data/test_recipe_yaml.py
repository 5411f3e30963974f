"""Recipes as plain data: overrides, values as YAML, files that are no mapping, one part merged into another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emotone.data.recipe_yaml import merge, parse_overrides, read_yaml
from emotone.errors import EmotoneError


def test_overrides_are_nested_and_the_last_one_counts() -> None:
    found = parse_overrides(["a.b.c=1", "a.b.d=x", "e=2", "e=3", "a.b.c=4"])
    assert found == {"a": {"b": {"c": 4, "d": "x"}}, "e": 3}
    assert parse_overrides([]) == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3), ("1E5", 1e5), ("3", 3), ("true", True), ("null", None), ("", None), ("a=b", "a=b"),
        ("[1, x]", [1, "x"]), ("{a: 1e2}", {"a": 100.0}), ("'03'", "03"), ("eel", "eel"),
    ],
)  # fmt: skip
def test_values_are_read_as_yaml(text: str, value: object) -> None:
    assert parse_overrides([f"key={text}"]) == {"key": value}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("seed", "is not of the form key=value"),
        ("=3", "is not of the form key=value"),
        ("a..b=3", "is not of the form key=value"),
        ("key=[1", "is not a value YAML can read"),
        ("key={a: 1, a", "is not a value YAML can read"),
    ],
)
def test_overrides_that_are_none(override: str, words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        parse_overrides([override])
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_part_of_a_whole_that_was_set() -> None:
    with pytest.raises(EmotoneError, match="sets a part of what another override set as a whole"):
        parse_overrides(["training=3", "training.seed=1"])


# ---- files ------------------------------------------------------------------------------------------------------


def test_a_mapping_is_read_with_short_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("rate: 1e-4\nname: 1e\nwords: {a: [1, 2]}\n")
    assert read_yaml(path) == {"rate": 1e-4, "name": "1e", "words": {"a": [1, 2]}}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "a recipe is a mapping of keys to values"),
        (b"- a", "a recipe is a mapping"),
        (b"a: [", "not readable as YAML"),
        (b"\xff\xfe\x00", "not readable as YAML"),
        (b"a: !!python/name:os.system", "not readable as YAML"),
    ],
)
def test_files_that_hold_no_mapping(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(EmotoneError, match=words) as caught:
        read_yaml(path)
    assert str(path) in str(caught.value)


# ---- merging ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "change", "expected"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}, {"a": {"x": 1, "y": 3}}),
        ({"a": {"x": 1}}, {"a": {}}, {"a": {}}),
        ({"a": {"x": 1}}, {"a": 3}, {"a": 3}),
        ({"f": "mel"}, {"f": {"scale": "log"}}, {"f": {"name": "mel", "scale": "log"}}),
        ({"f": {"name": "mel", "scale": "log"}}, {"f": {"name": "lld"}}, {"f": {"name": "lld"}}),
        ({"f": {"name": "mel", "scale": "log"}}, {"f": {"name": "mel", "x": 1}},
         {"f": {"name": "mel", "scale": "log", "x": 1}}),
        ({"f": {"name": "mel", "scale": "log"}}, {"f": "lld"}, {"f": "lld"}),
        ({"f": None}, {"f": {"name": "minilm"}}, {"f": {"name": "minilm"}}),
        ({"f": {"name": "minilm"}}, {"f": None}, {"f": None}),
    ],
)  # fmt: skip
def test_merging(base: dict[str, Any], change: dict[str, Any], expected: dict[str, Any]) -> None:
    before = {key: dict(value) if isinstance(value, dict) else value for key, value in base.items()}
    assert merge(base, change) == expected and base == before
