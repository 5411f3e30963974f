"""Header and tables of an audformat database as plain data (https://audeering.github.io/audformat).

Read without the package audformat: its loaders prefer pickled tables, which may run any code, and YAML tags that may;
and they blank labels that a scheme does not list.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from emotone.corpora.tables import read_encoded_text, read_table, refuse_rows, to_numbers, to_words, word
from emotone.errors import EmotoneError, missing_extra, unknown

HEADER = "db.yaml"


@dataclass(frozen=True)
class DatabaseTable:
    """One table: `rows` by file, start and end in seconds (infinite: to the file's end), `columns` of the header.

    `split` is the name and the type (train, dev, test, other) of the split that all rows belong to, if any.
    """

    rows: pd.DataFrame
    columns: dict[str, dict[str, Any]]
    segmented: bool
    split: tuple[str, str] | None


@dataclass(frozen=True)
class Database:
    """A folder with `db.yaml` and the tables that it describes."""

    folder: Path
    header: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Database:
        """The database in a folder; no code in its header runs. Raises EmotoneError for what is no header."""
        import yaml

        path = folder / HEADER
        try:
            header = yaml.safe_load(read_encoded_text(path))
        except RecursionError:
            raise EmotoneError(f"{path}: is no YAML of plain values (nested too deeply)") from None
        except (yaml.YAMLError, ValueError, OverflowError) as error:  # also of a date or number that there is not
            raise EmotoneError(f"{path}: is no YAML of plain values ({error})") from None
        if not isinstance(header, dict) or not isinstance(header.get("tables"), dict):
            raise EmotoneError(f"{path}: is no audformat header with tables")
        return cls(folder, header)

    @property
    def path(self) -> Path:
        """The header's file."""
        return self.folder / HEADER

    def section(self, name: str) -> dict[str, dict[str, Any]]:
        """A section of the header by name, e.g. the schemes; empty where there is none."""
        return self._mapping(self.header.get(name), name)

    def table(self, name: str) -> DatabaseTable:
        """A filewise or segmented table: numbers where the scheme says so, else text, null where empty."""
        tables = self.section("tables")
        if name not in tables:
            raise unknown("table", name, tables, where=str(self.path))
        columns = self._mapping(tables[name].get("columns"), f"columns of {name}")
        segmented = tables[name].get("type") == "segmented"
        cells, path = self._read(name, ["file", *(["start", "end"] if segmented else []), *columns])
        refuse_rows(cells["file"], cells["file"].isna(), "have no file", path)
        start_s = _seconds(cells["start"], path).fillna(0.0) if segmented else 0.0
        end_s = _seconds(cells["end"], path).fillna(math.inf) if segmented else math.inf
        key = pd.DataFrame({"file": to_words(cells["file"], "file", path), "start_s": start_s, "end_s": end_s})
        refuse_rows(cells["file"], key.duplicated(), "repeat a file or segment", path)
        rows = self._values(cells, columns, path).set_axis(pd.MultiIndex.from_frame(key))
        split = tables[name].get("split_id")
        if split is None:
            return DatabaseTable(rows, columns, segmented, None)
        kind = self.section("splits").get(str(split), {}).get("type", split)
        return DatabaseTable(rows, columns, segmented, (str(split), str(kind)))

    def misc_table(self, name: str) -> pd.DataFrame:
        """A table that is not about files, with the levels of its index as columns."""
        about = self.section("misc_tables")[name]
        columns = self._mapping(about.get("columns"), f"columns of {name}")
        cells, path = self._read(name, list(columns))
        levels = cells.drop(columns=list(columns))
        return levels.join(self._values(cells, columns, path))

    def labels(self, scheme: str | None) -> dict[str, dict[str, Any]] | None:
        """The labels of a scheme, {label: {key: value}}; None where it takes any value."""
        labels = self.section("schemes").get(scheme or "", {}).get("labels")
        if isinstance(labels, str):  # the index of a misc table
            rows = self.misc_table(labels)
            return rows.set_axis(rows.iloc[:, 0].map(word)).iloc[:, 1:].to_dict("index")
        if isinstance(labels, dict):
            return {word(label).strip(): about if isinstance(about, dict) else {} for label, about in labels.items()}
        return None if labels is None else {word(label).strip(): {} for label in labels}

    def _read(self, name: str, needed: list[str]) -> tuple[pd.DataFrame, Path]:
        stem = f"{Path(HEADER).stem}.{name}"
        paths = [self.folder / f"{stem}{suffix}" for suffix in (".parquet", ".csv")]
        path = next((path for path in paths if path.is_file()), None)
        if path is None and (self.folder / f"{stem}.pkl").is_file():
            raise EmotoneError(
                f"{self.folder / stem}.pkl: pickled tables are not read, as they may run any code; save the table as "
                "Parquet or CSV"
            )
        return read_table(path or paths[0], needed), path or paths[0]

    def _values(self, cells: pd.DataFrame, columns: dict[str, dict[str, Any]], path: Path) -> pd.DataFrame:
        values = {}
        for column, about in columns.items():
            scheme = about.get("scheme_id")
            labels = self.labels(scheme)
            dtype = self.section("schemes").get(scheme or "", {}).get("dtype")
            if labels is None and dtype in ("float", "int"):
                values[column] = to_numbers(cells[column], column, path)
                continue
            values[column] = text = to_words(cells[column], column, path)
            if labels is not None:
                strange = text.notna() & ~text.isin(labels)
                refuse_rows(text, strange, f"have a {column} that scheme {scheme} does not list", path)
        return pd.DataFrame(values, cells.index)

    def _mapping(self, section: Any, name: str) -> dict[str, dict[str, Any]]:
        if section is None:
            return {}
        if not isinstance(section, dict) or not all(isinstance(about, dict | None) for about in section.values()):
            raise EmotoneError(f"{self.path}: {name} must be a mapping of mappings")
        return {str(key): about or {} for key, about in section.items()}


@cache
def two_letters(language: str) -> str:
    """The ISO 639-1 code of a language, for a code of three letters (audformat's) that has one.

    >>> two_letters("deu"), two_letters("de")
    ('de', 'de')
    """
    if len(language) != 3:
        return language
    try:
        from iso639 import Lang
        from iso639.exceptions import InvalidLanguageValue
    except ImportError:  # a package that audformat brings
        raise missing_extra("audformat", "train", "reading languages of audformat") from None
    try:
        return Lang(language).pt1 or language
    except InvalidLanguageValue:
        return language


def _seconds(cells: pd.Series, path: Path) -> pd.Series:
    times = pd.to_timedelta(cells, errors="coerce")
    refuse_rows(cells, times.isna() & cells.notna(), f"have no time as {cells.name}", path)
    return times.dt.total_seconds()
