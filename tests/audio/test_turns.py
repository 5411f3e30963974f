"""Turns of speakers: RTTM and tables, mistakes in them, streams cut into them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotone.audio.read import RATE_HZ, Samples
from emotone.audio.turns import Turn, cut_turns, read_turns, turns_of
from emotone.errors import EmotoneError

RTTM = """SPKR-INFO talk 1 <NA> <NA> <NA> unknown Ada <NA>
SPEAKER talk 1 3.0 1.5 <NA> <NA> Bo <NA> <NA>
SPEAKER talk 1 0.25 2.0 <NA> <NA> Ada <NA> <NA>

SPEAKER other 1 0 1 <NA> <NA> Ada
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_rttm_and_tables_say_the_same(tmp_path: Path) -> None:
    rttm = read_turns(write(tmp_path / "a.rttm", RTTM))
    assert rttm == {"talk": [Turn(0.25, 2.25, "Ada"), Turn(3.0, 4.5, "Bo")], "other": [Turn(0.0, 1.0, "Ada")]}
    table = "speaker,file,end_s,start_s\nBo,talk,4.5,3\nAda,talk,2.25,0.25\nAda,other,1,0\n"
    assert read_turns(write(tmp_path / "a.csv", table)) == rttm
    one = read_turns(write(tmp_path / "b.csv", "start_s,end_s,speaker\n0,1,Ada\n"))
    assert turns_of(one, "any/where.wav", "b.csv") == [Turn(0.0, 1.0, "Ada")]


@pytest.mark.parametrize("file", ["talk", "talk.wav", "calls/talk.flac"])
def test_recordings_are_found_by_their_names(tmp_path: Path, file: str) -> None:
    turns = read_turns(write(tmp_path / "a.rttm", RTTM))
    assert len(turns_of(turns, file, "a.rttm")) == 2
    with pytest.raises(EmotoneError, match="'tolk'.*talk"):
        turns_of(turns, "tolk.wav", "a.rttm")


def test_names_of_other_systems(tmp_path: Path) -> None:
    table = "file,start_s,end_s,speaker\nx\\M\u00e4rz.wav,0,1,Ada\ny\\M\u00e4rz.wav,0,1,Bo\nJ\u00fcli,0,1,Cy\n"
    turns = read_turns(write(tmp_path / "a.csv", table))
    files = ["x/Ma\u0308rz.wav", "y/Ma\u0308rz.wav", "z/Ju\u0308li.wav"]  # as macOS may have them
    assert [turns_of(turns, file, "a.csv")[0].speaker for file in files] == ["Ada", "Bo", "Cy"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.rttm", "SPEAKER talk 1 0.5", "line 1: has 4 fields"),
        ("a.rttm", "SPEAKER talk 1 x 1 <NA> <NA> Ada", "line 1: times must be numbers"),
        ("a.rttm", "nothing", "holds no turns"),
        ("a.csv", "start,end,who\n0,1,Ada\n", "start_s is missing"),
        ("a.csv", "start_s,end_s,speaker\n0,1,Ada\n2,1,Bo\n", "line 3: a turn needs a speaker, and an end after"),
        ("a.csv", "start_s,end_s,speaker\n0,1,\n", "line 2: a turn needs a speaker"),
        ("a.csv", "start_s,end_s,speaker\n0,inf,Ada\n", "line 2"),
        ("a.csv", "start_s,end_s,speaker\n0\n", "line 2: times must be numbers"),
    ],
)
def test_mistakes_name_their_line(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(EmotoneError, match=words) as error:
        read_turns(write(tmp_path / name, text))
    assert name in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(EmotoneError, match="cannot be read"):
        read_turns(tmp_path / "none.rttm")


def blocks(samples: Samples, size: int) -> list[Samples]:
    return np.split(samples, range(size, len(samples), size))


@pytest.mark.parametrize("size", [100, 16_000, 1_000_000])
def test_turns_are_cut_out_of_blocks_of_any_size(size: int) -> None:
    samples = np.arange(5 * RATE_HZ, dtype=np.float32)
    turns = [Turn(0.5, 2.0, "Ada"), Turn(1.0, 1.5, "Bo"), Turn(3.0, 9.0, "Ada"), Turn(3.5, 4.0, "Bo"), Turn(7, 8, "Bo")]
    found = list(cut_turns(blocks(samples, size), turns, 30.0))
    assert [(start / RATE_HZ, speaker) for start, _, speaker in found] == [
        (0.5, "Ada"),
        (1.0, "Bo"),
        (3.0, "Ada"),
        (3.5, "Bo"),
    ]
    assert [len(samples) / RATE_HZ for _, samples, _ in found] == [1.5, 0.5, 2.0, 0.5]
    for start, part, _ in found:
        np.testing.assert_array_equal(part, samples[start : start + len(part)])


def test_long_turns_are_cut_into_equal_parts() -> None:
    samples = np.zeros(10 * RATE_HZ, np.float32)
    found = list(cut_turns([samples], [Turn(0.0, 9.0, "Ada")], 4.0))
    assert [(start, len(part)) for start, part, _ in found] == [(place * 48_000, 48_000) for place in range(3)]
