"""Files that are whole or not there."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import pytest

from emotone.base.files import (
    cache_folder,
    check_file,
    discard,
    file_state,
    is_unicode,
    new_folder,
    read_plain_text,
    replace_file,
    sha256_of,
    write_json,
    writing,
)
from emotone.errors import EmotoneError


def test_a_file_is_replaced_only_when_all_went_well(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replace_file(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]
    with replace_file(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old" and temporary.parent == tmp_path
    assert path.read_text() == "new" and os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("make", [replace_file, new_folder])
def test_on_windows_what_others_hold_for_a_moment_is_waited_for(
    tmp_path: Path, windows: None, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], AbstractContextManager[Path]]
) -> None:
    monkeypatch.setattr("emotone.base.files.HELD_S", 0.3)
    held: list[IO[bytes]] = []

    def hold(temporary: Path) -> None:
        held.append(open(temporary / "b" if temporary.is_dir() else temporary, "ab"))  # noqa: SIM115

    with make(tmp_path / "a") as temporary:
        hold(temporary)
        threading.Timer(0.1, held[0].close).start()
    assert os.listdir(tmp_path) == ["a"]
    with (
        pytest.raises(EmotoneError, match=r"b: cannot be written \(Permission denied\)"),
        make(tmp_path / "b") as temporary,
    ):
        hold(temporary)
    held[1].close()


def test_on_windows_an_open_file_is_left_for_later(tmp_path: Path, windows: None) -> None:
    with open(tmp_path / "a", "wb"):
        discard(tmp_path / "a")
        assert (tmp_path / "a").exists()
    discard(tmp_path / "a")
    discard(tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with replace_file(tmp_path / "a.txt") as temporary:
            temporary.write_text("x")
        assert os.umask(0o027) == 0o027  # left as it was
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def kill_while_writing(path: Path, what: str) -> None:
    """A process that is killed while it writes `path` by `replace_file` or `new_folder`."""
    code = f"""if True:
        import os, signal
        from pathlib import Path
        from emotone.base.files import {what}
        with {what}(Path({str(path)!r})) as temporary:
            (temporary / "a" if temporary.is_dir() else temporary).write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL


def test_what_killed_runs_left_is_swept_by_the_next(tmp_path: Path) -> None:
    (tmp_path / ".a.b.tmp").write_text("somebody else's")
    for what in ("replace_file", "new_folder"):
        kill_while_writing(tmp_path / "a", what)
        assert len(os.listdir(tmp_path)) == 2  # that of the first is gone
    with replace_file(tmp_path / "b"):
        pass
    assert len(os.listdir(tmp_path)) == 3  # another file's are left alone
    with replace_file(tmp_path / "a") as one, replace_file(tmp_path / "a") as other:
        one.write_text("first")  # what a living run writes is not swept
        other.write_text("second")
    assert (tmp_path / "a").read_text() == "first" and sorted(os.listdir(tmp_path)) == [".a.b.tmp", "a", "b"]


def test_a_folder_is_there_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(RuntimeError), new_folder(tmp_path / "a") as temporary:
        (temporary / "x").touch()
        raise RuntimeError
    assert os.listdir(tmp_path / "a") == []
    with new_folder(tmp_path / "a") as temporary:
        (temporary / "x").touch()
        assert os.listdir(tmp_path / "a") == []
    assert os.listdir(tmp_path / "a") == ["x"] and os.listdir(tmp_path) == ["a"]


def test_an_error_names_the_file_and_nothing_temporary(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    full = OSError(errno.ENOSPC, "No space left on device")
    for error in (full, OSError(errno.ENOSPC, "", str(tmp_path / ".a.txt.abcdefgh.tmp"))):
        with pytest.raises(EmotoneError) as caught, replace_file(path):
            raise error
        assert str(caught.value) == f"{path}: cannot be written (No space left on device)"
    with pytest.raises(FileNotFoundError), writing(path):
        (tmp_path / "another").read_text()
    with pytest.raises(EmotoneError, match=r"nowhere/a.txt: cannot be written \(No such file or directory\)"):
        write_json(tmp_path / "nowhere" / "a.txt", {})


def test_a_folder_that_may_not_be_written_to_is_said_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_file(tmp_path / "page.html", ".html")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(EmotoneError, match="page.html: the folder may not be written to"):
        check_file(tmp_path / "page.html", ".html")


def test_the_state_of_a_file_is_its_size_and_time(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("abc")
    os.utime(path, ns=(5, 7))
    assert file_state(path) == (3, 7) and file_state(tmp_path / "b") == file_state("a\0") == (-1, -1)


def test_sha256_of_a_file(tmp_path: Path) -> None:
    content = os.urandom(300_000)
    (tmp_path / "a").write_bytes(content)
    assert sha256_of(tmp_path / "a") == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"EMOTONE_CACHE": "/c"}, "/c"),
        ("linux", {"XDG_CACHE_HOME": "/x"}, "/x/emotone"),
        ("linux", {}, "/home/me/.cache/emotone"),
        ("darwin", {}, "/home/me/Library/Caches/emotone"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/emotone"),
    ],
)
def test_cache_folder(monkeypatch: pytest.MonkeyPatch, platform: str, variables: dict[str, str], expected: str) -> None:
    monkeypatch.setattr("emotone.base.files.sys.platform", platform)
    monkeypatch.setenv("HOME", "/home/me")
    for name in ("EMOTONE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)


def test_json_is_replaced_as_a_whole(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "ä", "values": [1, 2.5, None]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"name": "ä", "values": [1, 2.5, None]}
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"name": object()})
    assert json.loads((tmp_path / "a.json").read_text())["name"] == "ä" and os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_plain_text_of_every_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes("I don’t know, café\r\n".encode(encoding))
    assert read_plain_text(tmp_path / "a.txt") == "I don’t know, café\r\n"


def test_what_is_no_plain_text_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EmotoneError, match=r"a.txt is missing"):
        read_plain_text(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_bytes(b"\x81\x8d")
    with pytest.raises(EmotoneError, match=r"a.txt: is no text in UTF-8, UTF-16 or Windows-1252"):
        read_plain_text(tmp_path / "a.txt")


def test_bytes_that_are_no_utf8_are_no_unicode() -> None:
    assert is_unicode("") and is_unicode("ähm 😀")
    assert not is_unicode(os.fsdecode(b"caf\xe9.wav")) and not is_unicode("\ud800")
