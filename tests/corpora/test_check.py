"""What is wrong or unusual in a corpus is found, each kind once, the worst first."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from emotone.corpora.check import check_corpus
from emotone.corpora.corpus import Corpus
from emotone.corpora.scan import scan


def corpus_of(num: int = 6, **columns: list[object]) -> Corpus:
    ids = list("abcdefgh"[:num])
    known = {"speaker": ["1", "2"] * (num // 2), "emotion": ["joy"] * num}
    return Corpus("mine", Path("audio"), pd.DataFrame({"id": ids, "file": ids} | known | columns))


def clean_scan(corpus: Corpus) -> pd.DataFrame:
    """A scan that found nothing."""
    ids = corpus.utterances["id"]
    measures = {"content": list(ids), "is_silent": False, "clipped_share": 0.0, "error": ""}
    return pd.DataFrame(measures, index=pd.Index(ids))


def test_a_corpus_with_every_fault(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    noise = {name: random.normal(0, 0.1, 8_000) for name in "abcdefgh"}
    noise["b"] = noise["a"]  # the same audio, another speaker
    noise["d"] = noise["c"]  # the same audio and labels
    noise["e"] = np.zeros(8_000)
    noise["f"] = np.clip(noise["f"], -0.15, 0.15)
    for name, samples in noise.items():
        soundfile.write(tmp_path / f"{name}.wav", samples, 16_000)
    (tmp_path / "g.wav").write_bytes(b"RIFF")
    table = pd.DataFrame({"id": list(noise), "file": [f"{name}.wav" for name in noise]})
    table["speaker"] = ["1", "2", "3", "3", "1", "4", "3", None]
    table["emotion"] = ["joy"] * 7 + [None]
    corpus = Corpus("mine", tmp_path, table)
    findings = check_corpus(corpus, scan(corpus))
    ids = {(one.kind, one.is_problem): "".join(one.ids) for one in findings if one.kind != "missing"}
    assert ids == {
        ("unreadable", True): "g",
        ("silent", True): "e",
        ("duplicate", True): "ab",
        ("clipped", False): "f",
        ("duplicate", False): "cd",
        ("single", False): "bf",
    }
    assert [one.is_problem for one in findings] == sorted((one.is_problem for one in findings), reverse=True)
    assert [one.line for one in findings if one.kind == "missing"] == [
        "1 of 8 utterances have no speaker: h",
        "1 of 8 utterances have no emotion: h",
    ]
    assert "2 of 8 utterances have the audio of another, under different speakers or categories: a, b" in [
        one.line for one in findings
    ]


def test_nothing_is_found_in_a_clean_corpus() -> None:
    corpus = corpus_of()
    assert check_corpus(corpus, clean_scan(corpus)) == []


def test_copies_of_a_recording_are_a_problem_where_their_labels_differ() -> None:
    corpus = corpus_of(emotion=["joy", "joy", "joy", "fear", "joy", "joy"])
    scanned = clean_scan(corpus).assign(copy_of=["a", None, "a", "d", None, "d"])
    found = {one.is_problem: one for one in check_corpus(corpus, scanned)}
    assert {one.kind for one in found.values()} == {"near-duplicate"}
    assert found[False].ids == ("a", "c") and found[True].ids == ("d", "f")
    assert found[False].line == "2 of 6 utterances are copies of one recording: a, c"


def test_labels_are_missing_where_others_have_them() -> None:
    """A corpus without any ratings lacks none; utterances without a speaker are always said."""
    corpus = corpus_of(arousal=[1.0, None, 2.0, 3.0, None, 1.0], speaker=[None] * 6)
    assert [one.line for one in check_corpus(corpus, clean_scan(corpus))] == [
        "6 of 6 utterances have no speaker: a, b, c, ..",
        "2 of 6 utterances have no arousal: b, e",
    ]


def test_unlabelled_utterances_lack_no_labels() -> None:
    splits: list[object] = ["train"] * 4 + ["unlabelled"] * 2
    ratings: list[object] = [1.0, 2.0, 3.0, 4.0, None, None]
    corpus = corpus_of(split=splits, arousal=ratings, dominance=ratings, valence=ratings)
    assert check_corpus(corpus, clean_scan(corpus)) == []


def test_utterances_that_end_after_their_audio_are_a_problem(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, 16_000), 16_000)
    table = pd.DataFrame({"id": list("abcd"), "file": "a.wav", "speaker": "1", "emotion": "joy"})
    table["start_s"], table["end_s"] = [0.0, 0.2, 0.5, None], [1.05, 1.2, 0.75, None]
    corpus = Corpus("mine", tmp_path, table)
    (finding,) = [one for one in check_corpus(corpus, scan(corpus)) if one.is_problem]
    assert finding.kind == "beyond" and finding.ids == ("b",)
    assert finding.line == "1 of 4 utterances end after their audio: b"
