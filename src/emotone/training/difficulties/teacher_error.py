"""The error of a teacher as difficulty: what another model gets right first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from emotone.errors import EmotoneError, unknown
from emotone.training.difficulty import Difficulty

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.bundle.target import Target
    from emotone.training.fold_data import FoldData
    from emotone.training.system import TrainStep


@dataclass(frozen=True)
class TeacherError(Difficulty):
    """|score - label| of the recipe's first attribute, both on the recipe's range.

    bundles: the teachers, by name or folder; their scores are averaged.
    """

    easy: ClassVar[Literal["highest", "lowest"]] = "lowest"

    bundles: tuple[str, ...] = ("default",)

    def check_targets(self, targets: Sequence[Target]) -> None:
        """The first must be an attribute."""
        if targets[0].kind == "category":
            name = targets[0].name
            raise EmotoneError(f"difficulty teacher-error is of an attribute, but the recipe's first target is {name}")

    def files_read(self) -> dict[str, str]:
        """The teachers' bundles."""
        from emotone.features.extractors.scores import Scores

        found = zip(self.bundles, Scores(self.bundles).made_with, strict=True)
        return {f"bundle {name}": fingerprint[:16] for name, fingerprint in found}

    def __call__(self, fold: FoldData, train_step: TrainStep) -> NDArray[np.float64]:
        from emotone.data.store import extract
        from emotone.features.extractors.scores import Scores

        target, teacher = fold.targets[0], Scores(self.bundles)
        where = "difficulty teacher-error"
        assert target.range is not None  # of an attribute
        if target.name not in teacher.names:
            raise unknown("attribute", target.name, teacher.names, where=where)
        scores, ids = np.empty(len(fold.train)), fold.train["own_id"]
        for corpus in fold.dataset.corpora.values():
            rows = np.flatnonzero(fold.train["corpus"] == corpus.name)
            if len(rows):
                store = extract(corpus, "scores", teacher, quiet=fold.quiet)
                lost = [id_ for id_ in ids.iloc[rows] if id_ not in store]
                if lost:
                    raise EmotoneError(f"{where}: {len(lost)} utterances could not be scored, e.g. {lost[0]}")
                place = teacher.names.index(target.name)
                scores[rows] = np.concatenate(store.rows(list(ids.iloc[rows])).utterances)[:, place]
        low, high = teacher.ranges[target.name]
        scores = target.range[0] + (scores - low) / (high - low) * (target.range[1] - target.range[0])
        return np.abs(scores - fold.train[target.name].to_numpy(float))
