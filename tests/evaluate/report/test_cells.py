"""Cells of tables: values as people write them, and nothing where nothing is defined."""

from __future__ import annotations

import math

import pytest

from emotone.evaluate.numbers import metrics
from emotone.evaluate.numbers.interval import Interval
from emotone.evaluate.report.cells import METRIC_NAMES, interval_cell, metric_name
from emotone.evaluate.scores import ATTRIBUTE_METRICS, CATEGORY_METRICS, RELATIVE_METRICS


@pytest.mark.parametrize(
    ("interval", "cell"),
    [
        (Interval(-0.25, 0.5, 1.0), ".500\u00a0[-.250,\u00a01.000]"),
        (Interval(math.nan, -0.1, math.nan), "-.100"),
        (Interval(math.nan, math.nan, math.nan), "–"),
    ],
)
def test_a_metric_stays_on_one_line(interval: Interval, cell: str) -> None:
    assert interval_cell(interval) == cell and " " not in cell


def test_every_name_is_that_of_a_metric() -> None:
    known = {*ATTRIBUTE_METRICS, *RELATIVE_METRICS, *CATEGORY_METRICS, "f1"}
    assert set(METRIC_NAMES) <= known and all(hasattr(metrics, name) for name in known - {"f1"})
    assert metric_name("ccc") == "CCC" and metric_name("accuracy") == "accuracy"
