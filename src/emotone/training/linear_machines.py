"""Linear machines found from the products of their rows: SVMs of all pairs, ridge and support vector regression.

The products of all rows, one matrix [N, N], are computed once and serve every part of the rows and every C: features
are many (6,373 of ComParE), utterances few, and neither changes when a few speakers are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.models.pairs import pairs_of, signs_of

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
MOST_ROWS = 8000
"""Of more rows (products of 512 MB), machines are found in the space of the features: the same but for the intercept,
which these solvers regularise."""
BLOCK_COLUMNS = 1024
"""Columns that are made float64 at a time."""


@dataclass(frozen=True)
class Machine:
    """K linear maps of a vector: weights [K, n] of the `rows` [n] that they were fitted to, or [K, D] without these."""

    machines: LinearMachines
    rows: Places | None
    weights: Floats
    bias: Floats

    def outputs(self, rows: Places) -> Floats:
        """The maps of these rows [m]: [m, K]."""
        machines = self.machines
        if self.rows is None:
            return machines.inputs[rows] @ self.weights.T + self.bias
        assert machines.gram is not None
        return machines.gram[np.ix_(rows, self.rows)] @ self.weights.T + self.bias

    def of_features(self) -> tuple[Floats, Floats]:
        """Weights [K, D] and bias [K]."""
        if self.rows is None:
            return self.weights, self.bias
        found = [self.weights @ block[self.rows] for block in _blocks(self.machines.inputs)]
        return np.concatenate(found, axis=1), self.bias


class LinearMachines:
    """Machines that are fitted to parts of the same rows, inputs [N, D].

    >>> machines = LinearMachines(np.array([[-1.0], [1.0], [3.0]], np.float32))
    >>> machine = machines.pairs(np.array([0, 1]), np.array([0, 1]), 2, 10.0)
    >>> machine.outputs(np.array([2])).round(3).tolist()
    [[-3.0]]
    """

    def __init__(self, inputs: NDArray[Any]) -> None:
        self.inputs = inputs
        self.gram = sum(block @ block.T for block in _blocks(inputs)) if len(inputs) <= MOST_ROWS else None

    def pairs(self, rows: Places, labels: Places, num: int, c: float, balanced: bool = False) -> Machine:
        """SVMs of every pair of `num` categories, of which rows [n] have the `labels` [n]: K (K - 1) / 2 margins.

        Margins are positive on the side of the first of a pair; those of a pair without rows are 0. `balanced` weighs a
        category by the inverse of its number of rows. By LIBSVM (Chang & Lin, ACM TIST 2(3), 2011).
        """
        fit = self._pairs_of_features if self.gram is None else self._pairs_of_products
        return fit(rows, labels, num, c, "balanced" if balanced else None)

    def rest(self, rows: Places, labels: Places, num: int, c: float, balanced: bool = False) -> Machine:
        """SVMs of each of `num` categories against all others, as margins of pairs: K (K - 1) / 2, as of `pairs`.

        A pair's margin is the difference of its two distances, divided by K: their sums are the distances less their
        mean.
        """
        parts = [self.pairs(rows, (labels != place).astype(np.intp), 2, c, balanced) for place in range(num)]
        signs = signs_of(num) / num
        weights, bias = (np.concatenate([getattr(one, name) for one in parts]) for name in ("weights", "bias"))
        return Machine(self, parts[0].rows, signs @ weights, signs @ bias)

    def ridge(self, rows: Places, labels: Floats, c: float) -> Machine:
        """Ridge regression of labels [n] with alpha = 1 / (2 c)."""
        if self.gram is None:
            from sklearn.linear_model import Ridge

            found = Ridge(alpha=1 / (2 * c)).fit(self.inputs[rows], labels)
            return Machine(self, None, found.coef_[None].astype(float), np.array([found.intercept_]))
        from scipy.linalg import solve

        products = self.gram[np.ix_(rows, rows)]
        means, mean = products.mean(axis=0), labels.mean()
        centred = products - means - means[:, None] + means.mean()
        weights = solve(centred + np.eye(len(rows)) / (2 * c), labels - mean, assume_a="pos")
        return Machine(self, rows, weights[None], np.array([mean - weights @ means]))

    def svr(self, rows: Places, labels: Floats, c: float, max_iter: int, seed: int) -> Machine:
        """Support vector regression of labels [n], every error counted (epsilon 0)."""
        from sklearn.svm import SVR, LinearSVR

        if self.gram is None:
            linear = LinearSVR(C=c, random_state=seed, max_iter=max_iter, dual="auto").fit(self.inputs[rows], labels)
            return Machine(self, None, linear.coef_[None], np.array(linear.intercept_).reshape(1))
        fitted = SVR(kernel="precomputed", C=c, epsilon=0.0).fit(self.gram[np.ix_(rows, rows)], labels)
        weights = np.zeros((1, len(rows)))
        weights[0, fitted.support_] = fitted.dual_coef_[0]
        return Machine(self, rows, weights, np.array(fitted.intercept_))

    def _pairs_of_products(self, rows: Places, labels: Places, num: int, c: float, weight: str | None) -> Machine:
        from sklearn.svm import SVC

        assert self.gram is not None
        places = {pair: place for place, pair in enumerate(pairs_of(num))}
        weights, bias = np.zeros((len(places), len(rows))), np.zeros(len(places))
        present = np.unique(labels)
        if len(present) > 1:
            svc = SVC(kernel="precomputed", C=c, class_weight=weight).fit(self.gram[np.ix_(rows, rows)], labels)
            ends = np.concatenate([[0], np.cumsum(svc.n_support_)])
            sign = -1 if len(present) == 2 else 1  # of two, scikit-learn turns the margin round
            for number, (i, j) in enumerate(pairs_of(len(present))):
                first, second = slice(ends[i], ends[i + 1]), slice(ends[j], ends[j + 1])
                place = places[int(present[i]), int(present[j])]
                weights[place, svc.support_[first]] = sign * svc.dual_coef_[j - 1, first]
                weights[place, svc.support_[second]] = sign * svc.dual_coef_[i, second]
                bias[place] = sign * svc.intercept_[number]
        return Machine(self, rows, weights, bias)

    def _pairs_of_features(self, rows: Places, labels: Places, num: int, c: float, weight: str | None) -> Machine:
        from sklearn.svm import LinearSVC

        pairs = pairs_of(num)
        weights, bias = np.zeros((len(pairs), self.inputs.shape[1])), np.zeros(len(pairs))
        shares = len(labels) / (len(np.unique(labels)) * np.maximum(np.bincount(labels, minlength=num), 1))
        for place, pair in enumerate(pairs):
            chosen = np.isin(labels, pair)
            if len(np.unique(labels[chosen])) == 2:
                of_class = None if weight is None else {k: float(shares[k]) for k in pair}
                svc = LinearSVC(C=c, loss="hinge", dual=True, class_weight=of_class, random_state=0, max_iter=10_000)
                svc.fit(self.inputs[rows[chosen]], labels[chosen])
                weights[place], bias[place] = -svc.coef_[0], -svc.intercept_[0]
        return Machine(self, None, weights, bias)


def _blocks(inputs: NDArray[Any]) -> Any:
    """Inputs [N, D] as float64, a few columns at a time."""
    starts = range(0, max(1, inputs.shape[1]), BLOCK_COLUMNS)
    return (inputs[:, start : start + BLOCK_COLUMNS].astype(np.float64) for start in starts)
