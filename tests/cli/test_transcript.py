"""What the command line says, word for word: all help texts, typical errors of users and a few successes.

`transcript.txt` beside this file holds what every command of COMMANDS printed and how it ended. A change of it is a
change of what users see; one that is meant is written by

    EMOTONE_WRITE_TRANSCRIPT=1 python -m pytest tests/cli/test_transcript.py

and read in the difference before it is committed.
"""

from __future__ import annotations

import functools
import math
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

import emotone
from emotone.cli.main import main
from emotone.cli.verbs import VERBS

TRANSCRIPT = Path(__file__).with_name("transcript.txt")
WRITE = "EMOTONE_WRITE_TRANSCRIPT"
HEAD = "$ emotone"
ARGPARSE_OF = (3, 11)
"""The version of Python whose argparse wrote help texts and errors of usage; others use other words and lines."""
OF_USAGE = "(see: emotone"
"""Is in every error that argparse found."""
SCORE = re.compile(r"\b\d+\.\d{3}\b")
RATE_HZ = 16_000
HELP = ("--help", *(f"{add.__name__.removeprefix('add_').replace('_', '-')} --help" for add in VERBS))
COMMANDS = (
    "",
    "--version",
    "--versoin",
    "predct tone.wav",
    "fly tone.wav",
    # what is there
    "list",
    "list bundles",
    "list recipes",
    "list difficulties --json",
    "list recipe",
    "list everything",
    # predict
    "predict tone.wav",
    "predict tone.wav chirp.wav --window 1 --hop 0.5",
    "predict good --output scores.csv",
    "predict good --output quiet.csv --quiet",
    "predict",
    "predict nowhere.wav",
    "predict nowhere.wav tone.wav --quiet",
    "predict 'nowhere/*.wav'",
    "predict empty-folder",
    "predict empty.wav text.wav silent.wav short.wav no-samples.wav",
    "predict empty.wav text.wav silent.wav no-samples.wav --json",
    "predict said.txt",
    "predict tone.wav --model defalt",
    "predict tone.wav --model nothing-like-it",
    "predict tone.wav --model emotion-seq2seq",
    "predict tone.wav --model chunk-attention-slef",
    "predict tone.wav --model empty-folder",
    "predict tone.wav --model damaged",
    "predict tone.wav --model no-json",
    "predict tone.wav --model incomplete",
    "predict tone.wav --model newer",
    "predict tone.wav --modle default",
    "predict tone.wav --mod default --quiet",
    "predict tone.wav --windows 3",
    "predict tone.wav --window three",
    "predict tone.wav --window",
    "predict tone.wav --window 0",
    "predict tone.wav --window -1",
    "predict tone.wav --window nan",
    "predict tone.wav --window 0.001",
    "predict tone.wav --window 1000",
    "predict tone.wav --window 1 --hop 2",
    "predict tone.wav --window 1 --hop 0",
    "predict tone.wav --hop 1",
    "predict tone.wav --output scores.xls",
    "predict tone.wav --output scores",
    "predict tone.wav --output nowhere/scores.csv",
    "predict tone.wav --output folder.csv",
    "predict tone.wav --jobs two",
    "predict tone.wav --jobs -1",
    "predict tone.wav --device gpu",
    "predict tone.wav --curve",
    "predict tone.wav --transcript auto",
    "predict tone.wav --transcript said.csv",
    "predict tone.wav --transcript none --quiet",
    "predict tone.wav --language da",
    "predict tone.wav --language da --transcript said.csv",
    "predict tone.wav num=3",
    # retrieve
    "retrieve tone.wav --attribute arousal --highest 3",
    "retrieve chirp.wav --attribute arousal --highest 2 --length 1 --speech 0",
    "retrieve tone.wav --attribute valence --lowest 2 --length 1 --output json",
    "retrieve tone.wav --highest 3",
    "retrieve tone.wav --attribute arousal",
    "retrieve tone.wav --attribute arousal --highest 3 --lowest 3",
    "retrieve tone.wav --attribute arousl --highest 3",
    "retrieve tone.wav --attribute anger --highest 3",
    "retrieve tone.wav --attribute arousal --highest 0",
    "retrieve tone.wav --attribute arousal --highest ten",
    "retrieve tone.wav --attribute arousal --highest 3 --output clip",
    "retrieve tone.wav --attribute arousal --highest 3 --output clips",
    "retrieve tone.wav --attribute arousal --highest 3 --output json --to nowhere/found.json",
    "retrieve tone.wav --attribute arousal --highest 3 --page found.htm",
    "retrieve tone.wav --attribute arousal --highest 3 --length 0",
    "retrieve tone.wav --attribute arousal --highest 3 --length long",
    "retrieve tone.wav --attribute arousal --highest 3 --hop 5",
    "retrieve tone.wav --attribute arousal --highest 3 --min-gap -1",
    "retrieve tone.wav --attribute arousal --highest 3 --speech 2",
    "retrieve tone.wav --attribute arousal --highest 3 --speech much",
    "retrieve text.wav --attribute arousal --highest 3",
    "retrieve nowhere.wav --attribute arousal --highest 3",
    # transcribe and pull
    "transcribe",
    "transcribe tone.wav --model empty-folder",
    "transcribe tone.wav --model nowhere/whisper",
    "pull",
    "pull chunk-attention-slef",
    "pull anything",
    "pull chunk-attention-self --from empty-folder",
    "pull deep-emo-clusters --from nowhere",
    # prepare
    "prepare table audio --name tones 'ranges={arousal: [1, 7]}'",
    "prepare table",
    "prepare tabel audio",
    "prepare table nowhere",
    "prepare table empty-folder",
    "prepare emodb empty-folder",
    "prepare table audio rangs={}",
    "prepare table audio ranges=5",
    "prepare table audio 'ranges={arousal: [7, 1]}'",
    "prepare table audio 'ranges={arousal: [1, 2]}'",
    "prepare table audio 'columns={arousl: EmoAct}'",
    "prepare table audio 'columns={valence: EmoVal}'",
    "prepare table audio table=others.csv",
    "prepare table audio table=../said.csv",
    "prepare table audio language",
    "prepare table audio --name a/b",
    "prepare table missing-audio --quiet",
    # info, check, export
    "info tones",
    "info tones --json",
    "info tons",
    "info tones --picture tones.png",
    "info",
    "check tones",
    "check tones --json",
    "check mine.yaml",
    "check mine.yaml split.name=leave-speaker-out",
    "check tons",
    "check tones seed=1",
    "check emodb-chunk-attention",
    "check emodb-chunk-atention",
    "export tons exported",
    "export tones good",
    "export tones exported",
    # extract
    "extract mel tones",
    "extract mel tones num_mels=16",
    "extract moments tones of=mel",
    "extract mell tones",
    "extract mel tons",
    "extract mel tones num_mel=16",
    "extract mel tones num_mels=many",
    "extract mel tones num_mels=0",
    "extract mel tones scale=bark",
    "extract mel tones num_mels",
    "extract moments tones of=moments",
    "extract mel",
    # train
    "train",
    "train emodb-chunk-atention",
    "train nothing-like-it",
    "train nowhere.yaml",
    "train emodb-chunk-attention",
    "train emodb-chunk-attention seeds=1",
    "train emodb-chunk-attention seed=one",
    "train emodb-chunk-attention seed",
    "train emodb-chunk-attention --seed 1",
    "train emodb-chunk-attention training.learning_rat=1e-3",
    "train emodb-chunk-attention training.iterations=0",
    "train emodb-chunk-attention training.learning_rate=-1",
    "train emodb-chunk-attention training=5",
    "train emodb-chunk-attention system.name=chunk-atention",
    "train emodb-chunk-attention system.aggregation=RnnAtenVec",
    "train emodb-chunk-attention system.agregation=RnnAttenVec",
    "train emodb-chunk-attention feature.name=ldd",
    "train emodb-chunk-attention feature.frame_size=32",
    "train emodb-chunk-attention normalise.by=speakers",
    "train emodb-chunk-attention curriculum.order=easy-first",
    "train emodb-chunk-attention init=defalt",
    "train unknown-key.yaml",
    "train no-mapping.yaml",
    "train no-yaml.yaml",
    "train base-of-base.yaml",
    "train unknown-base.yaml",
    "train lacking.yaml",
    "train mine.yaml corpora=[tons]",
    "train mine.yaml targets=[arousl]",
    "train mine.yaml targets=[valence]",
    "train mine.yaml split.name=leave-speaker-out",
    "train mine.yaml split.num_folds=9",
    "train mine.yaml split.num_folds=2",
    "train mine.yaml split.fold=5",
    "train mine.yaml split.repeats=0",
    "train mine.yaml 'where={languag: [da]}'",
    "train mine.yaml 'where={language: [da]}'",
    "train mine.yaml system.c=-1",
    "train mine.yaml 'feature={name: mel}'",
    "train mine.yaml teacher=[defalt]",
    # evaluate
    "evaluate",
    "evaluate default",
    "evaluate nowhere",
    "evaluate empty-folder",
    "evaluate defalt --corpus tones",
    "evaluate default --corpus tons",
    "evaluate default --classes happiness,joy",
    "evaluate default --corpus tones --classes hapiness,sadness",
    "evaluate default --corpus tones --num 5",
    "evaluate default --corpus tones --num none --robustness",
    "evaluate default --corpus tones --curves noise",
    "evaluate default --corpus tones --curves noise --robustness --missing",
    "evaluate default --corpus tones --curves nois --robustness",
    "evaluate default --corpus tones --curves burst --missing",
    "evaluate default --corpus tones --noise nowhere",
    "evaluate default --corpus tones --report report.pdf",
    "evaluate default --corpus tones --report nowhere/report.html",
    # compare
    "compare",
    "compare one",
    "compare one other",
    "compare empty-folder good",
    "compare one other --metric uar --robustness",
    "compare one other --robustness --missing",
    "compare one other --num 5",
    "compare one other --curves noise",
    "compare one other --report compared.pdf",
    "compare --ledger",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that the commands run in: audio good and bad, bundles and recipes that are wrong, a prepared corpus.

    One for all commands, of which none changes what another one sees.
    """
    folder = tmp_path_factory.mktemp("transcript").resolve()
    _write_audio(folder)
    _write_bundles(folder)
    _write_recipes(folder)
    with pytest.MonkeyPatch.context() as patch:
        _enter(folder, patch)
        settings = ["ranges={arousal: [1, 7]}"]
        assert main(["prepare", "table", "audio", "--name", "tones", "--quiet", *settings]) == 0
        if os.environ.get(WRITE):
            TRANSCRIPT.unlink(missing_ok=True)
        yield folder


@pytest.mark.parametrize("command", [*HELP, *COMMANDS])
def test_transcript(
    command: str, place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _enter(place, monkeypatch)
    capsys.readouterr()
    try:
        code: object = main(shlex.split(command))
    except SystemExit as end:  # of --help and --version
        code = end.code
    printed = capsys.readouterr()
    found = f"{HEAD} {command}".rstrip() + f"\nexit code {code}\n"
    for name, text in (("stdout", printed.out), ("stderr", printed.err)):
        found += f"{name}:\n{_indent(_anywhere(text, place))}" if text else ""
    if os.environ.get(WRITE):
        with open(TRANSCRIPT, "a", encoding="utf-8") as file:
            file.write(found + "\n")
        return
    expected = _sections()[command]
    if sys.version_info[:2] != ARGPARSE_OF and (command in HELP or OF_USAGE in expected):
        pytest.skip(f"argparse says this in the words of Python {'.'.join(map(str, ARGPARSE_OF))} there only")
    numbers = [[float(number) for number in SCORE.findall(text)] for text in (found, expected)]
    if SCORE.sub("#", found) == SCORE.sub("#", expected) and numbers[0] == pytest.approx(numbers[1], abs=1e-2):
        return  # processors differ a little, most in what is no speech
    assert found == expected


def test_the_transcript_has_no_other_commands() -> None:
    if os.environ.get(WRITE):
        pytest.skip("the transcript is being written")
    assert sorted(_sections()) == sorted([*HELP, *COMMANDS])


def _anywhere(text: str, place: Path) -> str:
    """Text without what differs among machines, or where in the package a file lies."""
    package = Path(emotone.__file__).parent
    for path in {package, package.resolve()}:
        text = text.replace(str(path), "{package}")
    text = text.replace(str(place), "{tmp}")
    text = re.sub(r"\{package\}/(?:[\w-]+/)*", "{package}/.../", text)
    return re.sub(r"(?<=features/tones/)(\w+)-[0-9a-f]{8}\b", r"\1-{hash}", text)  # of settings and the audio's folder


def _indent(text: str) -> str:
    """Lines that no head of a section is taken for."""
    return "".join(f"    {line}".rstrip() + "\n" for line in text.splitlines())


@functools.cache
def _sections() -> dict[str, str]:
    """The transcript by command."""
    parts = re.split(rf"^(?={re.escape(HEAD)})", TRANSCRIPT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    sections = (part.rstrip("\n") + "\n" for part in parts if part)
    return {section.splitlines()[0].removeprefix(HEAD).strip(): section for section in sections}


def _enter(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(folder)
    patch.setenv("EMOTONE_CACHE", str(folder / "cache"))
    patch.setenv("COLUMNS", "100")  # of help texts
    patch.setenv("HF_HUB_OFFLINE", "1")


def _write_audio(folder: Path) -> None:
    """Files to predict and a corpus of twelve tones; of whole numbers, so that they are the same everywhere."""
    for name in ("good", "audio", "missing-audio", "empty-folder", "folder.csv"):
        (folder / name).mkdir()
    soundfile.write(folder / "tone.wav", _tone(220, 1.0), RATE_HZ)
    soundfile.write(folder / "chirp.wav", np.concatenate([_tone(150 + 40 * k, 0.25) for k in range(10)]), RATE_HZ)
    soundfile.write(folder / "silent.wav", 0 * _tone(220, 1.0), RATE_HZ)
    soundfile.write(folder / "short.wav", _tone(220, 0.01), RATE_HZ)
    soundfile.write(folder / "no-samples.wav", _tone(220, 0.0), RATE_HZ)
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("This is no audio.\n" * 50)
    (folder / "said.txt").write_text("So good.\n")
    (folder / "said.csv").write_text("file,text\ntone.wav,So good.\n")
    for number in range(2):
        soundfile.write(folder / "good" / f"{number}.wav", _tone(200 + 100 * number, 0.8), RATE_HZ)
    lines = ["file,speaker,emotion,arousal"]
    for number in range(12):
        soundfile.write(folder / "audio" / f"{number:02d}.wav", _tone(200 + 60 * number, 0.3), RATE_HZ)
        lines.append(f"{number:02d}.wav,{number % 4},{'happiness' if number > 5 else 'sadness'},{1 + number / 2}")
    (folder / "audio" / "labels.csv").write_text("\n".join(lines) + "\n")
    (folder / "missing-audio" / "labels.csv").write_text("file,speaker\nnone.wav,1\n")


def _tone(pitch_hz: float, duration_s: float) -> np.ndarray:
    """Five harmonics with a slow beat: int16 [N]."""
    times_s = [number / RATE_HZ for number in range(round(duration_s * RATE_HZ))]
    harmonics = [sum(math.sin(2 * math.pi * k * pitch_hz * t) / k for k in range(1, 6)) for t in times_s]
    waves = [(1 + math.cos(18 * t)) * value for t, value in zip(times_s, harmonics, strict=True)]
    return np.array([round(4_000 * value) for value in waves], np.int16)


def _write_bundles(folder: Path) -> None:
    """Copies of the default bundle with something wrong."""
    default = emotone.load("default").bundle.folder
    for name in ("damaged", "no-json", "incomplete", "newer"):
        shutil.copytree(default, folder / name)
    (folder / "damaged" / "model.onnx").write_bytes(b"no network")
    (folder / "no-json" / "bundle.json").write_text("{")
    (folder / "incomplete" / "bundle.json").write_text('{"format": 1}')
    text = (folder / "newer" / "bundle.json").read_text(encoding="utf-8")
    (folder / "newer" / "bundle.json").write_text(re.sub(r'"format": \d+', '"format": 99', text), encoding="utf-8")


def _write_recipes(folder: Path) -> None:
    """A recipe for the corpus of tones, and recipes that are wrong."""
    mine = (
        "corpora: [tones]\ntargets: [arousal]\nfeature: {name: moments, of: mel, settings: {num_mels: 8}}\n"
        "split: {name: leave-speakers-out, num_folds: 4}\nsystem: {name: functionals-svm, c: 0.01}\n"
    )
    recipes = {
        "mine": mine,
        "unknown-key": mine + "targts: [valence]\n",
        "no-mapping": "- mine\n",
        "no-yaml": "corpora: [tones\n",
        "base-of-base": "base: default-held-out\n",
        "unknown-base": "base: defalt\n",
        "lacking": "corpora: [tones]\n",
    }
    for name, text in recipes.items():
        (folder / f"{name}.yaml").write_text(text)
