"""Moments of features, accumulated in one streaming pass: what normalises them (`emotone.bundle.view.view.Normaliser`).

The published recipe (all six systems): z-norm per feature with mean and population standard deviation of the training
split, then NaN -> 0 and clip to [-3, 3]; labels z-norm likewise, predictions de-normalised with the same two numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SMALLEST_STD = 1e-10


class Moments:
    """Streaming mean and population variance per feature, in float64 (Chan, Golub & LeVeque 1983, eq. 2.1).

    >>> moments = Moments()
    >>> for part in ([[1.0], [2.0]], [[6.0]]):
    ...     moments.update(np.array(part))
    >>> moments.mean, moments.std.round(6)
    (array([3.]), array([2.160247]))
    """

    def __init__(self) -> None:
        self.count: NDArray[np.float64] | float = 0.0
        self.mean: NDArray[np.float64] = np.zeros(0)
        self._squares: NDArray[np.float64] = np.zeros(0)

    def update(self, values: NDArray[np.floating]) -> None:
        """Add rows [N, D]; NaN entries do not count."""
        if not len(values):
            return
        values = np.asarray(values, dtype=np.float64)
        present = ~np.isnan(values)
        count = present.sum(axis=0, dtype=np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(present, values, 0.0).sum(axis=0) / count
        mean = np.where(count > 0, mean, 0.0)
        squares = (np.where(present, values - mean, 0.0) ** 2).sum(axis=0)
        if not self.mean.size:
            self.count, self.mean, self._squares = count, mean, squares
            return
        total = np.maximum(self.count + count, 1.0)
        shift = mean - self.mean
        self._squares = self._squares + squares + shift**2 * self.count * count / total
        self.mean = self.mean + shift * count / total
        self.count = self.count + count

    @property
    def std(self) -> NDArray[np.float64]:
        """Population standard deviation; 0 becomes 1e-10, so that a constant feature normalises to 0."""
        std = np.sqrt(self._squares / np.maximum(self.count, 1.0))
        return np.where(std > 0, std, SMALLEST_STD)


class Extremes:
    """Streaming least value and range per feature, in place of mean and deviation: z-scores by these lie in [0, 1].

    >>> extremes = Extremes()
    >>> extremes.update(np.array([[1.0], [5.0]]))
    >>> extremes.mean, extremes.std
    (array([1.]), array([4.]))
    """

    def __init__(self) -> None:
        self._least: NDArray[np.float64] | float = np.inf
        self._greatest: NDArray[np.float64] | float = -np.inf

    def update(self, values: NDArray[np.floating]) -> None:
        """Add rows [N, D]; NaN entries do not count."""
        if len(values):
            self._least = np.fmin(self._least, np.fmin.reduce(values, axis=0))
            self._greatest = np.fmax(self._greatest, np.fmax.reduce(values, axis=0))

    @property
    def mean(self) -> NDArray[np.float64]:
        """The least value, which becomes 0."""
        return np.asarray(self._least, dtype=np.float64)

    @property
    def std(self) -> NDArray[np.float64]:
        """The range; 0 becomes 1e-10, so that a constant feature normalises to 0."""
        spread = np.asarray(self._greatest, dtype=np.float64) - self.mean
        return np.where(spread > 0, spread, SMALLEST_STD)
