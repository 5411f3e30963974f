"""The picture of a corpus: what it shows, and SVG that can be parsed."""

from __future__ import annotations

import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emotone.corpora.corpus import Corpus
from emotone.corpora.picture import draw, picture
from emotone.corpora.readers.emodb import EmoDB
from emotone.corpora.readers.emotale import EmoTale


@pytest.mark.parametrize("with_attributes", [True, False])
def test_categories_durations_and_attributes(shared: Path, with_attributes: bool) -> None:
    data = shared / "data"
    corpus = EmoTale(part="danish").read(data / "emotale-da") if with_attributes else EmoDB().read(data / "emodb")
    seconds = np.random.default_rng(0).gamma(4, 1, len(corpus))
    scanned = pd.DataFrame({"duration_s": seconds}, index=corpus.utterances["id"])
    titles = [axes.get_title(loc="left") for part in draw(corpus, scanned).subfigs for axes in part.axes]
    expected = ["categories", "duration: median", *(["arousal", "dominance", "valence"] if with_attributes else [])]
    assert [title.startswith(word) for title, word in zip(titles, expected, strict=True)] == [True] * len(expected)
    text = picture(corpus, scanned)
    assert text == picture(corpus, scanned)
    xml.etree.ElementTree.fromstring(text)
    for emotion in corpus.utterances["emotion"].unique():
        assert f">{emotion}<" in text


def test_a_bare_corpus_has_durations_only() -> None:
    corpus = Corpus("bare", Path("audio"), pd.DataFrame({"id": ["a", "b"], "file": ["a.wav", "b.wav"]}))
    scanned = pd.DataFrame({"duration_s": [0.5, None]}, index=["a", "b"])
    assert "median 0.50 s" in picture(corpus, scanned)
    nothing = picture(corpus, scanned.assign(duration_s=np.nan))
    xml.etree.ElementTree.fromstring(nothing)
    assert "nothing could be read" in nothing


def test_the_last_bar_holds_what_is_longer_than_99_percent() -> None:
    ids = [f"{number}" for number in range(1_000)]
    corpus = Corpus("long", Path("audio"), pd.DataFrame({"id": ids, "file": "a.wav"}))
    scanned = pd.DataFrame({"duration_s": [1.0, 2.0] * 497 + [100.0] * 6}, index=ids)
    (axes,) = draw(corpus, scanned).subfigs[0].axes
    heights = [bar.get_height() for bar in axes.patches]
    assert axes.get_xlim() == (1.0, 2.0) and (heights[0], heights[-1]) == (497, 503) and sum(heights) == 1_000
