"""Figures: SVG that is safe in a page, the same every time, and draws names letter by letter."""

from __future__ import annotations

import warnings
import xml.etree.ElementTree as ElementTree

import pytest

from emotone.base import figure

HOSTILE = ["<script>alert(1)</script>", "a & b", "--><script>", "$\\frac$ and $x$", "$", "é 中文 🙂", "]]>", "\"'"]


def drawn(text: str) -> str:
    picture, axes = figure.new()
    axes.plot([0, 1], [0, 1], label=figure.plain(text))
    axes.set_xticks([0], [figure.plain(text)])
    axes.set_title(figure.plain(text))
    axes.legend()
    return figure.svg(picture)


@pytest.mark.parametrize("text", HOSTILE)
def test_names_are_text_and_nothing_else(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # letters that our font lacks are the reader's to draw
        svg = drawn(text)
    root = ElementTree.fromstring(svg)
    shown = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert shown.count(text) == 3  # title, tick and legend
    assert "<script" not in svg and not list(root.iter("{http://www.w3.org/2000/svg}script"))


def test_figures_are_the_same_every_time() -> None:
    assert drawn("one") == drawn("one") and drawn("one") != drawn("two")


def test_nothing_is_loaded_from_elsewhere() -> None:
    svg = drawn("one")
    assert svg.startswith("<svg") and "<image" not in svg and "date>" not in svg


@pytest.mark.parametrize(("num", "num_columns"), [(1, 1), (2, 2), (5, 3), (3, 1)])
def test_panels_are_as_many_as_asked_for(num: int, num_columns: int) -> None:
    picture, every = figure.panels(num, num_columns, 6.0, 4.0)
    assert len(every) == len(picture.axes) == num
    assert {axes.get_subplotspec().get_gridspec().ncols for axes in every} == {num_columns}
    assert not any(axes.spines["top"].get_visible() for axes in every)


@pytest.mark.parametrize(("num", "tag"), [(figure.MOST_POINTS, "<use"), (figure.MOST_POINTS + 1, "<path")])
def test_many_points_are_counted_in_hexagons(num: int, tag: str) -> None:
    picture, axes = figure.new()
    figure.draw_points(axes, [n / num for n in range(num)], [n % 7 for n in range(num)], (0, 1, 0, 6))
    assert bool(axes.lines) == (tag == "<use") and bool(axes.collections) == (tag == "<path")
    assert len(figure.svg(picture)) < 300_000
