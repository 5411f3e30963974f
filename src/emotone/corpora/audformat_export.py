"""A corpus as an audformat database, for other tools (https://audeering.github.io/audformat)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from emotone.corpora.corpus import Corpus, segment_ids
from emotone.errors import EmotoneError, missing_extra

if TYPE_CHECKING:
    import audformat

NAMES = {"transcript": "transcription"}
"""audformat's names of columns that have another name here."""
SPLITS = {"train": "train", "validation": "dev", "test": "test", "unlabelled": "unlabelled"}
KEY = ["file", "start_s", "end_s"]
VOTES = "votes"


def write_audformat(corpus: Corpus, folder: Path) -> Path:
    """Write a corpus's tables as an audformat database with Parquet tables; returns the header's path.

    `folder` is the one that holds the audio, or will: audio is not copied. Utterances are one table, or one per split;
    filewise, or segmented where any is part of a file (one without a start begins at 0). Votes are the misc table
    `votes`. Columns that are null throughout are left out. The corpus reader `audformat` reads the same corpus back.
    Raises EmotoneError when there is a database already, when two utterances are the same part of a file, which
    audformat cannot tell apart, and for a language that is no ISO 639 code.
    """
    try:
        import audformat
    except ImportError:
        raise missing_extra("audformat", "train", "writing audformat") from None
    if (folder / "db.yaml").exists():
        raise EmotoneError(f"{folder}: holds an audformat database already")
    folder.mkdir(parents=True, exist_ok=True)
    database = audformat.Database(
        corpus.name,
        usage=audformat.define.Usage.OTHER,
        languages=_languages(corpus),
        license=corpus.meta.get("licence") or None,
    )
    database.meta["citation"] = corpus.meta.get("citation", "")
    _add_schemes(database, corpus)
    _add_utterances(database, corpus)
    if corpus.raters is not None:
        rows = pd.Index(range(len(corpus.raters)), name="vote", dtype="Int64")
        database[VOTES] = audformat.MiscTable(rows)
        _fill(database[VOTES], corpus.raters, corpus)
    database.save(str(folder), storage_format=audformat.define.TableStorageFormat.PARQUET)
    return folder / "db.yaml"


def _languages(corpus: Corpus) -> list[str]:
    import audformat

    languages = sorted(corpus.utterances["language"].dropna().unique())
    try:
        return [audformat.utils.map_language(language) for language in languages]
    except ValueError as error:
        raise EmotoneError(f"corpus {corpus.name}: {error}") from None


def _add_schemes(database: audformat.Database, corpus: Corpus) -> None:
    """A scheme for each column of utterances or raters that is not null throughout."""
    import audformat

    tables = [corpus.utterances] if corpus.raters is None else [corpus.utterances, corpus.raters]
    for column in dict.fromkeys(column for table in tables for column in table):
        values = pd.concat([table[column].dropna() for table in tables if column in table], ignore_index=True)
        if not values.empty and column not in (*KEY, "split"):
            database.schemes[NAMES.get(column, column)] = audformat.Scheme(**_scheme(column, values, corpus))


def _scheme(column: str, values: pd.Series, corpus: Corpus) -> dict[str, Any]:
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        labels = sorted(values.map(str).unique()) if column in ("emotion", "speaker", "gender") else None
        return {"dtype": "str", "labels": labels}
    low, high = corpus.meta.get("ranges", {}).get(column, (None, None))
    return {"dtype": "float", "minimum": low, "maximum": high}


def _add_utterances(database: audformat.Database, corpus: Corpus) -> None:
    import audformat

    table = corpus.utterances
    if table["id"].tolist() == segment_ids(table):  # what readers make of the files
        table = table.drop(columns="id")
    repeated = table.duplicated(KEY)
    if repeated.any():
        raise EmotoneError(
            f"corpus {corpus.name}: {int(repeated.sum())} utterances are the same part of a file as another, e.g. of "
            f"{table.loc[repeated.idxmax(), 'file']!r}; audformat has one row for each"
        )
    is_segmented = bool(table[["start_s", "end_s"]].notna().any(axis=None))
    for split, rows in table.groupby("split", dropna=False, sort=False):
        name = SPLITS.get(split, split) if isinstance(split, str) else None
        if name is not None:
            kind = name if name in ("train", "dev", "test") else audformat.define.SplitType.OTHER
            database.splits[name] = audformat.Split(kind)
        index = _segments(rows) if is_segmented else audformat.filewise_index(rows["file"].tolist())
        table_id = "utterances" if name is None else f"utterances.{name}"
        database[table_id] = audformat.Table(index, split_id=name)
        _fill(database[table_id], rows.drop(columns=[*KEY, "split"]), corpus)


def _segments(rows: pd.DataFrame) -> pd.MultiIndex:
    import audformat

    starts = pd.to_timedelta(rows["start_s"].fillna(0.0), unit="s")
    return audformat.segmented_index(rows["file"].tolist(), starts, pd.to_timedelta(rows["end_s"], unit="s"))


def _fill(table: audformat.Table | audformat.MiscTable, rows: pd.DataFrame, corpus: Corpus) -> None:
    """Fill a table with the columns of the rows that are not null throughout."""
    import audformat

    for column in rows.dropna(axis="columns", how="all"):
        values = rows[column]
        if column in corpus.meta.get("ranges", {}):
            values = values.clip(*corpus.meta["ranges"][column])  # means may miss a limit by their rounding
        elif pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
            values = values.astype("object").map(str, na_action="ignore")
        name = NAMES.get(column, column)
        table[name] = audformat.Column(scheme_id=name)
        table[name].set(values.to_numpy())
