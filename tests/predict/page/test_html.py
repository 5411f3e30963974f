"""The page as a file: self-contained, escaped, with a policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from pages import HOSTILE, Page

from emotone.predict.page import html
from emotone.predict.page.content import Column, Content, Kind, Piece, Shown, Track
from emotone.predict.page.html import render_page
from emotone.predict.page.sound import Clip, Sound


def content(name: str = "talk.wav", num: int = 2) -> Content:
    sound = Sound(10.0, np.arange(200, dtype=np.uint8), [Clip(0.0, 10.0, b"OggS")])
    tracks = [Track(name, 1.0, 7.0, [(0.0, 2.0), (1.0, None)], level=3.0)]
    columns = [Column("start", "start"), Column(name, "text"), Column("anger", "probability", is_minor=True)]
    pieces = [Piece(0, float(place), place + 0.5, ("0:00.0", name, "0.50"), kind=0, lane=1) for place in range(num)]
    pieces.append(Piece(None, 0.0, 0.0, ("", name, "")))
    shown = [Shown(name, sound, tracks, [name, "b"]), Shown("other.wav", sound)]
    return Content(name, name, columns, pieces, shown, [Kind(name, "#d1495b", 0.5)], [name], [name])


def data_of(text: str) -> dict:
    return json.loads(re.findall(r'id="data">(.*?)</script>', text)[0])


@pytest.mark.parametrize("name", [HOSTILE, '</script><img src=x onerror="x">', "]]>&lt;", "bad\udcff.wav", "\u202eabc"])
def test_names_stay_text(name: str) -> None:
    text = render_page(content(name))
    page = Page(text)
    assert page.tags.count("script") == 2 and page.tags.count("style") == 1 and not page.of("img")
    assert text.encode() and data_of(text)["recordings"][0]["name"] == name.encode("utf-8", "backslashreplace").decode()


def test_nothing_is_loaded_and_only_its_own_script_runs() -> None:
    text = render_page(content())
    page = Page(text)
    policy = str(page.of("meta")[1]["content"])
    assert policy.startswith("default-src 'none'; ") and "http" not in policy and "unsafe" not in policy
    for tag in ("script", "style"):
        [own] = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert "sha256-" + base64.b64encode(hashlib.sha256(own.encode()).digest()).decode() in policy
    assert [link["href"] for link in page.of("link")] == ["data:,"] and "url(" not in text and "http:" not in text
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)


def test_rows_say_where_they_are() -> None:
    rows = Page(render_page(content())).of("tr")[1:]
    assert rows[1] == {"data-r": "0", "data-s": "1", "data-e": "1.5", "data-k": "0", "data-l": "1"} and rows[2] == {}


def test_the_data_is_what_is_drawn() -> None:
    first, other = data_of(render_page(content()))["recordings"]
    assert first["length"] == 10 and first["lanes"] == ["talk.wav", "b"] and other["tracks"] == []
    assert first["clips"] == [[0, 10, base64.b64encode(b"OggS").decode()]]
    assert first["tracks"] == [{"low": 1, "high": 7, "level": 3, "points": [[0, 2], [1, None]]}]


def test_long_tables_are_cut_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "MOST_ROWS", 3)
    text = render_page(content(num=5))
    assert text.count("<tr data-r") == 3 and "The table has the first 3 of 6 rows." in text
    assert data_of(text)["more"] == [[0, 3, 3.5, 0, 1], [0, 4, 4.5, 0, 1]]


def test_a_page_of_nothing() -> None:
    page = Page(render_page(Content("x", "y", [], [], [])))
    assert "There is nothing to show." in page.text and not page.of("canvas")


def test_attributes_without_a_common_scale_say_theirs() -> None:
    page = content()
    assert "1 to 7" not in render_page(page)
    [first] = page.recordings[0].tracks
    both = [first, replace(first, name="b", low=-1.0, high=2.5)]
    text = render_page(replace(page, recordings=[replace(page.recordings[0], tracks=both)]))
    assert "talk.wav, 1 to 7<" in text and "b, -1 to 2.5<" in text
