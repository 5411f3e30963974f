"""Temperature scaling of probabilities, and whether it helps speakers to whom it was not fitted."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.errors import EmotoneError
from emotone.evaluate.numbers.interval import Interval
from emotone.evaluate.numbers.speaker_intervals import t_ends

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
TEMPERATURES = (0.05, 20.0)
"""The limits of a temperature; one at a limit was not found, as where all validation predictions are right, or no
better than chance."""
NUM_CHECKS = 10
"""A temperature is checked on so many groups of validation speakers, or on each where there are fewer."""


def fit_temperature(probabilities: Floats, target: Ints) -> float:
    """The temperature T > 0 that minimises the mean of -log softmax(z / T)[target]; probabilities [N, K], target [N].

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017. The logits z are the log probabilities: what they
    lack is the same for all classes and changes nothing. Raises EmotoneError where there is nothing to fit on, or
    the best lies at a limit (0.05, 20): no validation prediction is wrong, or they say nothing of the classes.

    >>> unsure = np.array([[0.6, 0.4]] * 9 + [[0.6, 0.4]])
    >>> 0.1 < fit_temperature(unsure, np.array([0] * 9 + [1])) < 0.3
    True
    """
    from scipy.optimize import minimize_scalar

    if not len(target):
        raise EmotoneError("a temperature needs validation predictions of the classes of the test part")

    def loss(log_temperature: float) -> float:
        z = _log(probabilities) / np.exp(log_temperature)
        z -= z.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(target)), target]))

    found = float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURES), method="bounded").x))
    right = int((probabilities.argmax(axis=1) == target).sum())
    if right == len(target) or not TEMPERATURES[0] * 1.001 < found < TEMPERATURES[1] * 0.999:  # all right: 0 is best
        raise EmotoneError(
            f"the best temperature for {len(target)} validation predictions, of which {right} are right, lies at a "
            f"limit ({TEMPERATURES[0]:g} to {TEMPERATURES[1]:g})"
        )
    return found


def scale(probabilities: Floats, temperature: float) -> Floats:
    """Probabilities [N, K] at a temperature: softmax(log p / T).

    >>> scale(np.array([[0.8, 0.2]]), 0.5).round(3).tolist()
    [[0.941, 0.059]]
    """
    z = _log(probabilities) / temperature
    odds = np.exp(z - z.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def held_out_gain(probabilities: Floats, target: Ints, speakers: NDArray[Any]) -> Interval:
    """What a temperature gains in log loss for speakers that it is not fitted to, with its 95% interval over speakers.

    Probabilities [N, K], target [N], speakers [N]. The speakers, sorted, are dealt to `NUM_CHECKS` groups (each is one
    where there are fewer); a temperature is fitted to all groups but one, and log loss before minus after averaged over
    each speaker of that one. The value is the mean over speakers, its interval Student's t. NaN for fewer than two
    speakers, or where no temperature is found for the others.

    >>> unsure, right = np.tile([0.6, 0.4], (40, 1)), np.array(([0] * 9 + [1]) * 4)
    >>> held_out_gain(unsure, right, np.repeat(["a", "b", "c", "d"], 10)).value > 0.1
    True
    """
    names, own = np.unique(speakers, return_inverse=True)
    num_groups = min(NUM_CHECKS, len(names))
    nothing = Interval(*[float("nan")] * 3)
    if num_groups < 2:
        return nothing
    gains = np.empty(len(target))
    for group in range(num_groups):
        checked = own % num_groups == group
        try:
            temperature = fit_temperature(probabilities[~checked], target[~checked])
        except EmotoneError:
            return nothing
        p, t = probabilities[checked], target[checked]
        gains[checked] = _losses(p, t) - _losses(scale(p, temperature), t)
    each = np.bincount(own, gains) / np.bincount(own)
    low, high = t_ends(float(each.mean()), (each.sum() - each) / (len(each) - 1))
    return Interval(low, float(each.mean()), high)


def _losses(probabilities: Floats, target: Ints) -> Floats:
    """The log loss of each row."""
    return -_log(probabilities[np.arange(len(target)), target])


def _log(probabilities: Floats) -> Floats:
    """Bounded as `metrics.log_loss` bounds them: one rounded to 0 would decide alone, as all would were it -708."""
    return np.log(np.maximum(probabilities, np.finfo(np.float64).eps))
