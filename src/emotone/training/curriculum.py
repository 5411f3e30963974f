"""Curricula: training on a growing part of the utterances, the easy ones first by any score per utterance.

Bengio et al., "Curriculum Learning", ICML 2009; ten levels of five epochs as published for DeepMI.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.errors import EmotoneError

Order = Literal["easy-first", "hard-first", "random", "none"]


@dataclass(frozen=True)
class Schedule:
    """Which rows are available when: level k of L is the first int(k / L * N) of `ranking`.

    ranking: rows in the order in which they come, int [N].
    num_levels: L; 1 gives all rows from the first epoch on.
    epochs_per_level: an epoch's level is min(epoch // epochs_per_level + 1, L); epochs count from 0.

    >>> Schedule(np.array([3, 1, 0, 2]), num_levels=2, epochs_per_level=5).rows(4).tolist()
    [3, 1]
    """

    ranking: NDArray[np.intp]
    num_levels: int = 10
    epochs_per_level: int = 5

    def level(self, epoch: int) -> int:
        """1..L."""
        return min(epoch // self.epochs_per_level + 1, self.num_levels)

    def rows(self, epoch: int) -> NDArray[np.intp]:
        """Rows available in an epoch, in the order of the ranking."""
        # The published arithmetic, as it rounds. It may round the one row of a first level away.
        num_rows = int(self.level(epoch) / self.num_levels * len(self.ranking))
        return self.ranking[: max(1, num_rows)]


@dataclass(frozen=True)
class Curriculum:
    """In which order, and how fast, utterances become available.

    order: "easy-first"; "hard-first", the anti-curriculum; "random", levels of random utterances; "none", all at once.
    easy: which scores are the easy ones, "highest" (DeepMI, agreement of raters) or "lowest" (a loss, duration).
    num_levels: parts of about equal size, one more available at every level.
    epochs_per_level: epochs until the next one.

    >>> schedule = Curriculum(num_levels=4, epochs_per_level=1).schedule([0.1, 0.4, 0.3, 0.4], ["a", "d", "c", "b"])
    >>> [schedule.rows(epoch).tolist() for epoch in range(4)]
    [[3], [3, 1], [3, 1, 2], [3, 1, 2, 0]]
    """

    order: Order = "easy-first"
    easy: Literal["highest", "lowest"] = "highest"
    num_levels: int = 10
    epochs_per_level: int = 5

    def __post_init__(self) -> None:
        for name in ("num_levels", "epochs_per_level"):
            if getattr(self, name) < 1:
                raise EmotoneError(f"curriculum: {name} must be at least 1, not {getattr(self, name)}")

    def schedule(self, scores: ArrayLike, names: Sequence[str], seed: int = 0) -> Schedule:
        """The schedule of N utterances with these scores [N]; equal scores come by name, `seed` is of a random order.

        Raises EmotoneError for unknown (NaN) scores and for more levels than utterances.
        """
        values = np.asarray(scores, np.float64)
        if len(values) != len(names):
            raise ValueError(f"{len(values)} scores are not those of {len(names)} utterances")
        if self.order == "none":
            return Schedule(np.arange(len(names)), 1, self.epochs_per_level)
        if self.num_levels > len(names):
            raise EmotoneError(
                f"curriculum: {self.num_levels} levels are more than there are utterances ({len(names)})"
            )
        if self.order == "random":
            ranking = np.random.default_rng(seed).permutation(len(names))
        else:
            ranking = self._rank(values, names)
        return Schedule(ranking, self.num_levels, self.epochs_per_level)

    def _rank(self, values: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.intp]:
        num_missing = int(np.isnan(values).sum())
        if num_missing:
            raise EmotoneError(f"curriculum: {num_missing} of {len(values)} utterances have no score")
        highest_first = (self.easy == "highest") == (self.order == "easy-first")
        return np.lexsort((np.asarray(names), -values if highest_first else values))
