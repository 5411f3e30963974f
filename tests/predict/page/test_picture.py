"""Pictures: SVG that is read as XML with the names as text, PNG that is one."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from pages import HOSTILE

from emotone.predict.page.content import Content, Kind, Piece, Shown, Track
from emotone.predict.page.picture import PNG_MARK, SVG_MARK, write_picture
from emotone.predict.page.sound import Sound


def content(num: int = 1, num_tracks: int = 1) -> Content:
    track = Track("a$b$", 1.0, 7.0, [(0.0, 2.0), (5.0, 2.0), (5.0, None)])
    sound = Sound(100.0, np.full(5000, 128, np.uint8))
    shown = [Shown(HOSTILE, sound, [track] * num_tracks) for _ in range(num)]
    pieces = [Piece(0, 50.0, 100.0, (), kind=0)]
    return Content("x", "y", [], pieces, shown, [Kind(HOSTILE, "#00ff00"), Kind("never", "#0000ff")])


@pytest.mark.parametrize("num", [0, 1, 3])
def test_svg_says_what_it_shows(tmp_path: Path, num: int) -> None:
    write_picture(content(num), tmp_path / "x.svg")
    written = (tmp_path / "x.svg").read_bytes()
    texts = [element.text for element in ElementTree.fromstring(written).iter() if element.tag.endswith("text")]
    assert written.startswith(SVG_MARK) and texts.count(HOSTILE) == num + 1 and "never" not in texts
    assert ("0:00" in texts) is (num > 0)


def test_png_has_the_colours_where_they_are(tmp_path: Path) -> None:
    write_picture(content(num_tracks=0), tmp_path / "x.png")
    assert PNG_MARK in (tmp_path / "x.png").read_bytes()[:4096]
    pixels = image.imread(tmp_path / "x.png")[..., :3]
    is_green = (pixels[..., 1] > 0.95) & (pixels[..., 0] < 0.1) & (pixels[..., 2] < 0.1)
    middle = is_green[: is_green.shape[0] // 2]
    places = np.flatnonzero(middle.any(axis=0))
    assert places[0] == pytest.approx(pixels.shape[1] / 2, rel=0.1) and len(places) > 0.4 * pixels.shape[1]
