"""Temperatures against scipy's, and what they gain for speakers left out against a plain loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax

from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.evaluate.numbers.temperature import NUM_CHECKS, fit_temperature, held_out_gain, scale


def drawn(seed: int, sharpness: float, num: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Predictions of softmax(sharpness * z), classes drawn from softmax(z), and seven speakers."""
    random = np.random.default_rng(seed)
    z = random.normal(size=(num, 3)) * 2
    return softmax(sharpness * z, axis=1), np.array([random.choice(3, p=softmax(row)) for row in z]), np.arange(num) % 7


def test_the_temperature_minimises_the_loss() -> None:
    p, t, _ = drawn(2, 2.0, 400)

    def loss(temperature: float) -> float:
        return -np.mean(log_softmax(np.log(p) / temperature, axis=1)[np.arange(len(t)), t])

    best = scipy.optimize.minimize_scalar(loss, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-9}).x
    assert fit_temperature(p, t) == pytest.approx(best, rel=1e-3)
    np.testing.assert_allclose(scale(p, 1.7), softmax(np.log(p) / 1.7, axis=1), rtol=0, atol=1e-12)
    assert (scale(p, 5.0).argmax(axis=1) == p.argmax(axis=1)).all()  # no decision changes


def test_the_gain_is_that_of_speakers_left_out_in_turn() -> None:
    p, t, speakers = drawn(3, 2.0, 350)
    gains = []
    for speaker in sorted(set(speakers)):
        own = speakers == speaker
        after = scale(p[own], fit_temperature(p[~own], t[~own]))
        gains.append(metrics.log_loss(p[own], t[own]) - metrics.log_loss(after, t[own]))
    expected = scipy.stats.ttest_1samp(gains, 0).confidence_interval(0.95)
    assert held_out_gain(p, t, speakers) == pytest.approx((expected.low, np.mean(gains), expected.high))


def test_probabilities_of_zero_stay_finite() -> None:
    p = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    with pytest.raises(EmotoneError, match="of which 2 are right, lies at a limit"):  # not an overflow
        fit_temperature(p, np.array([0, 1, 1]))
    assert np.isfinite(scale(p, 0.5)).all()


def test_many_speakers_are_checked_in_groups() -> None:
    p, t, _ = drawn(4, 2.0, 400)
    speakers = np.array([f"{n % 25:02}" for n in range(400)])
    group = np.array([int(name) for name in speakers]) % NUM_CHECKS
    losses = np.empty(400)
    for number in range(NUM_CHECKS):
        own = group == number
        after = scale(p[own], fit_temperature(p[~own], t[~own]))
        losses[own] = np.log(after[np.arange(own.sum()), t[own]]) - np.log(p[own][np.arange(own.sum()), t[own]])
    gains = [losses[speakers == name].mean() for name in sorted(set(speakers))]
    expected = scipy.stats.ttest_1samp(gains, 0).confidence_interval(0.95)
    assert held_out_gain(p, t, speakers) == pytest.approx((expected.low, np.mean(gains), expected.high))


def test_where_nothing_can_be_checked_there_is_no_gain() -> None:
    p, t, _ = drawn(5, 2.0, 60)
    assert np.isnan(held_out_gain(p, t, np.repeat("a", 60))).all()  # one speaker
    right = np.where(np.arange(60) < 30, p.argmax(axis=1), t)
    assert np.isnan(held_out_gain(p, right, np.repeat(["a", "b"], 30))).all()  # no temperature without b: all right
