"""Audio files below a corpus folder: found by stem, because copies of a corpus differ in format, not in file names."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from emotone.audio.folder import list_audio
from emotone.audio.read import SUFFIXES
from emotone.errors import EmotoneError

OUTSIDE = re.compile(r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)")
"""A path from a root or a drive, or with a step up, in the writing of either kind of system."""


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
) -> list[tuple[str, dict[str, str]]]:
    """Relative path and named groups of every stem; raises EmotoneError for names that the corpus does not have.

    >>> parse_stems({"03a": "wav/03a.wav"}, re.compile(r"(?P<speaker>[0-9]+)a"), "03a.wav", Path("mine"))
    [('wav/03a.wav', {'speaker': '03'})]
    """
    matches = {file: pattern.fullmatch(stem) for stem, file in audio.items()}
    strange = [file for file, match in matches.items() if match is None]
    if strange:
        others = f", nor are {len(strange) - 1} more of {len(audio)}" if len(strange) > 1 else ""
        raise EmotoneError(f"{folder}: {strange[0]} is not named like a file of this corpus (e.g. {example}){others}")
    return [(file, match.groupdict()) for file, match in matches.items() if match is not None]


def find_files(files: Iterable[str], audio: Iterable[str]) -> list[str | None]:
    """The audio file that each name of a table means: itself, or else with another suffix; None where there is none.

    >>> find_files(["sub/a.wav", "b", "c.wav"], ["sub/a.flac", "b.wav"])
    ['sub/a.flac', 'b.wav', None]
    """
    exact = set(audio)
    by_stem = {_without_suffix(file): file for file in exact}
    names = [PurePosixPath(str(file)).as_posix() for file in files]
    return [name if name in exact else by_stem.get(_without_suffix(name)) for name in names]


def leaves_folder(file: object) -> bool:
    """Whether a path is absolute or goes up, by the rules of either kind of system.

    >>> leaves_folder("../a.wav"), leaves_folder("a..wav")
    (True, False)
    """
    return OUTSIDE.search(str(file)) is not None


def compare_with_rows(
    audio: Collection[str], rows: Collection[str], table: Path, incomplete: bool = False
) -> list[str]:
    """Notes on what only one side names: rows of a label table without audio, and audio without a row.

    `audio` and `rows` are names of the same kind, e.g. stems. Raises EmotoneError for rows without audio, unless
    `incomplete`.

    >>> compare_with_rows(["a", "b"], ["b"], Path("labels.csv"))
    ['labels.csv: 1 of 2 audio files have no row, e.g. a']
    >>> compare_with_rows(["b"], ["b", "c"], Path("labels.csv"), incomplete=True)
    ['labels.csv: 1 of 2 rows have no audio and are left out, e.g. c']
    """
    notes = []
    known, listed = set(audio), set(rows)
    missing = [name for name in rows if name not in known]
    if missing:
        count = f"{table}: {len(missing)} of {len(rows)} rows have no audio"
        if incomplete is False:
            raise EmotoneError(f"{count}, e.g. {name_some(missing)}; set incomplete=true to leave them out")
        notes.append(f"{count} and are left out, e.g. {name_some(missing)}")
    unlisted = [name for name in audio if name not in listed]
    if unlisted:
        notes.append(f"{table}: {len(unlisted)} of {len(audio)} audio files have no row, e.g. {name_some(unlisted)}")
    return notes


def name_some(names: Sequence[str], number: int = 3) -> str:
    """The first few names, and dots where there are more.

    >>> name_some(["a", "b", "c", "d"])
    'a, b, c, ..'
    """
    return ", ".join([*names[:number], *([".."] if len(names) > number else [])])


def _without_suffix(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in SUFFIXES else name
