"""Where uploads lie until they are scored: a folder of each server, and in it one of each job, under random names.

A server holds a lock on its folder as long as it lives. One that was killed has left its folder, without a holder of
the lock; the next server removes it when it starts.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
import time
from pathlib import Path

from emotone.base.lock import try_lock
from emotone.errors import EmotoneError

LOCK = "lock"
NEW_S = 2.0


class Spool:
    """The folder of a server, removed when it is closed.

    place: where folders of servers lie; None: in the folder for temporary files, by user. Raises EmotoneError where
    nothing can be written there, or somebody else may.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     spool = Spool(Path(folder))
    ...     job = spool.new_folder()
    ...     spool.close()
    ...     job.exists(), os.listdir(folder)
    (False, [])
    """

    def __init__(self, place: Path | None = None) -> None:
        user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
        self._place = (place or Path(tempfile.gettempdir()) / f"emotone-serve-{user}").absolute()
        try:
            self._place.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_owner()
            self.folder = Path(tempfile.mkdtemp(prefix="server-", dir=self._place))
            self._lock = os.open(self.folder / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
            try_lock(self._lock)
            self._sweep()
        except OSError as error:
            raise EmotoneError(f"{self._place}: uploads cannot be kept there ({error.strerror})") from None

    def _check_owner(self) -> None:
        """A folder that somebody else has made in a place for all would be theirs to read."""
        status = self._place.lstat()
        if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o077 and self._is_public()):
            raise EmotoneError(f"{self._place}: is open to others; give another folder (--spool)")

    def _is_public(self) -> bool:
        return bool(self._place.parent.stat().st_mode & 0o002)

    def _sweep(self) -> None:
        """Remove the folders of servers that are gone; one that has just been made may not be locked yet."""
        for folder in self._place.glob("server-*"):
            with contextlib.suppress(OSError):
                if folder == self.folder or time.time() - folder.stat().st_mtime < NEW_S:
                    continue
                handle = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
                is_left = False
                try:
                    is_left = try_lock(handle)
                finally:
                    _remove(folder, handle) if is_left else os.close(handle)

    def new_folder(self) -> Path:
        """A folder for a job, of its own."""
        folder = self.folder / secrets.token_urlsafe(16)
        folder.mkdir(mode=0o700)
        return folder

    def num_bytes(self) -> int:
        """Bytes that lie here, while others write and remove them."""
        total = 0
        for path in self.folder.rglob("*"):
            with contextlib.suppress(OSError):
                total += path.stat().st_size if path.is_file() else 0
        return total

    def close(self) -> None:
        """Remove the folder."""
        _remove(self.folder, self._lock)


def _remove(folder: Path, lock: int) -> None:
    """Remove a folder, and close its lock, which Windows keeps as long as it is open."""
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.close(lock)
    shutil.rmtree(folder, ignore_errors=True)
