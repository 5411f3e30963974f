"""The picture of curves over severities, of one run or of several systems, as SVG."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from emotone.audio.change.degrade import severity_text
from emotone.base import figure
from emotone.base.figure import COLOURS, GREY, plain
from emotone.evaluate.degraded.measured import Measured, MeasuredCurve, MeasuredCurves
from emotone.evaluate.numbers.interval import Interval
from emotone.evaluate.report.cells import metric_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Lines = dict[str, list[Measured | None]]
"""{label: what was measured at each severity, None where nothing was}."""


def plot_targets(measured: MeasuredCurves, chance: Mapping[str, float] = MappingProxyType({})) -> str:
    """A panel per kind of degradation, or of missing data: the main metric of each target at each severity.

    `chance` {target: level} is dotted across, in the colour of its target.
    """
    labels = {target: f"{target} {metric_name(metric)}" for target, metric in measured["metrics"].items()}
    panels = []
    for curve in measured["curves"].values():
        values = {target: [point["metrics"][target] for point in curve["points"]] for target in labels}
        panels.append((curve, {label: values[target] for target, label in labels.items()}))
    return plot_degradation(panels, {labels[target]: level for target, level in chance.items()})


def plot_degradation(
    panels: Sequence[tuple[MeasuredCurve, Lines]], chance: Mapping[str, float] = MappingProxyType({})
) -> str:
    """A panel per curve, with lines {label: interval at each severity, or None}; all on one scale, clean points dotted.

    The intervals of several lines at one severity stand side by side. `chance` {label: level} is dotted across.
    """
    from matplotlib.lines import Line2D

    labels = list(dict.fromkeys(label for _, lines in panels for label in lines))
    wrapped = ["\n".join(textwrap.wrap(plain(label), 48)) for label in labels]
    picture, every = figure.panels(len(panels), 2, figure.WIDTH_IN, 2.7 * -(-len(panels) // 2) + 0.2 * len(labels))
    for axes, (curve, lines) in zip(every, panels, strict=True):
        for label, level in chance.items():
            axes.axhline(level, color=COLOURS[labels.index(label) % len(COLOURS)], linewidth=1, linestyle=":")
        _plot_curve(axes, curve, {labels.index(label): intervals for label, intervals in lines.items()}, len(labels))
    handles = [Line2D([], [], color=COLOURS[n % len(COLOURS)], marker="o", markersize=4) for n in range(len(labels))]
    picture.legend(handles, wrapped, loc="outside upper left", ncols=2, fontsize=8, frameon=False)
    limits = np.array([axes.get_ylim() for axes in every])
    for axes in every:  # one scale, so that panels can be compared
        axes.set_ylim(limits[:, 0].min(), limits[:, 1].max())
    return figure.svg(picture)


def _plot_curve(axes: Axes, curve: MeasuredCurve, lines: dict[int, list[Measured | None]], num: int) -> None:
    points = curve["points"]
    places = np.arange(len(points))
    for number, intervals in lines.items():
        low, value, high = np.array([Interval.from_json(one) if one else [np.nan] * 3 for one in intervals], float).T
        colour, own_places = COLOURS[number % len(COLOURS)], places + 0.07 * (number - (num - 1) / 2)
        axes.plot(own_places, value, "o-", color=colour, markersize=4)
        axes.vlines(own_places, low, high, color=colour, linewidth=1.5, alpha=0.6)
    for place, point in enumerate(points):
        if point["is_clean"]:
            axes.axvline(place, color=GREY, linewidth=1, linestyle=":")
    labels = [severity_text(point["severity"]).replace(" ", "\n") for point in points]
    axes.set_xticks(places, labels, fontsize=8 if max(map(len, labels)) < 8 else 7)
    axes.set_xlim(-0.5, len(points) - 0.5)
    axes.set_xlabel(curve["axis"], fontsize=9)
    axes.set_title(plain(curve["title"]), fontsize=10, loc="left")
