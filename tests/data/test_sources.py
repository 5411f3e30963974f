"""What a feature is made of, and what of it changes when something has changed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from emotone.corpora.corpus import Corpus
from emotone.data.sources import Source, made_with, sources_of, texts_of


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    (tmp_path / "a.wav").write_bytes(b"abc")
    os.utime(tmp_path / "a.wav", ns=(5, 7))
    rows = {"id": ["a", "b", "c"], "file": ["a.wav", "a.wav", "none.wav"], "start_s": [None, 0.5, None]}
    return Corpus(
        "small", tmp_path, pd.DataFrame(rows).assign(end_s=[None, 2.0, None], transcript=["so", None, "good"])
    )


def test_states_name_all_by_which_a_file_is_known(corpus: Corpus) -> None:
    first, part, none = sources_of(corpus)
    assert first == Source("a", str(corpus.root / "a.wav"), 0.0, None, None, "", '["a.wav", 0.0, null, 3, 7]')
    assert (part.start_s, part.end_s) == (0.5, 2.0) and json.loads(part.state) == ["a.wav", 0.5, 2.0, 3, 7]
    assert json.loads(none.state)[3:] == [-1, -1]


def test_content_is_that_of_the_file_and_the_times(corpus: Corpus) -> None:
    first, part, none = sources_of(corpus)
    about = json.dumps([hashlib.sha256(b"abc").hexdigest(), 0.0, None, ""])
    assert first.content == hashlib.sha256(about.encode()).hexdigest()[:16]
    assert part.content not in ("", first.content) and none.content == ""
    (corpus.root / "b.wav").write_bytes(b"abc")
    assert first._replace(path=str(corpus.root / "b.wav")).content == first.content
    before = first.content
    (corpus.root / "a.wav").write_bytes(b"abd")
    assert sources_of(corpus)[0].content != before


def test_the_same_by_state_by_content_or_of_an_earlier_version(corpus: Corpus) -> None:
    first, part, none = sources_of(corpus)
    assert first.is_same(first.state, "") and first.is_same("other", first.content) and first.is_same("", "")
    assert not first.is_same(part.state, part.content) and not none.is_same("other", "")


def test_texts_are_known_by_the_store(corpus: Corpus) -> None:
    found = texts_of(corpus)
    assert [(source.text, source.state, source.content) for source in found] == [
        ("so", "", ""),
        (None, "", ""),
        ("good", "", ""),
    ]


def test_other_files_and_bundles_that_decide(corpus: Corpus) -> None:
    transform = SimpleNamespace(babble_files=(str(corpus.root / "a.wav"),))
    features = (None, SimpleNamespace(made_with=("abc",)), SimpleNamespace(made_with=()))
    found = [made_with(feature, change) for feature in features for change in (None, transform)]
    assert found[0] == found[4] == "" and found[1] == found[5] and len({*found}) == 4
    first, *_ = sources_of(corpus, found[2])
    assert first.made_with == found[2] and json.loads(first.state)[-1] == found[2]
    assert first.content != sources_of(corpus)[0].content
