"""The page of a comparison along curves: a picture for each target, and all tests behind a line."""

from __future__ import annotations

from degradation import made_comparison
from pages import HOSTILE, Page

from emotone.evaluate.compare.degraded_page import TESTS, degradation_page


def test_the_page_has_systems_values_and_tests() -> None:
    html = degradation_page(made_comparison(), "Comparison of robustness", "Dotted: the audio as it is.")
    page = Page(html)
    assert page.text.count("Comparison of robustness") == 2 and page.text.count("Dotted") == 1
    assert list(page.sections) == ["Systems", "arousal: CCC", TESTS]
    systems = page.sections["Systems"]
    assert "9 test utterances of 3 speakers, degraded alike for all systems." in systems
    assert "runs/a, runs/b" in systems and "3 speakers are too few." in systems and "leak" in page.text
    assert "Noise (pink noise, not recorded): -5 dB" in page.cells and "-.150 [-.300, .000]" in page.cells
    assert page.tags.count("details") == 2 and html.count("<svg") == 1


def test_systems_are_lines_where_they_were_measured() -> None:
    html = degradation_page(made_comparison(), "Heading", "")
    svg = html[html.index("<svg") : html.index("</svg>")]
    assert "A  both size=1" in svg and "Missing words" in svg and "words deleted (%)" in svg
    page = Page(html)
    assert "script" not in page.tags and HOSTILE in page.text


def test_null_and_families_stand_on_the_page() -> None:
    tests = Page(degradation_page(made_comparison(), "Heading", "")).sections[TESTS]
    num = len(made_comparison().pairs)
    assert f"the {num} tests of drops on this page are one family, those of what is better there another" in tests
    assert "exchange all predictions for any speaker, clean and degraded together" in tests
    assert "It is not that equal shares are lost" in tests
