"""Values from files that name utterances: by their id, by their file, or by the last part of the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from emotone.errors import EmotoneError

if TYPE_CHECKING:
    import pandas as pd

    from emotone.data.selection import Selection

Value = TypeVar("Value")
NAMES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "id": ("id", str),
    "file": ("file", str),
    "last part of the file": ("file", lambda file: PurePosixPath(file).name),
}
"""Kinds of names: the column of the table that each is made from, and the function that makes it."""


def values_of(values: Mapping[str, Value], data: Selection, utterances: Sequence[str], path: str) -> list[Value]:
    """The values of these utterances (ids of `data.table`), in their order.

    The kind of name is the one that most of the values have. Values of other utterances of the recipe's corpora are
    passed over. Raises EmotoneError, with the `path` of the values, for utterances without a value, values of unknown
    utterances, and a name of several.
    """
    kind = max(NAMES, key=lambda kind: len(values.keys() & _names(data, kind)))
    where = f"{path} (by {kind})"
    column, name = NAMES[kind]
    names = data.table[column].map(name).set_axis(data.table["id"])
    wanted = names[utterances]
    repeated = wanted[names.duplicated(keep=False)[utterances]]
    if len(repeated):
        raise EmotoneError(f"{where}: {repeated.iloc[0]!r} is the name of several utterances; name them by id")
    return select_values(values, list(wanted), _names(data, kind), where)


def _names(data: Selection, kind: str) -> set[str]:
    """Names of that kind of all utterances of the recipe's corpora, also of those that the recipe leaves out."""
    column, name = NAMES[kind]
    tables = [data.table, *(corpus.utterances for corpus in data.corpora.values())]
    return {name(value) for table in tables for value in table[column]}


def select_values(
    values: Mapping[str, Value], names: Sequence[str], known: Iterable[str] = (), where: str = "values"
) -> list[Value]:
    """The values of these names, in their order. `known` are further names that may have one.

    Raises EmotoneError, counted and named, for names without a value and for values of unknown names.

    >>> select_values({"a.wav": 0.1, "b.wav": 0.2}, ["b.wav", "a.wav"])
    [0.2, 0.1]
    """
    missing = [name for name in names if name not in values]
    if missing:
        raise EmotoneError(f"{where}: {len(missing)} of {len(names)} utterances have no value, e.g. {missing[0]!r}")
    strangers = sorted(set(values) - set(names) - set(known))
    if strangers:
        raise EmotoneError(
            f"{where}: {len(strangers)} of {len(values)} values are of unknown utterances, e.g. {strangers[0]!r}"
        )
    return [values[name] for name in names]


def names_of(table: pd.DataFrame) -> list[str]:
    """How files name the utterances of a table: by the last part of their file, as published, else by id.

    >>> import pandas
    >>> names_of(pandas.DataFrame({"id": ["x/a", "x/b"], "file": ["x/a.wav", "x/b.wav"]}))
    ['a.wav', 'b.wav']
    >>> names_of(pandas.DataFrame({"id": ["a#0-1", "a#1-2"], "file": ["a.wav", "a.wav"]}))
    ['a#0-1', 'a#1-2']
    """
    names = table["file"].map(NAMES["last part of the file"][1])
    return names.tolist() if names.is_unique else table["id"].tolist()
