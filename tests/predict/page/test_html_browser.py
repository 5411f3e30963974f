"""Pages in a browser: they play, follow, seek, sort and zoom, by pointer and keyboard, and ask no host for anything."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from browser import Browser
from pages import HOSTILE
from voices import JFK

from emotone.cli.main import main
from emotone.predict.page.content import Column, Content, Kind, Piece, Shown, Track
from emotone.predict.page.html import render_page
from emotone.predict.page.sound import listen

NAME = HOSTILE.replace("/", "_")
"""A hostile name that a file can have."""
HERE = "document.querySelectorAll('tr.here').length"
TIME = "+document.getElementById('stage').getAttribute('aria-valuenow')"
STARTS = "[...document.querySelectorAll('tbody tr')].map((row) => +row.dataset.s)"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> Path:
    """The utterances of two recordings, one of which has a name with markup."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copy(JFK, folder / f"{NAME}.wav")
    files = [str(JFK), str(folder / f"{NAME}.wav")]
    assert main(["predict", *files, "--page", str(folder / "x.html"), "--model", str(tiny_bundle), "--quiet"]) == 0
    return folder / "x.html"


@pytest.fixture
def opened(browser: Browser, page: Path) -> Browser:
    browser.open(page)
    yield browser
    assert browser.said() == []
    assert {address.split(":")[0] for address in browser.asked()} <= {"file", "data", "blob"}


def test_a_click_seeks_and_the_row_is_marked(opened: Browser) -> None:
    opened.click("#stage", x=0.55)
    assert 5.6 < opened.run(f"return {TIME}") < 6.5
    assert opened.run(f"return {HERE}") == 1
    start, end = opened.run("const {s, e} = document.querySelector('tr.here').dataset; return [+s, +e]")
    assert start <= opened.run(f"return {TIME}") < end


def test_a_click_on_a_row_plays_from_there(opened: Browser) -> None:
    start = opened.run(f"return {STARTS}")[1]
    opened.click("tbody tr:nth-child(2) td")
    opened.wait(f"{TIME} > {start + 0.3}")
    assert opened.run("return document.getElementById('play').getAttribute('aria-label')") == "Pause"
    opened.click("#play")
    opened.wait("document.getElementById('play').getAttribute('aria-label') === 'Play'")
    where = opened.run(f"return {TIME}")
    assert start + 0.3 < where < start + 5


def test_keys_play_move_and_go_through_rows(opened: Browser) -> None:
    opened.press("\ue014", "\ue014")  # to the right
    assert opened.run(f"return {TIME}") == 4.0
    opened.press("\ue012")
    assert opened.run(f"return {TIME}") == 2.0
    opened.press("\ue015")  # down
    first, second = opened.run(f"return {STARTS}")[:2]
    assert opened.run(f"return {TIME}") in (round(first, 2), round(second, 2))
    opened.press(" ")
    opened.wait("document.getElementById('play').getAttribute('aria-label') === 'Pause'")
    opened.press(" ")
    opened.wait("document.getElementById('play').getAttribute('aria-label') === 'Play'")
    opened.press("\ue010")  # to the end
    assert opened.run(f"return {TIME}") == 11.0


def test_heads_sort(opened: Browser) -> None:
    names = opened.run("return [...document.querySelectorAll('th')].map((head) => head.textContent)")
    column = names.index("arousal") + 1
    values = f"return [...document.querySelectorAll('tbody td:nth-child({column})')].map((cell) => +cell.textContent)"
    opened.click(f"th:nth-child({column}) button")
    assert opened.run(values) == sorted(opened.run(values), reverse=True)
    opened.click(f"th:nth-child({column}) button")
    assert opened.run(values) == sorted(opened.run(values))
    assert opened.run(f"return document.querySelector('th:nth-child({column})').ariaSort") == "ascending"
    opened.click("th:first-child button")
    assert opened.run(f"return {STARTS}") == sorted(opened.run(f"return {STARTS}"))


def test_pointing_shows_probabilities(opened: Browser) -> None:
    opened.click("#stage", x=0.15)
    assert not opened.run("return document.getElementById('tip').hidden")
    tip = opened.run("return document.getElementById('tip').innerText").split("\n")
    assert "anger" in tip and opened.run("return document.querySelectorAll('#tip i').length") == 7


def test_other_recordings_are_chosen_and_their_names_are_text(opened: Browser) -> None:
    options = opened.run("return [...document.querySelectorAll('option')].map((option) => option.textContent)")
    assert options[0].endswith("jfk.wav") and options[1].endswith(f"{NAME}.wav")
    opened.click("tbody tr:last-child td")
    assert opened.run("return document.getElementById('recording').selectedIndex") == 1
    opened.wait("document.getElementById('play').getAttribute('aria-label') === 'Pause'")
    opened.press(" ")


def test_the_picture_zooms(opened: Browser) -> None:
    opened.click("#stage", x=0.5)
    before = opened.run(f"return {TIME}")
    opened.press("+", "+")
    opened.wait("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
    opened.click("#stage", x=0.75)
    moved = opened.run(f"return {TIME}") - before
    assert 0.5 < moved < 0.9  # a quarter of a quarter of 11 s


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1280])
def test_pages_fit_their_window(browser: Browser, page: Path, width: int, dark: bool) -> None:
    browser.open(page, width, dark=dark)
    assert browser.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    red, *_ = browser.run("return getComputedStyle(document.body).backgroundColor.match(/\\d+/g)")
    assert (int(red) < 60) is dark
    shown = browser.run("return document.querySelector('#pieces th[data-kind=probability]').offsetWidth > 0")
    assert shown is (width > 1000) and browser.said() == []


def test_labels_of_moments_do_not_collide(browser: Browser, tmp_path: Path) -> None:
    sound = listen(str(JFK), 24_000)
    starts = [0.0, 0.1, 0.2, 0.3, 5.0, 5.05, 9.0, 10.9]
    pieces = [Piece(0, start, start + 0.1, (str(rank),), label=str(rank)) for rank, start in enumerate(starts, 1)]
    track = Track("arousal", 1.0, 7.0, [(0.0, 2.0), (1.0, None), (2.0, 3.0)], level=3.0)
    shown = [Shown("a.wav", sound, [track])]
    made = Content("x", "y", [Column("rank", "number")], pieces, shown, [Kind("a", "#d1495b")], is_marked=True)
    (tmp_path / "x.html").write_text(render_page(made))
    for width in (320, 1280):
        browser.open(tmp_path / "x.html", width)
        places = sorted(browser.run("return JSON.parse(document.getElementById('stage').dataset.labels)"))
        assert len(places) >= 4 and places[0][0] >= 0 and places[-1][1] <= width
        assert all(end <= start for (_, end), (start, _) in zip(places, places[1:], strict=False))
    assert browser.said() == []
