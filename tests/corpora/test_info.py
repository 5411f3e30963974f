"""What a corpus holds: numbers by hand on real data, and as text for people."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from emotone.corpora.agreement import krippendorff_alpha
from emotone.corpora.corpus import Corpus
from emotone.corpora.info import corpus_info, print_info
from emotone.corpora.readers.emotale import EmoTale
from emotone.corpora.scan import scan


@pytest.fixture(scope="module")
def emotale(shared: Path) -> Corpus:
    return EmoTale(part="danish").read(shared / "data" / "emotale-da")


def test_numbers_of_emotale(emotale: Corpus) -> None:
    scanned = scan(emotale)
    about = corpus_info(emotale, scanned)
    assert json.loads(json.dumps(about, allow_nan=False)) == about
    assert about["utterances"] == 450 and about["fingerprint"] == emotale.fingerprint and about["unreadable"] == 0
    assert about["emotions"] == dict.fromkeys(["anger", "boredom", "happiness", "neutral", "sadness"], 90)
    assert about["speakers"]["count"] == 18 and sum(about["speakers"]["by_gender"].values()) == 18
    assert about["speakers"]["utterances_each"] == {"min": 25, "median": 25, "max": 25}
    assert about["languages"] == {"da": 450} and about["scripts"] == 5 and not any(about["missing"].values())
    seconds = [soundfile.info(emotale.path_of(file)).duration for file in emotale.utterances["file"]]
    assert about["duration"]["hours"] == pytest.approx(sum(seconds) / 3600, abs=1e-12)
    assert about["duration"]["median_s"] == pytest.approx(np.median(seconds), abs=1e-12)
    assert emotale.raters is not None
    for name in ("arousal", "dominance", "valence"):
        values = emotale.utterances[name].to_numpy()
        attribute = about["attributes"][name]
        assert attribute["native_range"] == [1, 5] and attribute["count"] == 450
        assert [attribute[key] for key in ("mean", "std", "min", "max")] == pytest.approx(
            [values.mean(), values.std(), values.min(), values.max()], abs=1e-12
        )
        assert attribute["deciles"] == pytest.approx([np.percentile(values, q) for q in range(10, 100, 10)], abs=1e-12)
        matrix = emotale.raters.pivot(index="rater", columns="id", values=name)
        assert about["raters"]["agreement"][name] == pytest.approx(krippendorff_alpha(matrix), abs=1e-12)
    assert about["raters"]["count"] == 3 and about["raters"]["votes_each"]["median"] == 3


def test_text_for_people(emotale: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    print_info(corpus_info(emotale))
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 100
    for text in (
        "utterances   450",
        "18 (",
        "arousal    1 to 5",
        "anger              90  20.0%",
        "agreement of raters",
    ):
        assert text in printed


def test_a_corpus_of_which_little_is_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "a.wav", np.ones(1_000) * 0.1, 16_000)
    table = pd.DataFrame({"id": ["a", "b"], "file": ["a.wav", "b.wav"]})
    corpus = Corpus("bare", tmp_path, table)
    about = corpus_info(corpus, scan(corpus))
    assert about["raters"] is None and about["attributes"] == {} and about["speakers"]["count"] == 0
    assert about["unreadable"] == 1 and about["missing"]["emotion"] == 2
    print_info(about)
    assert "1 utterances; see: emotone check bare" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("genders", "line"),
    [
        ([None] * 3, "speakers     3 (3 of unknown gender)"),
        (["female", "female", None], "speakers     3 (2 female, 1 of unknown gender)"),
    ],
)
def test_what_is_unknown_of_speakers_is_their_gender(
    genders: list[str | None], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.DataFrame({"id": list("abc"), "file": list("abc"), "speaker": list("xyz"), "gender": genders})
    print_info(corpus_info(Corpus("mine", Path("audio"), table)))
    assert line in capsys.readouterr().out.splitlines()
