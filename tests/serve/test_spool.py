"""The folder of uploads: private, swept of what dead servers have left, and of nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from emotone.errors import EmotoneError
from emotone.serve import spool as module
from emotone.serve.spool import Spool


def test_only_what_the_dead_have_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NEW_S", 0.0)
    living = Spool(tmp_path)
    living.new_folder().joinpath("sound").write_bytes(b"abc")
    dead, without_lock = tmp_path / "server-dead", tmp_path / "server-without-lock"
    for folder in (dead, without_lock, tmp_path / "something else"):
        (folder / "job").mkdir(parents=True)
        (folder / "job" / "sound").write_bytes(b"x")
    (dead / "lock").touch()
    time.sleep(0.01)
    other = Spool(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [living.folder.name, other.folder.name, "something else"]
    )
    assert living.num_bytes() == 3 and other.num_bytes() == 0
    other.close()
    living.close()
    assert [path.name for path in tmp_path.iterdir()] == ["something else"]


def test_on_windows_no_lock_is_left(tmp_path: Path, windows: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "NEW_S", 0.0)
    (tmp_path / "server-dead" / "job").mkdir(parents=True)
    time.sleep(0.01)
    living = Spool(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [living.folder.name]
    living.close()
    assert not list(tmp_path.iterdir())


def test_folders_are_private_and_cannot_be_guessed(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "new" / "place")
    folders = {spool.new_folder() for _ in range(20)}
    assert len(folders) == 20 and all(len(folder.name) >= 20 for folder in folders)
    assert {folder.stat().st_mode & 0o777 for folder in (spool.folder, *folders)} == {0o700}
    spool.close()


def test_a_place_that_others_made_is_refused(tmp_path: Path) -> None:
    public = tmp_path / "tmp"
    public.mkdir()
    public.chmod(0o1777)
    (public / "mine").mkdir()
    (public / "mine").chmod(0o777)
    with pytest.raises(EmotoneError, match="is open to others"):
        Spool(public / "mine")
    if os.getuid() == 0:
        (public / "theirs").mkdir(mode=0o700)
        os.chown(public / "theirs", 12345, 12345)
        with pytest.raises(EmotoneError, match="is open to others"):
            Spool(public / "theirs")
    with pytest.raises(EmotoneError, match="uploads cannot be kept there"):
        Spool(Path("/proc/none"))
