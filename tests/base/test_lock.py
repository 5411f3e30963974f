"""Locks: one holder at a time, and none after the holder is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from emotone.base.lock import lock, try_lock


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[bytes]:
    """Another process that has locked the file `a`."""
    (tmp_path / "a").touch()
    code = f"""if True:
        import sys
        from emotone.base.lock import try_lock
        file = open({str(tmp_path / "a")!r})
        print(try_lock(file.fileno()), flush=True)
        sys.stdin.read()"""
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"True\n"
    return process


def test_one_at_a_time_until_the_holder_is_killed(tmp_path: Path, holder: subprocess.Popen[bytes]) -> None:
    with open(tmp_path / "a", "rb") as file:
        assert not try_lock(file.fileno())
        threading.Timer(0.2, lambda: os.kill(holder.pid, signal.SIGKILL)).start()
        began = time.monotonic()
        lock(file.fileno())
        assert time.monotonic() - began > 0.1
        with open(tmp_path / "a", "rb") as other:
            assert not try_lock(other.fileno())
    with open(tmp_path / "a", "rb") as file:
        assert try_lock(file.fileno())  # given back as it was closed
    holder.communicate()


def test_on_windows_a_file_is_read_on_where_it_was(tmp_path: Path, windows: None) -> None:
    (tmp_path / "a").write_bytes(b"first\nsecond\n")
    with open(tmp_path / "a", "r+b") as file:
        assert try_lock(file.fileno()) and file.readline() == b"first\n"
        with open(tmp_path / "a", "rb") as other:
            assert not try_lock(other.fileno()) and other.readline() == b"first\n"
        file.seek(0)
        file.write(b"First")
    assert (tmp_path / "a").read_bytes() == b"First\nsecond\n"
