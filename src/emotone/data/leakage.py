"""Leakage: speakers, recordings, the same audio, sessions and scripts in more than one part of a split.

A leak is a speaker, a recording (one performance, whichever microphone) or a piece of audio (by its content, or as
parts of one file that overlap) that is tested and also trained or validated on: the score is then partly one of
recognising it. Training refuses a leak; other crossings are only reported, for acted corpora share their scripts by
design. Where speakers are what is learned, see `leaks_of`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from emotone.bundle.folder import locate, read_about
from emotone.corpora.check import Finding
from emotone.corpora.scan import AUDIO_COLUMNS, with_equal_audio
from emotone.data.split import PARTS, Split
from emotone.errors import EmotoneError, name_some

if TYPE_CHECKING:
    from emotone.data.selection import Selection

KINDS = {
    "speaker": "speaker",
    "recording": "recording",
    "duplicate": "content",
    "near-duplicate": "copy_of",
    "session": "session",
    "script": "script",
}
"""What may be in several parts of a split, and the column of the table that identifies it."""
OVERLAP = "overlapping recording"
"""The kind of parts of one file that overlap in time."""
LEAKS = ("speaker", "recording", "duplicate", OVERLAP)
SHORTEST_OVERLAP_S = 0.01
"""Times of annotations are rounded: parts that follow each other may overlap by this much."""
NO_LABEL = "(no label)"


@dataclass(frozen=True)
class Crossing:
    """A value of one of `KINDS`, or a file with overlaps, in several parts: {part: ids in the table's order}."""

    kind: str
    value: str
    parts: dict[str, list[str]]
    is_leak: bool

    @property
    def border(self) -> tuple[str, ...]:
        """The parts on the border, in the order train, validation, test, unlabelled."""
        return tuple(self.parts)


def leaks_of(table: pd.DataFrame, targets: Collection[str]) -> tuple[str, ...]:
    """The kinds of crossings that leak: `LEAKS`, but for a recipe whose only target is the speaker.

    A speaker must be known to be recognised, so all of them are on both sides. What would give them away instead is the
    session (its room and microphone) where speakers have several, and else the words: these must not cross. With other
    targets beside, the speaker leaks as ever, since those would be tested on voices that are known.

    >>> table = pd.DataFrame({"speaker": ["1", "1", "2"], "session": ["a", "b", "c"], "script": ["x", "y", "x"]})
    >>> leaks_of(table, ["speaker"])
    ('recording', 'duplicate', 'overlapping recording', 'session')
    >>> leaks_of(table.assign(session=None), ["speaker"])[-1]
    'script'
    """
    if list(targets) != ["speaker"]:
        return LEAKS
    has_sessions = "session" in table and bool((table.groupby("speaker")["session"].nunique() > 1).any())
    return (*LEAKS[1:], "session" if has_sessions else "script")


def find_crossings(
    table: pd.DataFrame,
    split: Split,
    scan: pd.DataFrame | None = None,
    unlabelled_trains: bool = False,
    targets: Collection[str] = (),
) -> list[Crossing]:
    """Everything of `KINDS`, then all overlaps, in more than one part of the split; values in the table's order.

    Duplicate audio needs the column `content`, of the table or of `scan` (`emotone.corpora.scan.scan`), near duplicates
    `copy_of` (`emotone.corpora.copies.find_copies`). Unknown (null) values are never the same; utterances in no part do
    not count. With `unlabelled_trains`, the unlabelled part trains too, and may leak. `targets` are what is learned
    (`leaks_of`).

    >>> table = pd.DataFrame({"id": list("abc"), "speaker": ["1", "1", "2"]})
    >>> find_crossings(table, Split(train=("a",), test=("b", "c")))
    [Crossing(kind='speaker', value='1', parts={'train': ['a'], 'test': ['b']}, is_leak=True)]
    """
    table = with_equal_audio(table, scan)
    part_of = {part: number for number, part in enumerate(PARTS)}
    parts = table["id"].map(split.part_of).map(part_of)
    found: list[Crossing] = []
    leaking = leaks_of(table, targets)
    for kind, column in KINDS.items():
        if column in table:
            rows = table[parts.notna() & table[column].notna()]
            codes = parts[rows.index].astype(int)
            found += _crossings(kind, rows["id"], _values(rows, column), codes, unlabelled_trains, kind in leaking)
    return [*found, *_overlaps(table[parts.notna()], parts.dropna().astype(int), unlabelled_trains)]


def describe(crossings: Sequence[Crossing]) -> list[str]:
    """One line per kind and border, leaks first: how many, of how many utterances, the first few.

    >>> describe([Crossing("speaker", "1", {"train": ["a"], "test": ["b", "c"]}, True)])
    ['1 speaker is in train and test (1 and 2 utterances): 1']
    """
    kinds = [*KINDS, OVERLAP]
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


def split_leaks(table: pd.DataFrame) -> Iterator[Finding]:
    """A problem for each kind of leak in the official split, of the utterances that are in it."""
    rows = table[table["split"].isin(PARTS)]
    split = Split(**{part: tuple(ids) for part, ids in rows.groupby("split")["id"]})
    leaks = [crossing for crossing in find_crossings(rows, split) if crossing.is_leak]
    for kind in LEAKS:
        own = [leak for leak in leaks if leak.kind == kind]
        ids = tuple(id_ for leak in own for members in leak.parts.values() for id_ in members)
        if own:
            yield Finding("leak", f"the official split leaks: {'; '.join(describe(own))}", ids, True)


def _values(rows: pd.DataFrame, column: str) -> pd.Series[Any]:
    """A column's values; scripts, recordings and files of two corpora may be the same words."""
    if column in ("recording", "script", "file") and "corpus" in rows and rows["corpus"].nunique() > 1:
        return rows["corpus"] + "/" + rows[column].astype(str)
    return rows[column]


def _crossings(
    kind: str, ids: pd.Series[Any], values: pd.Series[Any], parts: pd.Series[Any], unlabelled_trains: bool, leaks: bool
) -> Iterator[Crossing]:
    """The values that are in several parts; `parts` are numbers of PARTS, all three aligned."""
    codes, names = pd.factorize(values)
    present = np.zeros((len(names), len(PARTS)), bool)
    present[codes, parts.to_numpy()] = True
    crosses = present.sum(axis=1) > 1
    train, validation, test, unlabelled = present.T
    learns = train | validation | (unlabelled & unlabelled_trains)
    is_leak = test & learns if leaks else np.zeros(len(names), bool)
    rows = crosses[codes]
    members: dict[int, dict[str, list[str]]] = {}
    for code, part, id_ in sorted(
        zip(codes[rows].tolist(), parts[rows].tolist(), ids[rows].tolist(), strict=True), key=lambda row: row[:2]
    ):
        members.setdefault(code, {}).setdefault(PARTS[part], []).append(id_)
    for code, of_parts in members.items():
        yield Crossing(kind, str(names[code]), of_parts, bool(is_leak[code]))


def _overlaps(table: pd.DataFrame, parts: pd.Series[Any], unlabelled_trains: bool) -> list[Crossing]:
    """Files of which utterances in two parts of the split overlap; `parts` are numbers of PARTS, aligned."""
    if "file" not in table or not table["file"].duplicated().any():
        return []
    rows = table.reindex(columns=["id", "start_s", "end_s"]).assign(file=_values(table, "file"), part=parts)
    rows = rows[parts.groupby(rows["file"]).transform("nunique") > 1]
    times = {"start_s": rows["start_s"].astype(float).fillna(0.0), "end_s": rows["end_s"].astype(float).fillna(np.inf)}
    rows = rows.assign(**times)
    sides = {part: own for part, own in rows.groupby("part")}
    learns = [True, True, False, unlabelled_trains]  # of PARTS
    found: list[Crossing] = []
    for first, second in [(a, b) for a in sides for b in sides if a < b]:
        is_leak = PARTS[first] == "test" and learns[second] or PARTS[second] == "test" and learns[first]
        there, here = _touched(sides[second], sides[first]), _touched(sides[first], sides[second])
        for file, ids in here.items():  # what overlaps with another is overlapped by it
            found.append(Crossing(OVERLAP, str(file), {PARTS[first]: ids, PARTS[second]: there[file]}, is_leak))
    place = {str(file): number for number, file in enumerate(rows["file"].unique())}
    return sorted(found, key=lambda crossing: place[crossing.value])


def _touched(rows: pd.DataFrame, others: pd.DataFrame) -> dict[Any, list[str]]:
    """Ids of the rows that overlap with any of the others in the same file, by file."""
    others = others.sort_values("start_s", kind="stable")
    others = pd.DataFrame(
        {"file": others["file"], "limit": others["start_s"], "until": others.groupby("file")["end_s"].cummax()}
    )
    rows = rows.assign(place=range(len(rows)), limit=rows["end_s"] - SHORTEST_OVERLAP_S).sort_values("limit")
    # The last of the others that begins before a row ends, with the latest end of all that begin before.
    both = pd.merge_asof(rows, others, on="limit", by="file", allow_exact_matches=False)
    both = both[both["until"] - SHORTEST_OVERLAP_S > both["start_s"]].sort_values("place")
    return both.groupby("file", sort=False)["id"].agg(list).to_dict()


def _line(crossings: Sequence[Crossing]) -> str:
    """One kind and border."""
    first, num = crossings[0], len(crossings)
    counts = [sum(len(crossing.parts[part]) for crossing in crossings) for part in first.border]
    noun, values = first.kind, [crossing.value for crossing in crossings]
    if KINDS.get(first.kind) in AUDIO_COLUMNS:  # the value, a hash, tells nobody anything
        noun = f"{first.kind} recording"
        values = [" = ".join(ids[0] for ids in crossing.parts.values()) for crossing in crossings]
    return (
        f"{num} {noun}{'s are' if num > 1 else ' is'} in {_and(first.border)} ({_and(counts)} utterances): "
        f"{name_some(values)}"
    )


def through_bundle(name: str, data: Selection) -> list[str]:
    """Raise EmotoneError where a bundle that a recipe learns from was trained on one of its corpora, test part and all.

    Where the recipe allows leakage, the warning that every report must carry.
    """
    recipe, seen = data.recipe, read_about(locate(name)).training.corpora
    shared = [corpus for corpus, found in data.fingerprints.items() if corpus in seen or found in seen.values()]
    if not shared:
        return []
    line = f"the bundle {name} was itself trained on {', '.join(shared)}, so it may know the test part"
    if not recipe.allow_leakage:
        raise EmotoneError(f"recipe {recipe.name}: {line}; set allow_leakage=true if you mean it")
    return [f"LEAKAGE ALLOWED: {line}"]


def _and(words: Sequence[Any]) -> str:
    texts = [str(word) for word in words]
    return " and ".join([", ".join(texts[:-1]), texts[-1]])
