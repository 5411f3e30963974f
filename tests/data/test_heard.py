"""Transcripts of a corpus by Whisper: kept one by one, taken up after a kill, faults in their row."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from transcribers import Hearing

from emotone.base.files import cache_folder
from emotone.corpora.corpus import Corpus
from emotone.data.heard import transcribe_corpus


def test_transcripts_of_a_corpus_are_kept(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.ones(48_000) / 2, 16_000)
    rows = [
        {"id": "a", "file": "a.wav", "language": "da"},
        {"id": "b", "file": "a.wav", "start_s": 1.0, "end_s": 1.5},
        {"id": "c", "file": "none.wav", "language": "da"},
    ]
    table = pd.DataFrame(rows)
    corpus = Corpus("small", tmp_path, table)
    Hearing.heard.clear()
    found = transcribe_corpus(corpus, Hearing(), quiet=True)
    assert found["id"].tolist() == ["a", "b", "c"] and found["transcript"].tolist()[:2] == ["3", "0.5"]
    assert found["words"].tolist() == [[("3", 0.0, 3.0)], [("0.5", 0.0, 0.5)], []]
    assert pd.isna(found["transcript"][2]) and "none.wav" in found["error"][2]
    assert found["language"].tolist() == ["da", "en", ""]
    pd.testing.assert_frame_equal(transcribe_corpus(corpus, Hearing(), quiet=True), found)
    part = transcribe_corpus(Corpus("small", tmp_path, table[1:]), Hearing(), quiet=True)
    assert part["transcript"].tolist()[0] == "0.5" and len(Hearing.heard) == 2
    (kept,) = (cache_folder() / "transcripts").glob("small-*.jsonl")
    kept.write_bytes(kept.read_bytes()[:-9])  # a kill while the second was written
    pd.testing.assert_frame_equal(transcribe_corpus(corpus, Hearing(), quiet=True), found)
    pd.testing.assert_frame_equal(transcribe_corpus(corpus, Hearing(), quiet=True), found)
    assert len(Hearing.heard) == 3


def test_what_was_replaced_is_heard_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.DataFrame([{"id": name, "file": f"{name}.wav"} for name in "ab"])
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", np.ones(48_000) / 2, 16_000)
    corpus = Corpus("small", tmp_path, table)
    Hearing.heard.clear()
    assert transcribe_corpus(corpus, Hearing(), quiet=True)["transcript"].tolist() == ["3", "3"]
    os.utime(tmp_path / "a.wav", ns=(1, 1))  # the same content
    soundfile.write(tmp_path / "b.wav", np.ones(32_000) / 2, 16_000)
    for _ in range(2):
        assert transcribe_corpus(corpus, Hearing())["transcript"].tolist() == ["3", "2"] and len(Hearing.heard) == 3
    assert capsys.readouterr().err == ""
    (kept,) = (cache_folder() / "transcripts").glob("small-*.jsonl")
    lines = [json.loads(line) for line in kept.read_bytes().splitlines() if line]
    old = [{key: value for key, value in line.items() if key not in ("state", "content")} for line in lines]
    kept.write_text("\n".join(["[]", "{}", *map(json.dumps, old)]))  # as an earlier version wrote it, and junk
    soundfile.write(tmp_path / "a.wav", np.ones(16_000) / 2, 16_000)
    assert transcribe_corpus(corpus, Hearing())["transcript"].tolist() == ["3", "2"] and len(Hearing.heard) == 3
    assert "2 utterances were heard by an earlier version, which did not keep" in capsys.readouterr().err
