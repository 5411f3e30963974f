"""Comparisons as text: all systems and pairs, warnings and notes, or JSON alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from written_runs import predict, write_run

from emotone.evaluate.compare.runs import Comparison, compare_runs
from emotone.evaluate.compare.text import print_comparison


@pytest.fixture
def few(tmp_path: Path) -> Comparison:
    """Two systems on four speakers and one utterance of nobody, with warnings."""
    tables = [predict(1, 0.1, 4), predict(2, 3.0, 4)]
    tables = [table.assign(speaker=table["speaker"].where(table["id"] != "u003")) for table in tables]
    return compare_runs(
        [write_run(tmp_path / str(k), table, k, warnings=["groups leak"], splits=[k]) for k, table in enumerate(tables)]
    )


def test_warnings_and_notes_are_printed(few: Comparison, capsys: pytest.CaptureFixture[str]) -> None:
    assert few.warnings[:2] == ["made size=0: groups leak", "made size=1: groups leak"]
    assert "splits differ" in few.warnings[2]
    unknown, too_few = few.results[0].notes
    assert unknown.startswith("1 utterances have no known speaker")
    assert too_few.startswith("5 speakers are too few: the smallest p that any difference could reach is 0.0625,")
    print_comparison(few)
    printed = capsys.readouterr().out
    assert "WARNING made size=0: groups leak" in printed and "NOTE 5 speakers are too few" in printed


def test_json_is_alone_on_stdout(few: Comparison, capsys: pytest.CaptureFixture[str]) -> None:
    print_comparison(few, as_json=True)
    captured = capsys.readouterr()
    assert json.loads(captured.out) == few.to_json() and "NaN" not in captured.out
    assert captured.err.splitlines()[0] == "warning: made size=0: groups leak"


def test_all_systems_and_pairs_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = compare_runs([write_run(tmp_path / str(k), predict(k, 0.5 + k), k) for k in range(4)], ["ccc"])
    print_comparison(found)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["4 systems, one seed each", "", "arousal: ccc, 48 utterances, 8 speakers"]
    assert lines[3].split() == ["system", "ccc", "[95%]", "mean", "rank"]
    assert lines[4].split()[:3] == ["A", "made", "size=0"] and str(found.results[0].values["made size=0"]) in lines[4]
    pairs = [line.split()[:3] for line in lines[10:16]]
    assert pairs == [[a, "-", b] for a, b in ("AB", "AC", "AD", "BC", "BD", "CD")]
    (pair, *_) = found.results[0].pairs
    assert str(pair.difference) in lines[10] and lines[10].endswith("*") == (pair.p_holm <= 0.05)
    assert lines[16].startswith("  Friedman over speakers (RMSE): p ")
    assert lines[-1] == "Holm's correction is for the 6 pairs of one target and metric"
