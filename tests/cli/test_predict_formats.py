"""Formats of `predict --output` on the command line, of utterances, turns and channels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import audformat
import openpyxl
import parselmouth
import pympi
import pysrt
import pytest
import soundfile
import webvtt
from voices import JFK, spoken

Run = Any


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """A folder with two recordings of one name, one of no sound, and turns of two speakers in the first."""
    for folder in ("a", "b"):
        (tmp_path / "calls" / folder).mkdir(parents=True)
        soundfile.write(tmp_path / "calls" / folder / 'talk "1" שיחה.wav', spoken(3.0), 16_000)
    soundfile.write(tmp_path / "calls" / "none.wav", 0 * spoken(0.5), 16_000)
    lines = ["file,start_s,end_s,speaker", 'NAME,0,1.5,"<i>A</i> ""x"""', "NAME,1,3,שרה"]
    name = '"' + str(tmp_path / "calls" / "a" / 'talk ""1"" שיחה.wav') + '"'
    (tmp_path / "turns.csv").write_text("\n".join(lines).replace("NAME", name), encoding="utf-8")
    return tmp_path / "calls"


def test_formats_of_one_recording_hold_the_same_utterances(run: Run, tmp_path: Path, tiny_bundle: Path) -> None:
    for name in ("x.json", "x.jsonl", "x.xlsx", "x.srt", "x.vtt", "x.TextGrid", "x.eaf", "x.txt"):
        options = ("--utterances", "--model", tiny_bundle, "--quiet", "--output", tmp_path / name)
        assert (ran := run("predict", JFK, *options)).code == 0 and ran.err == ""
    rows = json.loads((tmp_path / "x.json").read_text())
    starts_ms = [round(1000 * row["start_s"]) for row in rows]
    assert [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()] == rows
    head, *cells = openpyxl.load_workbook(tmp_path / "x.xlsx").active.values
    assert [dict(zip(head, row, strict=True)) for row in cells] == [
        {name: None if value == "" else value for name, value in row.items()} for row in rows
    ]
    assert [one.start.ordinal for one in pysrt.open(str(tmp_path / "x.srt"))] == starts_ms
    texts = [one.text for one in webvtt.read(tmp_path / "x.vtt")]
    emotions = [f"{row['emotion']} {row[row['emotion']]:.2f}, arousal {row['arousal']:.2f}" for row in rows]
    assert [text.startswith(first) for text, first in zip(texts, emotions, strict=True)] == [True] * len(rows)
    grid = parselmouth.Data.read(str(tmp_path / "x.TextGrid"))
    assert grid.xmax == pytest.approx(soundfile.info(JFK).duration, abs=1e-4)
    elan = pympi.Elan.Eaf(str(tmp_path / "x.eaf"))
    assert [one[0] for one in elan.get_annotation_data_for_tier("emotion")] == starts_ms
    labels = [line.split("\t") for line in (tmp_path / "x.txt").read_text().splitlines()]
    assert [label[2] for label in labels] == texts


def test_a_folder_of_turns(run: Run, calls: Path, tmp_path: Path, tiny_bundle: Path) -> None:
    options = (
        "--speakers",
        tmp_path / "turns.csv",
        "--model",
        tiny_bundle,
        "--output",
        tmp_path / "out",
        "--as",
        "eaf",
    )
    ran = run("predict", calls, *options)
    assert ran.code == 1 and ran.line == f"3 files, 2 failed: {tmp_path / 'out'}"
    elan = pympi.Elan.Eaf(str(tmp_path / "out" / 'talk "1" שיחה.eaf'))
    assert set(elan.get_tier_names()) == {'<i>A</i> "x"', "שרה"}
    ran = run("predict", calls, *options)
    assert ran.code == 2 and "--overwrite replaces files in it" in ran.line
    assert run("predict", calls, *options, "--overwrite").code == 1


def test_channels_are_tiers(run: Run, tmp_path: Path, tiny_bundle: Path) -> None:
    both = spoken(3.0)
    soundfile.write(tmp_path / "call.wav", [[one, one / 2] for one in both], 16_000)
    options = ("--channels", "each", "--utterances", "--model", tiny_bundle)
    assert run("predict", tmp_path / "call.wav", *options, "--output", tmp_path / "x.eaf").code == 0
    assert {"channel 1", "channel 2"} <= set(pympi.Elan.Eaf(str(tmp_path / "x.eaf")).get_tier_names())


def test_named_formats(run: Run, calls: Path, tmp_path: Path, tiny_bundle: Path) -> None:
    options = ("--window", 1, "--model", tiny_bundle)
    run("predict", calls, *options, "--output", tmp_path / "x.csv", "--as", "audformat")
    read = audformat.utils.read_csv(tmp_path / "x.csv")
    assert audformat.is_segmented_index(read.index) and read["error"].notna().sum() == 1
    assert run("predict", calls, *options, "--output", tmp_path / "x.json", "--as", "label-studio").code == 1
    tasks = json.loads((tmp_path / "x.json").read_text())
    assert len(tasks) == 3 and sum("error" in task["data"] for task in tasks) == 1


def test_what_an_output_does_not_hold_is_said(run: Run, calls: Path, tmp_path: Path, tiny_bundle: Path) -> None:
    output = ("--model", tiny_bundle, "--output", tmp_path / "x.srt")
    ran = run("predict", calls / "none.wav", *output, "--quiet")
    assert ran.code == 1 and ran.err == f"emotone: {calls / 'none.wav'}: is silent\n"
    assert run("predict", calls / "none.wav", *output).err.endswith("\n1 file, 1 failed: nothing written\n")
    half = tmp_path / "half.wav"
    soundfile.write(half, [*spoken(1.5), *(0 * spoken(1.5))], 16_000)
    ran = run("predict", half, "--window", 1, "--hop", 1, *output)
    assert ran.code == 0 and "note: 1 row without scores is not in" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--as", "srt"], "--as is the format of --output"),
        (["--output", "x.srt"], "--output FOLDER --as srt writes a file for each"),
        (["--output", "x", "--as", "sub"], "unknown format 'sub'"),
    ],
)
def test_what_cannot_be_is_one_line(run: Run, calls: Path, words: list[str], said: str, tiny_bundle: Path) -> None:
    ran = run("predict", calls, "--model", tiny_bundle, *words)
    assert ran.code == 2 and said in ran.err and ran.err.count("\n") == 1
