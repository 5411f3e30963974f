"""What the user named, as a list of files: files as they are, audio in folders recursively, globs expanded."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence

from emotone.audio.read import SUFFIXES
from emotone.errors import EmotoneError


def find_inputs(inputs: Sequence[str]) -> list[str]:
    """Files named by paths, folders and globs, in a stable order, each once.

    A file that does not exist stays in the list: it becomes a row with its error. Raises EmotoneError for a folder or
    glob without audio.
    """
    files: dict[str, None] = {}
    for given in inputs:
        if os.path.isdir(given):
            found = _audio_below(given)
            if not found:
                raise EmotoneError(f"{given}: no audio in this folder ({' '.join(sorted(SUFFIXES))})")
        elif not os.path.lexists(given) and glob.has_magic(given):
            matches = sorted(glob.glob(given, recursive=True))
            found = [file for match in matches for file in (_audio_below(match) if os.path.isdir(match) else [match])]
            if not found:
                raise EmotoneError(f"{given}: matches {'no audio' if matches else 'nothing'}")
        else:
            found = [given]
        files |= dict.fromkeys(found)
    return list(files)


def _audio_below(folder: str) -> list[str]:
    """Audio files in a folder and its subfolders; hidden ones are not looked at, links to folders not followed."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [
            os.path.join(parent, name)
            for name in sorted(names)
            if os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith(".")
        ]
    return found
