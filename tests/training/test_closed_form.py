"""Closed forms against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from emotone.training.closed_form import bias_for, discriminant, ridge

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(60, 7)) @ RANDOM.normal(size=(7, 7))
PLACES = np.repeat([0, 1, 2], [10, 20, 30])
INPUTS[PLACES == 1, 0] += 2.0
INPUTS[PLACES == 2, 1] -= 1.0


@pytest.mark.parametrize("weights", [np.ones(60), RANDOM.uniform(0.1, 3.0, 60)])
def test_ridge_is_that_of_scikit_learn(weights: NDArray[np.float64]) -> None:
    labels = INPUTS @ RANDOM.normal(size=(7, 2)) + RANDOM.normal(size=(60, 2)) + 5.0
    penalties = [0.01, 1.0, 50.0]
    for penalty, (weight, bias) in zip(penalties, ridge(INPUTS, labels, weights, penalties), strict=True):
        theirs = Ridge(alpha=penalty * weights.sum()).fit(INPUTS, labels, sample_weight=weights)
        np.testing.assert_allclose(weight, theirs.coef_, rtol=1e-9)
        np.testing.assert_allclose(bias, theirs.intercept_, rtol=1e-9)


def test_rows_count_by_their_weight() -> None:
    labels, twice = RANDOM.normal(size=(60, 1)), np.ones(60)
    twice[:5] = 2.0
    [(weight, bias)] = ridge(INPUTS, labels, twice, [0.3])
    [(again, same)] = ridge(np.r_[INPUTS, INPUTS[:5]], np.r_[labels, labels[:5]], np.ones(65), [0.3])
    np.testing.assert_allclose(weight, again, rtol=1e-10)
    np.testing.assert_allclose(bias, same, rtol=1e-10)


def test_a_discriminant_without_penalty_is_that_of_scikit_learn() -> None:
    even = INPUTS[PLACES != 1], np.where(PLACES == 2, 1, 0)[PLACES != 1]
    rows = np.concatenate([np.flatnonzero(even[1] == 0), np.flatnonzero(even[1] == 1)[:10]])  # as many of each
    inputs, places = even[0][rows], even[1][rows]
    [(weight, bias)] = discriminant(inputs, places, 2, [1e-12])
    theirs = LinearDiscriminantAnalysis("lsqr", priors=[0.5, 0.5]).fit(inputs, places)
    found = inputs @ (weight[1] - weight[0]) + bias[1] - bias[0]
    np.testing.assert_allclose(found, theirs.decision_function(inputs), rtol=1e-6)


def test_a_category_counts_as_much_whatever_its_number() -> None:
    [(weight, bias)] = discriminant(INPUTS, PLACES, 3, [0.5])
    repeated = np.concatenate([INPUTS, *[INPUTS[PLACES == 2]] * 3])
    [(again, same)] = discriminant(repeated, np.append(PLACES, np.full(90, 2)), 3, [0.5])
    np.testing.assert_allclose(weight, again, rtol=1e-10)
    np.testing.assert_allclose(bias, same, rtol=1e-10)


def test_background_takes_its_share_of_the_covariance() -> None:
    background = RANDOM.normal(size=(40, 7)) * 3 + 1
    [(weight, bias)] = discriminant(INPUTS, PLACES, 3, [0.2], background, 0.25)
    means = np.array([INPUTS[place == PLACES].mean(axis=0) for place in range(3)])
    within = sum(np.cov(INPUTS[place == PLACES].T, bias=True) for place in range(3)) / 3
    covariance = 0.75 * within + 0.25 * np.cov(background.T, bias=True) + 0.2 * np.eye(7)
    np.testing.assert_allclose(weight, means @ np.linalg.inv(covariance), rtol=1e-8)
    np.testing.assert_allclose(bias, -0.5 * np.sum(weight * means, axis=1), rtol=1e-8)


@pytest.mark.parametrize("num_background", [0, 8])
def test_more_values_than_rows_change_nothing(num_background: int) -> None:
    inputs, places = RANDOM.normal(size=(30, 90)), np.repeat([0, 1, 2], 10)
    labels, weights = RANDOM.normal(size=(30, 2)), RANDOM.uniform(0.5, 2.0, 30)
    theirs = Ridge(alpha=0.4 * weights.sum()).fit(inputs, labels, sample_weight=weights)
    [(weight, bias)] = ridge(inputs, labels, weights, [0.4])
    np.testing.assert_allclose(weight, theirs.coef_, atol=1e-10)
    np.testing.assert_allclose(bias, theirs.intercept_, atol=1e-10)
    background = RANDOM.normal(size=(num_background, 90)) if num_background else None
    share = 0.5 if num_background else 0.0
    means = np.array([inputs[place == places].mean(axis=0) for place in range(3)])
    covariance = (1 - share) * np.cov((inputs - means[places]).T, bias=True) + 0.3 * np.eye(90)
    if background is not None:
        covariance += share * np.cov(background.T, bias=True)
    [(weight, bias)] = discriminant(inputs, places, 3, [0.3], background, share)
    np.testing.assert_allclose(weight, means @ np.linalg.inv(covariance), atol=1e-8)
    np.testing.assert_allclose(bias, -0.5 * np.sum(weight * means, axis=1), atol=1e-8)


@pytest.mark.parametrize("prior", [[0.25] * 4, [0.7, 0.1, 0.1, 0.1]])
def test_the_bias_gives_the_prior(prior: list[float]) -> None:
    logits = RANDOM.normal(0, 4, (200, 4)) + [5, 0, -3, 1]
    bias = bias_for(logits, np.array(prior))
    odds = np.exp(logits + bias)
    np.testing.assert_allclose((odds / odds.sum(axis=1, keepdims=True)).mean(axis=0), prior, atol=1e-6)
    assert abs(bias.sum()) < 1e-9
