"""Pages: self-contained, everything escaped, numbers to the right."""

from __future__ import annotations

import base64
import re

import pytest
from pages import HOSTILE, Page

from emotone.base import figure
from emotone.base.page import Player, Section, render


def test_everything_is_escaped() -> None:
    table = [{HOSTILE: HOSTILE}]
    section = Section(HOSTILE, text=HOSTILE, table=table, note=HOSTILE, code=HOSTILE, folds=HOSTILE)
    page = Page(render(HOSTILE, [section], [HOSTILE]))
    # title twice, warning, list, section: title, text, fold, table twice, code, note
    assert page.text.count(HOSTILE) == 11
    assert "script" not in {tag for tag, _ in page.elements}


def test_nothing_is_loaded_from_elsewhere() -> None:
    picture, axes = figure.new()
    axes.plot([1, 2], [3, 4])
    page = Page(render("One", [Section("Two", figure=figure.svg(picture))]))
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in page.elements}
    for _, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("href", "src", "xlink:href"):
                assert value and value.startswith("#")
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", page.text)


def test_warnings_come_first() -> None:
    page = render("One", [Section("Two", text="three")], ["LEAKAGE ALLOWED: speakers"])
    assert page.index("LEAKAGE ALLOWED") < page.index("<nav>") < page.index("three")


def test_the_list_at_the_top_leads_to_sections() -> None:
    page = Page(render("One", [Section("Two"), Section("Three", level=3), Section("Four")]))
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    places = ["#" + str(attributes["id"]) for tag, attributes in page.elements if tag == "section"]
    assert links == [places[0], places[2]] and len(set(places)) == 3
    assert [tag for tag, _ in page.elements if tag in ("h1", "h2", "h3")] == ["h1", "h2", "h3", "h2"]


@pytest.mark.parametrize(
    ("value", "text", "is_right"),
    [
        (0.12345, "0.123", True),
        (7, "7", True),
        (None, "–", False),
        (float("nan"), "–", True),
        ("a", "a", False),
        (True, "True", False),
    ],
)
def test_cells(value: object, text: str, is_right: bool) -> None:
    page = render("One", [Section("Two", table=[{"column": value}])])
    assert f'<td class="number">{text}</td>' in page if is_right else f"<td>{text}</td>" in page


def test_long_tables_fold() -> None:
    page = render("One", [Section("Two", table=[{"a": 1}], folds="All numbers")])
    assert "<details><summary>All numbers</summary>" in page and page.index("<details>") < page.index("<table>")
    assert "<details" not in render("One", [Section("Two", table=[{"a": 1}])])


def test_players_are_part_of_the_page() -> None:
    clip = bytes(range(256))
    page = Page(render("One", [Section("Two", table=[{"a": 1, "b": Player(clip)}, {"a": 2, "b": None}])]))
    players = [attributes for tag, attributes in page.elements if tag == "audio"]
    kind, _, text = str(players[0].pop("src")).partition(",")
    assert players == [{"controls": None, "preload": "none"}]
    assert kind == "data:audio/ogg;base64" and base64.b64decode(text, validate=True) == clip
    assert "–" in page.text and "Player" not in page.text
