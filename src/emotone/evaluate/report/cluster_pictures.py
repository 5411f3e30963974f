"""Pictures of clusters, each as SVG: where embeddings lie, the labels in each cluster, agreement over epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.base import figure
from emotone.base.figure import COLOURS, GREY, WIDTH_IN, plain
from emotone.bundle.target import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection

MARKERS = {"train": "o", "unlabelled": "x", "validation": "s", "test": "^"}
MOST_CLUSTERS = 60
"""More clusters than this cannot be told apart side by side; the largest are shown."""
MOST_CORPORA = 7
"""More corpora than this share a colour."""
INK, PALE = "#1d2327", "#c9cfd3"
WIDE_COLOURS = "tab20"
"""Where there are more groups than `COLOURS`."""


def plot_projection(points: NDArray[np.floating], table: pd.DataFrame, target: Target) -> str:
    """Points [N, 2] of the table's rows three times: coloured by a target's label, by cluster, and by corpus."""
    order = np.random.default_rng(0).permutation(len(points))  # so that no group lies above the others
    points, table = points[order], table.iloc[order].reset_index(drop=True)
    picture, every = figure.panels(3, 3, WIDTH_IN, 4.5)
    picture.set_layout_engine("compressed")  # square panels
    size = float(np.clip(10_000 / len(points), 7, 30))
    for axes, title in zip(every, (plain(target.name), "cluster", "corpus and part"), strict=True):
        axes.set_title(f"by {title}", fontsize=10, loc="left")
        axes.set(xticks=[], yticks=[])
        axes.set_box_aspect(1)
        axes.margins(0.06)
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color(PALE)
    (_by_attribute if target.kind == "attribute" else _by_class)(every[0], points, table[target.name], size, target)
    _by_cluster(every[1], points, table["cluster"], size)
    _by_corpus(every[2], points, table, size)
    return figure.svg(picture)


def plot_labels(table: pd.DataFrame, targets: Sequence[Target]) -> str:
    """The labels in each cluster, a row of the picture per target: boxes by median, or shares of categories.

    `table` has a column per target and `cluster`; every target must have labels in it.
    """
    picture, every = figure.panels(len(targets), 1, WIDTH_IN, 2.7 * len(targets) + 0.2)
    for axes, target in zip(every, targets, strict=True):
        known = table[table[target.name].notna()]
        shown = known["cluster"].value_counts().index[:MOST_CLUSTERS]
        known = known[known["cluster"].isin(shown)]
        order = (_draw_boxes if target.kind == "attribute" else _draw_shares)(axes, known, target)
        sizes = known["cluster"].value_counts()
        names = [f"{cluster}\n({sizes[cluster]})" for cluster in order]
        axes.set_xticks(range(len(order)), names, fontsize=8 if len(order) <= 25 else 6)
        axes.set(xlim=(-0.7, len(order) - 0.3), ylabel=plain(target.name))
        axes.grid(visible=False, axis="x")
        axes.tick_params(axis="x", length=0)
    every[-1].set_xlabel("cluster (and how many labels)", fontsize=9)
    return figure.svg(picture)


def plot_agreement(curves: Mapping[str, pd.DataFrame]) -> str:
    """NMI of successive clusterings over epochs {kind of utterances: a column per fold}; thick: their mean."""
    picture, axes = figure.new(WIDTH_IN, 3.0)
    for number, (name, folds) in enumerate(curves.items()):
        colour = COLOURS[number % len(COLOURS)]
        if folds.shape[1] > 1:
            axes.plot(folds.index, folds.to_numpy(), color=colour, linewidth=0.7, alpha=0.35)
        text = f"{name}, mean of {folds.shape[1]} folds" if folds.shape[1] > 1 else name
        marker = "o" if len(folds) <= 60 else ""
        axes.plot(folds.index, folds.mean(axis=1), color=colour, linewidth=1.8, marker=marker, markersize=3, label=text)
    axes.set(xlabel="epoch", ylabel="NMI with the epoch before", ylim=(-0.02, 1.02))
    axes.locator_params(axis="x", integer=True)
    axes.legend(fontsize=8, frameon=False, loc="best")
    return figure.svg(picture)


def _dots(axes: Axes, points: NDArray[np.floating], size: float, linewidths: float = 0, **look: Any) -> PathCollection:
    return axes.scatter(points[:, 0], points[:, 1], s=size, linewidths=linewidths, **look)


def _by_attribute(axes: Axes, points: NDArray[np.floating], values: pd.Series, size: float, target: Target) -> None:
    known = values.notna().to_numpy()
    _dots(axes, points[~known], size, color=PALE)
    if not known.any():
        axes.set_xlabel("nothing drawn has a label", fontsize=8)
        return
    drawn = _dots(axes, points[known], size, c=values[known].to_numpy(float), cmap="viridis")
    bar = axes.figure.colorbar(drawn, cax=axes.inset_axes((0.05, -0.06, 0.9, 0.03)), orientation="horizontal")
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8)
    bar.set_label(plain(target.name) + ("" if known.all() else "; grey: no label"), fontsize=8)


def _by_class(axes: Axes, points: NDArray[np.floating], values: pd.Series, size: float, target: Target) -> None:
    known = values.notna().to_numpy()
    _dots(axes, points[~known], size, color=PALE)
    for label, colour in zip(target.labels, colours(len(target.labels)), strict=True):
        chosen = (values == label).to_numpy()
        if chosen.any():
            _dots(axes, points[chosen], size, color=colour)
            axes.plot([], [], "o", color=colour, markersize=5, label=plain(label))
    _put_legend(axes, 3)


def _by_cluster(axes: Axes, points: NDArray[np.floating], clusters: pd.Series, size: float) -> None:
    """Each cluster in its colour, with its number at its middle: colours of many clusters are hard to tell apart."""
    from matplotlib import patheffects

    found = sorted(clusters.unique())
    halo = [patheffects.withStroke(linewidth=2.2, foreground="white")]
    for cluster, colour in zip(found, colours(len(found)), strict=True):
        own = points[(clusters == cluster).to_numpy()]
        _dots(axes, own, size, color=colour, alpha=0.8)
        middle = own[np.argmin(np.abs(own - np.median(own, axis=0)).sum(axis=1))]  # on a point, not between two islands
        axes.annotate(
            str(cluster),
            (float(middle[0]), float(middle[1])),
            ha="center",
            va="center",
            color=INK,
            zorder=5,
            fontsize=8.5 if len(found) <= 20 else 7,
            weight="bold",
            path_effects=halo,
        )


def _by_corpus(axes: Axes, points: NDArray[np.floating], table: pd.DataFrame, size: float) -> None:
    frequent = table["corpus"].value_counts().index
    shades = {corpus: COLOURS[place] for place, corpus in enumerate(frequent[:MOST_CORPORA])}
    several = [COLOURS[MOST_CORPORA]] if len(frequent) > MOST_CORPORA else []
    drawn = table["corpus"].map(shades).fillna(COLOURS[MOST_CORPORA]).to_numpy()
    parts = [part for part in MARKERS if (table["part"] == part).any()]
    for part in parts:
        chosen = (table["part"] == part).to_numpy()
        width = 0.8 if MARKERS[part] == "x" else 0
        _dots(axes, points[chosen], size, c=list(drawn[chosen]), marker=MARKERS[part], linewidths=width)
    for name, colour in [*shades.items(), *(("others", shade) for shade in several)]:
        axes.plot([], [], "o", color=colour, markersize=5, label=plain(str(name)))
    for part in parts:
        axes.plot([], [], MARKERS[part], color=GREY, markersize=5, label=part)
    _put_legend(axes, 3)


def _put_legend(axes: Axes, num_columns: int) -> None:
    axes.legend(
        fontsize=8,
        frameon=False,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.01),
        ncols=num_columns,
        handletextpad=0.1,
        columnspacing=1.0,
    )


def _draw_boxes(axes: Axes, known: pd.DataFrame, target: Target) -> list[int]:
    order = list(known.groupby("cluster")[target.name].median().sort_values(kind="stable").index)
    values = [known.loc[known["cluster"] == cluster, target.name].to_numpy(float) for cluster in order]
    axes.axhline(float(known[target.name].median()), color=GREY, linewidth=1, linestyle="--", label="median of all")
    draw_box(axes, values, list(range(len(order))))
    axes.legend(fontsize=8, frameon=False, loc="upper left")
    return order


def draw_box(axes: Axes, values: Sequence[NDArray[np.floating]], places: Sequence[int]) -> None:
    axes.boxplot(
        values,
        positions=list(places),
        widths=0.6,
        patch_artist=True,
        manage_ticks=False,
        boxprops={"facecolor": "#bcd6e3", "edgecolor": COLOURS[0]},
        medianprops={"color": INK, "linewidth": 1.6},
        whiskerprops={"color": COLOURS[0]},
        capprops={"color": COLOURS[0]},
        flierprops={"marker": ".", "markersize": 3, "markerfacecolor": COLOURS[0], "markeredgewidth": 0},
    )


def _draw_shares(axes: Axes, known: pd.DataFrame, target: Target) -> list[int]:
    """Shares of classes, clusters ordered by their most frequent class and by its share; returns that order."""
    shares = pd.crosstab(known["cluster"], known[target.name], normalize="index")
    shares = shares.reindex(columns=list(target.labels), fill_value=0.0)
    leading = shares.to_numpy().argmax(axis=1)
    shares = shares.iloc[np.lexsort((-shares.max(axis=1).to_numpy(), leading))]
    below = np.zeros(len(shares))
    for label, colour in zip(target.labels, colours(len(target.labels)), strict=True):
        axes.bar(range(len(shares)), shares[label], 0.85, below, color=colour, label=plain(label))
        below += shares[label].to_numpy()
    axes.set_ylim(0, 1)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), reverse=True)
    return list(shares.index)


def colours(num: int) -> list[Any]:
    """`num` colours: those of `figure`, or where they are too few, those of a wider set, which repeats.

    >>> colours(2) == list(COLOURS[:2]), len(colours(30))
    (True, 30)
    """
    if num <= len(COLOURS):
        return list(COLOURS[:num])
    from matplotlib import colormaps

    wide = colormaps[WIDE_COLOURS]
    return [wide(place % wide.N) for place in range(num)]
