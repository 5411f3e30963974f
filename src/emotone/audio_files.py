"""Audio files below a corpus folder: found by stem, because copies of a corpus differ in format, not in file names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from emotone.audio import SUFFIXES
from emotone.errors import EmotoneError


def list_audio(folder: Path) -> list[str]:
    """Every audio file below `folder`: POSIX paths relative to it, sorted.

    Files of other types and hidden files and folders are skipped; links to folders are followed once. Raises
    EmotoneError when there is no such folder, no audio in it, or a file name that cannot be written as text.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     for file in ("b.flac", "a.wav", "notes.txt", ".hidden.wav"):
    ...         (Path(name) / file).touch()
    ...     list_audio(Path(name))
    ['a.wav', 'b.flac']
    """
    if not folder.is_dir():
        raise EmotoneError(f"{folder}: {'is a file, not a folder' if folder.exists() else 'there is no such folder'}")
    files = sorted(path.relative_to(folder).as_posix() for path in _walk(folder))
    if not files:
        raise EmotoneError(f"{folder}: holds no audio ({', '.join(sorted(SUFFIXES))})")
    for file in files:
        if not _is_text(file):
            raise EmotoneError(f"{folder}: the file name {file!r} is not UTF-8; rename the file")
    return files


def find_audio(folder: Path) -> dict[str, str]:
    """Audio below `folder` by file stem: {stem: path relative to the folder}, in the order of the paths.

    Raises EmotoneError as `list_audio` does, and when two files share a stem.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     (Path(name) / "wav").mkdir()
    ...     (Path(name) / "wav" / "03a01Fa.flac").touch()
    ...     find_audio(Path(name))
    {'03a01Fa': 'wav/03a01Fa.flac'}
    """
    found: dict[str, str] = {}
    for file in list_audio(folder):
        stem = Path(file).stem
        if stem in found:
            raise EmotoneError(f"{folder}: two files are named {stem}: {found[stem]} and {file}; keep one of them")
        found[stem] = file
    return found


def parse_stems(
    audio: Mapping[str, str], pattern: re.Pattern[str], example: str, folder: Path
) -> Iterator[tuple[str, dict[str, str]]]:
    """Relative path and named groups of every stem; raises EmotoneError for a name that the corpus does not have.

    >>> list(parse_stems({"03a": "wav/03a.wav"}, re.compile(r"(?P<speaker>[0-9]+)a"), "03a.wav", Path("mine")))
    [('wav/03a.wav', {'speaker': '03'})]
    """
    for stem, file in audio.items():
        match = pattern.fullmatch(stem)
        if match is None:
            raise EmotoneError(f"{folder}: {file} is not named like a file of this corpus (e.g. {example})")
        yield file, match.groupdict()


def _walk(folder: Path) -> Iterator[Path]:
    """Visible audio files, following links to folders but no folder twice."""
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield Path(place) / name


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:  # undecodable bytes, which Python carries as lone surrogates
        return False
    return True
