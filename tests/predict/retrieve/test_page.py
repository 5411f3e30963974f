"""The page of found moments: their table, the recordings they are in, and the sound of both."""

from __future__ import annotations

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from browser import Browser
from pages import HOSTILE, Page

from emotone.audio.read import load_audio
from emotone.predict.page import sound as page_sound
from emotone.predict.retrieve import page as retrieve_page
from emotone.predict.retrieve.findings import Findings, Moment, Recording, Search
from emotone.predict.retrieve.moments import find_moments
from emotone.predict.retrieve.page import render_page, show_findings

EXAMPLE = str(Path(__file__).resolve().parents[3] / "examples" / "jfk.wav")


@pytest.fixture(scope="module")
def found() -> Findings:
    return find_moments([EXAMPLE, "missing.wav"], Search("arousal", 10))


def test_moments_are_rows_of_their_recording(found: Findings) -> None:
    page = show_findings(found)
    assert page.title == "Highest arousal: 3 moments" and len(page.pieces) == len(found.moments) == 3
    for piece, moment in zip(page.pieces, found.moments, strict=True):
        assert (piece.recording, piece.start_s, piece.label) == (0, moment.start_s, str(moment.rank))
        assert piece.cells[1] == f"0:{moment.start_s:04.1f}" and piece.cells[-1] == EXAMPLE
    assert list(page.warnings) == ["missing.wav: does not exist", *found.notes] and page.is_marked


def test_the_whole_recording_is_heard_where_it_fits(found: Findings) -> None:
    [shown] = show_findings(found).recordings
    [clip] = shown.sound.clips
    assert (clip.start_s, clip.end_s) == (0.0, 11.0)


def test_else_the_moments_are(found: Findings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_sound, "MOST_BYTES", 1000)
    monkeypatch.setattr(retrieve_page, "MOST_CLIPS", 2)
    page = show_findings(found)
    [shown] = page.recordings
    assert len(shown.sound.clips) == 2 and "the sound of the first 2 moments is part of the page" in page.notes[-1]
    for clip, moment in zip(shown.sound.clips, found.moments, strict=False):
        samples, _ = soundfile.read(io.BytesIO(clip.content), dtype="float32")
        expected = load_audio(EXAMPLE, moment.start_s, moment.end_s)
        assert len(samples) == len(expected) and np.corrcoef(samples, expected)[0, 1] > 0.9


def test_the_curve_stands_where_it_should() -> None:
    moment = Moment(EXAMPLE, 5.0, 6.0, 5.0, 2.0, 1.0, rank=7)
    recording = Recording(EXAMPLE, 10.0, 8.0, 9, [moment], np.array([1.0, 3.0, np.nan, 5.0, 1.0]), 2.0)
    findings = Findings(Search("arousal"), "tiny", [moment], {EXAMPLE: recording}, [], [], 1, 10.0, 8.0)
    [track] = show_findings(findings).recordings[0].tracks
    assert track.points == [(1, 1), (3, 3), (5, None), (7, 5), (9, 1)]
    assert (track.low, track.high, track.level) == (0.8, 5.2, 2.0)
    flat = replace(recording, outline=np.full(5, 3.0))
    [track] = show_findings(replace(findings, recordings={EXAMPLE: flat})).recordings[0].tracks
    assert track.low < 3 < track.high


def test_names_are_text(found: Findings) -> None:
    for file in (HOSTILE, "bad\udcff.wav"):
        moments = [replace(moment, file=file) for moment in found.moments]
        recordings = {file: replace(next(iter(found.recordings.values())), file=file, moments=moments)}
        failed = [Recording(file, error=HOSTILE)]
        text = render_page(replace(found, moments=moments, recordings=recordings, failed=failed))
        assert Page(text).tags.count("script") == 2 and "&lt;script&gt;" in text and text.encode()


def test_recordings_that_are_not_drawn_are_said(found: Findings, monkeypatch: pytest.MonkeyPatch) -> None:
    [recording] = found.recordings.values()
    failed = [Recording(f"{number}.wav", error="is empty") for number in range(14)]
    monkeypatch.setattr(retrieve_page, "num_shown", lambda lengths_s: 1)
    more = {file: replace(recording, file=file) for file in (EXAMPLE, "b.wav", "c.wav")}
    page = show_findings(replace(found, recordings=more, failed=failed))
    assert len(page.recordings) == 1 and page.notes[-1].startswith("2 more recordings")
    assert page.warnings[10] == found.notes[0] and page.warnings[-1] == "and 4 more that could not be used"


def test_no_moments_are_no_panels(found: Findings) -> None:
    page = Page(render_page(replace(found, moments=[], recordings={})))
    assert not page.of("canvas") and not page.of("table") and "There is nothing to show." in page.text


def test_moments_play_in_a_browser(browser: Browser, found: Findings, tmp_path: Path) -> None:
    (tmp_path / "x.html").write_text(render_page(found), encoding="utf-8")
    browser.open(tmp_path / "x.html")
    labels = browser.run("return JSON.parse(document.getElementById('stage').dataset.labels)")
    assert len(labels) == 3
    browser.click("tbody tr:nth-child(2) td")
    start = found.moments[1].start_s
    time = "+document.getElementById('stage').getAttribute('aria-valuenow')"
    browser.wait(f"{time} > {start + 0.2} && {time} < {start + 3}")
    assert browser.said() == [] and {address.split(":")[0] for address in browser.asked()} <= {"file", "data", "blob"}


def test_a_page_is_replaced_and_other_files_are_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from emotone.cli.main import main

    path = tmp_path / "x.html"
    path.write_text("mine")
    wanted = ["retrieve", EXAMPLE, "--attribute", "anger", "--highest", "1", "--page", str(path), "--quiet"]
    assert main(wanted) == 2 and path.read_text() == "mine" and "--overwrite" in capsys.readouterr().err
    assert main([*wanted, "--overwrite"]) == main(wanted) == 0
    assert "<h1>Highest anger: 1 moment</h1>" in path.read_text()


def test_retrieval_needs_the_runtime_only(tmp_path: Path) -> None:
    code = f"""
import sys
from emotone.cli.main import main
wanted = ["retrieve", {EXAMPLE!r}, "--attribute", "arousal", "--highest", "1"]
assert main([*wanted, "--page", "x.html"]) == 0
assert main(["predict", {EXAMPLE!r}, "--page", "y.html"]) == 0
for output in ("clips", "textgrid", "audacity"):
    assert main([*wanted, "--output", output, "--to", output]) == 0
print("LOADED", *sorted({{name.split(".")[0] for name in sys.modules}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    loaded = set(done.stdout.split("LOADED")[1].split())
    assert not loaded & {"torch", "pandas", "scipy", "matplotlib", "jinja2", "sklearn", "pyarrow"}
