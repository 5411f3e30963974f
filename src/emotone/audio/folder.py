"""Lists of audio files: those that paths, folders and globs name, and all below a folder.

What is left out, media of types that are not read and folders that cannot be entered, is told.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from emotone.audio.read import SUFFIXES
from emotone.base.files import is_unicode
from emotone.errors import EmotoneError, name_some

OTHER_MEDIA = frozenset({
    ".3g2", ".ac3", ".ape", ".asf", ".dff", ".dsf", ".dts", ".flv", ".gsm", ".m2ts", ".mp2", ".mpc", ".mpeg", ".mpg",
    ".mpga", ".mts", ".nist", ".ogv", ".pcm", ".ra", ".raw", ".rm", ".sph", ".spx", ".tta", ".voc", ".vob",
    ".vox", ".wv",
})  # fmt: skip
"""Suffixes of sound and film that a folder is not searched for; one that is named may still be read."""


def find_inputs(inputs: Sequence[str], notes: list[str] | None = None) -> list[str]:
    """Files that paths, folders and globs name, in a stable order, each once; links to folders are not followed.

    A path that does not exist stays in the list, so that it gets a row with its error. What folders hold beside them is
    appended to `notes`. Raises EmotoneError for a folder or a glob without audio.
    """
    files: dict[str, None] = {}
    walk, below = _Walk(), _Walk(follow_links=True)
    for given in inputs:
        if os.path.isdir(given):
            found = [*walk.audio(given)]
            if not found:
                why = "".join(f"; {note}" for note in walk.notes)
                raise EmotoneError(f"{given}: no audio in this folder ({' '.join(sorted(SUFFIXES))}){why}")
        elif not os.path.lexists(given) and glob.has_magic(given):
            matches = sorted(_glob(given.replace(os.altsep or os.sep, os.sep), below))
            found = [file for match in matches for file in (walk.audio(match) if os.path.isdir(match) else [match])]
            if not found:
                raise EmotoneError(f"{given}: matches {'no audio' if matches else 'nothing'}")
        else:
            found = [given]
        files |= dict.fromkeys(found)
    if notes is not None:
        notes += [*below.closed, *walk.notes]
    return list(files)


def walk_audio(folder: str | Path, notes: list[str]) -> Iterator[str]:
    """Audio below a folder as `find_inputs` finds it, one after the other; at the end its notes are appended."""
    walk = _Walk()
    yield from walk.audio(folder)
    notes += walk.notes


def list_audio(folder: Path, advice: str = "") -> list[str]:
    """Every audio file below `folder`: POSIX paths relative to it, sorted.

    Files of other types and hidden files and folders are skipped; links to folders are followed once. Raises
    EmotoneError when there is no such folder, no audio in it (which `advice` may end), a folder in it that cannot be
    entered, or a file name that cannot be written as text.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     for file in ("b.flac", "a.wav", "notes.txt", ".hidden.wav"):
    ...         (Path(name) / file).touch()
    ...     list_audio(Path(name))
    ['a.wav', 'b.flac']
    """
    if not folder.is_dir():
        raise EmotoneError(f"{folder}: {'is a file, not a folder' if folder.exists() else 'there is no such folder'}")
    walk = _Walk(follow_links=True)
    files = sorted(Path(file).relative_to(folder).as_posix() for file in walk.audio(folder))
    if walk.closed:
        raise EmotoneError(walk.closed[0])
    if not files:
        raise EmotoneError(f"{folder}: holds no audio ({', '.join(sorted(SUFFIXES))}){advice}")
    for file in files:
        if not is_unicode(file):
            raise EmotoneError(f"{folder}: the file name {file!r} is not UTF-8; rename the file")
    return files


class _Walk:
    """Searches of folders: what they find is handed on, what they pass over is kept."""

    def __init__(self, follow_links: bool = False) -> None:
        self.closed: list[str] = []
        self._others: list[str] = []
        self._follow_links = follow_links

    @property
    def notes(self) -> list[str]:
        """What was passed over, in a line each."""
        if not self._others:
            return self.closed
        many = f"{len(self._others)} media files of types that folders are not searched for"
        return [*self.closed, f"skipped {many}: {name_some(self._others)}"]

    def audio(self, folder: str | Path) -> Iterator[str]:
        """Audio below a folder, sorted in each of its folders, nothing hidden."""
        for place, files in self.folders(folder):
            for name in sorted(files):
                suffix = os.path.splitext(name)[1].lower()
                if name.startswith("."):
                    continue
                if suffix in SUFFIXES:
                    yield os.path.join(place, name)
                elif suffix in OTHER_MEDIA:
                    self._others.append(os.path.join(place, name))

    def folders(self, folder: str | Path) -> Iterator[tuple[str, list[str]]]:
        """The folders from one on, none hidden, and their files; a linked folder is walked once at most."""
        seen: set[str] = set()
        for place, folders, files in os.walk(folder, onerror=self._keep, followlinks=self._follow_links):
            real = os.path.realpath(place)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            yield place, files

    def _keep(self, error: OSError) -> None:
        self.closed.append(f"{error.filename}: cannot be entered ({error.strerror})")


def _glob(pattern: str, walk: _Walk) -> Iterator[str]:
    """What a pattern matches; below `**` every folder once, though links lead back to folders above them."""
    drive, path = os.path.splitdrive(pattern)
    parts = path.split(os.sep)
    if "**" not in parts:
        yield from glob.iglob(pattern)
        return
    place = parts.index("**")
    before, after = os.sep.join(parts[:place]), os.sep.join(parts[place + 1 :])
    starts = glob.iglob(drive + before) if before else [drive + (os.sep if path.startswith(os.sep) else "")]
    for start in starts:
        if not after:
            yield start or os.curdir
        elif os.path.isdir(start or os.curdir):
            for folder, _ in walk.folders(start or os.curdir):
                inside = folder if start else os.path.relpath(folder)
                yield from _glob(os.path.join("" if inside == os.curdir else glob.escape(inside), after), walk)
