"""Systems that are compared: which runs are one, in which order, and what is not comparable."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from written_runs import AROUSAL, EMOTION, predict, two_systems, write_run

from emotone.bundle.target import Target
from emotone.errors import EmotoneError
from emotone.evaluate.compare.systems import (
    ComparedSystem,
    check_alike,
    group_runs,
    join_runs,
    letters_of,
    run_warnings,
    speaker_notes,
)
from emotone.evaluate.run_folder import load_run


def test_runs_that_differ_in_their_seeds_are_one_system(tmp_path: Path) -> None:
    made = [(1, 4), (2, 0), (1, 3), (2, 1)]
    runs = [load_run(write_run(tmp_path / f"{size}-{seed}", predict(seed, size), size, seed)) for size, seed in made]
    systems = group_runs(runs)
    assert [(each.system.label, each.system.seeds) for each in systems] == [
        ("made size=1", [3, 4]),
        ("made size=2", [0, 1]),
    ]
    table = systems[0].table  # the first repeat is of the lowest seed
    own = runs[2].test.sort_values("id")
    assert table[table["repeat"] == 0]["predicted_arousal"].tolist() == own["predicted_arousal"].tolist()
    assert systems[0].system.folders == [str(tmp_path / "1-4"), str(tmp_path / "1-3")]


def test_repeats_of_a_run_are_seeds_from_its_own_on(tmp_path: Path) -> None:
    table = pd.concat([predict(0, 1.0).assign(repeat=1), predict(0, 1.0).assign(repeat=0)])
    run = load_run(write_run(tmp_path / "a", table, seed=5))
    assert join_runs("x", [run]).system == ComparedSystem("x", [str(tmp_path / "a")], [5, 6])
    other = load_run(write_run(tmp_path / "b", predict(0, 1.0), seed=6))  # another split: that of repeat 0
    assert join_runs("x", [run, other]).system.seeds == [5, 6, 6]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.iloc[:-2], "2 utterances are in one only, 46 in both, e.g. 'u046', 'u047'"),
        (lambda t: t.assign(id=t["id"] + "x"), "96 utterances are in one only, 0 in both"),
        (lambda t: t.assign(true_arousal=t["true_arousal"].where(t.index > 2, 1)), "in the arousal of 3 of 48"),
        (lambda t: t.assign(true_emotion=t["true_emotion"].where(t.index > 0)), "in the emotion of 1 of 48"),
        (lambda t: t.assign(speaker="s0"), "in the speaker of 42 of 48"),
        (lambda t: pd.concat([t, t.iloc[:3]]), "3 utterances are in several test parts, e.g. 'u000'"),
        (lambda t: pd.concat([t, t.assign(repeat=1)]), "same number of seeds: made size=1 has 1; made size=2 has 2"),
    ],
)
def test_what_is_not_comparable_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    folders = two_systems(tmp_path, change(predict(2, 2.0)))
    with pytest.raises(EmotoneError, match=message) as caught:
        check_alike(group_runs([load_run(folder) for folder in folders]))
    assert "\n" not in str(caught.value)


def test_lone_systems_and_the_same_seed_twice_are_refused(tmp_path: Path) -> None:
    first, second = (load_run(folder) for folder in two_systems(tmp_path))
    with pytest.raises(EmotoneError, match="needs two systems; there is one run: made"):
        group_runs([first])
    again = load_run(write_run(tmp_path / "again", predict(3, 1.0), 1, 1))
    with pytest.raises(EmotoneError, match="needs two systems; all 2 runs are of one: made"):
        group_runs([first, again])
    with pytest.raises(EmotoneError, match="are the same recipe with the same seed 0"):
        group_runs([first, second, first])


@pytest.mark.parametrize(
    "targets",
    [
        [AROUSAL],
        [AROUSAL, Target("emotion", "category", labels=("anger", "calm"))],
        [Target("arousal", "attribute", (0, 1)), EMOTION],
    ],
)
def test_targets_must_be_the_same(tmp_path: Path, targets: list[Target]) -> None:
    folders = two_systems(tmp_path, targets=targets)
    with pytest.raises(EmotoneError, match="made size=1 and made size=2 differ in their targets"):
        check_alike(group_runs([load_run(folder) for folder in folders]))


def test_warnings_of_all_runs_are_said_once(tmp_path: Path) -> None:
    made = [(size, seed) for size in (1, 2) for seed in (0, 1)]
    runs = [
        load_run(write_run(tmp_path / f"{size}-{seed}", predict(seed, size), size, seed, warnings=["leak"], splits=[7]))
        for size, seed in made
    ]
    assert run_warnings(group_runs(runs)) == ["made size=1: leak", "made size=2: leak"]
    runs[3].result["splits"] = [8]
    assert "the systems' splits differ" in run_warnings(group_runs(runs))[2]


@pytest.mark.parametrize(
    ("corpora", "audio", "warnings"),
    [
        ({"mine": "a"}, {"audio of mine": "x"}, []),
        ({"mine": "a"}, {}, []),  # of an earlier version: nobody knows
        ({"mine": "a", "more": "c"}, {"audio of more": "z"}, []),
        ({"mine": "b"}, {"audio of mine": "x"}, ["the table of mine has changed between these runs"]),
        ({"mine": "b"}, {"audio of mine": "y"}, ["the audio of mine, table of mine has changed between these runs"]),
    ],
)
def test_corpora_that_changed_between_runs_are_named(
    tmp_path: Path, corpora: dict[str, str], audio: dict[str, str], warnings: list[str]
) -> None:
    runs = []
    for size, one, of in ((1, {"mine": "a"}, {"audio of mine": "x"}), (2, corpora, audio)):
        folder = write_run(tmp_path / str(size), predict(1, size), size, corpora=one)
        (folder / "files_read.json").write_text(json.dumps(of))
        runs.append(load_run(folder))
    assert run_warnings(group_runs(runs)) == warnings


def test_few_speakers_can_show_nothing() -> None:
    assert speaker_notes(8, 1) == []
    (unknown,) = speaker_notes(8, 1, num_unknown=3)
    assert unknown == "3 utterances have no known speaker; each counts as a speaker of its own"
    (few,) = speaker_notes(6, 3)
    assert "6 speakers are too few" in few and "0.0312, 0.0938 after Holm's correction for 3 tests" in few


def test_letters_go_on_after_the_alphabet() -> None:
    letters = letters_of([ComparedSystem(str(number), [], []) for number in range(28)])
    assert [letters[name] for name in ("0", "25", "26", "27")] == ["A", "Z", "A1", "B1"]
