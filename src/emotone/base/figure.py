"""Figures of reports: matplotlib without a screen, one look, SVG text that is the same whenever it is made."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING, Any

from emotone.errors import missing_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0b6e99", "#d1495b", "#edae49", "#3b8b5a", "#7d5ba6", "#5f6b73", "#c97b3a", "#2f4b7c")
"""Can be told apart in print and by the colour-blind; the first is for a single series."""
GREY = COLOURS[5]
WIDTH_IN = 10.5
"""The width of a page: pictures with room to fill take all of it."""
MOST_POINTS = 1500
"""More points than this are counted in hexagons: a page stays small, and dense regions can be told from sparse ones."""


def new(width_in: float = 6.4, height_in: float = 3.6) -> tuple[Figure, Axes]:
    """An empty figure with one pair of axes: light grid, no frame at the top and right.

    >>> figure, axes = new()
    >>> _ = axes.plot([1, 2], [3, 4])
    >>> svg(figure).startswith("<svg")
    True
    """
    figure, axes = panels(1, 1, width_in, height_in)
    return figure, axes[0]


def panels(num: int, num_columns: int, width_in: float, height_in: float) -> tuple[Figure, list[Axes]]:
    """A figure of this size with `num` pairs of axes, row by row, in the look of `new`.

    >>> len(panels(5, 3, 9.0, 5.0)[1])
    5
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_extra("matplotlib", "train", "a picture") from None
    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    every = []
    for place in range(num):
        axes = figure.add_subplot(-(-num // num_columns), num_columns, place + 1)
        axes.set_prop_cycle(color=COLOURS)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25, linewidth=0.6)
        axes.set_axisbelow(True)
        every.append(axes)
    return figure, every


def draw_points(axes: Axes, x: Any, y: Any, limits: tuple[float, float, float, float] | None = None) -> None:
    """Points at x, y [N], or hexagons by how many there are; `limits` of the hexagons as (left, right, low, high)."""
    if len(x) > MOST_POINTS:
        axes.hexbin(x, y, gridsize=28, extent=limits, cmap="Blues", bins="log", mincnt=1, linewidths=0)
    else:
        axes.plot(x, y, ".", color=COLOURS[0], alpha=0.4, markersize=5, markeredgewidth=0)


def plain(text: str) -> str:
    """Text escaped for matplotlib, which takes $...$ for mathematics.

    >>> plain("US$ or A$")
    'US\\\\$ or A\\\\$'
    """
    return text.replace("$", r"\$")


def svg(figure: Figure) -> str:
    """The figure as an SVG element for a page: text stays text, nothing in it says when it was made."""
    import matplotlib

    held = io.StringIO()
    look: Any = {"svg.fonttype": "none", "svg.hashsalt": "emotone", "font.family": "sans-serif"}
    with matplotlib.rc_context(look), warnings.catch_warnings():
        # The reader's fonts draw the text, so it does not matter which letters ours lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        figure.savefig(held, format="svg", metadata={"Date": None, "Creator": None})
    text = held.getvalue()
    return text[text.index("<svg") :]
