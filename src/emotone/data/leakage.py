"""What crosses the borders of a split: speakers, recordings, duplicate audio, sessions, scripts; and a corpus's faults.

A leak is a speaker, a recording (one performance, whichever microphone) or a piece of audio that is tested and also
trained or validated on: the score is then of recognising it again. Training refuses a leak. What crosses otherwise is
told, not refused: acted corpora share their scripts by design.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from emotone.corpora.corpus import ATTRIBUTES, Corpus
from emotone.data.split import PARTS, Split
from emotone.errors import EmotoneError

KINDS = {
    "speaker": "speaker", "recording": "recording", "duplicate": "content", "near-duplicate": "copy_of",
    "session": "session", "script": "script",
}  # fmt: skip
"""What may cross a border, and the column that tells it."""
AUDIO_COLUMNS = ("content", "copy_of")
LEAKS = ("speaker", "recording", "duplicate")
NUM_EXAMPLES = 3
NO_LABEL = "(no label)"


@dataclass(frozen=True)
class Crossing:
    """Something that is in several parts: `parts` holds the ids of its utterances per part, in the table's order."""

    kind: str
    value: str
    parts: dict[str, list[str]]
    is_leak: bool

    @property
    def border(self) -> tuple[str, ...]:
        """The parts on the border, in the order train, validation, test, unlabelled."""
        return tuple(self.parts)


def find_crossings(
    table: pd.DataFrame, split: Split, scan: pd.DataFrame | None = None, unlabelled_trains: bool = False
) -> list[Crossing]:
    """Everything of `KINDS` that is in more than one part of the split, kind by kind, values in the table's order.

    With `unlabelled_trains` what is tested and also in the unlabelled part is a leak too.

    Duplicate audio is told by the column `content` of the table, or of `scan` (`emotone.corpora.scan.scan`), near
    duplicates by `copy_of` (`emotone.corpora.copies.find_copies`), where they have it. Unknown (null) values are never
    the same; utterances in no part are passed over.

    >>> table = pd.DataFrame({"id": list("abc"), "speaker": ["1", "1", "2"]})
    >>> find_crossings(table, Split(train=("a",), test=("b", "c")))
    [Crossing(kind='speaker', value='1', parts={'train': ['a'], 'test': ['b']}, is_leak=True)]
    """
    table = _with_audio(table, scan)
    part_of = {part: number for number, part in enumerate(PARTS)}
    parts = table["id"].map(split.part_of).map(part_of)
    found: list[Crossing] = []
    for kind, column in KINDS.items():
        if column in table:
            rows = table[parts.notna() & table[column].notna()]
            codes = parts[rows.index].astype(int)
            found += _crossings(kind, rows["id"], _values(rows, column), codes, unlabelled_trains)
    return found


def describe(crossings: Sequence[Crossing]) -> list[str]:
    """One line per kind and border, leaks first: how many, of how many utterances, the first few.

    >>> describe([Crossing("speaker", "1", {"train": ["a"], "test": ["b", "c"]}, True)])
    ['1 speaker is in train and test (1 and 2 utterances): 1']
    """
    kinds = list(KINDS)
    groups: dict[tuple[bool, int, tuple[str, ...]], list[Crossing]] = {}
    for crossing in crossings:
        key = (not crossing.is_leak, kinds.index(crossing.kind), crossing.border)
        groups.setdefault(key, []).append(crossing)
    return [_line(groups[key]) for key in sorted(groups, key=lambda key: key[:2])]


def refuse(crossings: Sequence[Crossing], where: str) -> None:
    """Raise EmotoneError, in one line, where any of the crossings is a leak."""
    lines = describe([crossing for crossing in crossings if crossing.is_leak])
    if lines:
        raise EmotoneError(
            f"{where}: the split leaks: {'; '.join(lines)}; choose another split, or set allow_leakage=true"
        )


def class_balance(table: pd.DataFrame, split: Split, column: str = "emotion") -> pd.DataFrame:
    """Number of utterances per class (rows, sorted; last those without a label) and part that has any (columns).

    >>> table = pd.DataFrame({"id": list("abc"), "emotion": ["anger", "anger", None]})
    >>> class_balance(table, Split(train=("a", "c"), test=("b",))).to_dict()
    {'train': {'anger': 1, '(no label)': 1}, 'test': {'anger': 1, '(no label)': 0}}
    """
    parts = pd.Categorical(table["id"].map(split.part_of), [part for part in PARTS if getattr(split, part)])
    classes = sorted(table[column].dropna().unique())
    labels = pd.Categorical(table[column].fillna(NO_LABEL), [*classes, NO_LABEL])
    counts = pd.crosstab(labels, parts, dropna=False).rename_axis(index=None, columns=None)
    counts = counts.loc[:, counts.columns.notna()]
    return counts if counts.loc[NO_LABEL].any() else counts.drop(index=NO_LABEL)


@dataclass(frozen=True)
class Finding:
    """Something worth knowing of a corpus: what, in one line, about which utterances, and whether it must be mended."""

    kind: str
    line: str
    ids: tuple[str, ...]
    is_problem: bool


def check_corpus(corpus: Corpus, scan: pd.DataFrame) -> list[Finding]:
    """What is wrong or unusual in a corpus, the worst first; `scan` as `emotone.corpora.scan.scan` gives it.

    Problems: files that cannot be read, silent utterances, one recording under two speakers or categories, and leaks of
    the owner's split. Notes: other duplicates and copies, clipped audio, utterances without speaker, label or split,
    speakers with one utterance.

    >>> corpus = Corpus("mine", "audio", pd.DataFrame({"id": ["a"], "file": ["a.wav"], "speaker": ["1"]}))
    >>> scan = pd.DataFrame({"content": None, "is_silent": None, "clipped_share": None, "error": "a.wav: is empty"},
    ...                     index=["a"])
    >>> print(*(finding.line for finding in check_corpus(corpus, scan)), sep="\\n")
    1 of 1 utterances cannot be read: a.wav: is empty
    1 of 1 speakers have a single utterance: a
    """
    table = _with_audio(corpus.utterances, scan)
    found = [*_audio_findings(table, scan), *_duplicate_findings(table), *_label_findings(corpus), *_split_leaks(table)]
    return sorted(found, key=lambda finding: not finding.is_problem)


def _audio_findings(table: pd.DataFrame, scan: pd.DataFrame) -> Iterator[Finding]:
    of = f"of {len(table)} utterances"
    errors = scan.loc[scan["error"] != "", "error"]
    if len(errors):
        yield Finding("unreadable", f"{len(errors)} {of} cannot be read: {errors.iloc[0]}", tuple(errors.index), True)
    for kind, column, words, is_problem in (
        ("silent", "is_silent", "are silent (nothing above -80 dB)", True),
        ("clipped", "clipped_share", "are clipped", False),
    ):
        ids = tuple(scan.index[scan[column].astype(float) > 0])
        if ids:
            yield Finding(kind, f"{len(ids)} {of} {words}: {_some(ids)}", ids, is_problem)


def _duplicate_findings(table: pd.DataFrame) -> Iterator[Finding]:
    """Recordings that are there more than once; a problem where their labels disagree."""
    for kind, words in (("duplicate", "have the audio of another"), ("near-duplicate", "are copies of one recording")):
        column = KINDS[kind]
        if column not in table:
            continue
        repeated = table[table[column].notna() & table[column].duplicated(keep=False)]
        disagrees = repeated.groupby(column)[["speaker", "emotion"]].transform("nunique").gt(1).any(axis=1)
        for is_problem, rows in repeated.groupby(disagrees):
            ids = tuple(rows["id"])
            under = ", under different speakers or categories" if is_problem else ""
            line = f"{len(ids)} of {len(table)} utterances {words}{under}: {_some(ids)}"
            yield Finding(kind, line, ids, bool(is_problem))


def _label_findings(corpus: Corpus) -> Iterator[Finding]:
    """Labels that some utterances have and others lack, and speakers of whom little is there."""
    table = corpus.utterances
    for column in ("speaker", "split", "emotion", *ATTRIBUTES):
        ids = tuple(table.loc[table[column].isna() & (table["split"] != "unlabelled"), "id"])
        if ids and (len(ids) < len(table) or column == "speaker"):
            yield Finding(
                "missing", f"{len(ids)} of {len(table)} utterances have no {column}: {_some(ids)}", ids, False
            )
    counts = table["speaker"].value_counts()
    alone = tuple(table.loc[table["speaker"].map(counts) == 1, "id"])
    if alone:
        line = f"{len(alone)} of {len(counts)} speakers have a single utterance: {_some(alone)}"
        yield Finding("single", line, alone, False)


def _split_leaks(table: pd.DataFrame) -> Iterator[Finding]:
    """What leaks in the owner's split, of the utterances that are in it."""
    rows = table[table["split"].notna()]
    split = Split(**{part: tuple(ids) for part, ids in rows.groupby("split")["id"]})
    leaks = [crossing for crossing in find_crossings(rows, split) if crossing.is_leak]
    for kind in LEAKS:
        own = [leak for leak in leaks if leak.kind == kind]
        ids = tuple(id_ for leak in own for members in leak.parts.values() for id_ in members)
        if own:
            yield Finding("leak", f"the official split leaks: {'; '.join(describe(own))}", ids, True)


def _with_audio(table: pd.DataFrame, scan: pd.DataFrame | None) -> pd.DataFrame:
    """The table with what the scan tells of equal audio."""
    columns = [column for column in AUDIO_COLUMNS if scan is not None and column in scan]
    return table if scan is None else table.assign(**{column: table["id"].map(scan[column]) for column in columns})


def _values(rows: pd.DataFrame, column: str) -> pd.Series[Any]:
    """A column's values; scripts and recordings of two corpora may be the same words."""
    if column in ("recording", "script") and "corpus" in rows and rows["corpus"].nunique() > 1:
        return rows["corpus"] + "/" + rows[column].astype(str)
    return rows[column]


def _crossings(
    kind: str, ids: pd.Series[Any], values: pd.Series[Any], parts: pd.Series[Any], unlabelled_trains: bool
) -> Iterator[Crossing]:
    """The values that are in several parts; `parts` are numbers of PARTS, all three aligned."""
    codes, names = pd.factorize(values)
    present = np.zeros((len(names), len(PARTS)), bool)
    present[codes, parts.to_numpy()] = True
    crosses = present.sum(axis=1) > 1
    train, validation, test, unlabelled = present.T
    learns = train | validation | (unlabelled & unlabelled_trains)
    is_leak = test & learns if kind in LEAKS else np.zeros(len(names), bool)
    rows = crosses[codes]
    members: dict[int, dict[str, list[str]]] = {}
    for code, part, id_ in sorted(
        zip(codes[rows].tolist(), parts[rows].tolist(), ids[rows].tolist(), strict=True), key=lambda row: row[:2]
    ):
        members.setdefault(code, {}).setdefault(PARTS[part], []).append(id_)
    for code, of_parts in members.items():
        yield Crossing(kind, str(names[code]), of_parts, bool(is_leak[code]))


def _line(crossings: Sequence[Crossing]) -> str:
    """One kind and border."""
    first, num = crossings[0], len(crossings)
    counts = [sum(len(crossing.parts[part]) for crossing in crossings) for part in first.border]
    noun, values = first.kind, [crossing.value for crossing in crossings[: NUM_EXAMPLES + 1]]
    if KINDS[first.kind] in AUDIO_COLUMNS:  # the value, a hash, tells nobody anything
        noun = f"{first.kind} recording"
        values = [" = ".join(ids[0] for ids in crossing.parts.values()) for crossing in crossings[: NUM_EXAMPLES + 1]]
    return (
        f"{num} {noun}{'s are' if num > 1 else ' is'} in {_and(first.border)} ({_and(counts)} utterances): "
        f"{_some(values)}"
    )


def _and(words: Sequence[Any]) -> str:
    texts = [str(word) for word in words]
    return " and ".join([", ".join(texts[:-1]), texts[-1]])


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NUM_EXAMPLES]) + (", .." if len(names) > NUM_EXAMPLES else "")
