"""Rank sequences as files: the published one, read and written again, and what is none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from emotone.data.labels.rank_files import rank_file, read_all_ranks, read_ranks, write_ranks
from emotone.errors import EmotoneError

PUBLISHED = "published/Chunk-Level-Emotion-Retrieval/chunk_emotion_rankers/EmoChunkRankSeq"


def test_the_published_file_comes_back(shared: Path, tmp_path: Path) -> None:
    path = shared / PUBLISHED / "validation_Val.json"
    ranks = read_ranks(path)
    assert len(ranks) == 5958 and {own.shape for own in ranks.values()} == {(22,)}
    write_ranks(tmp_path / "validation_Val.json", ranks)
    assert json.loads((tmp_path / "validation_Val.json").read_text()) == json.loads(path.read_text())
    assert read_all_ranks(shared / PUBLISHED, "valence").keys() == ranks.keys()


def test_all_parts_of_an_attribute_are_read(tmp_path: Path) -> None:
    write_ranks(tmp_path / rank_file("train", "arousal"), {"a": np.array([2, 1])})
    write_ranks(tmp_path / rank_file("test", "arousal"), {"b": np.array([1, 1])})
    write_ranks(tmp_path / rank_file("test", "valence"), {"a": np.array([1, 2])})
    assert {name: list(own) for name, own in read_all_ranks(tmp_path, "arousal").items()} == {"a": [2, 1], "b": [1, 1]}
    with pytest.raises(EmotoneError, match=r"no rank sequences of dominance \(files \*_Dom.json\)"):
        read_all_ranks(tmp_path, "dominance")
    write_ranks(tmp_path / rank_file("validation", "arousal"), {"b": np.array([2, 1])})
    with pytest.raises(
        EmotoneError, match="validation_Act.json: 1 utterances have ranks in another file too, e.g. 'b'"
    ):
        read_all_ranks(tmp_path, "arousal")
    write_ranks(tmp_path / rank_file("validation", "arousal"), {"c": np.array([2, 1, 3])})
    with pytest.raises(EmotoneError, match="rank sequences of arousal have from 2 to 3 chunks"):
        read_all_ranks(tmp_path, "arousal")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1]", "it holds no object"),
        ("{}", "must hold {utterance"),
        ('{"a": [1, 2]}', "1 of 1 entries are not, e.g. 'a'"),
        ('{"a": {"ChunkRankSeq": [1, 2]}, "b": {"ChunkRankSeq": []}}', "1 of 2 entries are not, e.g. 'b'"),
        ('{"a": {"ChunkRankSeq": [1, 3]}}', "1 of 1 entries"),
        ('{"a": {"ChunkRankSeq": [2, 2, 1, 3]}}', "1 of 1 entries"),
        ('{"a": {"ChunkRankSeq": [1, true]}}', "1 of 1 entries"),
        ('{"a": {"ChunkRankSeq": [1.0, 2.0]}}', "1 of 1 entries"),
    ],
)
def test_files_that_hold_something_else(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "train_Act.json").write_text(text)
    with pytest.raises(EmotoneError, match=".") as caught:
        read_ranks(tmp_path / "train_Act.json")
    assert words in str(caught.value) and "train_Act.json" in str(caught.value)
