"""The page of found moments: self-contained, escaped, playing what it says, without the packages of reports."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotone.audio.read import load_audio
from emotone.predict.retrieve import page as retrieve_page
from emotone.predict.retrieve.findings import Findings, Moment, Recording, Search
from emotone.predict.retrieve.moments import find_moments
from emotone.predict.retrieve.page import SCORE_STEPS, TIME_STEPS_S, clock, draw_curve, render_page

EXAMPLE = str(Path(__file__).resolve().parents[3] / "examples" / "jfk.wav")
HOSTILE = "<script>alert('x')</script>{0} & \"q\".wav"


class Page(HTMLParser):
    """Tags with their attributes; every tag that is opened is closed in its order."""

    VOID = ("meta", "rect", "path")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def found() -> Findings:
    return find_moments([EXAMPLE, "missing.wav"], Search("arousal", 10))


def test_page_plays_the_moments(found: Findings) -> None:
    players = Page(render_page(found)).all("audio")
    assert len(players) == len(found.moments) == 3
    for player, moment in zip(players, found.moments, strict=True):
        kind, content = str(player["src"]).split(";base64,")
        samples, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(content)), dtype="float32")
        expected = load_audio(EXAMPLE, moment.start_s, moment.end_s)
        assert kind == "data:audio/ogg" and rate_hz == 16_000 and abs(len(samples) - len(expected)) < 1600
        size = min(len(samples), len(expected))
        assert np.corrcoef(samples[:size], expected[:size])[0, 1] > 0.9


def test_page_loads_and_runs_nothing(found: Findings) -> None:
    text = render_page(found)
    page = Page(text)
    assert not page.all("script") and not page.all("link") and not page.all("img") and "url(" not in text
    targets = [str(link["href"]) for link in page.all("a")]
    ids = {attributes.get("id") for _, attributes in page.tags}
    assert sorted(targets) == ["#m1", "#m2", "#m3"] and all(target[1:] in ids for target in targets)
    assert "missing.wav: does not exist" in text and "3 of the 10 moments" in text


def test_names_are_escaped(found: Findings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieve_page, "encode_clip", lambda moment: b"Ogg")
    for file in (HOSTILE, "bad\udcff.wav"):
        moments = [replace(moment, file=file) for moment in found.moments]
        recordings = {file: replace(next(iter(found.recordings.values())), file=file, moments=moments)}
        failed = [Recording(file, error=HOSTILE)]
        text = render_page(replace(found, moments=moments, recordings=recordings, failed=failed))
        assert not Page(text).all("script") and "&lt;script&gt;" in text and text.encode()


def test_long_lists_say_what_is_left_out(found: Findings, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MOST_PLAYERS", "MOST_CURVES"):
        monkeypatch.setattr(retrieve_page, name, 1)
    [recording] = found.recordings.values()
    failed = [Recording(f"{number}.wav", error="is empty") for number in range(14)]
    more = {file: replace(recording, file=file) for file in ("a.wav", "b.wav", "c.wav")}
    text = render_page(replace(found, recordings=more, failed=failed))
    assert len(Page(text).all("audio")) == len(Page(text).all("svg")) == 1
    assert "The first 1 moments have a player" in text and "2 more recordings" in text and "and 4 more" in text


def test_the_curve_stands_where_it_should() -> None:
    moment = Moment("a.wav", 50.0, 60.0, 5.0, 2.0, 1.0, rank=7)
    outline = np.array([1.0, 3.0, np.nan, 5.0, np.nan, 1.0, 1.0, 1.0, 1.0, 1.0])
    svg = draw_curve(Recording("a.wav", 100.0, 80.0, 9, [moment], outline, 2.0), 1.0, 5.0)
    left, top = retrieve_page.LEFT, retrieve_page.TOP
    right, floor = retrieve_page.WIDTH - retrieve_page.RIGHT, retrieve_page.HEIGHT - retrieve_page.BOTTOM
    across, down = np.linspace(left, right, 21)[1::2], np.linspace(floor, top, 5)
    curves = re.findall(r'class="curve" d="M([^"]*)"', svg)
    points = [[tuple(map(float, point.split())) for point in curve.removesuffix("h0").split("L")] for curve in curves]
    expected = [[(across[0], down[0]), (across[1], down[2])], [(across[3], down[4])], [(x, floor) for x in across[5:]]]
    for run, wanted in zip(points, expected, strict=True):
        np.testing.assert_allclose(run, wanted, atol=0.051)
    [box] = re.findall(r'<rect class="moment" x="(\S+)" y="(\S+)" width="(\S+)"', svg)
    np.testing.assert_allclose(
        [float(number) for number in box], [(left + right) / 2, top, (right - left) / 10], atol=0.1
    )
    assert ">7</text>" in svg and f'class="median" d="M{left} {down[1]:.1f}' in svg


@pytest.mark.parametrize(("total_s", "first"), [(59.0, "0 s"), (60.0, "0:00"), (600.0, "0:00")])
def test_times_are_seconds_below_a_minute(total_s: float, first: str) -> None:
    svg = draw_curve(Recording("a.wav", total_s, 80.0, 9, [], np.ones(5), 1.0), 1.0, 5.0)
    assert re.findall(r'class="below"[^>]*>([^<]*)<', svg)[0] == first


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.3), (0.0, 18_000.0), (2.9, 3.1), (-3.0, 3e6), (0.0, 1e6)])
@pytest.mark.parametrize(("steps", "most"), [(TIME_STEPS_S, 10), (SCORE_STEPS, 5)])
def test_ticks_are_few_and_within(low: float, high: float, steps: tuple[float, ...], most: int) -> None:
    ticks = retrieve_page._ticks(low, high, steps, most)
    assert len(ticks) <= most and all(low - 1e-6 <= tick <= high + 1e-6 for tick in ticks)


def test_flat_curves_and_no_moments_are_drawn(found: Findings) -> None:
    [recording] = found.recordings.values()
    flat = replace(recording, outline=np.full(5, 3.0), median=3.0)
    page = Page(render_page(replace(found, recordings={EXAMPLE: flat})))
    assert len(page.all("svg")) == 1 and "nan" not in render_page(replace(found, recordings={EXAMPLE: flat}))
    assert "No moments" in render_page(replace(found, moments=[], recordings={}))


def test_clock() -> None:
    assert [clock(seconds) for seconds in (0, 59.9, 60, 3599, 36_061)] == ["0:00", "0:59", "1:00", "59:59", "10:01:01"]


def test_retrieval_needs_the_runtime_only(tmp_path: Path) -> None:
    code = f"""
import sys
from emotone.cli.main import main
wanted = ["retrieve", {EXAMPLE!r}, "--attribute", "arousal", "--highest", "1"]
assert main([*wanted, "--page", "x.html"]) == 0
for output in ("clips", "textgrid", "audacity"):
    assert main([*wanted, "--output", output, "--to", output]) == 0
print("LOADED", *sorted({{name.split(".")[0] for name in sys.modules}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    loaded = set(done.stdout.split("LOADED")[1].split())
    assert not loaded & {"torch", "pandas", "scipy", "matplotlib", "jinja2", "sklearn", "pyarrow"}
