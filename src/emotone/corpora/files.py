"""Audio files of a corpus folder, and the rows of label tables that are about them.

Files are found by their stem, or without regard to the suffix: copies of a corpus differ in format, not in file names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

import pandas as pd

from emotone.audio.folder import list_audio
from emotone.audio.read import SUFFIXES
from emotone.corpora.tables import refuse_rows
from emotone.errors import EmotoneError, name_some

OUTSIDE = re.compile(r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)")
"""A path from a root or a drive, or with a step up, written as on POSIX or on Windows."""


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


def find_named(names: Iterable[str], audio: Iterable[str]) -> list[str | None]:
    """The audio file that each name of a table means: itself, or else with another suffix; None where there is none.

    >>> find_named(["sub/a.wav", "b", "c.wav"], ["sub/a.flac", "b.wav"])
    ['sub/a.flac', 'b.wav', None]
    """
    exact = set(audio)
    by_stem = {_without_suffix(file): file for file in exact}
    paths = [PurePosixPath(str(name)).as_posix() for name in names]
    return [path if path in exact else by_stem.get(_without_suffix(path)) for path in paths]


def leaves_folder(file: object) -> bool:
    """Whether a path is absolute or goes up, by the rules of POSIX or of Windows.

    >>> leaves_folder("../a.wav"), leaves_folder("a..wav")
    (True, False)
    """
    return OUTSIDE.search(str(file)) is not None


def compare_with_rows(
    audio: Collection[str], rows: Collection[str], table: Path, incomplete: bool = False
) -> list[str]:
    """Notes on what only one side names: rows of a label table without audio, and audio without a row.

    `audio` and `rows` are names of the same kind, e.g. stems. Audio without a row is only noted; rows without audio
    raise EmotoneError, unless `incomplete`.

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


def locate_rows(
    table: pd.DataFrame, audio: Sequence[str], path: Path, incomplete: bool
) -> tuple[pd.DataFrame, list[str]]:
    """The rows with the audio file of each, which may have another suffix than the `file` they name, and notes.

    `audio` are paths relative to the folder of the table at `path`. Raises EmotoneError for rows without a file, with
    one outside the folder, and, unless `incomplete`, without audio.

    >>> locate_rows(pd.DataFrame({"file": ["a.wav"]}), ["a.flac"], Path("labels.csv"), False)[0]["file"].tolist()
    ['a.flac']
    """
    files = table["file"]
    refuse_rows(files, files.isna(), "have no file", path)
    refuse_rows(files, files.map(leaves_folder), f"name a file outside {path.parent}", path)
    found = pd.Series(find_named(files, audio), files.index, dtype="object")
    notes = compare_with_rows(audio, found.fillna(files).tolist(), path, incomplete)
    if not found.notna().any():
        raise EmotoneError(f"{path}: none of its {len(found)} rows has audio in {path.parent}")
    return table.assign(file=found)[found.notna()], notes


def match_audio(
    rows: pd.DataFrame, audio: Mapping[str, str], source: str, incomplete: bool, notes: list[str]
) -> pd.DataFrame:
    """Rows of a label table (column `stem`) with the `file` of each, in the order of the files.

    `audio` is {stem: path}. Rows without audio, and audio without a row, are left out and counted in `notes` where
    `incomplete`; otherwise they raise EmotoneError, as a stem that is listed twice always does.

    >>> rows = pd.DataFrame({"stem": ["a", "b"]})
    >>> match_audio(rows, {"a": "wav/a.wav"}, "labels.csv", False, [])
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: 1 of 2 rows have no audio, e.g. b (labels.csv); set incomplete=true to leave them out
    """
    repeated = rows.loc[rows["stem"].duplicated(), "stem"]
    if len(repeated):
        raise EmotoneError(f"{len(repeated)} rows list a file again, e.g. {name_some(repeated.tolist())} ({source})")
    files = rows["stem"].map(audio)
    lost = rows.loc[files.isna(), "stem"]
    strangers = sorted(audio.keys() - set(rows["stem"]))
    problems = []
    if len(lost):
        problems.append(f"{len(lost)} of {len(rows)} rows have no audio, e.g. {name_some(lost.tolist())} ({source})")
    if strangers:
        some = name_some([audio[stem] for stem in strangers])
        problems.append(f"{len(strangers)} of {len(audio)} audio files have no row in {source}, e.g. {some}")
    if problems and not incomplete:
        raise EmotoneError(f"{'; '.join(problems)}; set incomplete=true to leave them out")
    notes += [f"left out: {problem}" for problem in problems]
    if len(lost) == len(rows):
        raise EmotoneError(f"none of the {len(rows)} rows has audio ({source})")
    return rows.assign(file=files)[files.notna()].sort_values("file").reset_index(drop=True)


def _without_suffix(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in SUFFIXES else name
