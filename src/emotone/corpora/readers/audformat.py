"""audformat databases: filewise and segmented tables (https://audeering.github.io/audformat)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from emotone.corpora.audformat_database import Database, DatabaseTable, two_letters
from emotone.corpora.corpus import ATTRIBUTES, SPLITS, UTTERANCE_COLUMNS, Corpus, meta_of, segment_ids
from emotone.corpora.files import keep_within_audio, locate_audio, locate_rows
from emotone.corpora.tables import to_one_type
from emotone.corpora.vocabulary import (
    check_columns,
    check_ranges,
    check_splits,
    map_emotions,
    map_splits,
    note_extras,
)
from emotone.errors import EmotoneError

LABELS = ("emotion", *ATTRIBUTES)
KEY = ("file", "start_s", "end_s")
"""Columns that tables have as their index."""
NAMES = {"transcription": "transcript"} | {name: name for name in UTTERANCE_COLUMNS if name not in (*KEY, "split")}
"""Emotone's columns by what schemes and columns are called."""
VOTES = "votes"
"""The misc table with a row per vote: `id`, `rater` and what was given (`emotone.corpora.audformat_export`)."""


@dataclass(frozen=True)
class Audformat:
    """Any corpus in audformat: a folder with `db.yaml` and its tables (CSV or Parquet), and the audio that they name.

    Rows are the segments of segmented tables, to which filewise tables add what they say of the file; without segmented
    tables, rows are files. A column is taken for Emotone's by its name or that of its scheme (emotion, arousal,
    dominance, valence, speaker, gender, language, session, script, transcription, id); others are kept, and named.
    Several columns of one scheme are the votes of their raters. Labels of the `speaker` scheme add gender, language and
    whatever else they say. A table's split is that of its rows (`dev` is validation), ranges are the schemes' minimum
    and maximum. Nothing is unpickled: a table that is only stored as .pkl is an error.

    audio: folder with the audio, where it is not the database's own: in there, or anywhere.
    tables: names of those to read, by default all: columns that two tables fill differently are an error.
    columns: {Emotone's column: the scheme or column}, where they are called differently.
    emotions: {the scheme's emotion: Emotone's, or null to leave the label out}; with it, a word not in it is an error.
    splits: {the database's split: Emotone's}, where they are called differently.
    ranges: {attribute: [lowest, highest]}, where the schemes do not say.
    incomplete: leave rows without audio, or beyond its end, out, with a note, instead of refusing them.
    """

    audio: str | None = None
    tables: list[str] = field(default_factory=list)
    columns: dict[str, str] = field(default_factory=dict)
    emotions: dict[str, str | None] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)
    ranges: dict[str, list[float]] = field(default_factory=dict)
    incomplete: bool = False

    citation: ClassVar[str] = ""
    licence: ClassVar[str] = "not stated"
    language: ClassVar[str | None] = None
    attributes: ClassVar[dict[str, tuple[float, float]]] = {}

    def __post_init__(self) -> None:
        check_columns(self.columns)
        check_splits(self.splits)
        check_ranges(self.ranges)

    def read(self, folder: Path) -> Corpus:
        """Utterance and rater table of the database; raises EmotoneError naming the table of what is wrong."""
        database = Database.open(folder)
        root, audio = locate_audio(folder, self.audio)
        tables = {name: database.table(name) for name in self.tables or database.section("tables")}
        sorted_columns = {name: self._sort_columns(table) for name, table in tables.items()}
        frames = {name: self._rename(table, sorted_columns[name][0]) for name, table in tables.items()}
        joined, notes = _join(frames, [name for name in tables if tables[name].segmented], str(database.path))
        table, missing = locate_rows(_with_times(joined), audio, database.path, root, self.incomplete)
        table, beyond = keep_within_audio(table, database.path, root, self.incomplete)
        table = _add_languages(_add_speakers(table, database, self.columns.get("speaker", "speaker")), database)
        if "split" in table:
            table["split"] = map_splits(table["split"], {"dev": "validation"} | self.splits, str(database.path))
        if "id" not in table:
            table["id"] = segment_ids(table)
        if VOTES in database.section("misc_tables"):
            raters: pd.DataFrame | None = database.misc_table(VOTES).drop(columns="vote", errors="ignore")
        else:
            ids = pd.Series(table["id"].to_numpy(), joined.index[table.index])
            raters = _gather_votes([(tables[name], columns[1]) for name, columns in sorted_columns.items()], ids)
        for rows in (table, raters):
            if rows is not None and "emotion" in rows:
                rows["emotion"], left_out = map_emotions(rows["emotion"], self.emotions, str(database.path))
                notes += left_out
        if raters is not None:
            raters = raters[raters["id"].isin(table["id"])]
        notes += missing + beyond + note_extras(table, str(database.path))
        corpus = Corpus("audformat", root, table, raters, meta_of(self, notes) | self._about(database))
        corpus.meta["emotions"] = sorted(corpus.utterances["emotion"].dropna().unique())
        return corpus

    def _names(self) -> dict[str, str]:
        """Emotone's columns by what this database calls them."""
        names = {theirs: ours for theirs, ours in NAMES.items() if ours not in self.columns}
        return names | {theirs: ours for ours, theirs in self.columns.items()}

    def _sort_columns(self, table: DatabaseTable) -> tuple[dict[str, str], dict[str, str]]:
        """Columns by what they become: one of the utterance table, or a label of the rater table."""
        names = self._names()
        schemes = [about.get("scheme_id") for about in table.columns.values()]
        labels, votes = {}, {}
        for column, about in table.columns.items():
            by_scheme = names.get(about.get("scheme_id") or "")
            is_alone = schemes.count(about.get("scheme_id")) == 1
            if column not in names and by_scheme in LABELS and about.get("rater_id") and not is_alone:
                votes[column] = str(by_scheme)
            elif column in names or column not in self.columns:  # one that another is mapped to gives way
                labels[column] = names.get(column) or (by_scheme if by_scheme and is_alone else column)
        taken = [column for column, ours in labels.items() if ours in KEY]
        if taken:
            raise EmotoneError(
                f"column {taken[0]} would be {labels[taken[0]]}, which the index says; rename it, or set columns"
            )
        repeated = [column for column, ours in labels.items() if list(labels.values()).count(ours) > 1]
        if repeated:
            raise EmotoneError(f"columns {', '.join(repeated)} of one table are all {labels[repeated[0]]}; set columns")
        return labels, votes

    def _rename(self, table: DatabaseTable, labels: dict[str, str]) -> pd.DataFrame:
        """The rows of a table with Emotone's columns, and its split."""
        rows = table.rows[list(labels)].rename(columns=labels)
        if table.split is None:
            return rows
        name, kind = table.split
        return rows.assign(split=name if name in SPLITS or name in self.splits else kind)

    def _about(self, database: Database) -> dict[str, Any]:
        """The part of `Corpus.meta` that the header gives: ranges, licence, citation."""
        names, schemes = self._names(), database.section("schemes")
        ranges = {
            names[name]: [float(scheme["minimum"]), float(scheme["maximum"])]
            for name, scheme in schemes.items()
            if names.get(name) in ATTRIBUTES and {"minimum", "maximum"} <= set(scheme)
        }
        return {
            "ranges": ranges | {name: [float(limit) for limit in limits] for name, limits in self.ranges.items()},
            "licence": str(database.header.get("license") or self.licence),
            "citation": str(database.header.get("citation") or database.header.get("description") or ""),
        }


def _join(frames: dict[str, pd.DataFrame], segmented: list[str], where: str) -> tuple[pd.DataFrame, list[str]]:
    """All tables as one, and notes: segments with the labels of their files, or files where nothing is segmented."""
    files = _fill([frame for name, frame in frames.items() if name not in segmented], where)
    if not segmented:
        return files.sort_index(), []
    rows = _fill([frames[name] for name in segmented], where).sort_index()
    if files.empty:
        return rows, []
    place = rows.index.get_level_values("file")
    about = files.droplevel(["start_s", "end_s"])
    lost = about.index.difference(place)
    notes = [f"{where}: {len(lost)} of {len(about)} files have no segment, e.g. {lost[0]}"] if len(lost) else []
    return _fill([rows, about.reindex(place).set_axis(rows.index)], where), notes


def _fill(frames: list[pd.DataFrame], where: str) -> pd.DataFrame:
    """The rows and columns of all frames; raises EmotoneError where two of them have another value in one cell."""
    filled = frames[0] if frames else pd.DataFrame()
    for frame in frames[1:]:
        for column in filled.columns.intersection(frame.columns):
            first, second = filled[column].align(frame[column], join="inner")
            differ = first.notna() & second.notna() & (first != second)
            if differ.any():
                row = differ.idxmax()
                raise EmotoneError(
                    f"{where}: {int(differ.sum())} rows have another {column} in one table than in another, e.g. "
                    f"{row[0]} ({first[row]!r} and {second[row]!r}); set tables to those to read"
                )
        rows = filled.index.append(frame.index.difference(filled.index, sort=False))
        columns = list(dict.fromkeys([*filled.columns, *frame.columns]))
        filled = filled.combine_first(frame).reindex(index=rows, columns=columns)
    return filled


def _with_times(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with their keys as columns; whole files have neither start nor end."""
    table = rows.reset_index()
    table["end_s"] = table["end_s"].where(table["end_s"] < math.inf)
    table["start_s"] = table["start_s"].mask(table["end_s"].isna() & (table["start_s"] == 0))
    return table


def _add_speakers(table: pd.DataFrame, database: Database, scheme: str) -> pd.DataFrame:
    """The table with what the labels of the speakers' scheme say of each speaker, in columns that it lacks."""
    speakers = database.labels(scheme) or {}
    names = dict.fromkeys(name for about in speakers.values() for name in about if name not in table)
    if "speaker" not in table or not names:
        return table
    about = pd.DataFrame.from_dict(speakers, orient="index").reindex(columns=list(names))
    return table.join(about.apply(to_one_type), on="speaker")


def _add_languages(table: pd.DataFrame, database: Database) -> pd.DataFrame:
    """The table with languages as ISO 639-1 codes, that of the header where it has one and the table none."""
    languages = database.header.get("languages") or []
    if "language" not in table and len(languages) == 1:
        table["language"] = str(languages[0])
    if "language" in table:
        table["language"] = table["language"].map(two_letters, na_action="ignore")
    return table


def _gather_votes(tables: list[tuple[DatabaseTable, dict[str, str]]], ids: pd.Series) -> pd.DataFrame | None:
    """The rater table of the columns that hold votes; None where no column does."""
    cells = []
    for table, votes in tables:
        for column, label in votes.items():
            values = table.rows[column].dropna()
            rater = str(table.columns[column]["rater_id"])
            given = {"id": ids.reindex(values.index).to_numpy(), "value": values.to_numpy()}
            cells.append(pd.DataFrame(given).assign(rater=rater, label=label))
    if not cells:
        return None
    known = pd.concat(cells).dropna(subset="id").drop_duplicates(["id", "rater", "label"])
    return known.pivot(index=["id", "rater"], columns="label", values="value").reset_index()
