"""Files that are whole or not there: atomic replacement, the cache folder, content hashes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and is removed otherwise.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replace_file(Path(folder) / "a.txt") as temporary:
    ...         _ = temporary.write_text("whole")
    ...     (Path(folder) / "a.txt").read_text(), len(os.listdir(folder))
    ('whole', 1)
    """
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


RUNS = Path("runs")
"""Where runs go, in the working folder."""
LEDGER = "results.parquet"
"""The file with the numbers of all runs of a folder."""


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
