"""Files that are whole or not there."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path

import pytest

from emotone.base.files import cache_folder, is_unicode, read_plain_text, replace_file, sha256_of, write_json
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


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with replace_file(tmp_path / "a.txt") as temporary:
            temporary.write_text("x")
        assert os.umask(0o027) == 0o027  # left as it was
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


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
