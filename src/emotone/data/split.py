"""Splits: named functions of the utterance table, speaker-independent unless they come from a fixed list.

Each takes the table (one row per utterance, columns `id`, `split`, `speaker`, ..) and returns a `Split`.
Cross-validation is one fold at a time: fold k tests, fold k + 1 validates, all others train. Utterances whose `split`
is `unlabelled` are set apart first; they need no group, but may not share one with the others.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotone.errors import EmotoneError, unknown

if TYPE_CHECKING:
    import pandas as pd

PARTS = ("train", "validation", "test", "unlabelled")


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
        """Hash of which utterance is in which part, whatever their order."""
        text = json.dumps({part: getattr(self, part) for part in PARTS})
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def official(utterances: pd.DataFrame) -> Split:
    """The owner's split: the table's `split` column, as it is.

    Raises EmotoneError when utterances have none.

    >>> import pandas as pd
    >>> official(pd.DataFrame({"id": ["a", "b"], "split": ["train", "test"]}))
    Split(train=('a',), validation=(), test=('b',), unlabelled=())
    """
    num_missing = int(utterances["split"].isna().sum())
    if num_missing:
        raise EmotoneError(
            f"split official: {num_missing} of {len(utterances)} utterances have no official split; "
            "use leave_speakers_out, leave_one_speaker_out or given"
        )
    return _collect(utterances["id"], utterances["split"])


def everything(utterances: pd.DataFrame) -> Split:
    """All utterances train: for bundles to use, whose quality other runs of the recipe have measured.

    >>> import pandas as pd
    >>> everything(pd.DataFrame({"id": ["a", "b"]})).train
    ('a', 'b')
    """
    return Split(train=tuple(utterances["id"]))


def leave_speakers_out(utterances: pd.DataFrame, num_folds: int, fold: int, group: str = "speaker") -> Split:
    """Fold `fold` of `num_folds`: groups sorted as text, group i is in fold i mod `num_folds`.

    Raises EmotoneError for unknown (null) groups, fewer than 3 folds or than one group per fold, or no such fold.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"id": list("abcd"), "split": None, "speaker": ["1", "2", "3", "4"]})
    >>> leave_speakers_out(table, num_folds=3, fold=0)
    Split(train=('c',), validation=('b',), test=('a', 'd'), unlabelled=())
    """
    groups = groups_of(utterances, group)
    if num_folds < 3 or num_folds > len(groups):
        raise EmotoneError(
            f"split leave_speakers_out: num_folds must be from 3 (train, validation, test) to the number of different "
            f"values of {group} ({len(groups)}), not {num_folds}"
        )
    return speaker_folds(utterances, [groups[k::num_folds] for k in range(num_folds)], fold, group)


def leave_one_speaker_out(utterances: pd.DataFrame, fold: int, group: str = "speaker") -> Split:
    """Fold `fold`: the group of that place in sorted order tests, the next one validates, all others train.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"id": list("abc"), "split": None, "speaker": ["1", "2", "3"]})
    >>> leave_one_speaker_out(table, fold=2)
    Split(train=('b',), validation=('a',), test=('c',), unlabelled=())
    """
    return speaker_folds(utterances, [[name] for name in groups_of(utterances, group)], fold, group)


def speaker_folds(utterances: pd.DataFrame, folds: Sequence[Sequence[str]], fold: int, group: str = "speaker") -> Split:
    """Fold `fold` of published ones, each a list of groups: it tests, the next one validates, all others train.

    Raises EmotoneError for unknown (null) groups, a group in no fold, in two, or not in the table, or no such fold.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"id": list("abc"), "split": None, "speaker": ["01", "02", "03"]})
    >>> speaker_folds(table, [["02"], ["01"], ["03"]], fold=0)
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
    if len(folds) < 3 or not 0 <= fold < len(folds):
        raise EmotoneError(f"split: fold must be from 0 to {len(folds) - 1} of at least 3 folds, not {fold}")
    part_of = dict.fromkeys(groups, "train")
    part_of |= dict.fromkeys(folds[(fold + 1) % len(folds)], "validation") | dict.fromkeys(folds[fold], "test")
    parts = utterances[group].map(part_of).where(utterances["split"] != "unlabelled", "unlabelled")
    return _collect(utterances["id"], parts)


def given(utterances: pd.DataFrame, file: str | Path) -> Split:
    """A fixed split from a JSON file {part: [id, ..]} that lists every utterance of the table once.

    Raises EmotoneError for a missing or unreadable file, an unknown part or id, or an utterance listed never or twice.
    """
    path = Path(file)
    ids_of = _read_lists(path)
    known = set(utterances["id"])
    for part, ids in ids_of.items():
        if part not in PARTS:
            raise unknown("part", part, PARTS, where=str(path))
        strangers = sorted(set(ids) - known)
        if strangers:
            raise EmotoneError(f"{path}: {part} lists {len(strangers)} unknown utterances, e.g. {strangers[0]!r}")
    split = Split(**{part: tuple(ids) for part, ids in ids_of.items()})
    left_out = sorted(known - set(split.part_of))
    if left_out:
        raise EmotoneError(f"{path}: {len(left_out)} utterances are in no part, e.g. {left_out[0]!r}")
    return split


SPLITS: Mapping[str, Callable[..., Split]] = {
    function.__name__: function
    for function in (official, everything, leave_speakers_out, leave_one_speaker_out, speaker_folds, given)
}
"""The functions by name, as recipes call them."""


def groups_of(utterances: pd.DataFrame, group: str) -> list[str]:
    """Different groups of the labelled utterances, sorted as text: as many as `leave_one_speaker_out` has folds.

    Raises EmotoneError where one is not known (null), or has both labelled and unlabelled utterances.
    """
    if group not in utterances:
        raise unknown("column", group, utterances.columns, where="split")
    is_unlabelled = utterances["split"] == "unlabelled"
    names = utterances.loc[~is_unlabelled, group]
    num_missing = int(names.isna().sum())
    if num_missing:
        raise EmotoneError(
            f"split: {num_missing} of {len(names)} utterances have no known {group}, so that no split can be "
            "independent of it; leave them out or use official or given"
        )
    shared = set(names) & set(utterances.loc[is_unlabelled, group].dropna())
    if shared:
        raise EmotoneError(f"split: {group} {min(shared)!r} has labelled and unlabelled utterances; leave one kind out")
    return sorted(names.unique())


def _collect(ids: Any, parts: Any) -> Split:
    """The Split of two columns: ids and the part of each."""
    members: dict[str, list[str]] = {part: [] for part in PARTS}
    for id_, part in zip(ids, parts, strict=True):
        if part not in members:
            raise unknown("part", str(part), PARTS, where="split")
        members[part].append(id_)
    return Split(**{part: tuple(names) for part, names in members.items()})


def _read_lists(path: Path) -> dict[str, list[str]]:
    try:
        lists = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EmotoneError(f"{path} is missing") from None
    except (OSError, ValueError) as error:
        raise EmotoneError(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(lists, dict) or not all(
        isinstance(ids, list) and all(isinstance(id_, str) for id_ in ids) for ids in lists.values()
    ):
        raise EmotoneError(f"{path}: must be {{part: [id, ..]}} with the parts {', '.join(PARTS)}")
    return lists
