"""True against predicted values of attributes on a range, in a report."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.base import figure
from emotone.base.figure import COLOURS, GREY
from emotone.base.page import Section
from emotone.evaluate.numbers.interval import Interval
from emotone.evaluate.report.calibration import attribute_calibration
from emotone.evaluate.report.part import Evaluated, Part
from emotone.evaluate.scores import pairs_of

COLUMNS = {"pearson": "Pearson", "bias_correction": "C_b", "scale_shift": "scale", "location_shift": "location"}
NOTE = (
    "The fitted line is truth = intercept + slope * prediction; slope 1 with intercept 0 is calibrated, a smaller "
    "slope means predictions spread too far. CCC = Pearson * C_b; scale is the ratio of the deviations of "
    "prediction and truth, location the difference of their means, in deviations. What a constant leaves "
    "undefined is a dash."
)


def section(evaluated: Evaluated) -> Part:
    """A picture of each attribute with its fitted line, and what CCC is made of."""
    targets = [target for target in evaluated.absolute if target.kind == "attribute"]
    if not targets:
        return Part()
    test, metrics = evaluated.run.test, evaluated.run.result["metrics"]
    pairs = {target.name: pairs_of(test, target)[1] for target in targets}
    titles = {name: f"{name}: CCC {Interval.from_json(metrics[name]['ccc'])}" for name in pairs}
    lines = {target.name: attribute_calibration(test, target) for target in targets}
    table = [
        {"target": name, **{COLUMNS.get(key, key): value for key, value in line.items()}}
        for name, line in lines.items()
    ]
    picture = plot_attributes(pairs, lines, titles)
    return Part(sections=[Section("True and predicted", "", table, picture, NOTE)])


def plot_attributes(
    pairs: dict[str, tuple[NDArray[Any], NDArray[Any]]], lines: dict[str, dict[str, float]], titles: dict[str, str]
) -> str:
    """True against predicted values of each attribute {name: (prediction, truth)}, with the diagonal and the line."""
    num_columns = min(len(pairs), 3)
    num_rows = -(-len(pairs) // num_columns)
    picture, every = figure.panels(len(pairs), num_columns, min(figure.WIDTH_IN, 4.6 * num_columns), 4.0 * num_rows)
    for axes, (name, (p, t)) in zip(every, pairs.items(), strict=True):
        low, high = (float(f([f(p), f(t)])) for f in (np.min, np.max))
        margin = 0.04 * (high - low) or 1.0
        limits = np.array([low - margin, high + margin])
        figure.draw_points(axes, p, t, (*limits, *limits))
        axes.plot(limits, limits, color=GREY, linewidth=1, linestyle="--", label="truth = prediction")
        line = lines[name]
        axes.plot(limits, line["intercept"] + line["slope"] * limits, color=COLOURS[1], linewidth=1.6, label="fitted")
        axes.set(xlim=limits, ylim=limits, xlabel="prediction", aspect="equal")
        axes.set_title(titles[name], fontsize=10, loc="left")
    every[0].set_ylabel("truth")
    every[0].legend(fontsize=8, frameon=False, loc="upper left")
    return figure.svg(picture)
