"""What a guess without listening reaches: the level that a metric has to be above before it says anything."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from emotone.bundle.target import Target
from emotone.evaluate.scores import metrics_of, pairs_of

CHANCE_NOTE = (
    "Chance: the same guess for every utterance, the most frequent class of the test part (its UAR is one over the "
    "number of classes), or the mean of its labels."
)


def chance_level(predictions: pd.DataFrame, target: Target) -> dict[str, float]:
    """{metric: its value for a constant guess}, of the rows with a label; {} where there are none.

    The guess is the most frequent class (of equally frequent ones the first), or the mean label; it knows the test
    part, so no constant can do better by accuracy and RMSE. Agreement and correlation with a constant are 0.
    """
    known, (_, truth), classes = pairs_of(predictions, target)
    if not len(known):
        return {}
    guess = np.full(len(truth), truth.mean()) if not classes else np.full(len(truth), _most_frequent(truth, classes))
    values = {name: float(metric(guess, truth)) for name, metric in metrics_of(target).items()}
    return {name: 0.0 if math.isnan(value) else value for name, value in values.items()}


def _most_frequent(truth: np.ndarray, classes: list[str]) -> str:
    return max(classes, key=lambda label: int((truth == label).sum()))
