"""Copies of recordings are found through coders, rates, gains and silence; other takes of a sentence are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr

from emotone.audio.read import RATE_HZ, load_audio
from emotone.corpora.check import check_corpus
from emotone.corpora.copies import find_copies, sketch
from emotone.corpora.corpus import Corpus
from emotone.corpora.readers.ravdess import Ravdess
from emotone.corpora.scan import scan
from emotone.data.leakage import find_crossings
from emotone.data.split import Split

RATE_HZ = RATE_HZ


@pytest.mark.parametrize("name", ["emodb/wav/03a01Fa.flac", "ravdess/Actor_23/03-01-08-01-02-01-23.flac"])
def test_copies_are_found(shared: Path, tmp_path: Path, name: str) -> None:
    speech = load_audio(shared / "data" / name)
    other = load_audio(shared / "data" / "ravdess/Actor_23/03-01-08-01-02-02-23.flac")  # the other take of the second
    quiet = np.concatenate([np.zeros(7_001), 0.3 * speech, np.zeros(3_000)])
    soundfile.write(tmp_path / "0-original.wav", speech, RATE_HZ)
    soundfile.write(tmp_path / "1-same.flac", speech, RATE_HZ)
    soundfile.write(tmp_path / "2-softer.wav", 0.5 * speech, RATE_HZ)
    soundfile.write(tmp_path / "3-louder.wav", speech / np.abs(speech).max(), RATE_HZ)
    soundfile.write(tmp_path / "4-late.wav", quiet, RATE_HZ)
    soundfile.write(tmp_path / "5-telephone.wav", soxr.resample(speech, RATE_HZ, 8_000), 8_000)
    soundfile.write(tmp_path / "6-more.wav", soxr.resample(speech, RATE_HZ, 44_100), 44_100)
    soundfile.write(tmp_path / "7.mp3", speech, RATE_HZ)
    soundfile.write(tmp_path / "8.opus", speech, RATE_HZ, format="OGG", subtype="OPUS")
    soundfile.write(tmp_path / "9.ogg", speech, RATE_HZ)
    soundfile.write(tmp_path / "other.wav", other, RATE_HZ)
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE_HZ), RATE_HZ)
    files = sorted(path.name for path in tmp_path.iterdir())
    corpus = Corpus("copies", tmp_path, pd.DataFrame({"id": files, "file": files, "speaker": "1"}))
    scanned = scan(corpus)
    found = find_copies(corpus, scanned, quiet=True)
    assert found.tolist() == ["0-original.wav"] * 10 + [None, None]
    scanned["copy_of"] = found
    split = Split(train=tuple(files[2:]), test=tuple(files[:2]))
    kinds = {crossing.kind: crossing.is_leak for crossing in find_crossings(corpus.utterances, split, scanned)}
    assert kinds == {"speaker": True, "near-duplicate": False}
    findings = {one.kind: len(one.ids) for one in check_corpus(corpus, scanned)}
    assert findings == {"duplicate": 2, "near-duplicate": 10, "silent": 1}


def test_takes_of_one_sentence_are_no_copies(shared: Path) -> None:
    corpus = Ravdess().read(shared / "data" / "ravdess")
    corpus.utterances = corpus.utterances[corpus.utterances["speaker"].isin(["07", "23"])]
    assert find_copies(corpus, scan(corpus), quiet=True).isna().all()  # the duplicate of actor 07 is no near one


def test_parts_of_a_file_are_compared(shared: Path, tmp_path: Path) -> None:
    speech = load_audio(shared / "data" / "emodb/wav/03a01Fa.flac")
    gap = np.zeros(RATE_HZ)
    soundfile.write(tmp_path / "a.wav", np.concatenate([gap, speech, gap]), RATE_HZ)
    soundfile.write(tmp_path / "b.wav", 0.4 * speech, RATE_HZ)
    end_s = 1 + len(speech) / RATE_HZ
    rows = [{"id": "a", "file": "a.wav", "start_s": 1.0, "end_s": end_s}, {"id": "b", "file": "b.wav"}]
    corpus = Corpus("parts", tmp_path, pd.DataFrame(rows))
    scanned = scan(corpus)
    assert find_copies(corpus, scanned, jobs=2).tolist() == ["a", "a"]
    (tmp_path / "b.wav").unlink()
    assert find_copies(corpus, scanned).tolist() == [None, None]


def test_nothing_to_compare(tmp_path: Path) -> None:
    corpus = Corpus("none", tmp_path, pd.DataFrame({"id": ["a"], "file": ["a.wav"]}))
    assert find_copies(corpus, scan(corpus)).tolist() == [None]


@pytest.mark.parametrize("rate_hz", [40, 4_000, 8_000, 48_000])
def test_a_sketch_of_any_rate(rate_hz: int) -> None:
    found = sketch(np.random.default_rng(0).normal(size=rate_hz).astype(np.float32), rate_hz)
    assert found.shape == (64,) and found.dtype == np.float16 and np.isfinite(found).all()
    assert not sketch(np.zeros(10, np.float32), rate_hz).any()
