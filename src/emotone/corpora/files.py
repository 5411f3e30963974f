"""Audio files of a corpus folder, and the rows of label tables that are about them.

Files are found by their stem, or without regard to the suffix: copies of a corpus differ in format, not in file names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile

from emotone.audio.folder import list_audio
from emotone.audio.read import SUFFIXES
from emotone.audio.sound_file import LONGEST_SAMPLES
from emotone.base.files import plain_name
from emotone.corpora.tables import refuse_rows
from emotone.errors import EmotoneError, name_some

OUTSIDE = re.compile(r"^[/\\]|^[A-Za-z]:|(?:^|[/\\])\.\.(?:[/\\]|$)")
"""A path from a root or a drive, or with a step up, written as on POSIX or on Windows."""
BEYOND_S = 0.1
"""How much later than its audio an utterance may end, as times are rounded; it is cut there."""
OTHER_LAYOUT = " (the reader table takes a folder in any layout)"
"""What is said where a folder does not look like its owner's."""


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
            raise EmotoneError(
                f"{folder}: two files are named {stem}: {found[stem]} and {file}; keep one of them{OTHER_LAYOUT}"
            )
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
        raise EmotoneError(
            f"{folder}: {strange[0]} is not named like a file of this corpus (e.g. {example}){others}{OTHER_LAYOUT}"
        )
    return [(file, match.groupdict()) for file, match in matches.items() if match is not None]


def find_named(names: Iterable[str], audio: Iterable[str]) -> list[str | None]:
    """The audio file that each name of a table means; None where there is none.

    It is the file itself, or else the one of this name as Windows writes paths, in another Unicode form, or with
    another suffix. Raises EmotoneError for a name that means several files.

    >>> find_named(["sub/a.wav", "b", "sub\\\\c.wav", "d.wav"], ["sub/a.flac", "b.wav", "sub/c.wav"])
    ['sub/a.flac', 'b.wav', 'sub/c.wav', None]
    """
    names, exact = [str(name) for name in names], set(audio)
    if exact.issuperset(names):
        return [*names]
    alike: tuple[dict[str, list[str]], dict[str, list[str]]] = (
        {},
        {},
    )  # the same name, and the same but for the suffix
    for file in sorted(exact):
        alike[0].setdefault(plain_name(file), []).append(file)
        alike[1].setdefault(_without_suffix(plain_name(file)), []).append(file)
    return [name if name in exact else _find(name, *alike) for name in names]


def _find(name: str, named: dict[str, list[str]], by_stem: dict[str, list[str]]) -> str | None:
    found = named.get(plain_name(name)) or by_stem.get(_without_suffix(plain_name(name)), [])
    if len(found) > 1:
        raise EmotoneError(
            f"the name {name!r} may mean {' or '.join(found)}; write it as the file's, or keep one of them"
        )
    return found[0] if found else None


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
        if len(missing) == len(rows):
            raise EmotoneError(f"{table}: none of its {len(rows)} rows has audio, e.g. {name_some(missing)}")
        if incomplete is False:
            raise EmotoneError(f"{count}, e.g. {name_some(missing)}; set incomplete=true to leave them out")
        notes.append(f"{count} and are left out, e.g. {name_some(missing)}")
    unlisted = [name for name in audio if name not in listed]
    if unlisted:
        notes.append(f"{table}: {len(unlisted)} of {len(audio)} audio files have no row, e.g. {name_some(unlisted)}")
    return notes


def locate_audio(folder: Path, audio: str | None) -> tuple[Path, list[str]]:
    """The folder with a corpus's audio, `folder` or what the setting `audio` says, and all audio in it, relative to it.

    Raises EmotoneError as `list_audio` does.
    """
    root = folder if audio is None else find_place(audio, folder)
    advice = "; where it lies elsewhere, set audio to that folder" if audio is None else ""
    return root, list_audio(root, advice)


def find_place(given: str, folder: Path) -> Path:
    """The path that a setting gives: below the corpus folder where it is there, else as it is from here."""
    path = Path(given).expanduser()
    return folder / path if (folder / path).exists() else path


def locate_rows(
    table: pd.DataFrame, audio: Sequence[str], path: Path, root: Path, incomplete: bool
) -> tuple[pd.DataFrame, list[str]]:
    """The rows with the audio file of each, which `find_named` finds by the `file` they name, and notes.

    `audio` are paths relative to `root`; `path` is that of the table. Raises EmotoneError for no rows, for rows without
    a file, with one outside `root`, or that may mean several, and, unless `incomplete`, without audio.

    >>> table, here = pd.DataFrame({"file": ["a.wav"]}), Path(".")
    >>> locate_rows(table, ["a.flac"], Path("labels.csv"), here, False)[0]["file"].tolist()
    ['a.flac']
    """
    if table.empty:
        raise EmotoneError(f"{path}: holds no rows")
    refuse_rows(table["file"], table["file"].isna(), "have no file", path)
    files = table["file"].map(lambda file: _below(file, root))
    refuse_rows(files, files.map(leaves_folder), f"name a file outside {root}", path)
    try:
        found = pd.Series(find_named(files, audio), files.index, dtype="object")
    except EmotoneError as error:
        raise EmotoneError(f"{path}: {error}") from None
    notes = compare_with_rows(audio, found.fillna(files).tolist(), path, incomplete)
    return table.assign(file=found)[found.notna()], notes


def keep_within_audio(table: pd.DataFrame, path: Path, root: Path, incomplete: bool) -> tuple[pd.DataFrame, list[str]]:
    """The rows whose part of a file lies within its audio, and a note on others, which are counted and left out.

    `file` is relative to `root`; how long it is says its header, and where that cannot, the scan will. Raises
    EmotoneError for rows beyond their audio unless `incomplete`.
    """
    starts, ends = (table[name] if name in table else pd.Series(np.nan, table.index) for name in ("start_s", "end_s"))
    is_part = starts.notna() | ends.notna()
    lengths = {file: _length_s(root / file) for file in table.loc[is_part, "file"].unique()}
    length_s = table["file"].map(lengths).astype("float64")
    is_beyond = is_part & ((ends > length_s + BEYOND_S) | (starts >= length_s))
    if not is_beyond.any():
        return table, []
    row = is_beyond.idxmax()
    problem = (
        f"{path}: {int(is_beyond.sum())} of {len(table)} rows begin or end after their audio, e.g. row {row + 1} "
        f"({table.loc[row, 'file']} is {length_s[row]:.4g} s long)"
    )
    if not incomplete or is_beyond.all():
        advice = "" if is_beyond.all() else "; set incomplete=true to leave them out"
        raise EmotoneError(problem + advice)
    return table[~is_beyond], [f"{problem}; they are left out"]


def _length_s(path: Path) -> float:
    """Seconds of audio by the file's header; NaN where that does not say, guesses, or says it of a first part only."""
    try:
        about = soundfile.info(path)
    except (OSError, RuntimeError):
        return np.nan
    is_known = about.format not in ("MP3", "OGG") and 0 < about.frames < LONGEST_SAMPLES
    return about.frames / about.samplerate if is_known else np.nan


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
    if len(lost) == len(rows):
        raise EmotoneError(f"none of the {len(rows)} rows has audio ({source})")
    if problems and not incomplete:
        raise EmotoneError(f"{'; '.join(problems)}; set incomplete=true to leave them out")
    notes += [f"left out: {problem}" for problem in problems]
    return rows.assign(file=files)[files.notna()].sort_values("file").reset_index(drop=True)


def _below(file: str, root: Path) -> str:
    """An absolute path below the root as one relative to it; any other as it is."""
    if os.path.isabs(file) and Path(file).is_relative_to(root.absolute()):
        return Path(file).relative_to(root.absolute()).as_posix()
    return file


def _without_suffix(name: str) -> str:
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in SUFFIXES else name
