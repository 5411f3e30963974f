"""Curves in a report: which utterances are shown, on which scale, and what can be listened to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotone.base.page import Player, Section, render
from emotone.bundle.target import UNBOUNDED, Target
from emotone.corpora.corpus import Corpus
from emotone.corpora.readers.emotale import EmoTale
from emotone.evaluate.report.curves import choose_examples, section
from emotone.evaluate.report.part import Evaluated
from emotone.evaluate.run_folder import Run

AROUSAL = Target("arousal", "attribute", (1, 7))
RELATIVE = Target("arousal", "attribute", UNBOUNDED)
HOSTILE = "<script>alert('x')</script>"


def predictions(num: int = 50, **columns: Any) -> pd.DataFrame:
    truth = np.random.default_rng(0).permutation(np.linspace(1, 7, num))
    curves = list((truth[:, None] + np.sin(np.arange(5))).astype(np.float32))
    table = pd.DataFrame(
        {
            "id": [f"u{n:02d}" for n in range(num)],
            "corpus": "mine",
            "speaker": "s",
            "duration_s": 2.0,
            "repeat": 0,
            "fold": np.arange(num) % 2,
            "true_arousal": truth,
            "predicted_arousal": truth,
            "curve_arousal": curves,
        }
    )
    return table.assign(own_id=table["id"]).assign(**columns)


def sections_of(test: pd.DataFrame, target: Target = AROUSAL) -> list[Section]:
    run = Run(Path("run"), {"name": "x"}, {}, [target], test, pd.DataFrame())
    return section(Evaluated(run)).sections


@pytest.fixture
def emotale(shared: Path) -> Corpus:
    """The prepared corpus, in the test's own cache."""
    corpus = EmoTale().read(shared / "data/emotale-da")
    corpus.save()
    return corpus


def test_those_shown_are_spread_over_the_labels_of_the_first_fold() -> None:
    table = predictions(true_arousal=lambda table: table["true_arousal"].where(table["id"] != "u00"))
    again = pd.concat([table, table.assign(repeat=1)], ignore_index=True)
    chosen = choose_examples(again, "arousal")
    own = table[(table["fold"] == 0) & table["true_arousal"].notna()]["true_arousal"]
    assert len(chosen) == 6 and set(chosen["fold"]) == {0} and set(chosen["repeat"]) == {0}
    assert chosen["true_arousal"].is_monotonic_increasing
    assert chosen["true_arousal"].iloc[[0, -1]].tolist() == [own.min(), own.max()]
    assert len(choose_examples(table.head(3), "arousal")) == 1  # one has no label, one is of the other fold


def test_utterances_play_by_their_place_in_the_corpus(emotale: Corpus) -> None:
    own_ids = emotale.utterances["id"].head(50).to_numpy()
    overview, arousal = sections_of(predictions(id="emotale/" + own_ids, own_id=own_ids, corpus="emotale"))
    assert (overview.title, arousal.title, arousal.level) == ("Curves", "Arousal", 3)
    rows = list(arousal.table or [])
    assert [row[""] for row in rows] == [1, 2, 3, 4, 5, 6] and "mind the licence" in arousal.note
    assert all(isinstance(row["listen"], Player) for row in rows)


def test_audio_that_is_not_at_hand_is_said() -> None:
    ids = [f"{HOSTILE}{n}" for n in range(50)]
    table = predictions(id=ids, own_id=ids, corpus=HOSTILE, speaker=HOSTILE)
    overview, arousal = sections_of(table)
    assert "6 of 6 utterances have no player" in arousal.note
    assert all(row["listen"] is None for row in arousal.table or [])
    assert "<script" not in render("x", [overview, arousal])


def test_an_utterance_that_its_corpus_no_longer_has_is_said(emotale: Corpus) -> None:
    _, arousal = sections_of(predictions(corpus="emotale"))
    assert "6 of 6 utterances have no player: 6 of emotale" in arousal.note and "does not exist" in arousal.note


def test_labels_are_drawn_where_scores_have_their_range() -> None:
    (_, absolute), (_, relative) = sections_of(predictions()), sections_of(predictions(), RELATIVE)
    assert "Dashed" in absolute.text and absolute.figure.count("stroke-dasharray") > 5
    assert "Dashed" not in relative.text and "stroke-dasharray" not in relative.figure


def test_without_curves_there_is_nothing() -> None:
    assert sections_of(predictions().drop(columns="curve_arousal")) == []
