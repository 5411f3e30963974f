"""Rank correlations of resamples against those of the rows, repeated as often as they count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emotone.evaluate.numbers import metrics, resampled_ranks
from emotone.evaluate.numbers.resampled_ranks import resampled_kendall, resampled_spearman

PAIRS = [(resampled_spearman, metrics.spearman), (resampled_kendall, metrics.kendall)]


def draw(num_utterances: int = 40, num_speakers: int = 5) -> tuple[NDArray[Any], ...]:
    """Predictions and truths with ties, speakers, and how often each speaker counts in 20 resamples."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 12, num_utterances).astype(float)
    predicted = np.round(truth + random.normal(0, 3, num_utterances))
    times = random.multinomial(num_speakers, np.full(num_speakers, 1 / num_speakers), 20).astype(float)
    return predicted, truth, random.integers(0, num_speakers, num_utterances), times


@pytest.mark.parametrize(("resampled", "metric"), PAIRS)
def test_resamples_equal_repeated_rows(resampled: Callable[..., Any], metric: Callable[..., float]) -> None:
    predicted, truth, speakers, times = draw()
    found = resampled(predicted, truth, speakers, times)
    for value, counts in zip(found, times.astype(int), strict=True):
        rows = np.repeat(np.arange(len(truth)), counts[speakers])
        assert value == pytest.approx(metric(predicted[rows], truth[rows]), abs=1e-12)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = resampled_kendall(*draw())
    monkeypatch.setattr(resampled_ranks, "BLOCK_CELLS", 3 * 40)
    np.testing.assert_allclose(resampled_kendall(*draw()), whole, rtol=0, atol=1e-14)


@pytest.mark.parametrize(("resampled", "metric"), PAIRS)
def test_a_resample_of_one_value_is_not_defined(resampled: Callable[..., Any], metric: Callable[..., float]) -> None:
    truth, speakers = np.array([1.0, 1.0, 2.0]), np.array([0, 0, 1])
    found = resampled(np.arange(3.0), truth, speakers, np.array([[2.0, 0.0], [1.0, 1.0]]))
    assert np.isnan(found[0]) and found[1] == pytest.approx(metric(np.arange(3.0), truth))
