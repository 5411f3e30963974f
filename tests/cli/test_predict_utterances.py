"""Utterances, turns, channels and streams on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from voices import JFK, spoken

from emotone.audio.read import load_audio

Run = Any


@pytest.fixture
def call(tmp_path: Path) -> Path:
    """A call: the agent on the left, the customer, who begins later, on the right."""
    left, right = spoken(3.0), np.concatenate([np.zeros(64_000, np.float32), spoken(2.0, 1)])
    both = np.zeros((len(right), 2), np.float32)
    both[: len(left), 0], both[:, 1] = left, right
    soundfile.write(tmp_path / "call.wav", both, 16_000)
    return tmp_path / "call.wav"


def test_utterances_are_rows(run: Run, tmp_path: Path, tiny_bundle: Path) -> None:
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    files = (JFK, tmp_path / "silent.wav")
    ran = run("predict", *files, "--utterances", "--model", tiny_bundle, "--output", tmp_path / "x.csv", "--quiet")
    assert ran.code == 1
    table = pd.read_csv(tmp_path / "x.csv")
    spoken_rows, [silent] = table[table["file"] == str(JFK)], table[table["file"] != str(JFK)].to_dict("records")
    assert 3 <= len(spoken_rows) <= 6 and (spoken_rows["start_s"].diff().dropna() > 1).all()
    assert spoken_rows["arousal"].notna().all() and silent["error"] == "no speech found"


def test_channels_are_heard_one_by_one(run: Run, call: Path, tiny_bundle: Path) -> None:
    options = ("--utterances", "--model", tiny_bundle, "--json", "--quiet")
    rows = [json.loads(line) for line in run("predict", call, "--channels", "each", *options).out.splitlines()]
    assert [row["channel"] for row in rows] == sorted(row["channel"] for row in rows)
    assert {row["channel"] for row in rows} == {"1", "2"}
    assert max(row["end_s"] for row in rows if row["channel"] == "1") < 3.2
    assert min(row["start_s"] for row in rows if row["channel"] == "2") > 3.8
    second = [json.loads(line) for line in run("predict", call, "--channels", "2", *options).out.splitlines()]
    assert second == [row for row in rows if row["channel"] == "2"]


def test_turns_are_rows(run: Run, call: Path, tmp_path: Path, tiny_bundle: Path) -> None:
    (tmp_path / "a.rttm").write_text(
        "SPEAKER call 1 0 3 <NA> <NA> agent <NA> <NA>\nSPEAKER call 1 4 2 <NA> <NA> customer <NA> <NA>\n"
    )
    ran = run("predict", call, "--speakers", tmp_path / "a.rttm", "--model", tiny_bundle, "--json", "--quiet")
    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert [(row["start_s"], row["end_s"], row["speaker"]) for row in rows] == [(0, 3, "agent"), (4, 6, "customer")]
    header, first, _ = run("predict", call, "--speakers", tmp_path / "a.rttm", "--model", tiny_bundle).out.splitlines()
    assert header.split()[3] == "speaker" and "agent" in first
    ran = run("predict", JFK, "--speakers", tmp_path / "a.rttm", "--model", tiny_bundle, "--json", "--quiet")
    assert ran.code == 1 and "'jfk'" in json.loads(ran.out)["error"]


def test_a_summary_says_more_than_means(run: Run, tiny_bundle: Path) -> None:
    row = json.loads(run("predict", JFK, "--summary", "--model", tiny_bundle, "--json", "--quiet").out)
    assert sum(value for name, value in row.items() if name.endswith("_share") and name != "speech_share") == 1
    assert 0 <= row["arousal_spread"] < 1


@pytest.mark.parametrize("form", ["s16", "f32"])
def test_stdin_gives_the_rows_of_the_file(tiny_bundle: Path, run: Run, form: str) -> None:
    samples = load_audio(JFK)
    s16 = (samples * 32_768).round().clip(-32_768, 32_767).astype("<i2")
    data = (s16 if form == "s16" else samples.astype("<f4")).tobytes()
    expected = run("predict", JFK, "--utterances", "--model", tiny_bundle, "--json", "--quiet").out.splitlines()
    for verb in (["listen"], ["predict", "-"]):
        words = [*verb, "--rate", "16000", "--pcm", form, "--model", str(tiny_bundle), "--json"]
        command = [sys.executable, "-m", "emotone.cli.main", *words]
        ran = subprocess.run(command, input=data + b"!", capture_output=True, check=False)
        assert ran.returncode == 0 and ran.stderr.decode() == "note: -: ends within a sample (1 byte is left out)\n"
        rows = [json.loads(line) | {"file": str(JFK)} for line in ran.stdout.splitlines()]
        assert rows == [json.loads(line) for line in expected]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x.wav", "--pause", "1"], "give --utterances, too"),
        (["x.wav", "--utterances", "--pause", "9"], "pause must be from 0.1 to 5"),
        (["x.wav", "--utterances", "--window", "3"], "rows are of one kind: --window or --utterances"),
        (["x.wav", "--utterances", "--summary"], "--summary is of whole recordings"),
        (["x.wav", "--channels", "0"], "--channels is mix, each, or numbers from 1"),
        (["x.wav", "--speakers", "none.rttm"], "none.rttm: cannot be read"),
        (["x.wav", "--rate", "16000"], "--rate is of samples without a header"),
        (["-"], "give their --rate"),
        (["-", "--rate", "16000", "--pcm", "s23"], "unknown PCM format 's23'; did you mean 's32'"),
        (["-", "x.wav", "--rate", "16000"], "another input does not go with it"),
        (["-", "--rate", "16000", "--output", "x.csv"], "--output does not go with it"),
    ],
)
def test_what_does_not_go_together_is_one_line(run: Run, words: list[str], said: str, tiny_bundle: Path) -> None:
    ran = run("predict", *words, "--model", tiny_bundle)
    assert ran.code == 2 and said in ran.err and ran.err.count("\n") == 1
