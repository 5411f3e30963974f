"""Model cards of trained bundles: what their scores are."""

from __future__ import annotations

import dataclasses
from typing import Any

from emotone.base.plugins import Choice
from emotone.bundle.about import BundleAbout, Provenance
from emotone.bundle.card import RELATIVE, USE, published_card, relied_on, trained_card
from emotone.bundle.target import UNBOUNDED, Target
from emotone.bundle.view.view import Whole


def about(*targets: Target, **training: Any) -> BundleAbout:
    training = {"corpora": {"mine": "feed"}, "recipe_hash": "0a1b", "seed": 0, "split_hash": "2c3d"} | training
    return BundleAbout(
        name="x",
        description="y",
        max_utterance_s=9.0,
        feature=Choice("mel"),
        view=Whole(),
        targets=list(targets),
        training=Provenance(**training),
    )


def test_ranges_and_labels() -> None:
    arousal = Target("arousal", "attribute", (1.0, 5.0), 3.0, 1.0)
    card = trained_card(about(arousal, Target("emotion", "category", labels=("anger", "calm"))))
    assert "- Scores: arousal on 1..5; emotion: anger, calm.\n" in card and RELATIVE not in card


def test_relative_scores_are_explained() -> None:
    card = trained_card(about(*(Target(name, "attribute", UNBOUNDED) for name in ("arousal", "valence"))))
    assert f"- Scores: arousal, relative; valence, relative.\n- {RELATIVE}\n" in card


def test_warnings_stand_above_the_scores_and_what_is_unknown_is_said() -> None:
    card = trained_card(about(Target("valence", "attribute", (1.0, 7.0)), warnings=["transductive"]))
    assert card.startswith("# x\n\ny\n\n- **transductive**\n- Scores: valence on 1..7.\n- Corpora: mine (feed).\n")
    assert "- Recipe hash 0a1b, seed 0, split 2c3d; " in card and "- Cite: not stated.\n" in card and card.endswith(USE)


def test_what_may_be_relied_on_is_a_section_where_bundles_say_so() -> None:
    own = about(Target("valence", "attribute", (1.0, 7.0)), Target("arousal", "attribute", (1.0, 7.0)))
    assert relied_on(own) == "" and "relied on" not in trained_card(own).replace(USE, "")
    weak = dataclasses.replace(own, reliability={"valence": "weak on Danish"})
    assert trained_card(weak).endswith(f"\n\n## What may be relied on\n\n- valence: weak on Danish\n\n{USE}")


def test_a_published_card_has_the_published_numbers() -> None:
    own = dataclasses.replace(
        about(Target("arousal", "attribute", (1.0, 7.0))),
        training=Provenance(repository="owner/repository", commit="c0ffee"),
        results=[{"protocol": "A test", "metric": "CCC", "arousal": 0.5}],
        licence="MIT",
        citation="Us",
    )
    card = published_card(own)
    assert "- Weights: owner/repository at c0ffee, checked by SHA-256, converted by Emotone.\n" in card
    assert "- A test: CCC arousal 0.5.\n- Licence: MIT.\n- Cite: Us.\n" in card and card.endswith(USE)
