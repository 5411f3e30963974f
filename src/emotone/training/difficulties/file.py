"""Values from a file as difficulty: one JSON object {utterance: number}, the form in which DeepMI was published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from emotone.base.files import sha256_of
from emotone.data.labels.deep_mi import read_values
from emotone.data.utterance_names import values_of
from emotone.training.difficulty import Difficulty

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emotone.training.fold_data import FoldData
    from emotone.training.system import TrainStep


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
        utterances = fold.train["utterance"].unique()
        found = values_of(values, fold.dataset, utterances, self.path)
        return fold.train["utterance"].map(dict(zip(utterances, found, strict=True))).to_numpy(float)
