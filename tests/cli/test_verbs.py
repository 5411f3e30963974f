"""The command line as a whole: its verbs, mistakes of users, exit codes, and the way from audio to a tested bundle."""

from __future__ import annotations

import errno
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from emotone.cli import main as cli
from emotone.cli.verbs import VERBS
from emotone.errors import EmotoneError

Run = Callable[..., Any]


def name_of(add: Callable[..., Any]) -> str:
    """The verb that a function adds."""
    return add.__name__.removeprefix("add_").replace("_", "-")


def test_every_verb_is_added_by_the_function_of_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    listed = capsys.readouterr().out.split("verbs:")[1].splitlines()
    verbs = [line.split()[0] for line in listed if line.startswith("    ") and line[4] != " "]
    assert verbs == [name_of(add) for add in VERBS] and len(verbs) == 19


def test_verbs_import_what_they_need_when_they_run() -> None:
    code = "import sys; import emotone.cli.verbs; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    own = {name for name in loaded if name.startswith("emotone.") and not name.startswith("emotone.cli")}
    assert own == {"emotone.base", "emotone.base.files", "emotone.base.lock", "emotone.base.version", "emotone.errors"}
    assert not {"numpy", "dataclasses", "inspect", "ast"} & set(loaded)


def test_a_reader_that_goes_away(good: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    for arguments in (f"predict {good} --model {tiny_bundle} --json", "list --json"):
        line = f"{sys.executable} -m emotone.cli.main {arguments} | head -c 1 > /dev/null; echo ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path, check=True)
        assert done.stderr == "" and done.stdout.strip() in ("0", "1")


def test_windows_has_another_word_for_it(windows: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def write(options: Any) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("emotone.cli.listing.list_all", write)
    with open(tmp_path / "pipe", "w", encoding="utf-8") as pipe:
        monkeypatch.setattr("sys.stdout", pipe)
        assert cli.main(["list"]) == 0


# ---- what the user can get wrong --------------------------------------------------------------------------------

MISTAKES = [
    ("", "the following arguments are required: VERB"),
    ("predit x.wav", "unknown verb 'predit'; did you mean 'predict'?"),
    ("predict", "the following arguments are required: FILE|FOLDER|GLOB"),
    (
        "predict x.wav --modle default",
        "unrecognized arguments: --modle default; did you mean --model? (see: emotone pre",
    ),
    ("predict x.wav --utterence=1", "unrecognized arguments: --utterence=1; did you mean --utterances?"),
    (
        "train x.yaml --seed=1",
        "unrecognized arguments: --seed=1; settings are KEY=VALUE, without -- (see: emotone train",
    ),
    ("list bundles x", "unrecognized arguments: x (see: emotone list --help)"),
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


def test_missing_extras_are_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    for verb in ("prepare emodb .", "extract mel emodb", "train emodb-chunk-attention", "evaluate ."):
        ran = run(*verb.split())
        assert ran.code == 2 and ran.line == 'emotone: this verb needs the package pandas: pip install "emotone[train]"'


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    verbs = [name_of(add) for add in VERBS]
    for arguments in (["--help"], ["--version"], *([verb, "--help"] for verb in verbs)):
        with pytest.raises(SystemExit) as caught:
            cli.main(arguments)
        assert caught.value.code == 0 and capsys.readouterr().out


def test_module_as_a_program(tmp_path: Path, good: Path, tiny_bundle: Path) -> None:
    def code(*arguments: object) -> int:
        command = [sys.executable, "-m", "emotone.cli.main", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, cwd=tmp_path, timeout=120, check=False)
        assert b"Traceback" not in done.stderr
        return done.returncode

    assert code("predict", good, "--model", tiny_bundle) == 0
    assert code("predict", good / "no.wav", "--model", tiny_bundle) == 1
    assert code("predict", good, "--model", "nothing") == 2


# ---- from audio to a tested bundle --------------------------------------------------------------------------------


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
    assert ran.code == 0 and "  emotion    uar " in ran.out
    assert ran.err.splitlines()[-1] == "run: run; try: emotone evaluate run --report report.html"
    ran = run("evaluate", "run", "--json", "--quiet")
    result = json.loads(ran.out)
    assert ran.code == 0 and ran.err == "" and result["num_utterances"] == 6
    tested = json.loads(Path("run/test.json").read_text())
    assert result["metrics"]["arousal"]["ccc"]["value"] == tested["metrics"]["arousal"]["ccc"]["value"]
    assert "uar" in run("evaluate", "run").out
    assert run("evaluate", "run", "--corpus", "tones", "--classes", "high,low").code == 0
    ran = run("evaluate", "run", "--corpus", "tones", "--classes", "hihg")
    assert "unknown class 'hihg'; did you mean 'high'?" in ran.line
    ran = run("predict", "audio", "--model", "run", "--json")
    columns = ["file", "start_s", "end_s", "emotion", "arousal", "high", "low", "speech_share", "note", "error"]
    assert ran.code == 0 and list(json.loads(ran.out.splitlines()[0])) == columns
    for form in ("hugging-face", "onnx"):
        assert run("export-bundle", "run", form, "--to", form).code == 0
        assert run("predict", "audio", "--model", form, "--json").out == ran.out
    [about] = json.loads(Path("onnx/bundle.json").read_text())["results"]
    assert about["metrics"] == tested["metrics"]
    Path("audio/3.wav").write_bytes(b"")
    ran = run("extract", "mel", "tones", "num_mels=12")
    assert ran.code == 1 and "is empty (0 bytes)" in ran.err and "17 utterances, 1 failed" in ran.err


def test_errors_of_any_library_stay_one_line() -> None:
    assert str(EmotoneError("first\n  second\tthird")) == "first second third"
