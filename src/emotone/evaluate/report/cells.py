"""Cells of a report's tables: metrics as people name them, values with their intervals."""

from __future__ import annotations

import math
from typing import Any

from emotone.evaluate.numbers.interval import Interval

Row = dict[str, Any]
"""A row of a table on the page: {column: cell}."""
METRIC_NAMES = {
    "ccc": "CCC",
    "pearson": "Pearson",
    "rmse": "RMSE",
    "uar": "UAR",
    "macro_f1": "macro F1",
    "f1": "F1",
    "spearman": "Spearman",
    "kendall": "Kendall",
}


def metric_name(metric: str) -> str:
    """A metric as people write it.

    >>> metric_name("macro_f1"), metric_name("accuracy")
    ('macro F1', 'accuracy')
    """
    return METRIC_NAMES.get(metric, metric)


def sentence(note: str) -> str:
    """A note as a sentence of its own.

    >>> sentence("no temperature was fitted")
    'No temperature was fitted.'
    """
    return f"{note[0].upper()}{note[1:]}."


def number_cell(value: float) -> str:
    """A number as intervals have it, or a dash where it is not defined.

    >>> number_cell(0.14286), number_cell(math.nan)
    ('.143', '–')
    """
    return interval_cell(Interval(math.nan, value, math.nan))


def interval_cell(value: Interval) -> str:
    """A metric with its interval, or without one where there is none; it stays on one line.

    >>> interval_cell(Interval(0.4, 0.5, 0.6)), interval_cell(Interval(math.nan, 0.5, math.nan))
    ('.500\\xa0[.400,\\xa0.600]', '.500')
    """
    if math.isnan(value.value):
        return "–"
    return str(value).split(" [nan")[0].replace(" ", "\u00a0")
