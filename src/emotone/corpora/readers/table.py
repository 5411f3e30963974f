"""A corpus of one's own: a table of utterances beside the audio, or a plain folder of audio."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

import pandas as pd

from emotone.corpora.corpus import (
    NUMBER_COLUMNS,
    UTTERANCE_COLUMNS,
    WORD_COLUMNS,
    Corpus,
    meta_of,
    segment_ids,
    utterance_id,
)
from emotone.corpora.files import find_place, keep_within_audio, locate_audio, locate_rows
from emotone.corpora.tables import (
    TABLE_SUFFIXES,
    is_decimal_comma,
    note_other_sheets,
    read_table,
    require_file,
    to_numbers,
    to_one_type,
    to_words,
)
from emotone.corpora.vocabulary import (
    check_columns,
    check_ranges,
    check_splits,
    map_emotions,
    map_splits,
    note_empty_words,
    note_extras,
)
from emotone.errors import EmotoneError

ALIASES = {"start_s": "start", "end_s": "end"}
GENDERS = {"f": "female", "female": "female", "m": "male", "male": "male"}


@dataclass(frozen=True)
class Table:
    """Any corpus described by one table (CSV, TSV, Parquet, JSON or Excel) of its audio; or a folder of audio.

    One row per utterance; the column `file` (relative to the audio's folder; another suffix than the table says, paths
    of Windows and other Unicode forms are fine) is needed, all others are optional: those of the utterance table
    (`start_s` and `end_s`, or `start` and `end`, in seconds), and any others, which are kept as they are, and named.
    Only empty cells are missing, and blanks at either end of a cell count for nothing. Without an `id`, it is the
    file's path without its suffix, and `#start-end` for parts of a file. Audio that the table does not list is left
    out, with a note. Emotone's emotions are anger, boredom, calm, contempt, disgust, fear, happiness, neutral,
    sadness, surprise and other; its splits are train, validation, test and unlabelled; of genders, f and m become
    female and male. The licence is the owner's and not known here.

    audio: folder with the audio, where it is not the corpus's own: in there, or anywhere.
    table: the table, in the folder or anywhere; by default the only one in there, and without any the folder's audio.
    columns: {Emotone's column: the table's column}, where they are called differently.
    emotions: {the table's emotion: Emotone's, or null to leave the label out}; with it, a word not in it is an error.
        Without it, emotions stay as they are.
    splits: {the table's split: Emotone's}, where they are called differently.
    ranges: {attribute: [lowest, highest]} of the ratings, e.g. {arousal: [1, 5]}; values outside are errors.
    language: ISO 639-1 code of all utterances, where the table has no such column.
    missing: words of the table that mean nothing, e.g. [NA]; all others are words, and only empty cells are missing.
    decimal: what stands before the decimals of numbers, "." or ","; by default a comma in columns of numbers that have
        commas and no points, which is said.
    encoding: of a text table, where it is not UTF-8, e.g. latin-1.
    incomplete: leave rows without audio, or beyond its end, out, with a note, instead of refusing them.
    emotion_from_folder: without a table, take each file's emotion from the name of the folder it lies in.

    >>> Table(columns={"arousal": "EmoAct"}, ranges={"arousal": [1, 7]}).columns
    {'arousal': 'EmoAct'}
    """

    audio: str | None = None
    table: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    emotions: dict[str, str | None] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)
    ranges: dict[str, list[float]] = field(default_factory=dict)
    language: str | None = None
    missing: list[str] = field(default_factory=list)
    decimal: Literal[".", ","] | None = None
    encoding: str = "utf-8"
    incomplete: bool = False
    emotion_from_folder: bool = False

    citation: ClassVar[str] = ""
    licence: ClassVar[str] = "not stated"
    attributes: ClassVar[dict[str, tuple[float, float]]] = {}

    def __post_init__(self) -> None:
        check_columns(self.columns)
        check_splits(self.splits)
        check_ranges(self.ranges)

    def read(self, folder: Path) -> Corpus:
        """The utterance table of the folder; raises EmotoneError naming the table and row of what is wrong."""
        root, audio = locate_audio(folder, self.audio)
        path = self._find_table(folder)
        table, notes = self._from_folder(audio) if path is None else self._from_table(path, root, audio)
        if "emotion" in table:
            table["emotion"], left_out = map_emotions(table["emotion"], self.emotions, str(path or folder))
            notes += left_out
        if self.language is not None:
            given = table["language"] if "language" in table else pd.Series(None, index=table.index, dtype="object")
            table["language"] = given.astype("object").where(given.notna(), self.language)
        corpus = Corpus("table", root, table, meta=meta_of(self, notes))
        corpus.meta["ranges"] = {name: [float(limit) for limit in limits] for name, limits in self.ranges.items()}
        corpus.meta["emotions"] = sorted(corpus.utterances["emotion"].dropna().unique())
        return corpus

    def _find_table(self, folder: Path) -> Path | None:
        if self.table is not None:
            return require_file(find_place(self.table, folder))
        found = sorted(path.name for path in folder.iterdir() if _is_table(path))
        if len(found) > 1:
            raise EmotoneError(f"{folder}: holds several tables ({', '.join(found)}); set table to one of them")
        return folder / found[0] if found else None

    def _from_folder(self, audio: list[str]) -> tuple[pd.DataFrame, list[str]]:
        if self.columns or self.ranges or self.splits:
            raise EmotoneError("columns, splits and ranges describe a table, but the folder holds none; set table")
        table = pd.DataFrame({"id": [utterance_id(file) for file in audio], "file": audio})
        if self.emotion_from_folder:
            table["emotion"] = [PurePosixPath(file).parent.name or None for file in audio]
        return table, []

    def _from_table(self, path: Path, root: Path, audio: list[str]) -> tuple[pd.DataFrame, list[str]]:
        if self.emotion_from_folder:
            raise EmotoneError(f"emotion_from_folder needs a folder without a table, but there is {path.name}")
        table = self._rename(read_table(path, self.columns.values(), self.encoding, self.missing), path)
        words = [column for column in ("id", "file", *WORD_COLUMNS) if column in table]
        table = table.assign(**{column: to_words(table[column], column, path) for column in words})
        table, notes = locate_rows(table, audio, path, root, self.incomplete)
        table, with_commas = self._to_numbers(table, path)
        table, beyond = keep_within_audio(table, path, root, self.incomplete)
        notes += with_commas + beyond
        if "split" in table:
            table["split"] = map_splits(table["split"], self.splits, str(path))
        if "gender" in table:
            table["gender"] = table["gender"].map(lambda word: GENDERS.get(word.lower(), word), "ignore")
        if "id" not in table:
            table["id"] = segment_ids(table)
        notes += note_other_sheets(path)
        return table, [*notes, *note_empty_words(table[words], str(path)), *note_extras(table, str(path))]

    def _to_numbers(self, table: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, list[str]]:
        """The table with its numbers as such, and a note where commas were taken for decimal ones."""
        may_have = [column for column in table if column in NUMBER_COLUMNS or column not in UTTERANCE_COLUMNS]
        commas = [column for column in may_have if self.decimal is None and is_decimal_comma(table[column])]
        is_guessed = any(column in NUMBER_COLUMNS for column in commas)  # an extra column alone may hold lists
        table = table.copy()
        for column in may_have:
            decimal = "," if column in commas and is_guessed else self.decimal or "."
            if column in NUMBER_COLUMNS:
                table[column] = to_numbers(table[column], column, path, self.ranges.get(column), decimal)
            else:
                table[column] = to_one_type(table[column], decimal)
        if not is_guessed:
            return table, []
        return table, [
            f"{path}: commas in {', '.join(commas)} are taken for decimal ones; set decimal to . or , to say so"
        ]

    def _rename(self, table: pd.DataFrame, path: Path) -> pd.DataFrame:
        """The table with Emotone's column names; columns that are not mapped keep theirs."""
        names = {theirs: ours for ours, theirs in self.columns.items()}
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
