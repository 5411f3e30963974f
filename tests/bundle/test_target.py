"""Targets: plain data and back, relative attributes, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotone.bundle.target import UNBOUNDED, Target
from emotone.errors import EmotoneError

AROUSAL = {"name": "arousal", "kind": "attribute", "range": [1, 5], "mean": 3, "std": 0.5}
EMOTION = {"name": "emotion", "kind": "category", "labels": ["anger", "joy"]}
numbers = st.floats(allow_nan=False, allow_infinity=False)
attributes = st.builds(Target, st.text(), st.just("attribute"), st.tuples(numbers, numbers), numbers, numbers)
categories = st.builds(Target, st.text(), st.just("category"), labels=st.lists(st.text()).map(tuple))


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
        (AROUSAL | {"kind": "x"}, "target kind must be 'attribute' or 'category', not 'x'"),
    ],
)
def test_what_is_no_target(about: Any, words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        Target.from_json(about, "b/bundle.json")
    assert str(caught.value).startswith("b/bundle.json: ") and words in str(caught.value)
