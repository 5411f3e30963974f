"""`emotone archive` as users type it: begun, gone on with, looked at, merged, and what is refused."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from emotone.cli.archive import share

Run = Callable[..., Any]


def test_an_archive_from_manifest_to_table(
    run: Run, tones_folder: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tones_folder)
    ran = run("archive", "calls.csv", "--to", "out", "--model", tiny_bundle, "--window", "0.25", "--shard-rows", "5")
    assert ran.code == 1 and ran.line == "24 rows, 1 failed, 24 answered now: out"
    assert run("archive", "out", "--jobs", "2").line == "24 rows, 1 failed, 0 answered now: out"
    assert run("archive", "out", "--retry-errors").line == "24 rows, 1 failed, 1 answered now: out"
    status = run("archive", "out", "--status")
    assert status.code == 0 and status.out.startswith("24 of 24 rows done (100.0%), 1 failed, 0 left; 5 of 5 parts")
    assert json.loads(run("archive", "out", "--status", "--json").out)["num_done"] == 24
    assert run("archive", "out", "--merge", "all.csv").line == "24 rows, 1 failed: all.csv"
    run("predict", "audio", "--model", tiny_bundle, "--window", "0.25", "--output", "predicted.csv", "--quiet")
    pd.testing.assert_frame_equal(pd.read_csv("all.csv"), pd.read_csv("predicted.csv"))


def test_a_folder_is_an_archive_too(
    run: Run, tones_folder: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tones_folder)
    assert run("archive", "audio", "--to", "out", "--model", tiny_bundle, "--summary", "--quiet").code == 1
    assert run("archive", "out", "--merge", "all.jsonl", "--quiet").code == 1
    rows = [json.loads(line) for line in Path("all.jsonl").read_text().splitlines()]
    assert [row["file"] for row in rows] == [f"audio/{number:02d}.wav" for number in range(24)]
    assert "anger_share" in rows[0]
    ran = run("archive", "out", "--engine", "slurm", "--tasks", "3")
    assert ran.code == 0 and ran.line == f"sbatch {tones_folder / 'out' / 'archive.sbatch'}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["calls.csv"], "calls.csv: is no archive to go on with; --to OUT begins one"),
        (["calls.csv", "--to", "out", "--status"], "--status is of an archive: emotone archive out --status"),
        (["calls.csv", "--to", "out", "--merge", "x.csv"], "--merge is of an archive: emotone archive out --merge"),
        (["old", "--to", "out"], "old: is an archive, not recordings; it is gone on with by: emotone archive old"),
        (["gone.csv", "--to", "out"], "gone.csv: does not exist"),
        (["calls.csv", "--to", "no/where"], "no/where: the folder"),
        (["calls.csv", "--to", "out", "--hop", "1"], "give --window or --curve, too"),
        (["calls.csv", "--to", "out", "--share", "3/3"], "must be I/N with I from 0 to N - 1, not '3/3'"),
        (["calls.csv", "--to", "out", "--transcript", "x.csv"], "--transcript of an archive is auto or none"),
        (["calls.csv", "--to", "out", "--engine", "rey"], "unknown engine 'rey'; did you mean 'ray'?"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    run: Run, tones_folder: Path, words: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tones_folder)
    Path("old").mkdir()
    Path("old/archive.json").touch()
    ran = run("archive", *words)
    assert ran.code == 2 and said in ran.line and not (tones_folder / "out").exists()


def test_an_extra_that_is_missing_is_named(run: Run, tones_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    ran = run("archive", tones_folder / "calls.csv", "--to", tones_folder / "out")
    assert ran.line == 'emotone: an archive needs the package pyarrow: pip install "emotone[archive]"'


def test_shares_are_two_numbers() -> None:
    assert share("0/1") == (0, 1)
    with pytest.raises(argparse.ArgumentTypeError):
        share("half")
