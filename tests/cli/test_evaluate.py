"""Options of `evaluate` and `compare`: which curves they ask for, and reports that cannot be written."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_runs import measured_curves
from written_runs import predict, write_run

from emotone.cli.evaluate import CurveOptions, _print_curves
from emotone.errors import EmotoneError

NOTHING = {"robustness": False, "missing": False, "noise": None, "num": None, "curves": None, "jobs": 2, "quiet": True}
SHARED = {"jobs": 2, "quiet": True}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (False, False, None, SHARED)),
        ({"robustness": True}, (True, False, None, SHARED)),
        ({"missing": True, "num": 5}, (False, True, None, SHARED | {"num_utterances": 5})),
        ({"noise": Path("rain")}, (True, False, Path("rain"), SHARED)),
        (
            {"robustness": True, "curves": "noise,babble"},
            (True, False, None, SHARED | {"only": ["noise", "babble"]}),
        ),
        (
            {"robustness": True, "missing": True, "num": 1},
            (True, True, None, SHARED | {"num_utterances": 1}),
        ),
    ],
)
def test_curves_that_are_asked_for(given: dict[str, Any], expected: tuple[Any, ...]) -> None:
    options = Namespace(**{**NOTHING, **given})
    before = dict(vars(options))
    names = ("robustness", "missing", "noise", "settings")
    assert vars(CurveOptions(options)) == dict(zip(names, expected, strict=True))
    assert vars(options) == before  # reading options does not change them


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"num": 5}, "--num is how many utterances --robustness or --missing takes; give one of them, too"),
        ({"curves": "noise"}, "--curves chooses among those of --robustness or of --missing; give one of them, too"),
        ({"curves": "noise", "robustness": True, "missing": True}, "--curves chooses"),
        ({"curves": "noise", "noise": Path("rain"), "missing": True}, "--curves chooses"),
    ],
)
def test_options_without_their_curves(given: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError, match=words):
        CurveOptions(Namespace(**{**NOTHING, **given}))


@pytest.mark.parametrize("verb", [["evaluate", "nowhere"], ["compare", "one", "other"]])
@pytest.mark.parametrize(
    ("report", "words"),
    [
        ("report.pdf", "report.pdf: this report ends in .html or .json"),
        ("folder.html", "folder.html: is a folder, or lies in none that exists"),
        ("nowhere/report.json", "is a folder, or lies in none that exists"),
    ],
)
def test_reports_that_cannot_be_written_are_refused_first(
    run: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: list[str],
    report: str,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder.html").mkdir()
    ran = run(*verb, "--report", report)
    assert ran.code == 2 and words in ran.line


def test_runs_are_compared_in_pairs_and_in_one_way(run: Callable[..., Any]) -> None:
    assert "compare needs two run folders or more" in run("compare", "one").line
    assert "takes one of --robustness and --missing" in run("compare", "a", "b", "--robustness", "--missing").line
    assert "leave out --metric" in run("compare", "a", "b", "--missing", "--metric", "ccc").line


def test_comparisons_become_tables_for_a_paper(
    run: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for k in range(2):
        write_run(tmp_path / str(k), predict(k, 0.5 + k), k)
    for name in ("table.csv", "table.tex"):
        ran = run("compare", "0", "1", "--report", name)
        assert ran.code == 0 and ran.err == f"report: {name}\n" and Path(name).stat().st_size > 400
    assert "this report ends in .csv or .tex" in run("compare", "--ledger", "x.parquet", "--report", "a.html").line
    assert "ends in .html or .json" in run("compare", "0", "1", "--robustness", "--report", "a.tex").line


def test_curves_say_whose_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    _print_curves(120, measured_curves(), None)
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first == "  on 9 of 120 utterances of 3 speakers, the same at every point:"
    assert second.split()[0] == "degradation"
