"""The command line: every verb, exit codes, what goes where, and batches in which some files are bad."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from numpy.typing import NDArray

from emotone.cli import main as cli
from emotone.errors import EmotoneError
from emotone.predict.predictor import Predictor

SCORES = ["arousal", "dominance", "valence", "anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"]
COLUMNS = ["file", "start_s", "end_s", *SCORES, "error"]


@dataclass
class Ran:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line on stderr."""
        [line] = self.err.splitlines()
        return line


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def call(*arguments: object) -> Ran:
        capsys.readouterr()
        code = cli.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Ran(code, printed.out, printed.err)

    return call


def command(*arguments: object, cwd: Path) -> Ran:
    """Run a command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "emotone.cli.main", *map(str, arguments)], capture_output=True, cwd=cwd, timeout=120
    )
    printed = Ran(done.returncode, done.stdout.decode(), done.stderr.decode())
    assert "Traceback" not in printed.err
    return printed


def noise(duration_s: float, seed: int = 0, rate_hz: int = 16_000) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    return np.clip(random.normal(0, 0.05 + 0.02 * seed, round(duration_s * rate_hz)), -1, 1)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """Three good files."""
    folder = tmp_path / "good"
    folder.mkdir()
    for number in range(3):
        soundfile.write(folder / f"{number}.wav", noise(1.0 + number, number), 16_000)
    return folder


# ---- predict: tables --------------------------------------------------------------------------------------------


def test_table_on_stdout(run: Run, good: Path, tiny_bundle: Path) -> None:
    ran = run("predict", good, "--model", tiny_bundle)
    assert ran.code == 0 and ran.err == ""
    header, *lines = ran.out.splitlines()
    assert header.split() == COLUMNS[:-1]
    predictor = Predictor.load(str(tiny_bundle))
    for line, file in zip(lines, sorted(good.iterdir()), strict=True):
        prediction = predictor.predict(file)
        values = [float(value) for value in line.split()[-len(SCORES) :]]
        expected = [*prediction.scores.values(), *prediction.probabilities.values()]
        assert values == pytest.approx(expected, abs=6e-4)


def test_json_lines_on_stdout(run: Run, good: Path, tiny_bundle: Path) -> None:
    ran = run("predict", good / "0.wav", good / "missing.wav", "--model", tiny_bundle, "--json")
    assert ran.code == 1
    first, second = (json.loads(line) for line in ran.out.splitlines())
    assert list(first) == COLUMNS and first["error"] == "" and 0 < first["anger"] < 1
    assert second["error"] == "does not exist" and second["arousal"] is None


def test_windows_are_rows(run: Run, good: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    ran = run("predict", good, "--model", tiny_bundle, "--output", tmp_path / "x.csv", "--window", 1, "--hop", 0.5)
    assert ran.code == 0 and ran.line == f"3 files, 0 failed: {tmp_path / 'x.csv'}"
    table = pd.read_csv(tmp_path / "x.csv")
    assert table.groupby("file").size().tolist() == [1, 3, 5]
    assert table["start_s"].tolist() == [0, 0, 0.5, 1, 0, 0.5, 1, 1.5, 2]


def test_formats_agree(run: Run, good: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    for suffix in ("csv", "json", "parquet"):
        assert run("predict", good, "--model", tiny_bundle, "--output", tmp_path / f"x.{suffix}", "--quiet").err == ""
    first = pd.read_csv(tmp_path / "x.csv", keep_default_na=False)
    for other in (pd.read_json(tmp_path / "x.json"), pd.read_parquet(tmp_path / "x.parquet")):
        pd.testing.assert_frame_equal(first, other, check_dtype=False)


def test_globs_and_files_together(run: Run, good: Path, tiny_bundle: Path) -> None:
    ran = run("predict", f"{good}/[12].wav", good / "0.wav", "--model", tiny_bundle, "--json")
    assert [Path(json.loads(line)["file"]).name for line in ran.out.splitlines()] == ["1.wav", "2.wav", "0.wav"]


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
    }  # fmt: skip
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
    done = subprocess.run(
        [sys.executable, "-m", "emotone.cli.main", "predict", "mixed", "--model", str(tiny_bundle)],
        capture_output=True, cwd=tmp_path, env=environment, check=False,
    )  # fmt: skip
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


def test_a_reader_that_goes_away(good: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    for arguments in (f"predict {good} --model {tiny_bundle} --json", "list --json"):
        line = f"{sys.executable} -m emotone.cli.main {arguments} | head -c 1 > /dev/null; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path, check=True)
        assert done.stderr == "" and done.stdout.strip() in ("0", "1")


# ---- what the user can get wrong --------------------------------------------------------------------------------

MISTAKES = [
    ("", "the following arguments are required: VERB"),
    ("predit x.wav", "unknown verb 'predit'; did you mean 'predict'?"),
    ("predict", "the following arguments are required: FILE|FOLDER|GLOB"),
    ("predict x.wav --modle default", "unrecognized arguments: --modle default"),
    ("predict x.wav --model defualt", "unknown bundle 'defualt'"),
    ("predict x.wav --model chunk-attention-self", "get it with: emotone pull chunk-attention-self"),
    ("predict x.wav --model .", "no bundle in this folder"),
    ("predict x.wav --window wide", "--window: must be a number of seconds, not 'wide'"),
    ("predict x.wav --window 0.01", "window must be from 0.1 to 600 seconds, not 0.01"),
    ("predict x.wav --window nan", "window must be"),
    ("predict x.wav --window 2 --hop 3", "hop must be from 0.05 seconds to the window (2), not 3"),
    ("predict x.wav --transcript auto", "bundle tiny takes no transcripts; it scores audio, without --transcript"),
    ("predict x.wav --language da", "--language is what Whisper is to hear; it needs --transcript auto"),
    ("predict x.wav --jobs two", "--jobs: must be a whole number from 0, not 'two'"),
    ("predict x.wav --jobs -1", "--jobs"),
    ("predict x.wav --device tpu", "unknown device 'tpu'"),
    ("predict x.wav --output x.cvs", "unknown output format '.cvs'; did you mean '.csv'?"),
    ("predict x.wav --output no/x.csv", "the folder does not exist"),
    ("predict nothing/*.wav", "matches nothing"),
    ("predict .", "no audio in this folder"),
    ("pull chunk-atention-self", "unknown published system 'chunk-atention-self'; did you mean"),
    ("pull chunk-attention-self --from nowhere", "not found (expected the repositories side by side in nowhere)"),
    ("list bundle", "unknown kind 'bundle'; did you mean 'bundles'?"),
    ("prepare emodbb .", "unknown corpus 'emodbb'; did you mean 'emodb'?"),
    ("prepare emodb nowhere", "nowhere: not a folder"),
    ("prepare emodb .", "holds no audio"),
    ("prepare emodb . year=1", "unknown setting 'year'"),
    ("prepare emodb . --name a/b", "a/b"),
    ("extract mell emodb", "unknown feature 'mell'; did you mean 'mel'?"),
    ("extract mel emodb", "corpus 'emodb' is not prepared; run: emotone prepare emodb FOLDER"),
    ("extract mel emodb num_mels=x", "num_mels must be a whole number, not 'x'"),
    ("extract mel emodb num_mels", "override 'num_mels' is not of the form key=value"),
    ("train emodb-chunk-atention", "unknown recipe 'emodb-chunk-atention'; did you mean 'emodb-chunk-attention'?"),
    ("train emodb-chunk-attention seeed=1", "unknown recipe key 'seeed'; did you mean 'seed'?"),
    ("train emodb-chunk-attention seed=x", "seed must be a whole number, not 'x'"),
    ("train emodb-chunk-attention", "corpus 'emodb' is not prepared"),
    ("train nowhere.yaml", "no such recipe file"),
    ("evaluate .", "not a run"),
    ("evaluate nowhere --corpus emodb", "unknown bundle 'nowhere'"),
]


@pytest.mark.parametrize(("line", "words"), MISTAKES, ids=[line or "nothing" for line, _ in MISTAKES])
def test_mistakes_are_one_line_and_exit_code_2(
    run: Run, tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, line: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = line.split()
    if arguments[:1] == ["predict"] and "--model" not in arguments:
        arguments += ["--model", str(tiny_bundle)] if len(arguments) > 1 else []
    ran = run(*arguments)
    assert ran.code == 2 and ran.out == "" and ran.line.startswith("emotone: ") and words in ran.line
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_one_line(run: Run, good: Path, tmp_path: Path, shared: Path) -> None:
    (tmp_path / "file").touch()
    ran = run("pull", "chunk-attention-rnn", "--from", shared / "published", "--to", tmp_path / "file" / "bundle")
    assert ran.code == 2 and ran.line == f"emotone: {tmp_path / 'file' / 'bundle'}: Not a directory"


def test_missing_extras_are_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    for verb in ("prepare emodb .", "extract mel emodb", "train emodb-chunk-attention", "evaluate ."):
        ran = run(*verb.split())
        assert ran.code == 2 and ran.line == 'emotone: this verb needs the package pandas: pip install "emotone[train]"'


def test_a_corrupt_bundle_is_one_line(run: Run, good: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(tiny_bundle, tmp_path / "copy"))
    about = json.loads((copy / "bundle.json").read_text())
    for name, edit in {"newer": {"format": 2}, "other": {"sha256": {}}}.items():
        (copy / "bundle.json").write_text(json.dumps(about | edit))
        for jobs in (1, 2):
            ran = run("predict", good, "--model", copy, "--jobs", jobs, "--output", tmp_path / "x.csv")
            assert ran.code == 2 and ("newer" if name == "newer" else "damaged") in ran.line
    assert not list(tmp_path.glob("x.csv*"))


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["--version"], *([verb, "--help"] for verb in VERBS)):
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        assert caught.value.code == 0 and capsys.readouterr().out


VERBS = ("predict", "pull", "list", "prepare", "extract", "train", "evaluate")


def test_module_as_a_program(tmp_path: Path, good: Path, tiny_bundle: Path) -> None:
    assert command("predict", good, "--model", tiny_bundle, cwd=tmp_path).code == 0
    assert command("predict", good / "no.wav", "--model", tiny_bundle, cwd=tmp_path).code == 1
    assert command("predict", good, "--model", "nothing", cwd=tmp_path).code == 2


# ---- the verbs for researchers ----------------------------------------------------------------------------------


def test_from_a_folder_of_audio_to_a_tested_bundle(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """prepare, extract, train, evaluate, predict: each finds what the one before it left."""
    monkeypatch.chdir(tmp_path)
    Path("audio").mkdir()
    lines = ["file,speaker,emotion,arousal"]
    for number in range(18):
        pitch = 300 + 80 * number
        time_s = np.arange(8_000 + 300 * number) / 16_000
        soundfile.write(f"audio/{number}.wav", 0.5 * np.sin(2 * math.pi * pitch * time_s), 16_000)
        lines.append(f"{number}.wav,{number % 3},{'high' if number > 8 else 'low'},{1 + number / 3:.2f}")
    Path("audio/table.csv").write_text("\n".join(lines))
    ran = run("prepare", "table", "audio", "ranges={arousal: [1, 7]}", "--name", "tones")
    assert ran.code == 0 and ran.line.startswith("tones: 18 utterances, 3 speakers: ") and ran.out == ""
    ran = run("extract", "mel", "tones", "num_mels=16", "scale=log", "--jobs", 2)
    assert ran.code == 0 and ran.line.startswith("18 utterances, 0 failed: ")
    assert run("extract", "mel", "tones", "num_mels=16", "scale=log", "--quiet").err == ""
    Path("tones.yaml").write_text(
        "corpora: [tones]\ntargets: [arousal, emotion]\nfeature: {name: mel, num_mels: 16, scale: log}\n"
        "split: {name: leave-one-speaker-out, fold: 0}\n"
        "system: {name: chunk-attention, aggregation: NonAtten, chunk_s: 0.25, hidden_size: 8}\n"
    )
    settings = ("training.batch_size=6", "training.iterations=4", "training.validate_every=2")
    ran = run("train", "tones.yaml", *settings, "--to", "run")
    assert (
        ran.code == 0
        and ran.err.splitlines()[-1] == "run: run; try: emotone evaluate run --report report.html"
        and ran.out == ""
    )
    ran = run("evaluate", "run", "--json", "--quiet")
    result = json.loads(ran.out)
    assert ran.code == 0 and ran.err == "" and result["num_utterances"] == 6
    tested = json.loads(Path("run/test.json").read_text())
    assert result["metrics"]["arousal"]["ccc"]["value"] == tested["metrics"]["arousal"]["ccc"]["value"]
    assert "uar" in run("evaluate", "run").out
    assert run("evaluate", "run", "--corpus", "tones", "--classes", "high,low").code == 0
    assert (
        "unknown class 'hihg'; did you mean 'high'?"
        in run("evaluate", "run", "--corpus", "tones", "--classes", "hihg").line
    )
    ran = run("predict", "audio", "--model", "run", "--json")
    assert ran.code == 0 and list(json.loads(ran.out.splitlines()[0])) == [
        "file", "start_s", "end_s", "arousal", "high", "low", "error",
    ]  # fmt: skip
    Path("audio/3.wav").write_bytes(b"")
    ran = run("extract", "mel", "tones", "num_mels=12")
    assert ran.code == 1 and "is empty (0 bytes)" in ran.err and "17 utterances, 1 failed" in ran.err


def test_pull_from_a_folder(run: Run, tmp_path: Path, shared: Path) -> None:
    ran = run("pull", "chunk-attention-rnn", "--from", shared / "published", "--to", tmp_path / "rnn")
    assert ran.code == 0 and ran.line.endswith(f"try: emotone predict FILE --model {tmp_path / 'rnn'}")
    assert run("pull", "chunk-attention-rnn", "--from", shared / "published", "--quiet").err == ""
    entries = json.loads(run("list", "bundles", "--json").out)["bundles"]
    assert {entry["name"]: entry["get"] for entry in entries}["chunk-attention-rnn"] == ""


def test_list_is_complete(run: Run) -> None:
    ran = run("list", "--json")
    assert list(json.loads(ran.out)) == [
        "bundles", "recipes", "corpora", "features", "systems", "models", "difficulties",
    ]  # fmt: skip
    assert ran.code == 0 and ran.err == ""
    assert list(json.loads(run("list", "features", "--json").out)) == ["features"]


def test_errors_of_any_library_stay_one_line() -> None:
    assert str(EmotoneError("first\n  second\tthird")) == "first second third"
