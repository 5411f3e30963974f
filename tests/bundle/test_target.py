"""Targets: plain data and back, relative attributes, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.bundle.target import COLUMNS, LARGEST, UNBOUNDED, Target
from emotone.errors import EmotoneError

AROUSAL = {"name": "arousal", "kind": "attribute", "range": [1, 5], "mean": 3, "std": 0.5}
EMOTION = {"name": "emotion", "kind": "category", "labels": ["anger", "joy"]}
numbers = st.floats(-LARGEST, LARGEST)
ranges = st.lists(numbers, min_size=2, max_size=2, unique=True).map(sorted).map(tuple)
names = st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters='"=+-@'), min_size=1, max_size=64)
names = names.filter(lambda name: name not in COLUMNS)
attributes = st.builds(Target, names, st.just("attribute"), ranges, numbers, st.floats(0, LARGEST))
labels = st.lists(names, min_size=1, unique=True).map(tuple)
categories = st.builds(Target, names, st.just("category"), labels=labels)


@given(attributes | categories)
def test_json_and_back(target: Target) -> None:
    assert Target.from_json(json.loads(json.dumps(target.to_json(), allow_nan=False)), "here") == target


@pytest.mark.parametrize("about", [AROUSAL, AROUSAL | {"range": None}, EMOTION])
def test_plain_data_and_back(about: dict[str, Any]) -> None:
    assert Target.from_json(about, "here").to_json() == about


def test_an_attribute_has_its_range_and_moments() -> None:
    target = Target.from_json(AROUSAL, "here")
    assert target == Target("arousal", "attribute", (1.0, 5.0), 3.0, 0.5) and not target.is_relative
    assert all(isinstance(number, float) for number in (*target.range, target.mean, target.std))


def test_a_target_without_a_range_is_relative() -> None:
    target = Target.from_json(AROUSAL | {"range": None}, "here")
    assert target.is_relative and target.range == UNBOUNDED and target.to_json()["range"] is None


def test_categories_have_labels_and_no_range() -> None:
    target = Target.from_json({"name": "emotion", "kind": "category", "labels": ["joy", 3]}, "here")
    assert (target.labels, target.range, target.is_relative) == (("joy", "3"), None, False)
    assert target.to_json() == {"name": "emotion", "kind": "category", "labels": ["joy", "3"]}


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ("arousal", "is not complete (TypeError"),
        ({}, "is not complete (KeyError('kind'))"),
        (AROUSAL | {"range": [1]}, "is not complete (ValueError"),
        (AROUSAL | {"range": 3}, "is not complete (TypeError"),
        (AROUSAL | {"mean": "x"}, "is not complete (ValueError"),
        ({key: value for key, value in AROUSAL.items() if key != "range"}, "is not complete (KeyError('range'))"),
        ({"name": "emotion", "kind": "category"}, "is not complete (KeyError('labels'))"),
        (EMOTION | {"labels": "joy"}, "is not complete (TypeError"),
        (AROUSAL | {"kind": "x"}, "target kind must be 'attribute' or 'category', not 'x'"),
    ],
)
def test_what_is_no_target(about: Any, words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        Target.from_json(about, "b/bundle.json")
    assert str(caught.value).startswith("b/bundle.json: ") and words in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "file",
        "error",
        3,
        None,
        ["joy"],
        "two\nlines",
        'a "quote"',
        " blank",
        "x" * 65,
        "=1+1",
        "\x1b[31m",
        "a\tb",
        "@x",
    ],
)
def test_names_that_tables_and_labels_cannot_have(name: Any) -> None:
    with pytest.raises(EmotoneError, match=r"^b: .* cannot name a target or a label: "):
        Target.from_json(AROUSAL | {"name": name}, "b")
    if isinstance(name, str):
        with pytest.raises(EmotoneError, match=r"^b: .* cannot name a target or a label: "):
            Target.from_json(EMOTION | {"labels": ["joy", name]}, "b")


@pytest.mark.parametrize(
    "about",
    [
        AROUSAL | {"mean": float("nan")},
        AROUSAL | {"mean": 1e7},
        AROUSAL | {"std": float("inf")},
        AROUSAL | {"std": -1},
        AROUSAL | {"range": [5, 1]},
        AROUSAL | {"range": [1, 1]},
        AROUSAL | {"range": [1, float("inf")]},
        AROUSAL | {"mean": 10**400},
        EMOTION | {"labels": []},
        EMOTION | {"labels": ["joy", "joy"]},
        EMOTION | {"labels": [str(number) for number in range(1_001)]},
    ],
)
def test_numbers_without_bounds(about: Any) -> None:
    with pytest.raises(EmotoneError, match="^b: "):
        Target.from_json(about, "b")


def test_an_attribute_is_as_it_comes_unless_it_says_otherwise() -> None:
    assert (Target("arousal", "attribute", (1, 7)).mean, Target("arousal", "attribute", (1, 7)).std) == (0.0, 1.0)
