"""A comparison along curves as text: every condition with its unit, every test with what it is of."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from degradation import FIRST, SECOND, made_comparison

from emotone.evaluate.compare.degraded_text import curves_of, pair_rows, print_degraded, value_rows


def test_conditions_have_their_units_and_gaps_stay_empty() -> None:
    rows = value_rows(made_comparison(), "arousal")
    noise, words = "Noise (pink noise, not recorded)", "Missing words"
    assert [row["condition"] for row in rows] == [
        f"{noise}: clean",
        f"{noise}: 10 dB",
        f"{noise}: -5 dB",
        f"{words}: 0 %",
        f"{words}: 25 %",
        f"{words}: 100 %",
    ]
    assert [list(row) for row in rows] == [["condition", "A", "B"]] * 6
    assert [row["A"] for row in rows] == [".500 [.400, .600]"] * 3 + [""] * 3  # it has no such curve
    assert [row["B"] for row in rows] == [".500 [.400, .600]", "-", *[".500 [.400, .600]"] * 4]  # not measured there


def test_a_pair_says_what_both_lose() -> None:
    (row,) = pair_rows(made_comparison(), "arousal")
    assert row == {
        "pair": "A - B",
        "condition": "Noise (pink noise, not recorded): -5 dB",
        "first loses": 0.1,
        "second loses": 0.25,
        "difference [95%]": "-.150 [-.300, .000]",
        "p": "<0.001",
        "p (Holm)": "0.040 *",
        "d_z": -1.5,
        "better there by [95%]": ".150 [.050, .250]",
        "p there (Holm)": "0.300",
    }
    assert pair_rows(made_comparison(), "valence") == []


def test_curves_are_those_that_any_system_has() -> None:
    assert list(curves_of(made_comparison())) == ["noise", "words"]


def test_all_of_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_degraded(made_comparison())
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "2 systems, 2 seeds each, averaged; 9 utterances, 3 speakers",
        "WARNING leak",
        f"  A  {FIRST}",
        f"  B  {SECOND}",
    ]
    assert lines[5] == "arousal: ccc, and what it loses" and lines[-2] == "  NOTE 3 speakers are too few"
    assert lines[-1].startswith("p: of the drop from clean; its null is two systems that are alike in everything.")
    assert sum("Missing words" in line for line in lines) == 3 and sum("A - B" in line for line in lines) == 1


def test_json_is_the_whole_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    print_degraded(made_comparison(), as_json=True)
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found == made_comparison().to_json() and captured.err == "warning: leak\n"
    assert found["pairs"][0]["difference"] == {"low": -0.3, "value": -0.15, "high": 0.0}
    assert found["curves"][FIRST]["noise"]["points"][0]["metrics"]["arousal"]["change"]["value"] == -0.1


def test_curves_come_in_the_order_of_the_system_with_most_of_them() -> None:
    made = made_comparison()
    noise, words = (curves_of(made)[name] for name in ("noise", "words"))
    for few_first in (True, False):
        curves = {"few": {"words": words}, "most": {"noise": noise, "words": words}}
        own = replace(made, curves=curves if few_first else dict(reversed(curves.items())))
        assert list(curves_of(own)) == ["noise", "words"]
