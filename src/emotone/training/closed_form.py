"""Linear maps that are found at once: ridge regression, a regularised discriminant, biases for given priors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from emotone.errors import EmotoneError, unknown

Floats = NDArray[np.float64]
Fitted = tuple[Floats, Floats]
"""Weights [K, D] and biases [K]."""


def ridge(inputs: Floats, labels: Floats, weights: Floats, penalties: Sequence[float]) -> list[Fitted]:
    """Ridge regressions of labels [N, K] on inputs [N, D], rows weighted by weights [N]: one for each penalty.

    The penalty is on the covariance: weights solve (C + penalty I) w = c, C and c the weighted covariances of inputs
    among themselves and with a label, so that it means the same for any number of rows.

    >>> [(weight, bias)] = ridge(np.array([[-1.0], [1.0]]), np.array([[1.0], [5.0]]), np.ones(2), [1.0])
    >>> weight.round(12).tolist(), bias.round(12).tolist()
    ([[1.0]], [3.0])
    """
    inputs, axes = rotate(inputs)
    shares = (weights / weights.sum())[:, None]
    centre, middle = (shares * inputs).sum(axis=0), (shares * labels).sum(axis=0)
    centred = inputs - centre
    weighted = (centred * shares).T
    covariance, with_labels = weighted @ centred, weighted @ (labels - middle)
    found = []
    for penalty in penalties:
        weight = _solve(covariance, penalty, with_labels)
        found.append((_back(weight.T, axes), middle - centre @ weight))
    return found


def discriminant(
    inputs: Floats,
    places: NDArray[np.intp],
    num: int,
    penalties: Sequence[float],
    background: Floats | None = None,
    background_share: float = 0.0,
) -> list[Fitted]:
    """Linear discriminants of `num` equally likely categories, of which inputs [N, D] have the `places` [N].

    Friedman, "Regularized discriminant analysis", JASA 84, 1989, for one covariance S: that within categories, each of
    the same weight, of which `background_share` is replaced by that of `background` [M, D], speech without categories;
    plus penalty I. Outputs m' S^-1 x - m' S^-1 m / 2 are logits of the probabilities of Gaussians. One map for each
    penalty; every category needs a row.

    >>> inputs = np.array([[-1.5], [-0.5], [0.5], [1.5]])
    >>> [(weight, bias)] = discriminant(inputs, np.array([0, 0, 1, 1]), 2, [0.75])
    >>> weight.round(12).tolist(), bias.round(12).tolist()
    ([[-1.0], [1.0]], [-0.5, -0.5])
    """
    inputs, axes = rotate(inputs if background is None else np.concatenate([inputs, background]))
    inputs, background = inputs[: len(places)], None if background is None else inputs[len(places) :]
    means = np.array([inputs[places == place].mean(axis=0) for place in range(num)])
    shares = 1 / (num * np.bincount(places, minlength=num)[places])
    within = inputs - means[places]
    covariance = (within * shares[:, None]).T @ within
    if background is not None and background_share:
        spread = background - background.mean(axis=0)
        covariance = (1 - background_share) * covariance + background_share / len(background) * spread.T @ spread
    found = []
    for penalty in penalties:
        weight = _solve(covariance, penalty, means.T).T
        found.append((_back(weight, axes), -0.5 * (weight * means).sum(axis=1)))
    return found


def rotate(inputs: Floats) -> tuple[Floats, Floats | None]:
    """Inputs [N, D] in the coordinates [N, R] of the space they span, and its axes [D, R].

    As they are where D <= N, or all are zero. Penalties on the length of the weights do not see a rotation, so the
    solution is the same, found in R <= N instead of thousands of dimensions.

    >>> rotated, axes = rotate(np.array([[3.0, 4.0, 0.0]]))
    >>> rotated.shape, (rotated @ axes.T).round(6).tolist()
    ((1, 1), [[3.0, 4.0, 0.0]])
    """
    if inputs.shape[1] <= len(inputs) or not inputs.any():
        return inputs, None
    values, vectors = np.linalg.eigh(inputs @ inputs.T)
    spanned = values > values[-1] * len(inputs) * np.finfo(float).eps
    lengths = np.sqrt(values[spanned])
    return vectors[:, spanned] * lengths, inputs.T @ (vectors[:, spanned] / lengths)


def prior_of(given: Mapping[str, float], labels: Sequence[str], where: str) -> Floats:
    """Mean probabilities [K]: the given ones, the rest evenly; raises EmotoneError, beginning with `where`.

    >>> prior_of({"neutral": 0.5}, ["anger", "neutral", "sadness"], "balance").tolist()
    [0.25, 0.5, 0.25]
    """
    for name in given:
        if name not in labels:
            raise unknown("category", name, labels, where=where)
    rest = (1 - sum(given.values())) / max(1, len(labels) - len(given))
    prior = np.array([given.get(label, rest) for label in labels])
    if not (prior > 0).all() or not math.isclose(prior.sum(), 1, abs_tol=1e-6):
        raise EmotoneError(f"{where} must leave every category a share, together 1, not {given}")
    return prior


def bias_for(logits: NDArray[np.floating], prior: Floats, num_steps: int = 500) -> Floats:
    """The bias [K] that gives logits [N, K] the mean probabilities `prior` [K]; a damped fixed point, sum zero.

    >>> bias_for(np.array([[2.0, 0.0]]), np.array([0.5, 0.5])).round(6).tolist()
    [-1.0, 1.0]
    """
    bias = np.zeros(len(prior))
    for _ in range(num_steps):
        shifted = logits + bias
        odds = np.exp(shifted - shifted.max(axis=1, keepdims=True))
        bias += 0.5 * np.log(prior / (odds / odds.sum(axis=1, keepdims=True)).mean(axis=0))
    return bias - bias.mean()


def _back(weight: Floats, axes: Floats | None) -> Floats:
    """Weights [K, D] of inputs, given those [K, R] of rotated ones."""
    return weight if axes is None else weight @ axes.T


def _solve(covariance: Floats, penalty: float, right: Floats) -> Floats:
    """(covariance + penalty I)^-1 right."""
    from scipy.linalg import solve

    return solve(covariance + penalty * np.eye(len(covariance)), right, assume_a="pos")
