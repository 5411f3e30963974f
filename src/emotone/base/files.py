"""Files and where they lie: atomic replacement, the cache folder, content hashes, text of unknown encoding."""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from emotone.errors import EmotoneError

RUNS = Path("runs")
"""Where runs go, in the working folder."""
LEDGER = "results.parquet"
"""The file with the numbers of all runs, in that folder."""
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and is removed otherwise.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replace_file(Path(folder) / "a.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     (Path(folder) / "a.txt").read_text(), len(os.listdir(folder))
    ('whole', 1)
    """
    import tempfile  # what writes nothing does without

    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp's files are private; results are not
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
        temporary.write_text(json.dumps(about, indent=1))


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
