"""How far the seeds of a system lie apart: the deviation of a metric over repeats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.bundle.target import Target
from emotone.evaluate.scores import metrics_of, pairs_of


def spread_over_repeats(predictions: pd.DataFrame, target: Target) -> dict[str, float]:
    """{metric: deviation (n - 1) of its value over the repeats}; {} where there are no two, or no labels."""
    known, (prediction, truth), _ = pairs_of(predictions, target)
    if "repeat" not in known or known["repeat"].nunique() < 2:
        return {}
    repeats = known["repeat"].to_numpy()
    return {name: spread_of(metric, prediction, truth, repeats) for name, metric in metrics_of(target).items()}


def spread_of(
    metric: Callable[..., float], prediction: NDArray[Any], truth: NDArray[Any], seeds: NDArray[Any]
) -> float:
    """The deviation (n - 1) of a metric over seeds [N], each by itself; NaN with a single one.

    >>> from emotone.evaluate.numbers.metrics import accuracy
    >>> both = np.array(["a", "b", "a", "a"])
    >>> round(spread_of(accuracy, both, np.array(["a", "b", "a", "b"]), np.array([0, 0, 1, 1])), 4)
    0.3536
    """
    values = [metric(prediction[seeds == seed], truth[seeds == seed]) for seed in np.unique(seeds)]
    return float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
