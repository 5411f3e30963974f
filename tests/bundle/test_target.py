"""Targets: attributes on a range or relative, categories, and what is no target."""

from __future__ import annotations

import math
from typing import Any

import pytest

from emotone.bundle.target import UNBOUNDED, Target
from emotone.errors import EmotoneError

AROUSAL = {"name": "arousal", "kind": "attribute", "range": [1, 7], "mean": 4.5, "std": 1.25}
EMOTION = {"name": "emotion", "kind": "category", "labels": ["anger", "joy"]}


@pytest.mark.parametrize("about", [AROUSAL, AROUSAL | {"range": None}, EMOTION])
def test_json_and_back(about: dict[str, Any]) -> None:
    assert Target.from_json(about, "here").to_json() == about


def test_an_attribute() -> None:
    found = Target.from_json(AROUSAL, "here")
    assert found == Target("arousal", "attribute", (1.0, 7.0), 4.5, 1.25) and not found.is_relative
    assert isinstance(found.range, tuple) and isinstance(found.range[0], float)


def test_without_a_range_only_the_order_counts() -> None:
    found = Target.from_json(AROUSAL | {"range": None}, "here")
    assert found.range == UNBOUNDED == (-math.inf, math.inf) and found.is_relative


def test_a_category() -> None:
    found = Target.from_json(EMOTION, "here")
    assert found.labels == ("anger", "joy") and found.range is None and not found.is_relative


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"name": "arousal", "kind": "attribute"}, "is not complete"),
        (AROUSAL | {"range": [1]}, "is not complete"),
        (AROUSAL | {"mean": "much"}, "is not complete"),
        ({"name": "emotion", "kind": "category"}, "is not complete"),
        (AROUSAL | {"kind": "atribute"}, "target kind must be 'attribute' or 'category', not 'atribute'"),
    ],
)
def test_what_is_no_target(about: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        Target.from_json(about, "bundle.json")
    assert str(caught.value).startswith("bundle.json: ") and words in str(caught.value)
