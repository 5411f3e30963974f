"""Transcripts of a corpus by Whisper: kept one by one, taken up after a kill, faults in their row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
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
