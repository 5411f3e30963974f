"""How far raters agree as difficulty: utterances that all rate alike first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from emotone.errors import EmotoneError
from emotone.training.difficulty import Difficulty

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.training.fold_data import FoldData
    from emotone.training.system import TrainStep


@dataclass(frozen=True)
class Agreement(Difficulty):
    """Agreement of an utterance's votes on the recipe's first target; needs a corpus with raters.

    Of an attribute minus the deviation of the votes (population) as a share of the corpus's range, of `emotion` the
    share of the commonest vote. NaN where there are fewer than two votes.
    """

    easy: ClassVar[Literal["highest", "lowest"]] = "highest"

    def __call__(self, fold: FoldData, train_step: TrainStep) -> NDArray[np.float64]:
        target = fold.targets[0]
        found = np.full(len(fold.train), np.nan)
        for name, corpus in fold.dataset.corpora.items():
            rows = np.flatnonzero(fold.train["corpus"] == corpus.name)
            if not len(rows):
                continue
            if corpus.raters is None:
                raise EmotoneError(f"difficulty agreement: corpus {name} has no raters' votes, only one label")
            if target.name not in corpus.raters:
                raise EmotoneError(f"difficulty agreement: the raters of {corpus.name} do not vote on {target.name}")
            votes = corpus.raters.dropna(subset=[target.name]).groupby("id")[target.name]
            if target.kind == "category":
                agreement = votes.agg(lambda given: given.value_counts(normalize=True).iloc[0])
            else:
                low, high = corpus.meta["ranges"][target.name]
                agreement = -votes.std(ddof=0) / (high - low)
            found[rows] = fold.train["own_id"].iloc[rows].map(agreement[votes.size() > 1]).to_numpy(float)
        return found
