"""Values from a file as difficulty: one JSON object {utterance: number}, the form in which DeepMI was published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, ClassVar, Literal

from emotone.data.deep_mi import read_values, select_values
from emotone.difficulty import Difficulty

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emotone.fold import Fold


@dataclass(frozen=True)
class File(Difficulty):
    """Given values of all training utterances; utterances are named by id, by file, or by the file's last part.

    path: of the JSON file. Values of utterances that are in the corpus, but do not train, are passed over; a missing
    value is an error, and one of an unknown utterance too.
    """

    easy: ClassVar[Literal["highest", "lowest"]] = "highest"

    path: str

    def __call__(self, fold: Fold) -> NDArray[np.float64]:
        values = read_values(Path(self.path))
        table = fold.data.table
        names = {
            "id": dict(zip(table["id"], table["id"], strict=True)),
            "file": dict(zip(table["id"], table["file"], strict=True)),
            "last part of the file": {
                id_: PurePosixPath(file).name for id_, file in zip(table["id"], table["file"], strict=True)
            },
        }
        # Whichever kind of name the file uses: the one that most of its values have.
        kind = max(names, key=lambda kind: len(values.keys() & set(names[kind].values())))
        wanted = [names[kind][utterance] for utterance in fold.train["utterance"]]
        return select_values(values, wanted, known=names[kind].values(), where=f"{self.path} (by {kind})")
