"""Calibration in a report: confidence against accuracy, and the line of an attribute's labels on its predictions.

A temperature is fitted on validation predictions only, for each fold on its own, and applied to the test predictions
of that fold: the test part decides nothing. Validation predictions are of speech that the predicting network does not
know; where the validation part trains too, they come from inner folds (the column `held_out`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.base import figure
from emotone.base.figure import COLOURS, GREY
from emotone.base.page import Section
from emotone.bundle.target import Target
from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.evaluate.prediction_table import shares_of
from emotone.evaluate.report.cells import sentence
from emotone.evaluate.report.part import Evaluated, Part
from emotone.evaluate.scores import pairs_of

NUM_BINS = 15
TEMPERATURES = (0.05, 20.0)
"""The limits of a temperature; one at a limit was not found, as where all validation predictions are right, or no
better than chance."""
SCORES: dict[str, Callable[..., float]] = {
    "ece": metrics.ece,
    "log_loss": metrics.log_loss,
    "brier": metrics.brier,
}
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class CategoryCalibration(TypedDict):
    """The calibration of a category: `before` and `after` temperature scaling, None where no temperature was fitted.

    Each is {"ece", "log_loss", "brier", "reliability": the bins of `metrics.reliability`}. `temperatures` has one per
    repeat and fold.
    """

    classes: list[str]
    num_bins: int
    before: dict[str, Any]
    temperatures: list[dict[str, Any]]
    after: dict[str, Any] | None
    note: str


def section(evaluated: Evaluated) -> Part:
    """The calibration of each target that is not relative; a picture of each with classes."""
    run, targets = evaluated.run, evaluated.absolute
    calibrated = calibrate(run.test, run.validation, targets)
    names = [target.name for target in targets if target.kind == "category"]
    titles = [f"Calibration of {name}" if len(names) > 1 else "Calibration" for name in names]
    sections = [_section(title, calibrated[name]) for title, name in zip(titles, names, strict=True)]
    return Part({"calibration": calibrated}, sections)


def _section(title: str, measured: CategoryCalibration) -> Section:
    stages = {"as predicted": measured["before"], "after temperature": measured["after"]}
    table = [
        {"": name, "ECE": stage["ece"], "log loss": stage["log_loss"], "Brier": stage["brier"]}
        for name, stage in stages.items()
        if stage
    ]
    texts = []
    values = [row["temperature"] for row in measured["temperatures"]]
    if values:
        spread = f" (mean; {min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""
        texts.append(f"Temperature, fitted on each fold's validation predictions: {np.mean(values):.2f}{spread}.")
    if measured["note"]:
        texts.append(sentence(measured["note"]))
    note = (
        f"ECE: {measured['num_bins']} bins of equal width by the confidence in the predicted class (Guo et al., 2017). "
        "Brier: the sum over classes, from 0 to 2."
    )
    return Section(title, " ".join(texts), table, plot_reliability(measured), note)


def calibrate(test: pd.DataFrame, validation: pd.DataFrame, targets: list[Target]) -> dict[str, Any]:
    """The calibration of each target by name: `category_calibration` or `attribute_calibration`."""
    return {
        target.name: category_calibration(test, validation, target)
        if target.kind == "category"
        else attribute_calibration(test, target)
        for target in targets
    }


def category_calibration(test: pd.DataFrame, validation: pd.DataFrame, target: Target) -> CategoryCalibration:
    """ECE, log loss and Brier score, the reliability curve, and both again after temperature scaling.

    Over the classes that the test part has, as all metrics are; means over repeats. Where a fold has no validation
    predictions, or its temperature cannot be found, none is fitted, and the note says why.
    """
    classes = pairs_of(test, target)[2]
    parts = _parts(test, target, classes)
    found: CategoryCalibration = {
        "classes": classes,
        "num_bins": NUM_BINS,
        "before": _measure(parts),
        "temperatures": [],
        "after": None,
        "note": "",
    }
    known = _parts(validation, target, classes) if len(validation) else {}
    missing = [key for key in parts if key not in known]
    if missing:
        none = f"{len(missing)} of {len(parts)} folds have none" if known else "there are no validation predictions"
        found["note"] = f"no temperature was fitted: {none}"
        return found
    try:
        temperatures = {key: fit_temperature(*known[key]) for key in parts}
    except EmotoneError as error:
        found["note"] = f"no temperature was fitted: {error}"
        return found
    scaled = {key: (scale(p, temperatures[key]), t) for key, (p, t) in parts.items()}
    found["temperatures"] = [
        {"repeat": repeat, "fold": fold, "temperature": value, "num_utterances": len(known[repeat, fold][1])}
        for (repeat, fold), value in temperatures.items()
    ]
    found["after"] = _measure(scaled)
    return found


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


def attribute_calibration(test: pd.DataFrame, target: Target) -> dict[str, Any]:
    """The line of the target on the prediction, target = intercept + slope * prediction, and what CCC is made of.

    Slope 1 and intercept 0 are calibrated (Cox, Biometrika 45, 1958; Mincer and Zarnowitz, 1969); a slope below 1 means
    predictions that are spread too far. CCC = Pearson * C_b, C_b = 2 / (v + 1 / v + u^2), v the ratio of the deviations
    of prediction and target, u the difference of the means in units of their geometric mean (Lin, Biometrics 45, 1989).
    Means over repeats; constant predictions have no slope (NaN).
    """
    known, (p, t), _ = pairs_of(test, target)
    repeats = known["repeat"].to_numpy() if "repeat" in known else np.zeros(len(known), int)
    lines = [_line(p[repeats == repeat], t[repeats == repeat]) for repeat in np.unique(repeats)]
    return {name: float(np.mean([line[name] for line in lines])) for name in lines[0]}


def _line(p: Floats, t: Floats) -> dict[str, float]:
    m = metrics.moments(p, t)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = m.covariance / m.variance_p
        scale_shift = np.sqrt(m.variance_p / m.variance_t)
        location_shift = m.mean_difference / np.sqrt(np.sqrt(m.variance_p) * np.sqrt(m.variance_t))
        bias_correction = 2 / (scale_shift + 1 / scale_shift + location_shift**2)
    return {
        "slope": float(slope),
        "intercept": float(np.mean(t) - slope * np.mean(p)),
        "pearson": float(metrics.pearson_of_moments(m)),
        "bias_correction": float(bias_correction),
        "scale_shift": float(scale_shift),
        "location_shift": float(location_shift),
    }


def _parts(predictions: pd.DataFrame, target: Target, classes: list[str]) -> dict[tuple[int, int], tuple[Floats, Ints]]:
    """Probabilities over the classes [N, K] and the numbers of the true ones [N], per repeat and fold."""
    truth = f"true_{target.name}"
    known = predictions[predictions[truth].isin(classes)]
    known = known.assign(**{key: 0 for key in ("repeat", "fold") if key not in known})
    number = {label: k for k, label in enumerate(classes)}
    parts = {}
    for (repeat, fold), rows in known.groupby(["repeat", "fold"]):
        p = shares_of(rows, target, classes)
        share = p.sum(axis=1, keepdims=True)
        p = np.divide(p, share, out=np.full(p.shape, 1 / len(classes)), where=share > 0)
        parts[int(repeat), int(fold)] = p, rows[truth].map(number).to_numpy(np.int64)
    return parts


def _measure(parts: dict[tuple[int, int], tuple[Floats, Ints]]) -> dict[str, Any]:
    """The scores, folds of a repeat pooled and repeats averaged, and the reliability curve of all together."""
    pooled = []
    for wanted in sorted({repeat for repeat, _ in parts}):
        own = [part for (repeat, _), part in parts.items() if repeat == wanted]
        pooled.append((np.concatenate([p for p, _ in own]), np.concatenate([t for _, t in own])))
    bins = metrics.reliability(
        np.concatenate([p for p, _ in pooled]), np.concatenate([t for _, t in pooled]), NUM_BINS
    )._asdict()
    scores = {name: float(np.mean([score(*part) for part in pooled])) for name, score in SCORES.items()}
    return {**scores, "reliability": {name: values.tolist() for name, values in bins.items()}}


def _log(probabilities: Floats) -> Floats:
    return np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))


def plot_reliability(measured: CategoryCalibration) -> str:
    """Accuracy against confidence, before and after the temperature, and how many predictions each bin has."""
    stages = {"before": measured["before"], "after": measured["after"]}
    picture, (curve, counts) = figure.panels(2, 2, figure.WIDTH_IN, 3.6)
    curve.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="calibrated")
    width = 1 / measured["num_bins"]
    for number, (name, stage) in enumerate((name, stage) for name, stage in stages.items() if stage):
        bins = stage["reliability"]
        num = np.array(bins["counts"])
        label = f"{name} temperature" if measured["after"] else "as predicted"
        text = f"{label}: ECE {stage['ece']:.3f}"
        points = [np.array(bins[axis], float)[num > 0] for axis in ("confidence", "accuracy")]
        curve.plot(*points, "o-", color=COLOURS[number], markersize=4, label=text)
        edges = np.append(np.arange(len(num)) * width, 1.0)
        counts.stairs(num, edges, color=COLOURS[number], fill=number == 0, alpha=1.0 if number else 0.5, linewidth=1.6)
    curve.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.02))
    curve.legend(fontsize=8, frameon=False, loc="best")
    counts.set(xlabel="confidence", ylabel="predictions", xlim=(0, 1))
    return figure.svg(picture)
