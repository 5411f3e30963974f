"""Audio below a folder: what is found and skipped, names that do not fit, comparison with a table."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from emotone.audio.folder import list_audio
from emotone.corpora.files import (
    compare_with_rows,
    find_audio,
    find_named,
    keep_within_audio,
    leaves_folder,
    locate_audio,
    locate_rows,
    match_audio,
    parse_stems,
)
from emotone.errors import EmotoneError

LABELS = Path("corpus/labels.csv")


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
        "mine: x.wav is not named like a file of this corpus (e.g. a1.wav), nor are 1 more of 3 (the reader table "
        "takes a folder in any layout)"
    )


@pytest.mark.parametrize("file", ["a.wav", "sub/a..wav", "..a/b.wav", "a/..b"])
def test_paths_in_the_folder(file: str) -> None:
    assert not leaves_folder(file)


@pytest.mark.parametrize(
    "file",
    ["../a.wav", "a/../../b.wav", "/a.wav", "\\a.wav", "\\\\host\\a.wav", "C:\\a.wav", "c:a.wav", "a\\..\\b.wav", ".."],
)
def test_paths_out_of_the_folder(file: str) -> None:
    assert leaves_folder(file)


def test_files_are_found_with_another_suffix() -> None:
    audio = ["a.flac", "sub/b.wav", "c.d.wav"]
    names = ["a.wav", "./sub/b.wav", "sub/b", "c.d", "c.wav", "b.wav", "a.flac"]
    assert find_named(names, audio) == ["a.flac", "sub/b.wav", "sub/b.wav", "c.d.wav", None, None, "a.flac"]


@pytest.mark.parametrize(
    ("name", "audio", "found"),
    [
        ("sub\\a.wav", ["sub/a.wav"], "sub/a.wav"),  # as Windows writes it
        ("sub\\a.mp3", ["sub/a.wav"], "sub/a.wav"),
        ("a\\b.wav", ["a\\b.wav", "a/b.wav"], "a\\b.wav"),  # a name of POSIX
        ("Mu\u0308ller.wav", ["M\u00fcller.wav"], "M\u00fcller.wav"),  # as macOS writes it
        ("M\u00fcller", ["Mu\u0308ller.flac"], "Mu\u0308ller.flac"),
        ("Mu\u0308ller.wav", ["Mu\u0308ller.wav", "M\u00fcller.wav"], "Mu\u0308ller.wav"),
        ("a.wav", ["a.flac", "a.wav"], "a.wav"),
    ],
)
def test_files_are_found_however_their_path_is_written(name: str, audio: list[str], found: str) -> None:
    assert find_named([name], audio) == [found]


@pytest.mark.parametrize("name", ["a", "a.mp3", ".\\a.ogg"])
def test_a_name_that_means_two_files_is_refused(name: str) -> None:
    for audio in (["a.wav", "a.flac"], ["a.flac", "a.wav"]):
        with pytest.raises(EmotoneError) as error:
            find_named([name], audio)
        assert str(error.value) == (
            f"the name {name!r} may mean a.flac or a.wav; write it as the file's, or keep one of them"
        )
    with pytest.raises(EmotoneError, match=r"^corpus/labels.csv: the name 'a' may mean a.flac or a.wav"):
        locate_rows(pd.DataFrame({"file": ["a"]}), ["a.wav", "a.flac"], LABELS, LABELS.parent, False)


def test_absolute_paths_may_lead_into_the_folder(tmp_path: Path) -> None:
    table = pd.DataFrame({"file": [str(tmp_path / "sub" / "a.wav")]})
    assert locate_rows(table, ["sub/a.wav"], LABELS, tmp_path, False)[0]["file"].tolist() == ["sub/a.wav"]
    with pytest.raises(EmotoneError, match="1 of 1 rows name a file outside elsewhere"):
        locate_rows(table, ["sub/a.wav"], LABELS, Path("elsewhere"), False)


def test_audio_may_lie_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, other = tmp_path / "corpus", plant(tmp_path / "other", "b.wav")
    plant(corpus, "wav/a.wav")
    assert locate_audio(corpus, None) == (corpus, ["wav/a.wav"])
    assert locate_audio(corpus, "wav") == (corpus / "wav", ["a.wav"])
    assert locate_audio(corpus, str(other)) == (other, ["b.wav"])
    monkeypatch.chdir(tmp_path)
    assert locate_audio(corpus, "other") == (Path("other"), ["b.wav"])
    (tmp_path / "bare").mkdir()
    with pytest.raises(
        EmotoneError, match=r"bare: holds no audio .*; where it lies elsewhere, set audio to that folder"
    ):
        locate_audio(tmp_path / "bare", None)
    with pytest.raises(EmotoneError, match=r"bare: holds no audio \([^)]*\)$"):
        locate_audio(corpus, "bare")
    with pytest.raises(EmotoneError, match="^nowhere: there is no such folder"):
        locate_audio(corpus, "nowhere")


def test_parts_lie_within_their_audio(tmp_path: Path) -> None:
    for name in ("a.wav", "b.flac"):
        soundfile.write(tmp_path / name, np.zeros(16_000), 16_000)
    plant(tmp_path, "c.wav", "d.m4a")  # no headers that say how long they are
    times = [
        ("a.wav", 0.0, 1.0),
        ("a.wav", 0.25, 1.1),  # as annotations are rounded
        ("a.wav", 0.0, 1.11),
        ("b.flac", 1.0, None),
        ("b.flac", 0.99, None),
        ("c.wav", 7.0, 9.0),
        ("d.m4a", 7.0, None),
        ("a.wav", None, None),
    ]
    table = pd.DataFrame(times, columns=["file", "start_s", "end_s"])
    with pytest.raises(EmotoneError) as error:
        keep_within_audio(table, LABELS, tmp_path, incomplete=False)
    counted = "corpus/labels.csv: 2 of 8 rows begin or end after their audio, e.g. row 3 (a.wav is 1 s long)"
    assert str(error.value) == f"{counted}; set incomplete=true to leave them out"
    kept, notes = keep_within_audio(table, LABELS, tmp_path, incomplete=True)
    assert kept.index.tolist() == [0, 1, 4, 5, 6, 7] and notes == [f"{counted}; they are left out"]
    for incomplete in (False, True):  # where nothing would be left, that is no advice
        with pytest.raises(EmotoneError, match=r"1 of 1 rows begin or end after their audio.*long\)$"):
            keep_within_audio(table[2:3], LABELS, tmp_path, incomplete)
    assert keep_within_audio(table[["file"]], LABELS, tmp_path, False)[1] == []


def test_incomplete_is_no_advice_where_it_leaves_nothing() -> None:
    for incomplete in (False, True):
        with pytest.raises(EmotoneError) as error:
            compare_with_rows(["x"], ["a", "b"], LABELS, incomplete)
        assert str(error.value) == "corpus/labels.csv: none of its 2 rows has audio, e.g. a, b"
        with pytest.raises(EmotoneError) as error:
            match_audio(pd.DataFrame({"stem": ["a"]}), {"b": "b.wav"}, "labels.csv", incomplete, [])
        assert str(error.value) == "none of the 1 rows has audio (labels.csv)"


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


def test_rows_and_audio_are_compared() -> None:
    table = pd.DataFrame({"file": ["a.wav", "sub/b.wav", "c.wav", "d"]})
    audio = ["a.flac", "e.wav", "sub/b.wav"]
    with pytest.raises(EmotoneError, match="labels.csv: 2 of 4 rows have no audio, e.g. c.wav, d; set incomplete=true"):
        locate_rows(table, audio, LABELS, LABELS.parent, incomplete=False)
    located, notes = locate_rows(table, audio, LABELS, LABELS.parent, incomplete=True)
    assert located["file"].tolist() == ["a.flac", "sub/b.wav"] and located.index.tolist() == [0, 1]
    assert [note.partition(": ")[2] for note in notes] == [
        "2 of 4 rows have no audio and are left out, e.g. c.wav, d",
        "1 of 3 audio files have no row, e.g. e.wav",
    ]


def test_rows_are_matched_by_stem_in_the_order_of_the_files() -> None:
    rows = pd.DataFrame({"stem": ["b", "a", "c"], "emotion": ["x", "y", "z"]})
    audio = {"a": "wav/2.wav", "b": "wav/1.wav", "c": "wav/3.wav"}
    notes: list[str] = []
    matched = match_audio(rows, audio, "labels.csv", False, notes)
    assert matched["file"].tolist() == ["wav/1.wav", "wav/2.wav", "wav/3.wav"] and notes == []
    assert matched["emotion"].tolist() == ["x", "y", "z"] and matched.index.tolist() == [0, 1, 2]


def test_what_does_not_match_is_refused_or_left_out_with_a_note() -> None:
    rows, audio = pd.DataFrame({"stem": ["a", "b"]}), {"b": "b.wav", "c": "c.wav"}
    lost = "1 of 2 rows have no audio, e.g. a (labels.csv)"
    strange = "1 of 2 audio files have no row in labels.csv, e.g. c.wav"
    with pytest.raises(EmotoneError) as error:
        match_audio(rows, audio, "labels.csv", False, [])
    assert str(error.value) == f"{lost}; {strange}; set incomplete=true to leave them out"
    notes: list[str] = []
    assert match_audio(rows, audio, "labels.csv", True, notes)["stem"].tolist() == ["b"]
    assert notes == [f"left out: {lost}", f"left out: {strange}"]
    with pytest.raises(EmotoneError, match=r"none of the 1 rows has audio \(labels.csv\)"):
        match_audio(rows[:1], audio, "labels.csv", True, [])
    with pytest.raises(EmotoneError, match=r"1 rows list a file again, e.g. a \(labels.csv\)"):
        match_audio(pd.DataFrame({"stem": ["a", "a"]}), audio, "labels.csv", True, [])
