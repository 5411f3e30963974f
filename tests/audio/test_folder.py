"""What users name on the command line, as a list of files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from emotone.audio.folder import find_inputs, list_audio
from emotone.errors import EmotoneError


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with audio in subfolders, other files and hidden ones."""
    for name in ("b/2.wav", "b/1.FLAC", "b/c/3.mp3", "a.m4a", "b/notes.txt", "b/.hidden.wav", ".git/4.wav", "[x].wav"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_is_searched_below_in_a_stable_order(tree: Path) -> None:
    assert find_inputs(["."]) == ["./[x].wav", "./a.m4a", "./b/1.FLAC", "./b/2.wav", "./b/c/3.mp3"]
    assert find_inputs(["b/"]) == ["b/1.FLAC", "b/2.wav", "b/c/3.mp3"]


def test_files_stay_as_they_are_named(tree: Path) -> None:
    assert find_inputs(["b/notes.txt", "missing.wav", "-x.wav", ""]) == ["b/notes.txt", "missing.wav", "-x.wav", ""]


def test_globs_are_expanded(tree: Path) -> None:
    assert find_inputs(["b/*.wav"]) == ["b/2.wav"]
    assert find_inputs(["**/*.mp3"]) == ["b/c/3.mp3"]
    assert find_inputs(["b/[12].*"]) == ["b/1.FLAC", "b/2.wav"]
    assert find_inputs(["[ab]*"]) == ["a.m4a", "b/1.FLAC", "b/2.wav", "b/c/3.mp3"]


def test_globs_with_the_other_separator(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows takes both, as this system would with its other one."""
    monkeypatch.setattr(os, "altsep", "\\")
    assert find_inputs(["**\\*.mp3"]) == ["b/c/3.mp3"]
    assert find_inputs([f"{tree}\\b\\**\\*.mp3"]) == [f"{tree}/b/c/3.mp3"]


def test_a_name_with_brackets_is_a_file_first(tree: Path) -> None:
    assert find_inputs(["[x].wav"]) == ["[x].wav"]


def test_everything_is_there_once_in_the_order_given(tree: Path) -> None:
    assert find_inputs(["b/2.wav", "b", "b/*"]) == ["b/2.wav", "b/1.FLAC", "b/c/3.mp3", "b/notes.txt"]


def test_odd_names_are_found(tree: Path) -> None:
    for name in ("new\nline.wav", "😀.wav", os.fsdecode(b"\xff.wav"), "-rf.wav"):
        (tree / "empty" / name).touch()
    assert set(find_inputs(["empty"])) == {
        os.path.join("empty", name) for name in ("new\nline.wav", "😀.wav", os.fsdecode(b"\xff.wav"), "-rf.wav")
    }


def test_links_to_files_count_and_links_to_folders_are_not_followed(tree: Path) -> None:
    (tree / "empty" / "link.wav").symlink_to(tree / "b" / "2.wav")
    (tree / "empty" / "broken.wav").symlink_to(tree / "nowhere.wav")
    (tree / "empty" / "loop").symlink_to(tree / "empty")
    assert find_inputs(["empty"]) == ["empty/broken.wav", "empty/link.wav"]


def test_two_stars_go_through_links_once(tree: Path) -> None:
    """Two links to a folder above them are 2^40 paths to who follows them as far as the system lets him."""
    for name in ("up", "again"):
        (tree / "b" / "c" / name).symlink_to(tree / "b")
    (tree / "elsewhere").mkdir()
    (tree / "elsewhere" / "5.wav").touch()
    (tree / "b" / "linked").symlink_to(tree / "elsewhere")
    assert find_inputs(["b/**/*.wav"]) == ["b/2.wav", "b/linked/5.wav"]
    assert find_inputs(["**/c/**/*.mp3", f"{tree}/b/**/3.*"]) == ["b/c/3.mp3", f"{tree}/b/c/3.mp3"]
    assert find_inputs(["b/**"]) == ["b/1.FLAC", "b/2.wav", "b/c/3.mp3"]
    (tree / "[d]").mkdir()
    (tree / "[d]" / "6.wav").touch()
    assert "[d]/6.wav" in find_inputs(["**/*.wav"])


def test_media_that_are_skipped_are_named(tree: Path) -> None:
    for name in ("b/film.flv", "b/c/old.RA", "empty/x.txt"):
        (tree / name).touch()
    notes: list[str] = []
    find_inputs(["b", "a.m4a"], notes)
    assert notes == ["skipped 2 media files of types that folders are not searched for: b/film.flv, b/c/old.RA"]
    (tree / "empty" / "x.wv").touch()
    with pytest.raises(EmotoneError, match="no audio in this folder .*skipped 1 media files"):
        find_inputs(["empty"])


def test_folders_that_cannot_be_entered_are_named(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.scandir

    def scandir(place: str) -> object:
        if os.fspath(place).endswith("c"):
            raise PermissionError(13, "Permission denied", place)
        return real(place)

    monkeypatch.setattr(os, "scandir", scandir)
    notes: list[str] = []
    assert find_inputs(["b"], notes) == ["b/1.FLAC", "b/2.wav"]
    assert notes == ["b/c: cannot be entered (Permission denied)"]
    assert find_inputs(["b/**/*.wav"], notes) == ["b/2.wav"] and len(notes) == 2
    with pytest.raises(EmotoneError, match="b/c: cannot be entered"):
        list_audio(Path("b"))


@pytest.mark.parametrize(
    ("given", "words"),
    [("empty", "no audio in this folder"), ("b/*.ogg", "matches nothing"), ("em*", "matches no audio")],
)
def test_nothing_found_is_an_error(tree: Path, given: str, words: str) -> None:
    with pytest.raises(EmotoneError, match=words) as caught:
        find_inputs(["a.m4a", given])
    assert str(caught.value).startswith(f"{given}: ")
