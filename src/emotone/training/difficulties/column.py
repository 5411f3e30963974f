"""Any number that a corpus has of its utterances as difficulty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from emotone.errors import EmotoneError, unknown
from emotone.training.difficulty import Difficulty

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emotone.training.fold_data import FoldData
    from emotone.training.system import TrainStep


@dataclass(frozen=True)
class Column(Difficulty):
    """Numbers of the corpus table (`emotone info CORPUS` names its columns).

    column: its name.
    """

    easy: ClassVar[Literal["highest", "lowest"]] = "highest"

    column: str

    def __call__(self, fold: FoldData, train_step: TrainStep) -> NDArray[np.float64]:
        if self.column not in fold.train:
            raise unknown("column", self.column, map(str, fold.train.columns), where="difficulty column")
        values = fold.train[self.column]
        if values.dtype.kind not in "iufb":
            raise EmotoneError(f"difficulty column: {self.column} holds no numbers, e.g. {values.iloc[0]!r}")
        return values.to_numpy(float)
