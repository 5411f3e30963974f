"""Calibration in a report: confidence against accuracy, and the line of an attribute's labels on its predictions.

A temperature is fitted on validation predictions only, for each fold on its own, and applied to the test predictions
of that fold: the test part decides nothing. Validation predictions are of speech that the predicting network does not
know; where the validation part trains too, they come from inner folds (the column `held_out`). A temperature is kept
only where it is better on validation speakers that it was not fitted to (`held_out_gain`), else it stays 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.base import figure
from emotone.base.figure import COLOURS, GREY
from emotone.base.page import Section
from emotone.bundle.target import Target
from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.evaluate.numbers.temperature import fit_temperature, held_out_gain, scale
from emotone.evaluate.prediction_table import shares_of, speakers_of
from emotone.evaluate.report.cells import sentence
from emotone.evaluate.report.part import Evaluated, Part
from emotone.evaluate.scores import pairs_of

NUM_BINS = 15
SCORES: dict[str, Callable[..., float]] = {
    "ece": metrics.ece,
    "log_loss": metrics.log_loss,
    "brier": metrics.brier,
}
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class CategoryCalibration(TypedDict):
    """The calibration of a category: `before` and `after` temperature scaling, None where every temperature is 1.

    Each is {"ece", "log_loss", "brier", "reliability": the bins of `metrics.reliability`}. `temperatures` has one per
    repeat and fold: `temperature`, which is `fitted` or 1, and `gain`, the `held_out_gain` that decided. `note` says
    why none was fitted or kept.
    """

    classes: list[str]
    num_bins: int
    before: dict[str, Any]
    temperatures: list[dict[str, Any]]
    after: dict[str, Any] | None
    note: str


class _Rows(NamedTuple):
    """Probabilities [N, K], the numbers of the true classes [N] and the speakers [N] of one fold."""

    probabilities: Floats
    truth: Ints
    speakers: NDArray[Any]


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
    if measured["after"]:
        spread = f" (mean; {min(values):.2f} to {max(values):.2f})" if len(values) > 1 else ""
        texts.append(
            f"Temperature, fitted on each fold's validation predictions and kept where it helps on validation speakers "
            f"that it was not fitted to, else 1: {np.mean(values):.2f}{spread}."
        )
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
    predictions, or its temperature cannot be found, none is fitted. A fold keeps temperature 1 unless its validation
    speakers say that another is better: the 95% interval of `held_out_gain` lies above 0. Test rows decide nothing.
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
        fitted = {key: fit_temperature(known[key].probabilities, known[key].truth) for key in parts}
    except EmotoneError as error:
        found["note"] = f"no temperature was fitted: {error}"
        return found
    gains = {key: held_out_gain(*known[key]) for key in parts}
    temperatures = {key: value if gains[key].low > 0 else 1.0 for key, value in fitted.items()}
    found["temperatures"] = [
        {
            "repeat": repeat,
            "fold": fold,
            "temperature": value,
            "fitted": fitted[repeat, fold],
            "gain": gains[repeat, fold]._asdict(),
            "num_utterances": len(known[repeat, fold].truth),
        }
        for (repeat, fold), value in temperatures.items()
    ]
    refused = [key for key in parts if temperatures[key] == 1]
    found["note"] = _why_one(refused, len(parts), [len(set(known[key].speakers)) for key in refused])
    if len(refused) < len(parts):
        scaled = {
            key: rows._replace(probabilities=scale(rows.probabilities, temperatures[key]))
            for key, rows in parts.items()
        }
        found["after"] = _measure(scaled)
    return found


def _why_one(refused: list[tuple[int, int]], num_folds: int, num_speakers: list[int]) -> str:
    """What is said of folds that keep temperature 1."""
    if not refused:
        return ""
    which = f"{len(refused)} of {num_folds} folds keep" if num_folds > 1 else "kept is"
    if max(num_speakers) < 2:
        return f"{which} temperature 1: one validation speaker cannot both give a temperature and check it"
    return (
        f"{which} temperature 1: on validation speakers to whom it was not fitted no other is better for sure (the 95% "
        "interval of what it gains in log loss does not lie above 0)"
    )


def attribute_calibration(test: pd.DataFrame, target: Target) -> dict[str, Any]:
    """The line of the target on the prediction, target = intercept + slope * prediction, and what CCC is made of.

    Slope 1 and intercept 0 are calibrated (Cox, Biometrika 45, 1958; Mincer and Zarnowitz, 1969); a slope below 1 means
    predictions that are spread too far. CCC = Pearson * C_b, C_b = 2 / (v + 1 / v + u^2), v the ratio of the deviations
    of prediction and target, u the difference of the means in units of their geometric mean (Lin, Biometrics 45, 1989).
    Means over repeats.

    What a constant leaves undefined is NaN, never infinite: of constant predictions slope, intercept and Pearson, of
    constant labels Pearson and the ratio of deviations, of either location and C_b; CCC itself is then 0. Constant
    predictions have a ratio of 0, constant labels a slope of 0 and an intercept at the label.

    >>> table = pd.DataFrame({"true_arousal": [1.0, 2.0, 3.0], "predicted_arousal": [1.5, 2.0, 2.5]})
    >>> found = attribute_calibration(table, Target("arousal", "attribute", (1, 7)))
    >>> {name: round(value, 3) for name, value in found.items() if name != "location_shift"}
    {'slope': 2.0, 'intercept': -2.0, 'pearson': 1.0, 'bias_correction': 0.8, 'scale_shift': 0.5}
    """
    known, (p, t), _ = pairs_of(test, target)
    repeats = known["repeat"].to_numpy() if "repeat" in known else np.zeros(len(known), int)
    lines = [_line(p[repeats == repeat], t[repeats == repeat]) for repeat in np.unique(repeats)]
    return {name: float(np.mean([line[name] for line in lines])) for name in lines[0]}


def _line(p: Floats, t: Floats) -> dict[str, float]:
    m = metrics.moments(p, t)
    deviation_p, deviation_t = float(np.sqrt(m.variance_p)), float(np.sqrt(m.variance_t))
    slope = _ratio(float(m.covariance), float(m.variance_p))
    scale_shift = _ratio(deviation_p, deviation_t)
    location_shift = _ratio(float(m.mean_difference), np.sqrt(deviation_p) * np.sqrt(deviation_t))
    return {
        "slope": slope,
        "intercept": float(np.mean(t) - slope * np.mean(p)),
        "pearson": float(metrics.pearson_of_moments(m)),
        "bias_correction": _ratio(2.0, scale_shift + _ratio(1.0, scale_shift) + location_shift**2),
        "scale_shift": scale_shift,
        "location_shift": location_shift,
    }


def _ratio(above: float, below: float) -> float:
    """One number by another; NaN by 0."""
    return above / below if below != 0 else float("nan")


def _parts(predictions: pd.DataFrame, target: Target, classes: list[str]) -> dict[tuple[int, int], _Rows]:
    """The rows whose true class is one of these, with probabilities over these, per repeat and fold."""
    truth = f"true_{target.name}"
    known = predictions[predictions[truth].isin(classes)]
    known = known.assign(**{key: 0 for key in ("repeat", "fold") if key not in known})
    number = {label: k for k, label in enumerate(classes)}
    parts = {}
    for (repeat, fold), rows in known.groupby(["repeat", "fold"]):
        p = shares_of(rows, target, classes)
        share = p.sum(axis=1, keepdims=True)
        p = np.divide(p, share, out=np.full(p.shape, 1 / len(classes)), where=share > 0)
        speakers = speakers_of(rows).to_numpy(str)
        parts[int(repeat), int(fold)] = _Rows(p, rows[truth].map(number).to_numpy(np.int64), speakers)
    return parts


def _measure(parts: dict[tuple[int, int], _Rows]) -> dict[str, Any]:
    """The scores, folds of a repeat pooled and repeats averaged, and the reliability curve of all together."""
    pooled = []
    for wanted in sorted({repeat for repeat, _ in parts}):
        own = [part for (repeat, _), part in parts.items() if repeat == wanted]
        pooled.append(
            (np.concatenate([rows.probabilities for rows in own]), np.concatenate([rows.truth for rows in own]))
        )
    bins = metrics.reliability(
        np.concatenate([p for p, _ in pooled]), np.concatenate([t for _, t in pooled]), NUM_BINS
    )._asdict()
    scores = {name: float(np.mean([score(*part) for part in pooled])) for name, score in SCORES.items()}
    return {**scores, "reliability": {name: values.tolist() for name, values in bins.items()}}


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
