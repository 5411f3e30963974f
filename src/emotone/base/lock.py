"""Locks between processes on open files; the operating system gives one back when its holder dies, however it does."""

from __future__ import annotations

import contextlib
import os
import sys
import time

FAR = 1 << 40
"""Where Windows locks a byte: beyond all content, which it would keep others from reading."""
EVERY_S = 0.05


def try_lock(handle: int) -> bool:
    """Lock an open file or folder until it is closed; False where another process holds it.

    Raises OSError on a file system that has no locks.

    >>> import tempfile
    >>> with tempfile.TemporaryFile() as file:
    ...     try_lock(file.fileno())
    True
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            position = os.lseek(handle, 0, os.SEEK_CUR)
            try:
                os.lseek(handle, FAR, os.SEEK_SET)
                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            finally:  # whoever reads or writes it next goes on where it was
                os.lseek(handle, position, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # what POSIX and Windows say
        return False
    return True


def lock(handle: int) -> None:
    """The same, but wait until no other process holds it; without locks go on at once."""
    with contextlib.suppress(OSError):
        while not try_lock(handle):
            time.sleep(EVERY_S)
