"""Files of a corpus that cannot be used: found together, refused, or left out with a note."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from emotone.corpora import opened
from emotone.corpora.corpus import Corpus
from emotone.corpora.opened import find_bad_files, without_bad_files
from emotone.errors import EmotoneError


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """A good file with two parts, an empty file, one that is no audio, one cut short, one that is not there."""
    for name in ("good", "short"):
        soundfile.write(tmp_path / f"{name}.wav", np.full(16_000, 0.1), 16_000)
    (tmp_path / "short.wav").write_bytes((tmp_path / "short.wav").read_bytes()[:9_000])
    (tmp_path / "empty.wav").touch()
    (tmp_path / "junk.wav").write_bytes(b"no audio" * 20)
    files = ["good.wav", "empty.wav", "good.wav", "junk.wav", "short.wav", "gone.wav"]
    table = pd.DataFrame({"id": [*"abcdef"], "file": files, "start_s": [0, None, 0.5, None, None, None]})
    raters = pd.DataFrame({"id": ["a", "b", "c"], "rater": "r", "emotion": "anger"})
    return Corpus("mixed", tmp_path, table, raters, {"notes": ["before"], "licence": "CC0"})


@pytest.mark.parametrize("many", [500, 0])
def test_all_bad_files_are_found(corpus: Corpus, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "MANY", many)  # in this process, and over several
    found = find_bad_files(corpus, quiet=True)
    assert list(found) == ["empty.wav", "junk.wav", "short.wav", "gone.wav"]
    for (file, line), words in zip(
        found.items(), ("is empty (0 bytes)", "is not audio", "is truncated", "does not exist"), strict=True
    ):
        assert line.startswith(f"{corpus.root / file}: ") and words in line


def test_they_are_refused_together(corpus: Corpus) -> None:
    with pytest.raises(EmotoneError) as caught:
        without_bad_files(corpus, quiet=True)
    text = str(caught.value)
    assert text.startswith("corpus mixed: 4 of 5 files cannot be used: ")
    assert all(name in text for name in ("empty.wav: is empty", "junk.wav: ", "short.wav: ", "gone.wav: "))
    assert text.endswith("; set bad_files=drop to leave them out")


def test_they_are_left_out_with_a_note(corpus: Corpus) -> None:
    found = without_bad_files(corpus, "drop", quiet=True)
    assert found.utterances["id"].tolist() == ["a", "c"] and found.raters is not None
    assert found.raters["id"].tolist() == ["a", "c"] and found.meta["licence"] == "CC0"
    before, note = found.meta["notes"]
    assert before == "before" and note.startswith("left out 4 of 6 utterances: 4 of 5 files cannot be used: ")
    assert len(corpus) == 6 and corpus.meta["notes"] == ["before"]


def test_a_good_corpus_is_as_it_was_and_a_bad_one_is_none(corpus: Corpus) -> None:
    good = Corpus("good", corpus.root, corpus.utterances.iloc[[0, 2]])
    assert without_bad_files(good, quiet=True) is good
    bad = Corpus("bad", corpus.root, corpus.utterances.iloc[[1, 3]])
    with pytest.raises(EmotoneError, match="corpus bad: 2 of 2 files cannot be used: .*; none is left"):
        without_bad_files(bad, "drop", quiet=True)
