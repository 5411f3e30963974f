"""Rows of a recipe's table: names within the corpus and among several."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from emotone.corpora.corpus import Corpus
from emotone.data.table import table_rows


@pytest.fixture
def corpus() -> Corpus:
    table = pd.DataFrame({"id": ["a", "b"], "file": ["a.wav", "b.wav"], "speaker": ["1", None], "session": [None, "x"]})
    return Corpus("mine", Path("audio"), table, meta={"licence": "CC0", "citation": "Me (2020)"})


def test_one_corpus_keeps_its_names(corpus: Corpus) -> None:
    found = table_rows(corpus, corpus.utterances, several=False)
    for column in ("id", "own_id", "store_id", "voice_id", "utterance"):
        assert found[column].tolist() == ["a", "b"], column
    assert found["speaker"].tolist() == ["1", None] and found["session"].tolist() == [None, "x"]
    assert set(found["corpus"]) == {"mine"} and set(found["licence"]) == {"CC0"}
    assert set(found["citation"]) == {"Me (2020)"} and found[["voice", "channel"]].eq(0).all(axis=None)


def test_among_several_ids_speakers_and_sessions_carry_the_corpus(corpus: Corpus) -> None:
    found = table_rows(corpus, corpus.utterances, several=True)
    assert found["id"].tolist() == found["utterance"].tolist() == ["mine/a", "mine/b"]
    assert found["speaker"].tolist() == ["mine/1", None] and found["session"].tolist() == [None, "mine/x"]
    for column in ("own_id", "store_id", "voice_id"):  # as the corpus and its feature store call it
        assert found[column].tolist() == ["a", "b"], column


def test_the_corpus_is_not_changed(corpus: Corpus) -> None:
    before = corpus.utterances.copy()
    table_rows(corpus, corpus.utterances, several=True)
    pd.testing.assert_frame_equal(corpus.utterances, before)


def test_unknown_licence_is_empty() -> None:
    corpus = Corpus("mine", Path("audio"), pd.DataFrame({"id": ["a"], "file": ["a.wav"]}))
    found = table_rows(corpus, corpus.utterances, several=False)
    assert found[["licence", "citation"]].values.tolist() == [["", ""]]
