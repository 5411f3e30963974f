"""The audio scan: equal audio is found whatever its container, faults are in their row, nothing is read twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from emotone.audio.read import read_native_blocks
from emotone.base.files import replace_file
from emotone.corpora import scan as audio_scan
from emotone.corpora.corpus import Corpus
from emotone.corpora.readers.ravdess import Ravdess
from emotone.corpora.scan import scan

RATE_HZ = 16_000
SPEECH = "emodb/wav/03a01Fa.flac"


def corpus_of(folder: Path, rows: list[dict[str, Any]] | None = None) -> Corpus:
    """The files of a folder, one utterance each, or what the rows say."""
    rows = rows or [{"id": path.name, "file": path.name} for path in sorted(folder.iterdir())]
    return Corpus("small", folder, pd.DataFrame(rows))


@pytest.fixture
def speech(shared: Path) -> np.ndarray:
    samples, rate_hz = soundfile.read(shared / "data" / SPEECH)
    assert rate_hz == RATE_HZ
    return samples


def test_content_is_that_of_the_samples(tmp_path: Path, speech: np.ndarray) -> None:
    same = tmp_path / "same"
    same.mkdir()
    soundfile.write(same / "a.wav", speech, RATE_HZ)
    soundfile.write(same / "b.flac", speech, RATE_HZ)
    soundfile.write(same / "c.aiff", speech, RATE_HZ, subtype="PCM_24")
    soundfile.write(same / "d.wav", speech, RATE_HZ, subtype="FLOAT")
    soundfile.write(same / "e.wav", np.stack([speech, speech], axis=1), RATE_HZ)
    soundfile.write(same / "f.wav", np.concatenate([np.zeros(999), speech, np.zeros(77)]), RATE_HZ)
    assert scan(corpus_of(same))["content"].nunique() == 1

    other = tmp_path / "other"
    other.mkdir()
    soundfile.write(other / "a.wav", speech, RATE_HZ)
    soundfile.write(other / "b.wav", speech, 22_050)
    soundfile.write(other / "c.wav", speech / 2, RATE_HZ)
    soundfile.write(other / "d.wav", np.delete(speech, len(speech) // 2), RATE_HZ)
    soundfile.write(other / "e.wav", speech[:-2_000], RATE_HZ)
    assert scan(corpus_of(other))["content"].nunique() == 5


def test_blocks_do_not_change_what_is_measured(
    tmp_path: Path, speech: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    gap = np.zeros(3 * RATE_HZ)
    soundfile.write(tmp_path / "a.wav", np.concatenate([gap, speech, gap, speech * 0.5, gap]), RATE_HZ)
    rows = [
        {"id": "whole", "file": "a.wav"},
        {"id": "part", "file": "a.wav", "start_s": 3.0, "end_s": 3.0 + len(speech) / RATE_HZ},
        {"id": "rest", "file": "a.wav", "start_s": 5.5, "end_s": None},
    ]
    corpus = corpus_of(tmp_path, rows)
    expected = scan(corpus)
    assert expected.loc["part", "content"] == _content_of(tmp_path / "alone", speech)
    assert expected.loc["part", "duration_s"] == len(speech) / RATE_HZ
    next((Path(os.environ["EMOTONE_CACHE"]) / "corpora" / "small").glob("audio-*.parquet")).unlink()
    monkeypatch.setattr("emotone.corpora.scan.read_native_blocks", partial(read_native_blocks, block_s=0.37))
    pd.testing.assert_frame_equal(scan(corpus), expected)


def _content_of(folder: Path, samples: np.ndarray) -> str:
    folder.mkdir()
    soundfile.write(folder / "a.flac", samples, RATE_HZ)
    return scan(corpus_of(folder)).loc["a.flac", "content"]


def test_the_one_recording_that_ravdess_holds_twice(shared: Path) -> None:
    corpus = Ravdess().read(shared / "data" / "ravdess")
    corpus.utterances = corpus.utterances[corpus.utterances["speaker"].isin(["06", "07"])]
    found = scan(corpus)
    twins = found.index[found["content"].duplicated(keep=False)]
    assert list(twins) == ["Actor_07/03-01-03-01-02-01-07", "Actor_07/03-01-03-01-02-02-07"]
    assert not found["clipped_share"].any() and not found["is_silent"].any()


def test_faults_are_in_their_row_and_the_rest_goes_on(tmp_path: Path, speech: np.ndarray) -> None:
    soundfile.write(tmp_path / "good.wav", speech, RATE_HZ)
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE_HZ), RATE_HZ)
    soundfile.write(tmp_path / "hiss.wav", np.random.default_rng(0).normal(0, 1e-5, RATE_HZ), RATE_HZ, "FLOAT")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "cut.wav").write_bytes((tmp_path / "good.wav").read_bytes()[:20_000])
    soundfile.write(tmp_path / "nan.wav", np.full(100, np.nan), RATE_HZ, "FLOAT")
    rows: list[dict[str, Any]] = [
        {"id": name, "file": f"{name}.wav"}
        for name in ("good", "silent", "hiss", "empty", "text", "cut", "nan", "missing")
    ]
    rows.append({"id": "late", "file": "good.wav", "start_s": 99.0})
    found = scan(corpus_of(tmp_path, rows))
    assert found.index.tolist() == [row["id"] for row in rows]
    reasons = {
        "empty": "is empty",
        "text": "not audio",
        "cut": "is truncated",
        "nan": "holds NaN",
        "missing": "does not exist",
        "late": "ends before 99 s",
    }
    for name, error in found["error"].items():
        assert reasons.get(str(name), "") in error and bool(error) == (name in reasons)
    assert found["is_silent"].fillna(False).tolist() == [name in ("silent", "hiss") for name in found.index]
    assert found["content"].notna().tolist() == [name == "good" for name in found.index]
    assert found.loc["empty":"missing", "duration_s"].isna().all()


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    reads: list[str] = []

    def read(path: str) -> Iterator[Any]:
        reads.append(Path(path).name)
        return read_native_blocks(path)

    monkeypatch.setattr("emotone.corpora.scan.read_native_blocks", read)
    return reads


def test_a_file_is_read_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        soundfile.write(tmp_path / f"{name}.wav", np.full(4_000, 0.1 + ord(name) / 1_000), RATE_HZ)
    rows = [
        {"id": f"{name}{k}", "file": f"{name}.wav", "start_s": k / 10, "end_s": 0.25} for name in "abc" for k in (0, 1)
    ]
    reads = count_reads(monkeypatch)
    corpus = corpus_of(tmp_path, rows)
    first = scan(corpus)
    assert sorted(reads) == ["a.wav", "b.wav", "c.wav"]
    pd.testing.assert_frame_equal(scan(corpus), first)
    assert len(reads) == 3
    soundfile.write(tmp_path / "b.wav", np.full(5_000, 0.3), RATE_HZ)
    (tmp_path / "c.wav").unlink()
    again = scan(corpus)
    assert reads[3:] == ["b.wav", "c.wav"]
    pd.testing.assert_frame_equal(again.loc[["a0", "a1"]], first.loc[["a0", "a1"]])
    assert (again.loc[["b0", "b1"], "content"] != first.loc[["b0", "b1"], "content"]).all()
    assert again.loc[["c0", "c1"], "error"].str.contains("does not exist").all()


def test_an_interrupted_scan_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for k in range(6):
        soundfile.write(tmp_path / f"{k}.wav", np.full(4_000, 0.1 + k / 10), RATE_HZ)
    reads = count_reads(monkeypatch)
    one = audio_scan._scan_file

    def interrupted(task: Any) -> Any:
        if len(reads) == 4:
            raise KeyboardInterrupt
        return one(task)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(audio_scan, "_scan_file", interrupted)
        scan(corpus_of(tmp_path))
    assert scan(corpus_of(tmp_path))["content"].nunique() == 6 and len(reads) == 6


def test_what_is_done_is_kept_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writes: list[Path] = []
    monkeypatch.setattr(audio_scan, "SAVE_EVERY_S", 0.0)
    monkeypatch.setattr(audio_scan, "replace_file", lambda path: (writes.append(path), replace_file(path))[1])
    for k in range(3):
        soundfile.write(tmp_path / f"{k}.wav", np.full(4_000, 0.1 + k / 10), RATE_HZ)
    scan(corpus_of(tmp_path))
    assert len(writes) == 4


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.full(4_000, 0.1), RATE_HZ)
    expected = scan(corpus_of(tmp_path))
    cache = next((Path(os.environ["EMOTONE_CACHE"]) / "corpora" / "small").glob("audio-*.parquet"))
    cache.write_bytes(b"PAR1 torn")
    pd.testing.assert_frame_equal(scan(corpus_of(tmp_path)), expected)


def test_processes_find_the_same(shared: Path) -> None:
    corpus = Ravdess().read(shared / "data" / "ravdess")
    corpus.utterances = corpus.utterances[:20].reset_index(drop=True)
    alone = scan(corpus)
    corpus.name = "another"
    pd.testing.assert_frame_equal(scan(corpus, jobs=2), alone)
