"""One picture of a corpus: its categories, attributes and durations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from emotone.base.figure import COLOURS, new, svg
from emotone.corpora.corpus import ATTRIBUTES, Corpus
from emotone.corpora.info import counts_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE_COLOUR = "#1d2327"
LONGEST_SHARE = 0.99
"""The axis of durations ends at this quantile; the last bar holds what is longer."""


def picture(corpus: Corpus, scan: pd.DataFrame) -> str:
    """Bars of the categories, histograms of the attributes and of the durations, as SVG text."""
    return svg(draw(corpus, scan))


def draw(corpus: Corpus, scan: pd.DataFrame) -> Figure:
    """The figure of `picture`: categories and durations above, the attributes below, where there are any."""
    table, ranges = corpus.utterances, corpus.meta.get("ranges", {})
    attributes = [name for name in ATTRIBUTES if table[name].notna().any()]
    above = ["duration"] if table["emotion"].isna().all() else ["emotion", "duration"]
    rows = [above, attributes] if attributes else [above]
    figure, whole = new(9.6, 3.1 * len(rows))
    whole.remove()
    figure.suptitle(f"{corpus.name}: {len(table):,} utterances, {table['speaker'].nunique():,} speakers")
    for part, names in zip(figure.subfigures(len(rows), 1, squeeze=False)[:, 0], rows, strict=True):
        for axes, name in zip(part.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            axes.spines[["top", "right", "left"]].set_visible(False)
            axes.tick_params(length=0, labelsize=8.5)
            axes.set_axisbelow(True)
            if name == "emotion":
                _draw_counts(axes, table[name])
            elif name == "duration":
                _draw_durations(axes, scan["duration_s"].dropna().to_numpy())
            else:
                colour = COLOURS[1 + ATTRIBUTES.index(name)]
                _draw_attribute(axes, name, table[name].dropna().to_numpy(), ranges.get(name), colour)
    return figure


def _draw_counts(axes: Axes, column: pd.Series[Any]) -> None:
    """One bar for each category, the most frequent on top, its count beside it."""
    counts = counts_of(column)
    names = list(counts)[::-1]
    bars = axes.barh(names, [counts[name] for name in names], color=COLOURS[0], height=0.72)
    axes.bar_label(bars, labels=[f"{counts[name]:,}" for name in names], padding=3, fontsize=8.5)
    axes.margins(x=0.18, y=0.03)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    axes.set_title("categories", fontsize=10, loc="left")
    num_missing = int(column.isna().sum())
    if num_missing:
        axes.set_xlabel(f"{num_missing:,} without a category", fontsize=8.5)


def _draw_attribute(axes: Axes, name: str, values: Any, limits: list[float] | None, colour: str) -> None:
    """A histogram over the native range, with the mean."""
    low, high = limits or (float(values.min()), float(values.max()))
    # Means of a few raters lie on the borders of bins, where rounding must not part equal ones.
    _draw_histogram(axes, np.minimum(values + 1e-6, high), low, high, 12, colour)
    axes.axvline(values.mean(), color=LINE_COLOUR, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.set_title(f"{name}: mean {values.mean():.2f}, std {values.std():.2f}", fontsize=10, loc="left")


def _draw_durations(axes: Axes, seconds: Any) -> None:
    """A histogram of seconds; the last bar holds what is longer than 99 % of all."""
    if not len(seconds):
        axes.set_title("duration: nothing could be read", fontsize=10, loc="left")
        return
    longest = float(np.quantile(seconds, LONGEST_SHARE))
    _draw_histogram(axes, np.minimum(seconds, longest), float(seconds.min()), longest, 24, COLOURS[5])
    axes.axvline(np.median(seconds), color=LINE_COLOUR, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.set_title(f"duration: median {np.median(seconds):.2f} s", fontsize=10, loc="left")
    axes.set_xlabel("seconds", fontsize=8.5)


def _draw_histogram(axes: Axes, values: Any, low: float, high: float, num_bins: int, colour: str) -> None:
    axes.hist(values, bins=num_bins, range=(low, high), color=colour, edgecolor="white", linewidth=0.6)
    axes.set_xlim(low, high if high > low else low + 1)
    axes.grid(axis="y", alpha=0.25, linewidth=0.6)
