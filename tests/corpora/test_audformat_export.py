"""Corpora as audformat: what comes back is what went out, and the package audformat reads it too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from emotone.corpora.audformat_export import write_audformat
from emotone.corpora.corpus import Corpus
from emotone.corpora.readers.audformat import Audformat
from emotone.corpora.readers.emotale import EmoTale
from emotone.errors import EmotoneError

audformat = pytest.importorskip("audformat")


def example(folder: Path, votes: bool = True, **columns: Any) -> Corpus:
    for name in ("a.wav", "sub/b.wav", "sub/c.wav"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(folder / name, np.zeros(48_000), 16_000)
    table = pd.DataFrame(
        {
            "file": ["a.wav", "sub/b.wav", "sub/c.wav"],
            "id": ["a", "sub/b", "sub/c"],
            "speaker": ["03", None, "NA"],
            "gender": ["female", None, "male"],
            "language": ["de", "de", "da"],
            "transcript": ["null", 'x,"y"', None],
            "emotion": ["anger", None, "other"],
            "arousal": [1.0, 3.25, None],
            "age": [31.0, None, 20.0],
            "take": ["b", "a", None],
        }
    ).assign(**columns)
    ids = table["id"].iloc[[0, 0, 1]].tolist()
    given = {"id": ids, "rater": ["r1", "r1", "r2"], "emotion": ["fear", None, "anger"]}
    raters = pd.DataFrame({**given, "arousal": [7.0, None, 1.5], "level": [50.0, 20.0, None]})
    meta = {"ranges": {"arousal": [1.0, 7.0]}, "licence": "CC0 1.0", "citation": "Somebody: Something"}
    return Corpus("example", folder, table, raters if votes else None, meta)


def assert_equal(found: Corpus, corpus: Corpus) -> None:
    expected = corpus.utterances.dropna(axis="columns", how="all").sort_values("id", ignore_index=True)
    utterances = found.utterances.sort_values("id", ignore_index=True)
    cells = [rows.astype("object").where(rows.notna(), None) for rows in (utterances[expected.columns], expected)]
    pd.testing.assert_frame_equal(*cells)
    assert utterances.drop(columns=expected.columns).isna().all(axis=None)
    if corpus.raters is None:
        assert found.raters is None
    else:
        assert found.raters is not None
        pd.testing.assert_frame_equal(found.raters[list(corpus.raters)], corpus.raters, check_dtype=False)
    for key in ("ranges", "licence", "citation"):
        assert found.meta[key] == corpus.meta[key]


@pytest.mark.parametrize("votes", [True, False])
@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"split": ["train", "validation", "test"]},
        {"split": ["unlabelled", None, "train"]},
        {"id": ["x", "y", "z"]},
        {
            "id": ["a", "sub/b#0.25-0.75", "sub/b#0.75-1"],
            "file": ["a.wav", "sub/b.wav", "sub/b.wav"],
            "start_s": [None, 0.25, 0.75],
            "end_s": [None, 0.75, 1.0],
            "split": ["test", "train", "train"],
        },
    ],
)
def test_corpora_come_back_as_they_were(tmp_path: Path, columns: dict[str, Any], votes: bool) -> None:
    corpus = example(tmp_path, **columns, votes=votes)
    assert write_audformat(corpus, tmp_path) == tmp_path / "db.yaml"
    assert_equal(Audformat().read(tmp_path), corpus)


def test_the_package_reads_what_is_written(tmp_path: Path) -> None:
    write_audformat(example(tmp_path, split=["train", "validation", "test"]), tmp_path)
    database = audformat.Database.load(tmp_path)
    assert sorted(database.tables) == ["utterances.dev", "utterances.test", "utterances.train"]
    assert database.files.tolist() == ["a.wav", "sub/b.wav", "sub/c.wav"] and database.languages == ["dan", "deu"]
    assert database.schemes["emotion"].labels == ["anger", "fear", "other"]
    assert database["utterances.train"]["arousal"].get().tolist() == [1.0]
    assert database.splits["dev"].type == "dev" and len(database["votes"]) == 3


def test_a_real_corpus_comes_back(shared: Path, tmp_path: Path) -> None:
    corpus = EmoTale().read(shared / "data/emotale-da")
    (tmp_path / "wav").symlink_to(shared / "data/emotale-da/wav")
    write_audformat(corpus, tmp_path)
    assert_equal(Audformat().read(tmp_path), corpus)


def test_what_audformat_cannot_hold_is_refused(tmp_path: Path) -> None:
    corpus = example(tmp_path, file=["a.wav", "a.wav", "sub/c.wav"], id=["1", "2", "3"], votes=False)
    with pytest.raises(EmotoneError, match="1 utterances are the same part of a file as another, e.g. of 'a.wav'"):
        write_audformat(corpus, tmp_path)
    with pytest.raises(EmotoneError, match="corpus example: 'xx' is not supported by ISO 639-3"):
        write_audformat(example(tmp_path, language="xx"), tmp_path)
    write_audformat(example(tmp_path), tmp_path)
    with pytest.raises(EmotoneError, match="holds an audformat database already"):
        write_audformat(example(tmp_path), tmp_path)
