"""Audio below a folder: what is found and skipped, names that do not fit, comparison with a table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emotone.audio.folder import list_audio
from emotone.corpora.files import compare_with_rows, find_audio, find_files, leaves_folder, parse_stems
from emotone.errors import EmotoneError


def plant(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_only_visible_audio_is_listed(tmp_path: Path) -> None:
    folder = plant(tmp_path, "b.WAV", "sub/a.flac", ".hidden/c.wav", "sub/.d.wav", "notes.txt", "labels.csv")
    assert list_audio(folder) == ["b.WAV", "sub/a.flac"]
    assert find_audio(folder) == {"b": "b.WAV", "a": "sub/a.flac"}


def test_two_files_of_one_stem_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EmotoneError, match=r"two files are named a: a.flac and sub/a.wav; keep one of them"):
        find_audio(plant(tmp_path, "a.flac", "sub/a.wav"))


def test_strange_names_are_counted() -> None:
    audio = {"x": "x.wav", "a1": "a1.wav", "y": "y.wav"}
    with pytest.raises(EmotoneError) as error:
        parse_stems(audio, re.compile(r"a(?P<number>\d)"), "a1.wav", Path("mine"))
    assert str(error.value) == (
        "mine: x.wav is not named like a file of this corpus (e.g. a1.wav), nor are 1 more of 3"
    )


@pytest.mark.parametrize(
    ("file", "leaves"),
    [
        ("a.wav", False), ("sub/a..wav", False), ("..a/b.wav", False), ("a/..b", False), ("../a.wav", True),
        ("a/../../b.wav", True), ("/a.wav", True), ("\\a.wav", True), ("\\\\host\\a.wav", True), ("C:\\a.wav", True),
        ("c:a.wav", True), ("a\\..\\b.wav", True), ("..", True),
    ],
)  # fmt: skip
def test_paths_out_of_the_folder_are_known(file: str, leaves: bool) -> None:
    assert leaves_folder(file) is leaves


def test_files_are_found_with_another_suffix() -> None:
    audio = ["a.flac", "sub/b.wav", "c.d.wav"]
    names = ["a.wav", "./sub/b.wav", "sub/b", "c.d", "c.wav", "b.wav", "a.flac"]
    assert find_files(names, audio) == ["a.flac", "sub/b.wav", "sub/b.wav", "c.d.wav", None, None, "a.flac"]


def test_what_only_one_side_has_is_counted_and_named() -> None:
    table = Path("labels.csv")
    assert compare_with_rows(["a"], ["a"], table) == []
    with pytest.raises(
        EmotoneError, match="labels.csv: 4 of 5 rows have no audio, e.g. b, c, d, ..; set incomplete=true"
    ):
        compare_with_rows(["a"], ["a", "b", "c", "d", "e"], table)
    assert compare_with_rows({"a": "a.wav", "f": "f.wav"}, ["a"], table) == [
        "labels.csv: 1 of 2 audio files have no row, e.g. f"
    ]
