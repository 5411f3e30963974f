"""Lists of audio files: those that paths, folders and globs name, and all below a folder."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from emotone.audio.read import SUFFIXES
from emotone.base.files import is_unicode
from emotone.errors import EmotoneError


def find_inputs(inputs: Sequence[str]) -> list[str]:
    """Files that paths, folders and globs name, in a stable order, each once; links to folders are not followed.

    A path that does not exist stays in the list, so that it gets a row with its error. Raises EmotoneError for a folder
    or a glob without audio.
    """
    files: dict[str, None] = {}
    for given in inputs:
        if os.path.isdir(given):
            found = [*_walk(given)]
            if not found:
                raise EmotoneError(f"{given}: no audio in this folder ({' '.join(sorted(SUFFIXES))})")
        elif not os.path.lexists(given) and glob.has_magic(given):
            matches = sorted(glob.glob(given, recursive=True))
            found = [file for match in matches for file in (_walk(match) if os.path.isdir(match) else [match])]
            if not found:
                raise EmotoneError(f"{given}: matches {'no audio' if matches else 'nothing'}")
        else:
            found = [given]
        files |= dict.fromkeys(found)
    return list(files)


def list_audio(folder: Path, advice: str = "") -> list[str]:
    """Every audio file below `folder`: POSIX paths relative to it, sorted.

    Files of other types and hidden files and folders are skipped; links to folders are followed once. Raises
    EmotoneError when there is no such folder, no audio in it (which `advice` may end), or a file name that cannot be
    written as text.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     for file in ("b.flac", "a.wav", "notes.txt", ".hidden.wav"):
    ...         (Path(name) / file).touch()
    ...     list_audio(Path(name))
    ['a.wav', 'b.flac']
    """
    if not folder.is_dir():
        raise EmotoneError(f"{folder}: {'is a file, not a folder' if folder.exists() else 'there is no such folder'}")
    files = sorted(Path(file).relative_to(folder).as_posix() for file in _walk(folder, follow_links=True))
    if not files:
        raise EmotoneError(f"{folder}: holds no audio ({', '.join(sorted(SUFFIXES))}){advice}")
    for file in files:
        if not is_unicode(file):
            raise EmotoneError(f"{folder}: the file name {file!r} is not UTF-8; rename the file")
    return files


def _walk(folder: str | Path, follow_links: bool = False) -> Iterator[str]:
    """Audio below a folder, sorted in each of its folders, nothing hidden; a linked folder is walked once at most."""
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=follow_links):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES:
                yield os.path.join(place, name)
