"""Emotion curves against the reference and against loops; statistics of votes against numpy."""

from __future__ import annotations

import json
import statistics
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from emotone.data.labels.emotion_curve import emotion_curve, rating_statistics, rescale, smooth, trend
from emotone.errors import EmotoneError


def curve_by_loops(ranks: list[int], mean: float, std: float) -> list[float]:
    curve = [0.0]
    for before, after in pairwise(ranks):
        curve.append(curve[-1] + (after < before) - (after > before))
    smoothed = list(curve)
    for place in range(1, len(curve) - 1):
        smoothed[place] = statistics.fmean(curve[place - 1 : place + 2])
    own = statistics.pstdev(smoothed)
    if own < 1e-12:
        return [mean] * len(ranks)
    return [mean + std * (value - statistics.fmean(smoothed)) / own for value in smoothed]


def test_curves_equal_the_reference(shared: Path) -> None:
    cases = json.loads((shared / "golden/functions.json").read_text())["emotion_curve"]
    assert any(case["std"] == 0 for case in cases) and any(len(set(case["rank"])) < 22 for case in cases)
    ranks, means, stds, curves = (np.array([case[key] for case in cases]) for key in ("rank", "mean", "std", "curve"))
    np.testing.assert_allclose(emotion_curve(ranks, means, stds), curves, rtol=0, atol=1e-13)


@given(arrays(np.int64, array_shapes(min_dims=2, max_dims=2, max_side=8), elements=st.integers(1, 4)), st.data())
def test_curves_equal_loops(ranks: np.ndarray, data: st.DataObject) -> None:
    floats = st.floats(0, 7).map(lambda value: round(value, 3))
    means, stds = (data.draw(arrays(np.float64, len(ranks), elements=floats)) for _ in range(2))
    curves = emotion_curve(ranks, means, stds)
    rows = zip(ranks.tolist(), means.tolist(), stds.tolist(), strict=True)
    np.testing.assert_allclose(curves, [curve_by_loops(*row) for row in rows], rtol=0, atol=1e-9)


def test_curves_have_the_mean_and_std_of_the_votes() -> None:
    ranks = np.argsort(np.random.default_rng(0).random((50, 22)), axis=1) + 1
    means, stds = np.linspace(1, 7, 50), np.linspace(0, 2, 50)
    curves = emotion_curve(ranks, means, stds)
    np.testing.assert_allclose(curves.mean(axis=1), means, atol=1e-12)
    np.testing.assert_allclose(curves.std(axis=1), stds, atol=1e-12)
    assert (curves[0] == means[0]).all()


def test_flat_trends_are_the_mean_and_ends_stay() -> None:
    assert emotion_curve([[2] * 5], [3.3], [1.0]).tolist() == [[3.3] * 5]
    assert emotion_curve([[1]], [3.3], [1.0]).tolist() == [[3.3]]
    assert trend([[3, 3, 1, 7]]).tolist() == [[0, 0, 1, 0]]
    curve = np.array([5.0, 0.0, 1.0, 9.0])
    assert smooth(curve).tolist() == [5.0, 2.0, 10 / 3, 9.0] and curve[1] == 0
    assert smooth([4.0, 2.0]).tolist() == [4.0, 2.0]


@pytest.mark.parametrize(("mean", "std"), [([1.0, np.nan], [1.0, 1.0]), ([1.0, 2.0], [np.nan, 1.0]), ([1, 2], [-1, 0])])
def test_unknown_means_and_stds_are_refused(mean: list[float], std: list[float]) -> None:
    with pytest.raises(EmotoneError, match="1 of 2 utterances have no mean or std"):
        rescale([[1.0, 2.0], [2.0, 1.0]], mean, std)


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([1.0, 2.5, 4.0, 7.0])), max_size=20))
def test_statistics_of_votes(votes: list[tuple[int, float]]) -> None:
    places, values = (np.array(column) for column in zip(*votes, strict=True)) if votes else (np.zeros(0, int),) * 2
    mean, std = rating_statistics(places.astype(np.intp), values.astype(np.float64), 4)
    for place in range(4):
        own = values[places == place]
        expected = (own.mean(), own.std()) if len(own) else (np.nan, np.nan)
        np.testing.assert_allclose((mean[place], std[place]), expected, atol=1e-12)
