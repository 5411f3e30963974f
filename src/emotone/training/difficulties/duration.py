"""Duration as difficulty: short utterances first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from emotone.training.difficulty import Difficulty

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emotone.training.fold_data import FoldData
    from emotone.training.system import TrainStep


@dataclass(frozen=True)
class Duration(Difficulty):
    """Seconds of each utterance."""

    easy: ClassVar[Literal["highest", "lowest"]] = "lowest"

    def __call__(self, fold: FoldData, train_step: TrainStep) -> NDArray[np.float64]:
        return fold.train["duration_s"].to_numpy(float)
