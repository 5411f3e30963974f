"""Values from a file as difficulty: one JSON object {utterance: number}, the form in which DeepMI was published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from emotone.base.files import sha256_of
from emotone.data.labels.deep_mi import read_values, select_values
from emotone.errors import EmotoneError
from emotone.training.difficulty import Difficulty

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emotone.data.dataset import Dataset
    from emotone.training.fold_data import FoldData
    from emotone.training.system import TrainStep

NAMES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "id": ("id", str),
    "file": ("file", str),
    "last part of the file": ("file", lambda file: PurePosixPath(file).name),
}
"""Kinds of names: the column of the table that each is made from, and the function that makes it."""


@dataclass(frozen=True)
class File(Difficulty):
    """Given values of all training utterances; utterances are named by id, by file, or by the file's last part.

    path: of the JSON file. Values of utterances that are in the corpus, but do not train, are passed over; a missing
    value is an error, and one of an unknown utterance too.
    """

    easy: ClassVar[Literal["highest", "lowest"]] = "highest"

    path: str

    def files_read(self) -> dict[str, str]:
        """The file of values."""
        path = Path(self.path)
        return {"file of difficulties": sha256_of(path)[:16]} if path.is_file() else {}

    def __call__(self, fold: FoldData, train_step: TrainStep) -> NDArray[np.float64]:
        values = read_values(Path(self.path))
        # Whichever kind of name the file uses: the one that most of its values have.
        kind = max(NAMES, key=lambda kind: len(values.keys() & _names(fold.dataset, kind)))
        where = f"{self.path} (by {kind})"
        column, name = NAMES[kind]
        table = fold.dataset.table
        names = table[column].map(name).set_axis(table["id"])
        utterances = fold.train["utterance"].unique()
        wanted = names[utterances]
        repeated = wanted[names.duplicated(keep=False)[utterances]]
        if len(repeated):
            raise EmotoneError(f"{where}: {repeated.iloc[0]!r} is the name of several utterances; name them by id")
        found = select_values(values, list(wanted), _names(fold.dataset, kind), where)
        return fold.train["utterance"].map(dict(zip(utterances, found, strict=True))).to_numpy(float)


def _names(data: Dataset, kind: str) -> set[str]:
    """Names of that kind of all utterances of the recipe's corpora, also of those that the recipe leaves out."""
    column, name = NAMES[kind]
    tables = [data.table, *(corpus.utterances for corpus in data.corpora.values())]
    return {name(value) for table in tables for value in table[column]}
