"""Files and where they lie: atomic replacement, the cache folder, identities, text of unknown encoding."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import json
import os
import re
import sys
import time
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from emotone.base.lock import EVERY_S, try_lock
from emotone.errors import EmotoneError

RUNS = Path("runs")
"""Where runs go, in the working folder."""
LEDGER = "results.parquet"
"""The file with the numbers of all runs, in that folder."""
FILES_READ = "files_read.json"
"""In a run's folder, the identities of all that it was made of."""
HELD_S = 2.0
"""How long a file is waited for that others hold."""
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and is removed otherwise.

    What killed runs have left of it is removed, too. Raises EmotoneError, naming `path`, where it cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replace_file(Path(folder) / "a.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     (Path(folder) / "a.txt").read_text(), len(os.listdir(folder))
    ('whole', 1)
    """
    with _temporary(path, _make_file) as temporary:
        yield temporary
        with open(temporary, "rb+") as file:  # to write: Windows flushes no other
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())  # temporary files are private; results are not
        _put(temporary, path)


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """The same for a folder, whose place must be free or an empty folder."""
    with _temporary(path, _make_folder) as temporary:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.is_dir():
            path.rmdir()  # an empty one
        _put(temporary, path)


def discard(path: Path) -> None:
    """Remove a file that may be missing; Windows keeps one that is open somewhere, for the next run to remove."""
    try:
        path.unlink(missing_ok=True)
    except PermissionError:
        if sys.platform != "win32":
            raise


@contextlib.contextmanager
def scratch_folder(path: Path) -> Iterator[Path]:
    """A folder beside `path` for what is on its way there; removed at the end, or by the next run after a kill."""
    with _temporary(path, _make_folder) as temporary:
        yield temporary


def check_file(path: Path, *suffixes: str) -> None:
    """Raise EmotoneError for a file that cannot be written or is named as another kind.

    >>> check_file(Path("page.pdf"), ".html")
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: page.pdf: must end in .html
    """
    if path.suffix.lower() not in suffixes:
        raise EmotoneError(f"{path}: must end in {' or '.join(suffixes)}")
    if path.is_dir():
        raise EmotoneError(f"{path}: is a folder")
    if not path.absolute().parent.is_dir():
        raise EmotoneError(f"{path}: the folder does not exist")
    if not os.access(path.absolute().parent, os.W_OK):
        raise EmotoneError(f"{path}: the folder may not be written to")


def check_replaceable(path: Path, mark: bytes, overwrite: bool) -> None:
    """Raise EmotoneError, unless `overwrite`, for a file that is neither empty nor has this mark in its first 4 kB."""
    if overwrite or not path.exists():
        return
    try:
        with open(path, "rb") as file:
            start = file.read(4096)
    except OSError as error:
        raise EmotoneError(f"{path}: cannot be read ({error.strerror})") from None
    if start and mark not in start:
        raise EmotoneError(f"{path}: is there already and nothing that this command wrote; --overwrite replaces it")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Make one line that names `path` of an error in writing it, also where a temporary file stands in for it.

    An OSError that names another file goes on as it is.

    >>> with writing(Path("scores.csv")):
    ...     raise OSError(28, "No space left on device")
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: scores.csv: cannot be written (No space left on device)
    """
    try:
        yield
    except OSError as error:
        named = Path(os.fsdecode(error.filename)).parts if isinstance(error.filename, str | bytes) else ()
        if named and path.name not in named and not any(map(_temporary_names(path).fullmatch, named)):
            raise
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise EmotoneError(f"{path}: cannot be written ({reason})") from None


@contextlib.contextmanager
def _temporary(path: Path, make: Callable[[Path], str]) -> Iterator[Path]:
    """What `make` makes beside `path`; removed at the end, or by the next run where this one is killed."""
    with writing(path):
        _sweep(path)
        temporary, handle = _reserve(path, make)
        try:
            yield temporary
        finally:
            _remove(temporary)
            if handle is not None:
                os.close(handle)


def _reserve(path: Path, make: Callable[[Path], str]) -> tuple[Path, int | None]:
    """A temporary file or folder, and the handle by whose lock others see that this process is alive."""
    while True:
        temporary = Path(make(path))
        if sys.platform == "win32":  # where open files cannot be moved
            return temporary, None
        handle = os.open(temporary, os.O_RDONLY)
        try:
            if try_lock(handle) and temporary.exists():  # else another run has just swept it
                return temporary, handle
        except OSError:  # no locks here, so nobody sweeps either
            return temporary, handle
        os.close(handle)


def _sweep(path: Path) -> None:
    """Remove temporary files of `path` whose lock nobody holds: those of runs that were killed."""
    if sys.platform == "win32":
        return
    is_temporary = _temporary_names(path).fullmatch
    with contextlib.suppress(OSError):  # what cannot be swept does not matter
        for name in filter(is_temporary, os.listdir(path.parent)):
            handle = os.open(path.parent / name, os.O_RDONLY)
            try:
                if try_lock(handle):
                    _remove(path.parent / name)
            finally:
                os.close(handle)


def _put(temporary: Path, path: Path) -> None:
    """Let a file or folder take its place; on Windows others, as a virus scanner, may hold either for a moment."""
    until_s = time.monotonic() + (HELD_S if sys.platform == "win32" else 0.0)
    while True:
        try:
            return os.replace(temporary, path)
        except PermissionError:
            if time.monotonic() >= until_s:
                raise
        time.sleep(EVERY_S)


def _temporary_names(path: Path) -> re.Pattern[str]:
    return re.compile(re.escape(f".{path.name}.") + r"[a-z0-9_]{8}\.tmp")


def _make_file(path: Path) -> str:
    import tempfile  # what writes nothing does without

    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    return name


def _make_folder(path: Path) -> str:
    import tempfile

    return tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")


def _remove(path: Path) -> None:
    if path.is_dir():
        import shutil

        shutil.rmtree(path, ignore_errors=True)
    else:
        discard(path)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def file_state(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Size in bytes and time of the last change in ns, by which a file is known to be the one it was; else (-1, -1).

    >>> file_state("nowhere.wav")
    (-1, -1)
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # reading it will say what is wrong
        return -1, -1
    return status.st_size, status.st_mtime_ns


def cache_folder() -> Path:
    """Where prepared corpora, feature stores and pulled bundles are kept: `EMOTONE_CACHE` or the platform's place."""
    given = os.environ.get("EMOTONE_CACHE")
    if given:
        return Path(given)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "emotone"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "emotone"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "emotone"


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's content."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, about: dict[str, Any]) -> None:
    """A JSON file, by atomic rename."""
    with replace_file(path) as temporary:
        temporary.write_text(json.dumps(about, indent=1), encoding="utf-8", newline="\n")


def read_plain_text(path: Path) -> str:
    """The text of an owner's file: UTF-16 where it has that mark, else UTF-8, else Windows-1252 (older tools' output).

    Raises EmotoneError when the file is missing or none of these.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "a.txt"
    ...     _ = path.write_bytes("I don’t know".encode("cp1252"))
    ...     read_plain_text(path)
    'I don’t know'
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise EmotoneError(f"{path} is missing") from None
    encodings = ("utf-16",) if content.startswith(UTF16_MARKS) else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise EmotoneError(f"{path}: is no text in UTF-8, UTF-16 or Windows-1252")


def plain_name(path: str) -> str:
    """A path by which it is known again in a table of another system: / between its parts, in one Unicode form.

    Windows writes backslashes, and macOS may write an umlaut as a letter and its dots.

    >>> plain_name("calls\\\\Ma\\u0308rz.wav") == "calls/M\\u00e4rz.wav"
    True
    """
    return PurePosixPath(unicodedata.normalize("NFC", path.replace("\\", "/"))).as_posix()


def is_unicode(text: str) -> bool:
    """Whether text can be encoded: bytes of a file name that are no UTF-8 are lone surrogates in Python's text.

    >>> is_unicode("ä"), is_unicode(os.fsdecode(b"\\xe4"))
    (True, False)
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
