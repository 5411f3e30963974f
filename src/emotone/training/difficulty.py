"""The base of difficulties: scores of how easy or hard an utterance is, which order a curriculum."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emotone.bundle.target import Target
    from emotone.training.fold_data import FoldData
    from emotone.training.system import TrainStep


class Difficulty(ABC):
    """A score of every training utterance; settings are the fields of the frozen dataclass that derives from it."""

    requires: ClassVar[tuple[str, ...]] = ()
    easy: ClassVar[Literal["highest", "lowest"]]
    """Whether a high or a low score is an easy utterance, unless the recipe says otherwise."""

    @property
    def takes_unlabelled(self) -> bool:
        """Whether it learns from the recipe's unlabelled speech."""
        return False

    def check_targets(self, targets: Sequence[Target]) -> None:  # noqa: B027 - most are of any
        """Raise EmotoneError for targets of a recipe that the score cannot be of."""

    def files_read(self) -> dict[str, str]:
        """Identities of files that the score is of: a run that goes on must find the same."""
        return {}

    @abstractmethod
    def __call__(self, fold: FoldData, train_step: TrainStep) -> NDArray[np.float64]:
        """A score of each row of `fold.train` [N]; NaN, or EmotoneError, where one has none.

        A system that must be trained for it, by `train_step`, is kept in the fold's folder.
        """
