"""Where the files of an archive lie: on this machine's file systems, or behind an address, from which they are fetched.

s3://, gs://, https://, sftp://, and members of zip and tar files, zip://talk.wav::s3://bucket/calls.zip, go through
fsspec. A file is fetched when its row is answered, to a temporary file, which is all that is held of it; rows of the
same file that follow each other fetch it once. It counts as fetched if it has the size that was promised and is,
afterwards, still the one it was before; what fails on the way is tried again.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from emotone.audio.read import AudioError
from emotone.base.files import file_state
from emotone.errors import EmotoneError, missing_extra

PROTOCOL = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
TRIES, FIRST_PAUSE_S = 5, 0.5
"""Each pause is twice the one before."""
MARKS = ("ETag", "etag", "md5Hash", "content_hash", "generation", "CRC", "chksum", "mtime", "LastModified", "updated")
"""What file systems call that by which a changed file is told."""
GONE = "-1 -1"
"""The state of a file that is not there."""


class Opened(NamedTuple):
    """A file that can be read at `path`; `state` tells whether it is still the one it was."""

    path: str
    state: str


def is_remote(file: str) -> bool:
    """Whether a file is fetched.

    >>> is_remote("s3://bucket/talk.wav"), is_remote("zip://talk.wav::calls.zip"), is_remote("calls/talk.wav")
    (True, True, False)
    """
    return PROTOCOL.match(file) is not None


def protocols_of(file: str) -> list[str]:
    """The protocols of an address.

    >>> protocols_of("zip://talk.wav::S3://bucket/calls.zip"), protocols_of("talk.wav")
    (['zip', 's3'], [])
    """
    return [match[1].lower() for part in file.split("::") if (match := PROTOCOL.match(part))]


def check_protocols(protocols: Iterable[str]) -> None:
    """Raise EmotoneError for protocols that nothing here speaks."""
    for protocol in protocols:
        fsspec = _import_fsspec(f"{protocol}://")
        try:
            fsspec.get_filesystem_class(protocol)
        except ImportError as error:
            needs = re.sub(r"^(please )?install ", "", str(error), flags=re.IGNORECASE)
            raise EmotoneError(f'{protocol}:// needs a package: pip install "emotone[remote]" ({needs})') from None
        except ValueError:
            known = ", ".join(f"{name}://" for name in ("s3", "gs", "https", "sftp", "zip", "tar"))
            raise EmotoneError(f"unknown protocol {protocol}:// (known: {known} and what else fsspec has)") from None


def _import_fsspec(what: str) -> Any:
    try:
        import fsspec
        import fsspec.core
    except ImportError:
        raise missing_extra("fsspec", "remote", what) from None
    return fsspec


class Source:
    """The files of an archive, whose relative paths lie below `root`.

    refused: those that `state` was asked of and that this user may not ask about.

    >>> Source("/data").state("nowhere.wav")
    '-1 -1'
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._known: dict[str, str] = {}
        self.refused: set[str] = set()
        self._held: tuple[str, Opened] | None = None

    def __del__(self) -> None:
        self.close()

    def state(self, file: str) -> str:
        """The state that a file has now, asked for once; "" where that is refused, AudioError where nobody answers."""
        if file not in self._known:
            self._known[file] = self._ask(file)
        return self._known[file]

    def _ask(self, file: str) -> str:
        if not is_remote(file):
            return _local_state(os.path.join(self._root, file))

        def ask() -> str:
            system, path = self._system(file)
            return _state(system.info(path))

        try:
            return _tried(file, "asked for", ask)
        except FileNotFoundError:
            return GONE
        except PermissionError:
            self.refused.add(file)
            return ""

    def open(self, file: str) -> Opened:
        """A file to be read until the next one is opened; raises AudioError for one that cannot be fetched."""
        if not is_remote(file):
            path = os.path.join(self._root, file)
            return Opened(path, _local_state(path))
        if self._held is None or self._held[0] != file:
            self.close()
            self._held = file, self._fetch(file)
        return self._held[1]

    def close(self) -> None:
        """Remove what was fetched."""
        if self._held is not None:
            Path(self._held[1].path).unlink(missing_ok=True)
        self._held = None

    def _fetch(self, file: str) -> Opened:
        handle, path = tempfile.mkstemp(prefix="emotone-", suffix=Path(file.split("::")[0]).suffix[:8])
        os.close(handle)
        try:
            return Opened(path, _tried(file, "fetched", lambda: self._copy(file, path)))
        except BaseException as error:
            Path(path).unlink(missing_ok=True)
            if isinstance(error, FileNotFoundError):
                raise AudioError(file, "does not exist") from None
            if isinstance(error, PermissionError):
                raise AudioError(file, f"cannot be fetched ({error})") from None
            raise

    def _copy(self, file: str, path: str) -> str:
        """Fetch once; raises OSError where what came is not what was promised."""
        system, remote = self._system(file)
        system.invalidate_cache()
        before = system.info(remote)
        system.get_file(remote, path)
        size = os.path.getsize(path)
        if before.get("size") is not None and size != before["size"]:
            raise OSError(f"{size} of {before['size']} bytes came")
        system.invalidate_cache()
        if _state(system.info(remote)) != _state(before):
            raise OSError("it was changed meanwhile")
        return _state(before)

    def _system(self, file: str) -> tuple[Any, str]:
        """The file system of an address, and the path there."""
        *outer, last = file.split("::")
        if PROTOCOL.match(last) is None:
            last = os.path.join(self._root, last)
        return _import_fsspec(file).core.url_to_fs("::".join([*outer, last]))


def _tried(file: str, what: str, work: Callable[[], str]) -> str:
    """What work with a remote file gives, tried again while it fails.

    Raises FileNotFoundError for a file that is not there, PermissionError for one that is refused, AudioError where it
    goes on failing.
    """
    for attempt in range(TRIES):
        if attempt:
            time.sleep(FIRST_PAUSE_S * 2 ** (attempt - 1))
        try:
            return work()
        except (FileNotFoundError, PermissionError, EmotoneError):
            raise
        except Exception as error:  # whatever file systems and their libraries raise
            reason = str(error) or type(error).__name__
            _forget_connections(file)
    raise AudioError(file, f"cannot be {what}, {TRIES} times tried ({reason})")


def _forget_connections(file: str) -> None:
    """Have the file systems of an address made anew: fsspec keeps them, and some with them a connection that ended."""
    for protocol in protocols_of(file):
        _import_fsspec(file).get_filesystem_class(protocol).clear_instance_cache()


def _local_state(path: str) -> str:
    size, time_ns = file_state(path)
    return f"{size} {time_ns}"


def _state(info: dict[str, Any]) -> str:
    """Size and mark of what a file system says of a file.

    >>> _state({"size": 5, "ETag": '"ab"', "type": "file"})
    '5 "ab"'
    """
    mark = next((info[name] for name in MARKS if info.get(name) is not None), "")
    return f"{info.get('size')} {mark}"
