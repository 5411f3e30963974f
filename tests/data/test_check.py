"""`emotone check`: prepared corpora with their problems, recipes with leaks, sizes and balance of their folds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emotone.corpora.corpus import Corpus
from emotone.data.check import check_prepared, check_recipe, print_check
from emotone.data.recipe import Recipe

Make = Callable[..., Recipe]


def prepare(name: str, folder: Path, **columns: Any) -> Corpus:
    """The tones under another name, with other columns and audio of their own in the folder."""
    tones = Corpus.load("tones")
    for file in tones.utterances["file"]:
        (folder / file).write_bytes(tones.path_of(file).read_bytes())
    corpus = replace(tones, name=name, root=folder, utterances=tones.utterances.assign(**columns))
    corpus.save()
    return corpus


# ---- a corpus ---------------------------------------------------------------------------------------------------


def test_a_clean_corpus(tones_recipe: Make, capsys: pytest.CaptureFixture[str]) -> None:
    found = check_prepared("tones", quiet=True)
    assert found["corpus"] == "tones" and found["fingerprint"] == Corpus.load("tones").fingerprint
    assert found["problems"] == []
    print_check(found, as_json=False)
    assert capsys.readouterr().out.endswith("no problem found\n")


def test_problems_of_the_official_split_and_of_the_audio(
    tones_recipe: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = prepare("bad", tmp_path, split=["train", "test"] * 6, speaker=["0", "1"] * 5 + ["0", "0"])
    soundfile.write(tmp_path / "03.wav", np.zeros(8_000), 16_000)
    found = check_prepared(corpus.name, quiet=True)
    kinds = {one["kind"]: one["ids"] for one in found["problems"]}
    assert kinds["silent"] == ["03"] and kinds["leak"] == ["00", "02", "04", "06", "08", "10", "11"]
    print_check(found, as_json=False)
    out = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("PROBLEM: ") for line in out) == len(found["problems"])
    assert any(
        "the official split leaks: 1 speaker is in train and test (6 and 1 utterances): 0" in line for line in out
    )


# ---- a recipe ---------------------------------------------------------------------------------------------------


def test_every_fold_of_a_recipe(tones_recipe: Make, capsys: pytest.CaptureFixture[str]) -> None:
    found = check_recipe(tones_recipe(targets=["emotion"]), quiet=True)
    assert (found["recipe"], found["allow_leakage"], found["left_out"]) == ("mine", False, {})
    assert found["problems"] == found["notes"] == []
    assert [(one["fold"], one["train"], one["validation"], one["test"]) for one in found["folds"]] == [
        (number, 6, 3, 3) for number in range(4)
    ]
    labels = Corpus.load("tones").utterances["emotion"].value_counts().to_dict()
    assert all(
        {name: sum(parts.values()) for name, parts in one["balance"].items()} == labels for one in found["folds"]
    )
    print_check(found, as_json=False)
    out = capsys.readouterr().out
    assert "fold 0:" in out and "category" in out and out.endswith("no problem found\n")
    print_check(found, as_json=True)
    assert json.loads(capsys.readouterr().out) == found


def test_leaks_and_crossings_are_named_once_with_their_folds(
    tones_recipe: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tones = prepare("twice", tmp_path, script="x")
    (tmp_path / "01.wav").write_bytes((tmp_path / "00.wav").read_bytes())  # of speakers 0 and 1
    found = check_recipe(tones_recipe(corpora=[tones.name]), quiet=True)
    problems = {one["line"]: one["folds"] for one in found["problems"]}
    assert problems == {
        "1 duplicate recording is in validation and test (1 and 1 utterances): 01 = 00": [0],
        "1 duplicate recording is in train and test (1 and 1 utterances): 00 = 01": [1],
    }
    (script,) = (one for one in found["notes"] if "script" in one["line"])
    assert script["line"] == "1 script is in train, validation and test (6, 3 and 3 utterances): x"
    assert script["folds"] == [0, 1, 2, 3]
    print_check(found, as_json=False)
    out = capsys.readouterr().out
    assert "PROBLEM: 1 duplicate recording" in out and "note: in 4 folds, e.g. fold 0: " in out


def test_what_is_left_out_or_unreadable_is_told(
    tones_recipe: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arousal = np.where(np.arange(12) < 2, np.nan, 4.0)
    corpus = prepare("holes", tmp_path, arousal=arousal, emotion="odd")
    (tmp_path / "05.wav").write_bytes(b"RIFF")
    found = check_recipe(tones_recipe(corpora=[corpus.name]), quiet=True)
    assert found["left_out"] == {"emotion odd": 2}
    assert [one["line"] for one in found["problems"]] == ["1 of 12 utterances cannot be read: 05"]
    print_check(found, as_json=False)
    assert "note: 2 utterances are left out: emotion odd" in capsys.readouterr().out


def test_parts_beyond_the_audio_and_parts_that_overlap(tones_recipe: Make, tmp_path: Path) -> None:
    tones = Corpus.load("tones").utterances
    file, seconds = tones["file"].where(tones["file"] != "01.wav", "00.wav"), soundfile.info(_first_tone()).duration
    prepare("parts", tmp_path, file=file, end_s=[seconds - 0.1, seconds + 0.2, *[None] * 10])
    found = check_recipe(tones_recipe(corpora=["parts"]), quiet=True)
    problems = [one["line"] for one in found["problems"]]
    assert "1 of 12 utterances end after their audio: 01" in problems
    assert "1 overlapping recording is in validation and test (1 and 1 utterances): 00.wav" in problems


def _first_tone() -> Path:
    return Corpus.load("tones").path_of("00.wav")


@pytest.mark.parametrize(
    ("folds", "line"),
    [
        ([], "PROBLEM: bad"),
        ([3], "PROBLEM: bad"),
        ([3, 4], "PROBLEM: in 2 folds, e.g. fold 3: bad"),
        ([1, 3, 4], "PROBLEM: in 3 folds, e.g. fold 1: bad"),
    ],
)
def test_a_line_says_in_how_many_folds_it_is_so(
    folds: list[int], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_check({"problems": [{"line": "bad", "folds": folds}], "notes": [], "folds": []}, as_json=False)
    assert capsys.readouterr().out.splitlines() == [line]
