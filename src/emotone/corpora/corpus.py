"""A corpus: utterance table, rater table and metadata; pandas in memory, Parquet on disk.

A reader (`Reader`) turns an owner's folder into a `Corpus`; everything after that sees only the tables.

**To add a corpus**, add one file to `emotone.corpora.readers`: a frozen dataclass that keeps to `Reader`. The file's
name is the corpus's name for `emotone prepare`, its fields are the settings KEY=VALUE of it. `readers/urdu.py` is the
shortest one to copy, `readers/emotale.py` one with a label table and raters. What readers share: `utterance_id`,
`mean_ratings` and `meta_of` here; `emotone.corpora.files` finds the audio and the rows about it, `tables` reads label
files, `vocabulary` maps words. Whatever is wrong with a folder is an `EmotoneError`: one line with the file, what it
holds and what is allowed; many wrong rows are counted, and the first is named. `tests/contract/test_plugins.py` finds
the file and says what it lacks; what it reads is tested in `tests/corpora/readers`, on a small tree in the owner's
layout.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from emotone.base import plugins
from emotone.base.files import cache_folder, replace_file
from emotone.base.settings import describe, fits
from emotone.errors import EmotoneError, nearest, unknown

ATTRIBUTES = ("arousal", "dominance", "valence")
NUMBER_COLUMNS = ("start_s", "end_s", *ATTRIBUTES)
WORD_COLUMNS = ("speaker", "gender", "session", "script", "language", "split", "transcript", "emotion")
UTTERANCE_COLUMNS = ("id", "file", "start_s", "end_s", *WORD_COLUMNS, *ATTRIBUTES)
RATER_COLUMNS = ("id", "rater", "emotion", *ATTRIBUTES)
SPLITS = ("train", "validation", "test", "unlabelled")
FURTHER_TEST = re.compile(r"test[1-9]\d*")
"""Test sets besides the official one, which no recipe's split has: `emotone evaluate --part` tests on them."""
ROUNDING = 1e-6
"""How far outside its range an attribute may lie, as a share of the range."""


class Reader(Protocol):
    """What a file in `emotone.corpora.readers` defines: where a corpus comes from, its labels, how its folder is read.

    All but `read` are class variables. The docstring gives size and source in its first line, then `Layout:` (the
    owner's folders and file names, with an example), the extra columns, the licence, and every setting.
    """

    @property
    def citation(self) -> str:
        """Authors, title, place and year, with the DOI where there is one."""

    @property
    def licence(self) -> str:
        """The owner's licence in a few words; "not stated" where there is none."""

    @property
    def language(self) -> str | None:
        """ISO 639-1 code of all utterances; None where it differs."""

    @property
    def attributes(self) -> Mapping[str, tuple[float, float]]:
        """The native range, (lowest, highest), of every rated attribute (`ATTRIBUTES`); empty where none is rated."""

    @property
    def emotions(self) -> Collection[str]:
        """The categories in Emotone's words, sorted; empty where there are none."""

    def read(self, folder: Path) -> Corpus:
        """The corpus in the owner's folder, named like the reader's file; raises EmotoneError for what is wrong."""


META: dict[str, Any] = {
    "ranges": dict[str, tuple[float, float]],
    "emotions": list[str],
    "licence": str | None,
    "citation": str | None,
    "language": str | None,
    "reader": str | None,
    "notes": list[str],
}
"""Types of what `meta_of` says, as JSON has them."""


@dataclass
class Corpus:
    """Utterances of one corpus (one row each), the votes of its raters (one row each) and where its audio lies.

    `utterances` has `UTTERANCE_COLUMNS`; those not given are null, others are kept. Unknown is null, never a magic
    value. `id` is unique; `file` is relative to `root`, with POSIX separators; `start_s` and `end_s` are null for whole
    files; `script` is the same for the same words; `language` is an ISO 639-1 code; `split` is one of `SPLITS`, or of
    another test set (`FURTHER_TEST`);
    attributes keep the native range. `raters` has `RATER_COLUMNS`. `meta` is as of `meta_of`.

    Raises EmotoneError for a corpus without utterances, and, with how many rows are wrong and the first of them, for an
    id missing or twice, no file, an end that is not after the start, an attribute that is infinite or outside its
    range.

    >>> table = pd.DataFrame({"id": ["a", "b"], "file": ["a.wav", "b.wav"], "speaker": ["1", "2"]})
    >>> Corpus("mine", Path("audio"), table).utterances["emotion"].isna().all()
    np.True_
    """

    name: str
    root: Path
    utterances: pd.DataFrame
    raters: pd.DataFrame | None = None
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root = Path(self.root)
        self.utterances = _with_columns(self.utterances, UTTERANCE_COLUMNS, self.name)
        self._check_utterances()
        if self.raters is not None:
            self.raters = _with_columns(self.raters, RATER_COLUMNS, self.name)
            strangers = ~self.raters["id"].isin(self.utterances["id"])
            self._refuse(self.raters, strangers, "votes are on unknown utterances")
            self._check_attributes(self.raters, "votes")

    def __len__(self) -> int:
        return len(self.utterances)

    def _check_utterances(self) -> None:
        table = self.utterances
        if table.empty:
            raise EmotoneError(f"corpus {self.name}: has no utterances")
        self._refuse(table, table["id"].isna(), "utterances have no id", "file")
        self._refuse(table, table["id"].duplicated(), "utterances repeat the id of another")
        self._refuse(table, table["file"].isna(), "utterances have no file")
        start_s, end_s = table["start_s"].fillna(0), table["end_s"]
        for wrong, problem in (
            (np.isinf(start_s) | np.isinf(end_s), "begin or end at no time"),
            (start_s < 0, "begin before 0 s"),
            (end_s <= start_s, "do not end after they start"),
        ):
            self._refuse(table, wrong, f"utterances {problem}", "id", "start_s", "end_s")
        self._check_attributes(table, "utterances")
        splits = {split for split in set(table["split"].dropna()) - set(SPLITS) if not FURTHER_TEST.fullmatch(split)}
        if splits:
            raise unknown("split", min(splits), SPLITS, where=f"corpus {self.name}")

    def _check_attributes(self, table: pd.DataFrame, rows: str) -> None:
        for attribute in ATTRIBUTES:
            values = table[attribute]
            self._refuse(table, np.isinf(values), f"{rows} have an infinite {attribute}")
            if attribute in self.meta.get("ranges", {}):
                low, high = self.meta["ranges"][attribute]
                slack = ROUNDING * (high - low)  # a mean of ratings may miss a limit by its rounding
                wrong = (values < low - slack) | (values > high + slack)
                self._refuse(table, wrong, f"{rows} have {attribute} outside [{low:g}, {high:g}]", "id", attribute)

    def _refuse(self, table: pd.DataFrame, wrong: pd.Series, problem: str, *shown: str) -> None:
        """Raise EmotoneError for rows that are wrong: how many, and the `shown` columns (the id) of the first."""
        if wrong.any():
            first = table.loc[wrong.idxmax(), list(shown or ["id"])].tolist()
            what = ", ".join(f"{value:g}" if isinstance(value, float) else repr(value) for value in first)
            raise EmotoneError(f"corpus {self.name}: {int(wrong.sum())} of {len(table)} {problem}, e.g. {what}")

    def path_of(self, file: str) -> Path:
        """Where an utterance's audio lies; raises EmotoneError for a path that would leave the corpus folder."""
        relative = Path(file)
        if relative.anchor or ".." in relative.parts:  # Windows has paths with a root that are not absolute
            raise EmotoneError(f"corpus {self.name}: {file!r} leaves the corpus folder {self.root}")
        return self.root / relative

    @property
    def further_tests(self) -> pd.Series:
        """Which utterances are of a test set besides the official one: bool, a row per utterance."""
        return self.utterances["split"].str.fullmatch(FURTHER_TEST).fillna(False).astype(bool)

    def part(self, name: str) -> Corpus:
        """The utterances of a split, of what its owner calls one (column `partition`), or "all" but unlabelled ones.

        Raises EmotoneError for a part that the corpus does not have.
        """
        table = self.utterances
        owners = table.get("partition", table["split"]).map(str.lower, na_action="ignore")
        rows = (table["split"] == name) | (owners == name)
        if name == "all":
            rows = (table["split"] != "unlabelled") | (table["split"] == "unlabelled").all()
        if not rows.any():
            known = sorted({*table["split"].dropna(), *owners.dropna(), "all"} - {"unlabelled"})
            raise unknown("part", name, known, where=f"corpus {self.name}")
        raters = None if self.raters is None else self.raters[self.raters["id"].isin(table.loc[rows, "id"])]
        return Corpus(self.name, self.root, table[rows], raters, self.meta)

    @property
    def fingerprint(self) -> str:
        """Hash of the tables (not of where they lie): the same corpus has the same fingerprint on every machine."""
        digest = hashlib.sha256()
        for table in (self.utterances, self.raters):
            if table is not None:
                header, *rows = table.to_csv(index=False, float_format="%.9g").splitlines()
                text = "\n".join([header, *sorted(rows)])  # sorted as text: the order of rows says nothing
                digest.update(text.encode("utf-8", "surrogateescape"))
        return digest.hexdigest()[:16]

    def save(self, folder: Path | None = None) -> Path:
        """Write the tables as Parquet, `corpus.json` last, each by atomic rename; returns the folder."""
        folder = folder or corpora_folder() / self.name
        folder.mkdir(parents=True, exist_ok=True)
        with replace_file(folder / "utterances.parquet") as path:
            self.utterances.to_parquet(path, index=False)
        if self.raters is not None:
            with replace_file(folder / "raters.parquet") as path:
                self.raters.to_parquet(path, index=False)
        about = {
            "name": self.name,
            "root": str(self.root.resolve()),
            "meta": self.meta,
            "raters": self.raters is not None,
        }
        with replace_file(folder / "corpus.json") as path:
            path.write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8", newline="\n")
        return folder

    @classmethod
    def load(cls, name: str) -> Corpus:
        """A prepared corpus by name or folder; raises EmotoneError telling how to prepare it."""
        folder = Path(name) if (Path(name) / "corpus.json").is_file() else corpora_folder() / name
        try:
            about = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            close, known = nearest(name, prepared()), ", ".join(prepared()) or "none"
            raise EmotoneError(
                f"corpus {name!r} is not prepared; {f'did you mean {close!r}? or ' if close else ''}run: "
                f"emotone prepare {_reader_and_name(name)} (prepared: {known})"
            ) from None
        except (ValueError, RecursionError) as error:
            raise EmotoneError(f"{folder / 'corpus.json'}: not readable as JSON ({error})") from None
        _check_about(about, str(folder / "corpus.json"))
        try:
            raters = pd.read_parquet(folder / "raters.parquet") if about["raters"] else None
            utterances = pd.read_parquet(folder / "utterances.parquet")
            return cls(about["name"], Path(about["root"]), utterances, raters, about["meta"])
        except (KeyError, TypeError, ValueError, OSError) as error:  # what is missing, torn or not Parquet
            raise EmotoneError(f"{folder}: is damaged, prepare the corpus again ({error!r})") from None


def check_place(corpus: Corpus) -> None:
    """Raise EmotoneError where a corpus of another folder is prepared under the same name."""
    path = corpora_folder() / corpus.name / "corpus.json"
    try:
        root = json.loads(path.read_text(encoding="utf-8"))["root"]
    except (OSError, ValueError, RecursionError, TypeError, KeyError):  # none, or one that cannot be used
        return
    if root != str(corpus.root.resolve()):
        raise EmotoneError(
            f"corpus {corpus.name} is prepared from {root}, not from {corpus.root.resolve()}; choose another --name; "
            "--overwrite replaces it"
        )


def meta_of(reader: Reader, notes: Iterable[str] = ()) -> dict[str, Any]:
    """What a reader says of its corpus, as JSON types, and `notes`: lines on what it left out or did not find."""
    return {
        "ranges": {name: list(limits) for name, limits in reader.attributes.items()},
        "emotions": list(reader.emotions),
        "licence": reader.licence,
        "citation": reader.citation,
        "language": reader.language,
        "reader": type(reader).__module__.rpartition(".")[2].replace("_", "-"),
        "notes": list(notes),
    }


def corpora_folder() -> Path:
    """Where prepared corpora are kept."""
    return cache_folder() / "corpora"


def prepared() -> list[str]:
    """Names of the corpora that `emotone prepare` has written."""
    return sorted(path.parent.name for path in corpora_folder().glob("*/corpus.json"))


def _reader_and_name(name: str) -> str:
    """What `emotone prepare` takes for a corpus of this name: the reader that its name begins with, or any.

    >>> _reader_and_name("emodb"), _reader_and_name("msp-podcast-1.6"), _reader_and_name("mine")
    ('emodb FOLDER', 'msp-podcast FOLDER --name msp-podcast-1.6', 'READER FOLDER --name mine')
    """
    readers = [reader for reader in plugins.names("corpora") if name == reader or name.startswith(f"{reader}-")]
    reader = max(readers, key=len, default="READER")
    return f"{reader} FOLDER" + (f" --name {name}" if reader != name else "")


def _check_about(about: Any, where: str) -> None:
    """Raise EmotoneError for a `corpus.json` whose name leads out of a folder, or whose values have other types."""
    if not isinstance(about, dict):
        raise EmotoneError(f"{where}: must hold a mapping, not {about!r:.80}")
    name, meta = about.get("name"), about.get("meta")
    if (
        not isinstance(name, str)
        or name in ("", ".", "..")
        or not name.isprintable()
        or re.search(r"[/\\]|^[A-Za-z]:", name)
    ):
        raise EmotoneError(f"{where}: name must be that of a folder, not {name!r:.80}")
    if not isinstance(meta, dict):
        raise EmotoneError(f"{where}: meta must be a mapping, not {meta!r:.80}")
    for key, hint in META.items():
        if key in meta and not fits(meta[key], hint):
            raise EmotoneError(f"{where}: meta.{key} must be {describe(hint)}, not {meta[key]!r:.80}")


def check_name(name: str) -> str:
    """A name that is safe as a folder's name; raises EmotoneError.

    >>> check_name("my-corpus")
    'my-corpus'
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise EmotoneError(f"{name!r} is no usable name: letters, digits, '.', '_' and '-' only")
    return name


def utterance_id(file: str | os.PathLike[str]) -> str:
    """The id of an utterance that is one file: its path without the suffix.

    >>> utterance_id("wav/03a01Fa.wav")
    'wav/03a01Fa'
    """
    return Path(file).with_suffix("").as_posix()


def segment_ids(table: pd.DataFrame) -> list[str]:
    """Ids of utterances that may be parts of files: path without suffix, and `#start-end` in seconds for a part.

    >>> segment_ids(pd.DataFrame({"file": ["a.wav", "b.wav"], "start_s": [0.5, None], "end_s": [2.0, None]}))
    ['a#0.5-2', 'b']
    """
    times = table.reindex(columns=["start_s", "end_s"]).map(lambda time_s: "" if pd.isna(time_s) else f"{time_s:.10g}")
    parts = ("-".join(times) if any(times) else "" for times in zip(times["start_s"], times["end_s"], strict=True))
    return [utterance_id(file) + (f"#{part}" if part else "") for file, part in zip(table["file"], parts, strict=True)]


def mean_ratings(raters: pd.DataFrame) -> pd.DataFrame:
    """Mean of each attribute over an utterance's raters, indexed by id; missing votes do not count.

    >>> votes = pd.DataFrame({"id": ["a", "a"], "arousal": [1.0, 4.0], "dominance": [None, 2.0], "valence": [3.0, 3.0]})
    >>> mean_ratings(votes).loc["a"].tolist()
    [2.5, 2.0, 3.0]
    """
    return raters.groupby("id", sort=False)[list(ATTRIBUTES)].mean()


def _with_columns(table: pd.DataFrame, columns: tuple[str, ...], name: str) -> pd.DataFrame:
    """The table with the standard columns first and typed (missing ones null), extra columns after them."""
    table = table.reset_index(drop=True).copy()
    for column in columns:
        if column not in table:
            table[column] = None
        try:
            if column in NUMBER_COLUMNS:
                table[column] = pd.to_numeric(table[column]).astype("float64")
            else:
                filled = table[column].notna()
                table[column] = table[column].where(filled, None).map(str, na_action="ignore").astype("object")
                table.loc[~filled, column] = None
        except (ValueError, TypeError) as error:
            raise EmotoneError(f"corpus {name}: column {column} holds what is not a number ({error})") from None
    return table[list(columns) + [column for column in table if column not in columns]]
