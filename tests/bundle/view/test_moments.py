"""Streaming moments and extremes against numpy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from numpy.typing import NDArray

from emotone.bundle.view.moments import Extremes, Moments
from emotone.bundle.view.view import Normaliser

values = st.floats(-1e3, 1e3, width=32) | st.just(float("nan"))
tables = stn.arrays(np.float32, st.tuples(st.integers(1, 40), st.integers(1, 4)), elements=values)


@given(tables, st.lists(st.integers(0, 40), max_size=5))
def test_moments_of_parts_are_those_of_the_whole(table: NDArray[np.float32], cuts: list[int]) -> None:
    moments = Moments()
    for part in np.split(table, sorted(min(cut, len(table)) for cut in cuts)):
        moments.update(part)
    doubles = table.astype(np.float64)
    known = ~np.isnan(doubles)
    for column in range(table.shape[1]):
        present = doubles[known[:, column], column]
        mean, std = (present.mean(), present.std()) if len(present) else (0.0, 0.0)
        assert moments.mean[column] == pytest.approx(mean, rel=1e-9, abs=1e-9)
        assert moments.std[column] == pytest.approx(std, rel=1e-7, abs=1e-4)


def test_a_small_spread_beside_a_large_mean_is_exact() -> None:
    """Where the mean of squares minus the square of the mean would lose every digit."""
    random = np.random.default_rng(0)
    table = 1e7 + random.normal(size=(10_000, 3))
    moments = Moments()
    for part in np.array_split(table, 37):
        moments.update(part)
    np.testing.assert_allclose(moments.mean, table.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.std, table.std(axis=0), rtol=1e-9)


def test_constant_features_normalise_to_zero() -> None:
    moments = Moments()
    moments.update(np.full((5, 2), 3.5, np.float32))
    assert moments.std.tolist() == [1e-10, 1e-10]
    assert not Normaliser.of(moments)(np.full((5, 2), 3.5, np.float32)).any()


def test_features_that_are_never_known() -> None:
    moments = Moments()
    moments.update(np.array([[np.nan, 1.0], [np.nan, 3.0]]))
    moments.update(np.zeros((0, 2)))
    assert moments.mean.tolist() == [0.0, 2.0] and moments.std.tolist() == [1e-10, 1.0]


@given(tables, st.lists(st.integers(0, 40), max_size=5))
def test_extremes_of_parts_are_those_of_the_whole(table: NDArray[np.float32], cuts: list[int]) -> None:
    table[0, np.isnan(table).all(axis=0)] = 1  # what is never known has no least
    extremes = Extremes()
    for part in np.split(table, sorted(min(cut, len(table)) for cut in cuts)):
        extremes.update(part)
    least, greatest = np.nanmin(table, axis=0).astype(float), np.nanmax(table, axis=0).astype(float)
    np.testing.assert_array_equal(extremes.mean, least)
    np.testing.assert_array_equal(extremes.std, np.where(greatest > least, greatest - least, 1e-10))
    units = Normaliser.of(extremes)(table)
    assert units.min() >= 0 and units.max() <= 1 + 1e-6
