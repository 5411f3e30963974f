"""Model cards of trained bundles: what their scores are."""

from __future__ import annotations

from typing import Any

from emotone.bundle.card import RELATIVE, trained_card


def about(*targets: dict[str, Any]) -> dict[str, Any]:
    training = {"corpora": {"mine": "feed"}, "recipe_hash": "0a1b", "seed": 0, "split_hash": "2c3d"}
    return {
        "name": "x",
        "description": "y",
        "targets": list(targets),
        "training": training,
        "licence": "",
        "citation": "",
    }


def test_ranges_and_labels() -> None:
    arousal = {"name": "arousal", "kind": "attribute", "range": [1.0, 5.0], "mean": 3.0, "std": 1.0}
    card = trained_card(about(arousal, {"name": "emotion", "kind": "category", "labels": ["anger", "calm"]}))
    assert "- Scores: arousal on 1..5; emotion: anger, calm.\n" in card and RELATIVE not in card


def test_relative_scores_are_explained() -> None:
    valence = {"name": "valence", "kind": "attribute", "range": None, "mean": 0.0, "std": 1.0}
    card = trained_card(about({**valence, "name": "arousal"}, valence))
    assert f"- Scores: arousal, relative; valence, relative.\n- {RELATIVE}\n" in card
