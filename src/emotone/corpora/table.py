"""A corpus of one's own: a table of utterances beside the audio, or a plain folder of audio."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, ClassVar

import pandas as pd

from emotone.audio import SUFFIXES
from emotone.audio_files import list_audio
from emotone.corpus import ATTRIBUTES, NUMBER_COLUMNS, UTTERANCE_COLUMNS, Corpus, utterance_id
from emotone.errors import EmotoneError, unknown
from emotone.label_files import TABLE_SUFFIXES, meta_of, read_table, require_file

ALIASES = {"start_s": "start", "end_s": "end"}


@dataclass(frozen=True)
class Table:
    """Any corpus described by one table (CSV, TSV, Parquet, JSON or Excel) beside its audio; or a folder of audio.

    One row per utterance; the column `file` (relative to the folder; another audio suffix than the table says is fine)
    is needed, all others are optional: those of the utterance table (`start_s` and `end_s`, or `start` and `end`, in
    seconds), and any others, which are kept as they are. Without an `id`, it is the file's path without its suffix, and
    `#start-end` for parts of a file. Audio that the table does not list is left out. Emotion names are taken as they
    are: use Emotone's (anger, boredom, calm, contempt, disgust, fear, happiness, neutral, sadness, surprise, other)
    where corpora are to be compared. The licence is the owner's and not known here.

    table: file name within the folder; by default the only table there, and without any the folder's audio.
    columns: {Emotone's column: the table's column}, where they are called differently.
    ranges: {attribute: [lowest, highest]} of the ratings, e.g. {arousal: [1, 5]}; values outside are errors.
    language: ISO 639-1 code of all utterances, where the table has no such column.
    emotion_from_folder: without a table, take each file's emotion from the name of the folder it lies in.

    >>> Table(columns={"arousal": "EmoAct"}, ranges={"arousal": [1, 7]}).columns
    {'arousal': 'EmoAct'}
    """

    table: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    ranges: dict[str, list[float]] = field(default_factory=dict)
    language: str | None = None
    emotion_from_folder: bool = False

    citation: ClassVar[str] = ""
    licence: ClassVar[str] = "not stated"
    attributes: ClassVar[dict[str, tuple[float, float]]] = {}
    emotions: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        for column in self.columns:
            if column not in UTTERANCE_COLUMNS:
                raise unknown("column", column, UTTERANCE_COLUMNS, where="columns")
        for attribute, limits in self.ranges.items():
            if attribute not in ATTRIBUTES:
                raise unknown("attribute", attribute, ATTRIBUTES, where="ranges")
            if len(limits) != 2 or not limits[0] < limits[1]:
                raise EmotoneError(f"ranges: {attribute} must be [lowest, highest], not {list(limits)}")

    def read(self, folder: Path) -> Corpus:
        """The utterance table of the folder; raises EmotoneError naming the table and row of what is wrong."""
        audio = list_audio(folder)
        path = self._find_table(folder)
        table = self._from_folder(audio) if path is None else self._from_table(path, audio)
        if self.language is not None:
            given = table["language"] if "language" in table else pd.Series(None, index=table.index, dtype="object")
            table["language"] = given.astype("object").where(given.notna(), self.language)
        corpus = Corpus("table", folder, table, meta=meta_of(self))
        corpus.meta["ranges"] = {name: [float(limit) for limit in limits] for name, limits in self.ranges.items()}
        corpus.meta["emotions"] = sorted(corpus.utterances["emotion"].dropna().unique())
        return corpus

    def _find_table(self, folder: Path) -> Path | None:
        if self.table is not None:
            _check_inside(self.table, "table")
            return require_file(folder / self.table)
        found = sorted(path.name for path in folder.iterdir() if _is_table(path))
        if len(found) > 1:
            raise EmotoneError(f"{folder}: holds several tables ({', '.join(found)}); set table to one of them")
        return folder / found[0] if found else None

    def _from_folder(self, audio: list[str]) -> pd.DataFrame:
        if self.columns or self.ranges:
            raise EmotoneError("columns and ranges describe a table, but the folder holds none; set table")
        table = pd.DataFrame({"id": [utterance_id(file) for file in audio], "file": audio})
        if self.emotion_from_folder:
            table["emotion"] = [PurePosixPath(file).parent.name or None for file in audio]
        return table

    def _from_table(self, path: Path, audio: list[str]) -> pd.DataFrame:
        if self.emotion_from_folder:
            raise EmotoneError(f"emotion_from_folder needs a folder without a table, but there is {path.name}")
        table = self._rename(read_table(path, self.columns.values()), path)
        if table.empty:
            raise EmotoneError(f"{path}: holds no rows")
        table["file"] = _resolve_files(table["file"], audio, path)
        for column in NUMBER_COLUMNS:
            if column in table:
                limits = self.ranges.get(column, [-math.inf, math.inf])
                table[column] = _numbers(table[column], column, limits, path)
        if "id" not in table:
            table["id"] = _make_ids(table)
        extras = [column for column in table if column not in UTTERANCE_COLUMNS]
        return table.assign(**{column: _one_type(table[column]) for column in extras})

    def _rename(self, table: pd.DataFrame, path: Path) -> pd.DataFrame:
        """The table with Emotone's column names; columns that are not mapped keep theirs."""
        names = {theirs: ours for ours, theirs in self.columns.items()}
        if len(names) < len(self.columns):
            raise EmotoneError("columns: one column of the table serves only one of Emotone's columns")
        for ours, alias in ALIASES.items():
            if alias in table and ours not in table and ours not in self.columns and alias not in names:
                names[alias] = ours
        # A column that already has the name, while another is mapped to it, gives way to the mapping.
        replaced = [name for name in names.values() if name in table and name not in names]
        table = table.drop(columns=replaced).rename(columns=names)
        for name in ("file", *self.ranges):
            if name not in table:
                raise EmotoneError(
                    f"{path}: has no column {name!r}; map it, e.g. columns: {{{name}: COLUMN}} "
                    f"(its columns: {', '.join(table.columns)})"
                )
        return table


def _is_table(path: Path) -> bool:
    return path.suffix.lower() in TABLE_SUFFIXES and path.is_file() and not path.name.startswith(".")


def _check_inside(file: str, where: str) -> None:
    """Raise EmotoneError for a path that would leave the corpus folder, by the rules of either kind of system."""
    for path in (PurePosixPath(file), PureWindowsPath(file)):
        if path.is_absolute() or path.drive or ".." in path.parts:
            raise EmotoneError(f"{where}: {file!r} leaves the corpus folder; give paths relative to it, without '..'")


def _resolve_files(files: pd.Series, audio: list[str], path: Path) -> list[str]:
    """The audio file of every row: as the table says, or else with another audio suffix."""
    exact = set(audio)
    by_stem = {utterance_id(file): file for file in audio}
    resolved = []
    for number, file in enumerate(files, start=1):
        where = f"{path}, row {number}"
        if pd.isna(file):
            raise EmotoneError(f"{where}: has no file")
        _check_inside(str(file), where)
        name = PurePosixPath(str(file)).as_posix()
        stem = utterance_id(name) if PurePosixPath(name).suffix.lower() in SUFFIXES else name
        candidate = name if name in exact else by_stem.get(stem)
        if candidate is None:
            raise EmotoneError(f"{where}: there is no audio {file!r} in {path.parent}")
        resolved.append(candidate)
    return resolved


def _numbers(cells: pd.Series, column: str, limits: list[float], path: Path) -> list[float]:
    """The column as float64, empty cells NaN; raises EmotoneError naming the row of what is no number or outside."""
    low, high = limits
    numbers = []
    for number, cell in enumerate(cells, start=1):
        where = f"{path}, row {number}"
        try:
            value = math.nan if pd.isna(cell) else float(cell)
        except (TypeError, ValueError):
            raise EmotoneError(f"{where}: {column} is {cell!r}, not a number") from None
        if math.isinf(value) or value < low or value > high:
            raise EmotoneError(f"{where}: {column} is {value:g}, outside [{low:g}, {high:g}]")
        numbers.append(value)
    return numbers


def _one_type(cells: pd.Series) -> pd.Series:
    """The column as it is, or as text where it mixes types, which no Parquet column can hold."""
    is_plain = cells.dropna().map(type).nunique() <= 1 and not cells.map(pd.api.types.is_list_like).any()
    return cells if is_plain or cells.dtype != "object" else cells.map(str, na_action="ignore")


def _make_ids(table: pd.DataFrame) -> list[str]:
    """Path without suffix, and `#start-end` in seconds for parts of a file."""
    whole = pd.Series(math.nan, index=table.index)
    starts, ends = table.get("start_s", whole), table.get("end_s", whole)
    ids: list[str] = []
    rows: list[tuple[Any, ...]] = list(zip(table["file"], starts, ends, strict=True))
    for file, start_s, end_s in rows:
        begin, end = (f"{value:g}" if not math.isnan(value) else "" for value in (start_s, end_s))
        ids.append(utterance_id(file) + (f"#{begin}-{end}" if begin or end else ""))
    return ids
