"""Short names tell systems apart by what differs, also where one only has a default."""

from __future__ import annotations

from typing import Any

import pytest

from emotone.evaluate.compare.naming import system_labels


def recipe(**system: Any) -> dict[str, Any]:
    return {"name": "r", "system": {"name": "seq2seq", **system}, "training": {"epochs": 1}}


@pytest.mark.parametrize(
    ("recipes", "labels"),
    [
        ([recipe(), recipe(weight=0)], ["r weight=default", "r weight=0"]),
        (
            [recipe(name="multi-scale"), recipe(name="multi-scale", streams="text")],
            ["r streams=both", "r streams=text"],
        ),
        (  # a default is named beside what all give, and `epochs` is that of training
            [recipe(of_ranker={"epochs": 1}), recipe(of_ranker={"epochs": 20}, weight=0)],
            [
                "r system.of_ranker.epochs=1 weight=default",
                "r system.of_ranker.epochs=20 weight=0",
            ],
        ),
        (  # settings of another system do not count where its name tells them apart
            [recipe(weight=1), recipe() | {"system": {"name": "other", "size": 3}}],
            ["r system=seq2seq", "r system=other"],
        ),
        (  # who leaves the extractor out is from before there were two
            [{"name": "r", "feature": {"name": "lld"}}, {"name": "r", "feature": {"name": "lld", "extractor": "own"}}],
            ["r extractor=opensmile", "r extractor=own"],
        ),
    ],
)
def test_labels(recipes: list[dict[str, Any]], labels: list[str]) -> None:
    assert system_labels(recipes) == labels
