"""The pictures of a report, each as SVG: what was predicted, groups, calibration, degradation."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotone.base import figure
from emotone.base.figure import COLOURS, plain
from emotone.evaluate.report.subgroups import UNKNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_POINTS = 1500
"""More points than this are counted in hexagons: a page stays small, and dense regions can be told from sparse ones."""
MOST_NAMES = 30
"""More speakers than this are dots without a name."""
GREY = COLOURS[5]
NAMES = {
    "ccc": "CCC",
    "pearson": "Pearson",
    "rmse": "RMSE",
    "uar": "UAR",
    "macro_f1": "macro F1",
    "f1": "F1",
    "spearman": "Spearman",
    "kendall": "Kendall",
}
"""Metrics as people write them, where that is not their name."""
Row = dict[str, Any]


def plot_attributes(pairs: dict[str, tuple[NDArray[Any], NDArray[Any]]], lines: dict[str, Row], titles: Row) -> str:
    """True against predicted values of each attribute {name: (prediction, truth)}, with the diagonal and the line."""
    num_columns = min(len(pairs), 3)
    num_rows = -(-len(pairs) // num_columns)
    picture, every = figure.panels(len(pairs), num_columns, 3.2 * num_columns + 0.3, 3.3 * num_rows)
    for axes, (name, (p, t)) in zip(every, pairs.items(), strict=True):
        low, high = (float(f([f(p), f(t)])) for f in (np.min, np.max))
        margin = 0.04 * (high - low) or 1.0
        limits = np.array([low - margin, high + margin])
        if len(p) > MOST_POINTS:
            axes.hexbin(p, t, gridsize=28, extent=(*limits, *limits), cmap="Blues", bins="log", mincnt=1, linewidths=0)
        else:
            axes.plot(p, t, ".", color=COLOURS[0], alpha=0.4, markersize=5, markeredgewidth=0)
        axes.plot(limits, limits, color=GREY, linewidth=1, linestyle="--", label="truth = prediction")
        line = lines[name]
        axes.plot(limits, line["intercept"] + line["slope"] * limits, color=COLOURS[1], linewidth=1.6, label="fitted")
        axes.set(xlim=limits, ylim=limits, xlabel="prediction", aspect="equal")
        axes.set_title(titles[name], fontsize=10, loc="left")
    every[0].set_ylabel("truth")
    every[0].legend(fontsize=8, frameon=False, loc="upper left")
    return figure.svg(picture)


def plot_order(pairs: dict[str, tuple[NDArray[Any], NDArray[Any]]], titles: Row) -> str:
    """Share of wins against the true value of each attribute {name: (share, truth)}."""
    num_columns = min(len(pairs), 3)
    num_rows = -(-len(pairs) // num_columns)
    picture, every = figure.panels(len(pairs), num_columns, 3.2 * num_columns + 0.3, 3.1 * num_rows)
    for axes, (name, (share, truth)) in zip(every, pairs.items(), strict=True):
        if len(share) > MOST_POINTS:
            axes.hexbin(share, truth, gridsize=28, cmap="Blues", bins="log", mincnt=1, linewidths=0)
        else:
            axes.plot(share, truth, ".", color=COLOURS[0], alpha=0.4, markersize=5, markeredgewidth=0)
        axes.set(xlim=(-0.03, 1.03), xlabel="share of wins")
        axes.set_title(titles[name], fontsize=9, loc="left")
    every[0].set_ylabel("truth")
    return figure.svg(picture)


def plot_curves(curves: Sequence[NDArray[Any]], truths: Sequence[float], is_relative: bool) -> str:
    """Scores over the chunks of a few utterances, a panel each on one scale, numbered from 1; dashed: a true label."""
    num_columns = min(len(curves), 3)
    picture, every = figure.panels(len(curves), num_columns, 8.4, 1.9 * -(-len(curves) // num_columns))
    values = np.concatenate([*curves, np.array([] if is_relative else truths)])
    margin = 0.06 * float(np.ptp(values)) or 1.0
    for number, (axes, curve, truth) in enumerate(zip(every, curves, truths, strict=True), 1):
        axes.plot(np.arange(1, len(curve) + 1), curve, "o-", color=COLOURS[0], markersize=3)
        if not is_relative:
            axes.axhline(truth, color=GREY, linewidth=1, linestyle="--")
        axes.set(ylim=(values.min() - margin, values.max() + margin), xlabel="chunk")
        axes.set_title(f"{number}: label {truth:.2f}", fontsize=10, loc="left")
    return figure.svg(picture)


class Activation(NamedTuple):
    """A spectrogram [bins, T] and the map [h, w] over it; rows of the map go down from the highest bin.

    The map is `map_s` long, which is more than the spectrogram where segments were filled up.
    """

    title: str
    decibels: NDArray[np.float32]
    activation: NDArray[np.float32]
    bins_hz: NDArray[np.float64]
    hop_s: float
    map_s: float


def plot_activations(every: Sequence[Activation], numbers: Sequence[int]) -> str:
    """Spectrograms in grey under maps, red where something speaks for the class and blue where against it."""
    num_columns = min(len(every), 2)
    picture, panels = figure.panels(len(every), num_columns, 8.4, 2.1 * -(-len(every) // num_columns))
    strongest = max(float(np.abs(one.activation).max()) for one in every)
    for axes, one, number in zip(panels, every, numbers, strict=True):
        num_bins, num_frames = one.decibels.shape
        duration_s = num_frames * one.hop_s
        axes.imshow(
            one.decibels, cmap="Greys", origin="lower", aspect="auto", extent=(0, duration_s, 0, num_bins), vmin=-80,
            vmax=0,
        )  # fmt: skip
        axes.imshow(
            one.activation, cmap="RdBu_r", aspect="auto", extent=(0, one.map_s, 0, num_bins), interpolation="bilinear",
            vmin=-strongest, vmax=strongest, alpha=0.65 * np.sqrt(np.abs(one.activation) / strongest),
        )  # fmt: skip
        ticks_hz = np.arange(0, one.bins_hz[-1] + 1, 1000 if one.bins_hz[-1] > 1500 else 250)
        places = np.interp(ticks_hz, one.bins_hz, np.arange(num_bins) + 0.5)
        axes.set_yticks(places, [f"{tick / 1000:g}" for tick in ticks_hz])
        axes.set(xlim=(0, duration_s), ylim=(0, num_bins), xlabel="seconds", ylabel="kHz")
        axes.grid(visible=False)
        axes.set_title(plain(f"{number}: {one.title}"), fontsize=10, loc="left")
    return figure.svg(picture)


def plot_confusion(labels: Sequence[str], counts: NDArray[Any]) -> str:
    """Confusion in per cent of each true class, with counts; rows are the truth."""
    K = len(labels)
    size = 1.7 + 0.62 * K
    picture, axes = figure.new(size + 0.4, size - 0.3)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.pcolormesh(share, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=1.5)
    for row, column in np.ndindex(K, K):
        colour = "white" if share[row, column] > 0.55 else "#1d2327"
        place = column + 0.5, row + 0.5
        axes.text(place[0], place[1] - 0.08, f"{100 * share[row, column]:.0f}", ha="center", color=colour, size=10)
        count = float(counts[row, column])  # a mean where there are repeats
        text = f"{count:.0f}" if count.is_integer() else f"{count:.1f}"
        axes.text(place[0], place[1] + 0.28, text, ha="center", color=colour, size=6.5)
    names = [plain(label) for label in labels]
    axes.set_xticks(np.arange(K) + 0.5, names, rotation=40, ha="right")
    axes.set_yticks(np.arange(K) + 0.5, names)
    axes.set(xlabel="predicted", ylabel="truth", ylim=(K, 0))
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    return figure.svg(picture)


def plot_groups(groups: dict[str, list[Row]], metrics: dict[str, str]) -> str:
    """The metric of each group with its interval; a panel per target, the groups from top to bottom."""
    num = max(len(rows) for rows in groups.values())
    width = 2.2 + 2.5 * min(len(groups), 3)
    picture, every = figure.panels(len(groups), len(groups), width, 0.9 + 0.3 * num)
    for number, (axes, (target, rows)) in enumerate(zip(every, groups.items(), strict=True)):
        for place, row in enumerate(rows):
            low, value, high = row[metrics[target]]
            axes.hlines(place, low, high, color=COLOURS[0], linewidth=2.2)
            axes.plot(value, place, "o", color=COLOURS[0], markersize=6)
        names = [plain(row["group"]) for row in rows] if number == 0 else [""] * len(rows)
        axes.set_yticks(range(len(rows)), names)
        axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel=f"{plain(target)} {NAMES.get(metrics[target], metrics[target])}")
        axes.locator_params(axis="x", nbins=5)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
    return figure.svg(picture)


def plot_speakers(speakers: dict[str, list[Row]], metrics: dict[str, str], genders: dict[str, str]) -> str:
    """The metric of each speaker, sorted; a row per target, colours and mean lines by gender."""
    num = max(len(rows) for rows in speakers.values())
    shown = list(dict.fromkeys(sorted(genders.values())))
    has_names = num <= MOST_NAMES
    picture, every = figure.panels(len(speakers), 1, 7.6, (2.3 + 0.5 * has_names) * len(speakers))
    for axes, (target, rows) in zip(every, speakers.items(), strict=True):
        metric = metrics[target]
        rows = sorted((row for row in rows if np.isfinite(row[metric].value)), key=lambda row: row[metric].value)
        for number, gender in enumerate(shown):
            own = [(place, row[metric].value) for place, row in enumerate(rows) if genders[row["group"]] == gender]
            if not own:
                continue
            places, values = zip(*own, strict=True)
            label = plain(f"{gender}: mean {np.mean(values):.3f} of {len(values)}")
            colour = GREY if gender == UNKNOWN else COLOURS[number % len(COLOURS)]
            axes.axhline(float(np.mean(values)), color=colour, linewidth=1, linestyle="--")
            axes.plot(places, values, "o", color=colour, markersize=5 if has_names else 3, label=label)
        if has_names:
            names = [plain(row["group"]) for row in rows]
            axes.set_xticks(range(len(rows)), names, rotation=60, ha="right", fontsize=8, rotation_mode="anchor")
        else:
            axes.set_xlabel(f"{len(rows)} speakers, from worst to best")
        axes.set_ylabel(f"{plain(target)} {NAMES.get(metric, metric)}")
        axes.legend(fontsize=8, frameon=False, loc="best")
    return figure.svg(picture)


def plot_reliability(about: Row) -> str:
    """Accuracy against confidence, before and after the temperature, and how many predictions each bin has."""
    stages = {"before": about["before"], "after": about["after"]}
    picture, (curve, counts) = figure.panels(2, 2, 7.6, 3.4)
    curve.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label="calibrated")
    width = 1 / about["num_bins"]
    for number, (name, stage) in enumerate((name, stage) for name, stage in stages.items() if stage):
        bins = stage["reliability"]
        num = np.array(bins["counts"])
        label = f"{name} temperature" if about["after"] else "as predicted"
        text = f"{label}: ECE {stage['ece']:.3f}"
        points = [np.array(bins[axis], float)[num > 0] for axis in ("confidence", "accuracy")]
        curve.plot(*points, "o-", color=COLOURS[number], markersize=4, label=text)
        edges = np.append(np.arange(len(num)) * width, 1.0)
        counts.stairs(num, edges, color=COLOURS[number], fill=number == 0, alpha=1.0 if number else 0.5, linewidth=1.6)
    curve.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1.02))
    curve.legend(fontsize=8, frameon=False, loc="best")
    counts.set(xlabel="confidence", ylabel="predictions", xlim=(0, 1))
    return figure.svg(picture)


def plot_targets(about: Row) -> str:
    """A panel per kind of degradation, or of missing data: the main metric of each target at each severity."""
    labels = {target: f"{target} {NAMES.get(metric, metric)}" for target, metric in about["metrics"].items()}
    return plot_degradation(
        [
            (
                curve,
                {label: [point["metrics"][target] for point in curve["points"]] for target, label in labels.items()},
            )
            for curve in about["curves"].values()
        ]
    )


def plot_degradation(panels: Sequence[tuple[Row, dict[str, list[Row | None]]]]) -> str:
    """A panel per curve, with lines {label: interval at each severity, or None}; all on one scale, clean points dotted.

    The intervals of several lines at one severity stand side by side.
    """
    from matplotlib.lines import Line2D

    labels = list(dict.fromkeys(label for _, lines in panels for label in lines))
    wrapped = ["\n".join(textwrap.wrap(plain(label), 48)) for label in labels]
    picture, every = figure.panels(len(panels), 2, 8.4, 2.6 * -(-len(panels) // 2) + 0.2 * len(labels))
    for axes, (curve, lines) in zip(every, panels, strict=True):
        _plot_curve(axes, curve, {labels.index(label): intervals for label, intervals in lines.items()}, len(labels))
    handles = [Line2D([], [], color=COLOURS[n % len(COLOURS)], marker="o", markersize=4) for n in range(len(labels))]
    picture.legend(handles, wrapped, loc="outside upper left", ncols=2, fontsize=8, frameon=False)
    limits = np.array([axes.get_ylim() for axes in every])
    for axes in every:  # one scale, so that panels can be compared
        axes.set_ylim(limits[:, 0].min(), limits[:, 1].max())
    return figure.svg(picture)


def _plot_curve(axes: Axes, curve: Row, lines: dict[int, list[Row | None]], num: int) -> None:
    points = curve["points"]
    places = np.arange(len(points))
    for number, intervals in lines.items():
        triples = [one or {"low": np.nan, "value": np.nan, "high": np.nan} for one in intervals]
        low, value, high = (np.array([one[key] for one in triples], float) for key in ("low", "value", "high"))
        colour, own_places = COLOURS[number % len(COLOURS)], places + 0.07 * (number - (num - 1) / 2)
        axes.plot(own_places, value, "o-", color=colour, markersize=4)
        axes.vlines(own_places, low, high, color=colour, linewidth=1.5, alpha=0.6)
    for place, point in enumerate(points):
        if point["is_clean"]:
            axes.axvline(place, color=GREY, linewidth=1, linestyle=":")
    labels = [_severity_text(point["severity"]) for point in points]
    axes.set_xticks(places, labels, fontsize=8 if max(map(len, labels)) < 8 else 7)
    axes.set_xlim(-0.5, len(points) - 0.5)
    axes.set_xlabel(curve["axis"], fontsize=9)
    axes.set_title(plain(curve["title"]), fontsize=10, loc="left")


def _severity_text(severity: float | str) -> str:
    return severity.replace(" ", "\n") if isinstance(severity, str) else f"{severity:g}"
