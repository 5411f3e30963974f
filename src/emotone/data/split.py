"""Splits: named functions of the utterance table, speaker-independent unless they come from a fixed list.

Each takes the table (one row per utterance, columns `id`, `split`, `speaker`, ..) and returns its folds: a sequence of
`Split`, each made when it is asked for. In cross-validation fold k tests, fold k + 1 validates and all others train,
unless a protocol says otherwise. Utterances whose `split` is `unlabelled` are set apart first (but `everything` trains
on them too); they need no group, but may not share one with the others.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from emotone.corpora.corpus import FURTHER_TEST
from emotone.corpora.tables import word
from emotone.data.split_lists import read_lists
from emotone.errors import EmotoneError, unknown

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("train", "validation", "test", "unlabelled")
RAVDESS_FOLDS = (
    ("01", "11", "20", "21"),
    ("04", "10", "12", "14"),
    ("08", "09", "19", "23"),
    ("03", "05", "07", "24"),
    ("02", "15", "16", "18"),
    ("06", "13", "17", "22"),
)
"""Test actors of the six folds on which published results of RAVDESS are compared."""
THAI_SER_BATCH = 10
"""Studios of THAI-SER that make one fold: the first half of them tests, the other half validates."""


@dataclass(frozen=True)
class Split:
    """Ids of each part, sorted; no id is in two parts.

    >>> Split(train=("b", "a"), test=("c",)).part_of["c"]
    'test'
    """

    train: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for part in PARTS:
            object.__setattr__(self, part, tuple(sorted(getattr(self, part))))
        counts = Counter(id_ for part in PARTS for id_ in getattr(self, part))
        repeated = [id_ for id_, count in counts.items() if count > 1]
        if repeated:
            raise EmotoneError(f"split: {len(repeated)} utterances are listed more than once, e.g. {min(repeated)!r}")

    @property
    def part_of(self) -> dict[str, str]:
        """Part of every utterance by id, e.g. for a column: `table["id"].map(split.part_of)`."""
        return {id_: part for part in PARTS for id_ in getattr(self, part)}

    @property
    def fingerprint(self) -> str:
        """Hash of the parts; the order of the utterances does not matter."""
        text = json.dumps({part: getattr(self, part) for part in PARTS})
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Folds(Sequence[Split]):
    """The folds of a cross-validation: per fold the groups that test and those that validate; all others train."""

    utterances: pd.DataFrame
    group: str
    plan: Sequence[tuple[Sequence[str], Sequence[str]]]

    def __len__(self) -> int:
        return len(self.plan)

    @overload
    def __getitem__(self, fold: int) -> Split: ...
    @overload
    def __getitem__(self, fold: slice) -> list[Split]: ...
    def __getitem__(self, fold: int | slice) -> Split | list[Split]:
        if isinstance(fold, slice):
            return [self[number] for number in range(*fold.indices(len(self)))]
        test, validation = self.plan[fold]
        part_of = dict.fromkeys(validation, "validation") | dict.fromkeys(test, "test")
        parts = _names(self.utterances, self.group).map(part_of).fillna("train")
        return _collect(self.utterances["id"], parts.where(self.utterances["split"] != "unlabelled", "unlabelled"))


def official(utterances: pd.DataFrame) -> list[Split]:
    """The owner's split: the table's `split` column, as it is; further test sets are in no part.

    Raises EmotoneError when utterances have none.

    >>> import pandas as pd
    >>> official(pd.DataFrame({"id": ["a", "b"], "split": ["train", "test"]}))
    [Split(train=('a',), validation=(), test=('b',), unlabelled=())]
    """
    utterances = utterances[
        ~utterances["split"].astype("object").str.fullmatch(FURTHER_TEST).fillna(False).astype(bool)
    ]
    num_missing = int(utterances["split"].isna().sum())
    if num_missing:
        raise EmotoneError(
            f"split official: {num_missing} of {len(utterances)} utterances have no official split; "
            "leave them out, or use leave-speakers-out, leave-one-speaker-out or given"
        )
    return [_collect(utterances["id"], utterances["split"])]


def everything(utterances: pd.DataFrame) -> list[Split]:
    """All utterances train: for bundles to use, whose quality other runs of the recipe have measured.

    >>> import pandas as pd
    >>> everything(pd.DataFrame({"id": ["a", "b"]}))[0].train
    ('a', 'b')
    """
    return [Split(train=tuple(utterances["id"]))]


def leave_speakers_out(utterances: pd.DataFrame, num_folds: int, group: str = "speaker") -> Folds:
    """Groups sorted as text, group i is in fold i mod `num_folds`.

    Two folds test each other, and none validates. Raises EmotoneError for unknown groups, fewer than 2 folds or groups.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"id": list("abcd"), "split": None, "speaker": ["1", "2", "3", "4"]})
    >>> leave_speakers_out(table, num_folds=3)[0]
    Split(train=('c',), validation=('b',), test=('a', 'd'), unlabelled=())
    """
    groups = groups_of(utterances, group)
    _check_num_folds(num_folds, groups, group, least=2)
    return speaker_folds(utterances, [groups[k::num_folds] for k in range(num_folds)], group)


def leave_one_speaker_out(utterances: pd.DataFrame, group: str = "speaker") -> Folds:
    """One group (a speaker; `group` may name the session, or any column) tests, the next in sorted order validates.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"id": list("abc"), "split": None, "speaker": ["1", "2", "3"]})
    >>> leave_one_speaker_out(table)[2]
    Split(train=('b',), validation=('a',), test=('c',), unlabelled=())
    """
    return speaker_folds(utterances, [[name] for name in groups_of(utterances, group)], group)


def leave_one_session_out(utterances: pd.DataFrame) -> Folds:
    """One session tests, the next one validates: `leave_one_speaker_out` by the column `session`."""
    return leave_one_speaker_out(utterances, "session")


def stratified_folds(
    utterances: pd.DataFrame, num_folds: int, group: str = "speaker", stratify: str = "emotion", seed: int = 0
) -> Folds:
    """Whole groups in folds whose shares of the classes (of a number: of its quintiles) are as equal as can be.

    Greedy: groups in order of size, ties by seed, each to the fold that it leaves with the least sum of squared class
    shares. Other seeds give other folds. Raises EmotoneError as `leave_speakers_out` does, and for an empty column.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"id": list("abcdef"), "split": None, "speaker": list("123456")})
    >>> table["emotion"] = list("xxxyyy")
    >>> folds = stratified_folds(table, num_folds=3)
    >>> [sorted(table.set_index("id").loc[list(fold.test), "emotion"]) for fold in folds]
    [['x', 'y'], ['x', 'y'], ['x', 'y']]
    """
    groups = groups_of(utterances, group)
    _check_num_folds(num_folds, groups, group, least=2)
    if stratify not in utterances:
        raise unknown("column", stratify, utterances.columns, where="split stratified-folds")
    labelled = utterances[utterances["split"] != "unlabelled"]
    counts = _class_counts(labelled, group, groups, stratify)
    order = np.random.default_rng(seed).permutation(len(groups))
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    shares = counts / np.maximum(counts.sum(axis=0), 1)  # rare classes weigh as much as common ones
    folds: list[list[str]] = [[] for _ in range(num_folds)]
    held = np.zeros((num_folds, shares.shape[1]))
    for place in order:
        # The rise of the sum of squares is 2 h.s + s.s; the second term is the same for every fold.
        fullness = held @ shares[place] + 1e-9 * held.sum(axis=1)
        fold = min(range(num_folds), key=lambda number: (fullness[number], len(folds[number])))
        folds[fold].append(groups[place])
        held[fold] += shares[place]
    return speaker_folds(utterances, folds, group)


def speaker_folds(utterances: pd.DataFrame, folds: Sequence[Sequence[str]], group: str = "speaker") -> Folds:
    """Given folds, each a list of groups: fold k tests, the next one validates (of two folds none), all others train.

    Raises EmotoneError for unknown (null) groups, and a group in no fold, in two, or not in the table.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"id": list("abc"), "split": None, "speaker": ["01", "02", "03"]})
    >>> speaker_folds(table, [["02"], ["01"], ["03"]])[0]
    Split(train=('c',), validation=('a',), test=('b',), unlabelled=())
    """
    groups = groups_of(utterances, group)
    listed = [name for names in folds for name in names]
    for name in listed:
        if name not in groups:
            raise unknown(group, name, groups, where="split folds")
    if sorted(listed) != groups:
        wrong = min((Counter(listed) - Counter(groups)) + (Counter(groups) - Counter(listed)))
        raise EmotoneError(f"split folds: {group} {wrong!r} must be in exactly one fold, not in {listed.count(wrong)}")
    if (num := len(folds)) < 2:
        raise EmotoneError(f"split: cross-validation needs 2 folds or more (3 where one validates), not {num}")
    return Folds(utterances, group, [(test, folds[(k + 1) % num] if num > 2 else []) for k, test in enumerate(folds)])


def ravdess(utterances: pd.DataFrame) -> Folds:
    """The six published speaker-disjoint folds of RAVDESS (`RAVDESS_FOLDS`): fold k tests, the next one validates."""
    return speaker_folds(utterances, RAVDESS_FOLDS)


def iemocap(utterances: pd.DataFrame) -> Folds:
    """IEMOCAP's published ten runs: one speaker tests, the other speaker of the session validates, and then swapped.

    Runs come in the order of the speakers' names. Raises EmotoneError unless every session has two speakers.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"id": list("abcd"), "split": None, "speaker": ["1F", "1M", "2F", "2M"],
    ...                       "session": list("1122")})
    >>> iemocap(table)[1]
    Split(train=('c', 'd'), validation=('a',), test=('b',), unlabelled=())
    """
    speakers, sessions = groups_of(utterances, "speaker"), groups_of(utterances, "session")
    labelled = utterances[utterances["split"] != "unlabelled"]
    pairs = {name: sorted(part["speaker"].unique()) for name, part in labelled.groupby("session")}
    wrong = next((name for name in sessions if len(pairs[name]) != 2), None)
    if wrong is not None or sum(map(len, pairs.values())) != len(speakers):
        raise EmotoneError(
            "split iemocap: every session needs two speakers of its own"
            + (f", but session {wrong!r} has {len(pairs[wrong])}" if wrong is not None else "")
        )
    other = {speaker: pair[1 - place] for pair in pairs.values() for place, speaker in enumerate(pair)}
    return Folds(utterances, "speaker", [([speaker], [other[speaker]]) for speaker in speakers])


def thai_ser(utterances: pd.DataFrame) -> Folds:
    """THAI-SER's published folds: studios (`session`) in batches of ten, of which five test and five validate.

    Choose the studios, the improvised turns and one microphone by the recipe's `where`. Raises EmotoneError where the
    sessions do not fill batches of ten.
    """
    return Folds(utterances, "session", _batches_of_studios(utterances))


def thai_ser_both_ways(utterances: pd.DataFrame) -> Folds:
    """THAI-SER's published runs of spectrogram images: the folds of `thai_ser`, each also with its halves exchanged."""
    both = [(pair, pair[::-1]) for pair in _batches_of_studios(utterances)]
    return Folds(utterances, "session", [one for pairs in both for one in pairs])


def _batches_of_studios(utterances: pd.DataFrame) -> list[tuple[list[str], list[str]]]:
    """The first and the second five studios of each batch of ten."""
    studios = groups_of(utterances, "session")
    if len(studios) < 2 * THAI_SER_BATCH or len(studios) % THAI_SER_BATCH:
        raise EmotoneError(
            f"split thai-ser: needs sessions in batches of {THAI_SER_BATCH} (published: studios 1-80), "
            f"not {len(studios)}"
        )
    half = THAI_SER_BATCH // 2
    starts = range(0, len(studios), THAI_SER_BATCH)
    return [(studios[k : k + half], studios[k + half : k + THAI_SER_BATCH]) for k in starts]


def cross_corpus(
    utterances: pd.DataFrame, test: Sequence[str], num_folds: int = 5, group: str = "speaker"
) -> list[Split]:
    """Corpora `test` test as a whole; of the others every `num_folds`-th group (sorted as text) validates.

    Raises EmotoneError for an unknown corpus, none left to train on, or too few groups.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"id": list("abcd"), "split": None, "speaker": list("1234"), "corpus": list("xxyz")})
    >>> cross_corpus(table, test=["z"], num_folds=3)
    [Split(train=('b', 'c'), validation=('a',), test=('d',), unlabelled=())]
    """
    if "corpus" not in utterances:
        raise EmotoneError("split cross-corpus needs a table with the column corpus")
    names = set(utterances["corpus"])
    for name in test:
        if name not in names:
            raise unknown("corpus", name, names, where="split cross-corpus: test")
    if not test or names <= set(test):
        raise EmotoneError("split cross-corpus: test must name some of the corpora, and leave others to train on")
    tests = utterances["corpus"].isin(test)
    groups = groups_of(utterances[~tests], group)
    _check_num_folds(num_folds, groups, group, least=2)
    parts = _names(utterances, group).isin(groups[::num_folds]).map({True: "validation", False: "train"})
    parts = parts.where(~tests, "test").where(utterances["split"] != "unlabelled", "unlabelled")
    return [_collect(utterances["id"], parts)]


def given(utterances: pd.DataFrame, file: str | Path) -> list[Split]:
    """Fixed folds from a JSON file: {part: [id, ..]}, or a list of those, each with every utterance once.

    Raises EmotoneError for a missing or unreadable file, an unknown part or id, or an utterance listed never or twice.
    """
    path = Path(file)
    known = set(utterances["id"])
    return [_given_split(lists, known, path) for lists in read_lists(path, PARTS)]


_BY_GROUP = (leave_speakers_out, leave_one_speaker_out, leave_one_session_out, stratified_folds, speaker_folds)
_PUBLISHED = (ravdess, iemocap, thai_ser, thai_ser_both_ways)
SPLITS: Mapping[str, Callable[..., Sequence[Split]]] = {
    function.__name__.replace("_", "-"): function
    for function in (official, everything, *_BY_GROUP, *_PUBLISHED, cross_corpus, given)
}
"""The functions by the names that recipes use."""


def without_validation(split: Split) -> Split:
    """The split whose validation part trains as well, for systems that choose nothing by it."""
    return Split((*split.train, *split.validation), (), split.test, split.unlabelled)


def groups_of(utterances: pd.DataFrame, group: str) -> list[str]:
    """Different groups of the labelled utterances, sorted as text: as many as `leave_one_speaker_out` has folds.

    Raises EmotoneError where one is not known (null), or has both labelled and unlabelled utterances.
    """
    if group not in utterances:
        raise unknown("column", group, utterances.columns, where="split")
    is_unlabelled = utterances["split"] == "unlabelled"
    names = _names(utterances, group)[~is_unlabelled]
    num_missing = int(names.isna().sum())
    if num_missing:
        raise EmotoneError(
            f"split: {num_missing} of {len(names)} utterances have no known {group}, so that no split can be "
            "independent of it; leave them out or use official or given"
        )
    shared = set(names) & set(_names(utterances, group)[is_unlabelled].dropna())
    if shared:
        raise EmotoneError(f"split: {group} {min(shared)!r} has labelled and unlabelled utterances; leave one kind out")
    return sorted(names.unique())


def _names(utterances: pd.DataFrame, group: str) -> pd.Series[Any]:
    """The group of each utterance as text, also where it is a number; null where it is not known."""
    return utterances[group].map(word, na_action="ignore")


def _check_num_folds(num_folds: int, groups: list[str], group: str, least: int) -> None:
    if not least <= num_folds <= len(groups):
        raise EmotoneError(
            f"split: num_folds must be from {least} to the number of different values of {group} "
            f"({len(groups)}), not {num_folds}"
        )


def _class_counts(labelled: pd.DataFrame, group: str, groups: list[str], stratify: str) -> np.ndarray:
    """Utterances per group and class: float [G, K]; of numbers, the classes are quintiles."""
    values = labelled[stratify]
    if values.dtype.kind in "fiu":
        values = (values.rank(pct=True) * 5 - 1e-9).floordiv(1)
    known = values.notna()
    if not known.any():
        raise EmotoneError(f"split stratified-folds: the column {stratify} is empty; set split.stratify to another")
    classes, labels = np.unique(values[known].astype(str), return_inverse=True)
    rows = np.searchsorted(groups, _names(labelled, group)[known])
    counts = np.bincount(rows * len(classes) + labels, minlength=len(groups) * len(classes))
    return counts.reshape(len(groups), len(classes)).astype(float)


def _collect(ids: Any, parts: Any) -> Split:
    """The Split of two columns: ids and the part of each."""
    members: dict[str, list[str]] = {part: [] for part in PARTS}
    for id_, part in zip(ids, parts, strict=True):
        if part not in members:
            raise unknown("part", str(part), PARTS, where="split")
        members[part].append(id_)
    return Split(**{part: tuple(names) for part, names in members.items()})


def _given_split(lists: dict[str, list[str]], known: set[str], path: Path) -> Split:
    for part, ids in lists.items():
        if part not in PARTS:
            raise unknown("part", part, PARTS, where=str(path))
        strangers = sorted(set(ids) - known)
        if strangers:
            raise EmotoneError(f"{path}: {part} lists {len(strangers)} unknown utterances, e.g. {strangers[0]!r}")
    split = Split(**{part: tuple(ids) for part, ids in lists.items()})
    left_out = sorted(known - set(split.part_of))
    if left_out:
        raise EmotoneError(f"{path}: {len(left_out)} utterances are in no part, e.g. {left_out[0]!r}")
    return split
