"""Many files: over processes and after interruptions, with the transcripts that are theirs, and notes about them."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from voices import spoken

from emotone.audio.read import RATE_HZ, Samples
from emotone.audio.words.whisper import Transcriber, Transcript
from emotone.errors import EmotoneError
from emotone.predict.files import Input, predict_file, predict_files, predict_to_file, predict_to_stdout
from emotone.predict.prediction import Prediction
from emotone.predict.predictor import Predictor
from emotone.predict.settings import PredictSettings

CHINESE = "你好吗"
Row = dict[str, Any]
Predict = Callable[..., tuple[int, list[Row], list[str]]]


def rows_of(path: Path) -> list[Row]:
    if path.suffix == ".parquet":
        return pd.read_parquet(path).to_dict("records")
    if path.suffix == ".json":
        return list(json.loads(path.read_text()))
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[str]]:
    """interrupt(number): the file of this number is interrupted, once; returns the list of files that were begun."""
    begun: list[str] = []
    inner = Predictor.try_predict

    def arm(number: int) -> list[str]:
        def stop_once(self: Predictor, file: str, *arguments: Any) -> Prediction:
            begun.append(Path(file).name)
            if len(begun) == number:
                raise KeyboardInterrupt
            return inner(self, file, *arguments)

        begun.clear()
        monkeypatch.setattr(Predictor, "try_predict", stop_once)
        return begun

    return arm


# ---- one file, many files ---------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """An utterance, a recording, silence and what is no audio."""
    for name, samples in (("a", spoken(3.0)), ("b", spoken(20.0)), ("c", np.zeros(RATE_HZ))):
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE_HZ)
    (tmp_path / "d.wav").write_text("no audio")
    return [str(tmp_path / f"{name}.wav") for name in "abcd"]


def test_a_file_is_predicted_as_the_predictor_does(files: list[str], tiny_bundle: Path) -> None:
    settings = PredictSettings(str(tiny_bundle), window_s=2.0, hop_s=1.0)
    [prediction] = predict_file(settings, Input(files[1]))
    expected = Predictor.load(str(tiny_bundle)).predict(files[1], window_s=2.0, hop_s=1.0)
    assert prediction.scores == pytest.approx(expected.scores) and prediction.windows is not None
    assert prediction.windows.start_s.tolist() == list(range(19))
    assert [one.error for one in predict_file(settings, Input(files[2]))] == ["is silent"]


def test_predictions_come_in_the_order_of_the_files(files: list[str], tiny_bundle: Path) -> None:
    inputs = [Input(file) for file in reversed(files)]
    alone, together = (
        [one for [one] in predict_files(inputs, PredictSettings(str(tiny_bundle), jobs=jobs))] for jobs in (1, 2)
    )
    assert [prediction.file for prediction in alone] == files[::-1]
    assert [prediction.rows(["arousal"]) for prediction in together] == [one.rows(["arousal"]) for one in alone]


@pytest.mark.parametrize("jobs", [1, 2])
def test_curves_of_many_files(
    files: list[str], loudness: Path, tmp_path: Path, jobs: int, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = PredictSettings(str(loudness), curve=True, jobs=jobs, quiet=True)
    assert predict_to_stdout(files, settings, as_json=True) == 2
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert list(lines[0]) == ["file", "start_s", "end_s", "arousal", "error"]
    counts = pd.Series([Path(line["file"]).stem for line in lines]).value_counts(sort=False)
    assert counts.to_dict() == {"a": 22, "b": 75, "c": 1, "d": 1}
    assert [line["error"] for line in lines[-2:]] == ["is silent", lines[-1]["error"]] and lines[-1]["error"]
    for suffix in ("csv", "json", "parquet"):
        assert predict_to_file(files, tmp_path / f"x.{suffix}", settings) == 2
        table = rows_of(tmp_path / f"x.{suffix}")
        assert [(row["file"], float(row["start_s"])) for row in table] == [(x["file"], x["start_s"]) for x in lines]
        assert [float(row["arousal"]) for row in table[:97]] == [line["arousal"] for line in lines[:97]]
    assert predict_to_stdout(files, settings) == 2
    header, *shown = capsys.readouterr().out.splitlines()
    assert header.split() == ["file", "start_s", "end_s", "arousal"] and len(shown) == 99


@pytest.mark.parametrize(("settings", "is_noted"), [({"curve": True}, True), ({}, True), ({"quiet": True}, False)])
def test_relative_scores_come_with_a_note(
    files: list[str],
    relative_loudness: Path,
    capsys: pytest.CaptureFixture[str],
    settings: dict[str, Any],
    is_noted: bool,
) -> None:
    assert predict_to_stdout(files[:1], PredictSettings(str(relative_loudness), **settings)) == 0
    assert ("note: scores of loudness are relative" in capsys.readouterr().err) == is_noted


# ---- after an interruption --------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_quiet", [False, True])
def test_channels_that_cancel_are_noted_once(
    files: list[str], tiny_bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], is_quiet: bool
) -> None:
    mono = spoken(1.0)
    for name in ("left", "right"):
        soundfile.write(tmp_path / f"{name}.wav", np.stack([mono, -mono], 1), RATE_HZ)
    opposed = [str(tmp_path / f"{name}.wav") for name in ("left", "right")]
    prediction = Predictor.load(str(tiny_bundle)).predict(opposed[0])
    assert prediction.note.startswith("read by one channel") and prediction.scores
    predict_to_stdout([files[0], *opposed], PredictSettings(str(tiny_bundle), quiet=is_quiet), as_json=True)
    found = capsys.readouterr()
    assert len(found.out.splitlines()) == 3
    line = (
        f"note: 2 of 3 files, e.g. {opposed[0]}: read by one channel, since the channels cancel (one is upside down)\n"
    )
    assert found.err.endswith(line) is not is_quiet


def test_an_interrupted_curve_goes_on(
    files: list[str], loudness: Path, tmp_path: Path, interrupt: Callable[[int], list[str]]
) -> None:
    settings = PredictSettings(str(loudness), curve=True, quiet=True)
    predict_to_file(files, tmp_path / "whole.csv", settings)
    begun = interrupt(3)
    with pytest.raises(KeyboardInterrupt):
        predict_to_file(files, tmp_path / "x.csv", settings)
    assert predict_to_file(files, tmp_path / "x.csv", settings) == 2
    assert begun == ["a.wav", "b.wav", "c.wav", "c.wav", "d.wav"]
    assert (tmp_path / "x.csv").read_text() == (tmp_path / "whole.csv").read_text()


@pytest.mark.parametrize(
    "change", [{"window_s": 4.0}, {"window_s": 4.0, "hop_s": 1.0}, {"curve": True}, {"model": "other"}]
)
def test_other_settings_begin_anew(
    files: list[str],
    loudness: Path,
    relative_loudness: Path,
    tmp_path: Path,
    interrupt: Callable[[int], list[str]],
    change: dict[str, Any],
) -> None:
    begun = interrupt(2)
    with pytest.raises(KeyboardInterrupt):
        predict_to_file(files[:2], tmp_path / "x.csv", PredictSettings(str(loudness), quiet=True))
    if "model" in change:
        change = {"model": str(relative_loudness)}
    settings = {"model": str(loudness), "quiet": True, **change}
    assert predict_to_file(files[:2], tmp_path / "x.csv", PredictSettings(**settings)) == 0
    assert begun == ["a.wav", "b.wav", "a.wav", "b.wav"]


def test_rows_of_an_earlier_version_without_the_emotion_are_not_mixed_with_others(
    files: list[str], tiny_bundle: Path, tmp_path: Path, interrupt: Callable[[int], list[str]], capsys: Any
) -> None:
    begun = interrupt(2)
    with pytest.raises(KeyboardInterrupt):
        predict_to_file(files[:2], tmp_path / "x.csv", PredictSettings(str(tiny_bundle)))
    partial = tmp_path / "x.csv.partial"
    lines = [json.loads(line) for line in partial.read_text().splitlines()]
    lines[0]["columns"].remove("emotion")
    del lines[1]["rows"][0]["emotion"]
    partial.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    assert predict_to_file(files[:2], tmp_path / "x.csv", PredictSettings(str(tiny_bundle))) == 0
    assert begun == ["a.wav", "b.wav", "a.wav", "b.wav"]
    assert f"note: {partial} differs in columns; all files are predicted anew" in capsys.readouterr().err
    assert all(row["emotion"] for row in rows_of(tmp_path / "x.csv"))


def test_processes_and_device_do_not_matter_to_what_is_done(
    files: list[str], loudness: Path, tmp_path: Path, interrupt: Callable[[int], list[str]]
) -> None:
    begun = interrupt(2)
    with pytest.raises(KeyboardInterrupt):
        predict_to_file(files[:2], tmp_path / "x.csv", PredictSettings(str(loudness), quiet=True))
    settings = PredictSettings(str(loudness), jobs=2, quiet=True)
    assert predict_to_file(files[:2], tmp_path / "x.csv", settings) == 0
    assert begun == ["a.wav", "b.wav"]  # the rest is done elsewhere


def test_what_was_replaced_or_emptied_since_is_predicted_again(
    files: list[str],
    loudness: Path,
    tmp_path: Path,
    interrupt: Callable[[int], list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    begun = interrupt(4)
    with pytest.raises(KeyboardInterrupt):
        predict_to_file(files, tmp_path / "x.csv", PredictSettings(str(loudness)))
    soundfile.write(files[0], spoken(4.0, seed=1), RATE_HZ)
    Path(files[1]).write_bytes(b"")
    capsys.readouterr()
    assert predict_to_file(files, tmp_path / "x.csv", PredictSettings(str(loudness))) == 3
    assert begun == ["a.wav", "b.wav", "c.wav", "d.wav", "a.wav", "b.wav", "d.wav"] and capsys.readouterr().err == ""
    predict_to_file(files, tmp_path / "whole.csv", PredictSettings(str(loudness), quiet=True))
    assert (tmp_path / "x.csv").read_text() == (tmp_path / "whole.csv").read_text()
    first, second, *_ = rows_of(tmp_path / "x.csv")
    assert float(first["end_s"]) == 4 and second["error"] == "is empty (0 bytes)"


def test_what_an_earlier_version_predicted_is_kept_and_said(
    files: list[str], loudness: Path, tmp_path: Path, interrupt: Callable[[int], list[str]], capsys: Any
) -> None:
    begun = interrupt(2)
    with pytest.raises(KeyboardInterrupt):
        predict_to_file(files[:2], tmp_path / "x.csv", PredictSettings(str(loudness)))
    partial = tmp_path / "x.csv.partial"
    header, line = map(json.loads, partial.read_text().splitlines())
    assert line.pop("state") == [Path(files[0]).stat().st_size, Path(files[0]).stat().st_mtime_ns]
    partial.write_text(f"{json.dumps(header)}\n{json.dumps(line)}\n")
    soundfile.write(files[0], spoken(4.0, seed=1), RATE_HZ)
    assert predict_to_file(files[:2], tmp_path / "x.csv", PredictSettings(str(loudness))) == 0
    assert begun == ["a.wav", "b.wav", "b.wav"]
    assert "note: 1 files were predicted by an earlier version, which did not keep" in capsys.readouterr().err


def test_a_partial_table_of_windows_is_no_curve(
    files: list[str], loudness: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("emotone.base.result_table.ResultFile.finish", stop)
        with pytest.raises(KeyboardInterrupt):
            predict_to_file(files, tmp_path / "x.csv", PredictSettings(str(loudness), window_s=8.0, quiet=True))
    settings = PredictSettings(str(loudness), window_s=8.0, curve=True, quiet=True)
    assert predict_to_file(files, tmp_path / "x.csv", settings) == 2
    assert list(rows_of(tmp_path / "x.csv")[0]) == ["file", "start_s", "end_s", "arousal", "error"]


# ---- transcripts ------------------------------------------------------------------------------------------------


@pytest.fixture
def predict(both: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Predict:
    """predict(*files, **settings), with the bundle of speech and text, in a folder with audio and texts.

    Returns the number of files that failed, the rows, and the lines on stderr.
    """
    monkeypatch.chdir(tmp_path)
    for name, duration_s in {"a": 2.0, "b": 2.5, "long": 7.0}.items():
        soundfile.write(f"{name}.wav", spoken(duration_s, len(name)), RATE_HZ)
    Path("said.txt").write_text("so good to see you")
    Path("text.csv").write_text("file,text\na.wav,so good\nlong.wav,so good\nnone.wav,so\n")
    Path("words.csv").write_text("file,start_s,end_s,text\nlong.wav,0.1,0.5,so\nlong.wav,6.1,6.5,good\n")

    def call(*files: str, model: Path = both, **settings: Any) -> tuple[int, list[Row], list[str]]:
        capsys.readouterr()
        num_failed = predict_to_stdout(files, PredictSettings(str(model), **settings), as_json=True)
        printed = capsys.readouterr()
        return num_failed, [json.loads(line) for line in printed.out.splitlines()], printed.err.splitlines()

    return call


def inputs_of(rows: list[Row]) -> list[object]:
    return [row["inputs"] for row in rows]


def test_without_transcripts_the_choice_is_named(predict: Predict) -> None:
    num_failed, rows, err = predict("a.wav", "b.wav")
    assert num_failed == 0 and inputs_of(rows) == ["speech"] * 2
    assert err == ["note: both also takes transcripts: --transcript auto"]
    quiet, none = predict("a.wav", "b.wav", quiet=True), predict("a.wav", "b.wav", transcript="none")
    assert quiet[1:] == none[1:] == (rows, [])
    assert predict("said.txt")[2] == []


def test_a_table_of_texts(predict: Predict) -> None:
    num_failed, rows, err = predict("a.wav", "b.wav", "long.wav", "said.txt", transcript="text.csv")
    assert num_failed == 1 and inputs_of(rows) == ["speech+text", "speech", "", "text"]
    assert "is 7.0 s long, longer than the 3 s" in rows[2]["error"]
    assert (rows[3]["start_s"], rows[3]["end_s"], rows[3]["error"]) == (None, None, "")
    assert err == [
        "note: 1 of 3 files have no transcript, e.g. b.wav (text.csv)",
        "note: 1 of 3 transcripts are of no input, e.g. none.wav (text.csv)",
    ]


def test_a_table_of_words(predict: Predict) -> None:
    num_failed, rows, err = predict("long.wav", transcript="words.csv", window_s=2.0, hop_s=2.0)
    assert num_failed == 0 and inputs_of(rows) == ["speech+text", "speech", "speech", "speech+text"] and err == []
    num_failed, rows, err = predict("a.wav", "long.wav", transcript="words.csv")
    assert num_failed == 0 and inputs_of(rows) == ["speech", "speech+text"] and len(err) == 1


def test_the_text_of_one_recording(predict: Predict, both: Path) -> None:
    num_failed, [row], err = predict("a.wav", transcript="said.txt")
    expected = Predictor.load(str(both)).predict("a.wav", transcript="so good to see you")
    assert (num_failed, row["inputs"], err) == (0, "speech+text", [])
    assert row["arousal"] == pytest.approx(expected.scores["arousal"], abs=1e-5)


class Counting(Transcriber):
    """Hears "so good" in all that is no longer than 2.2 s."""

    heard: list[int] = []
    identity = "counting"

    def __call__(self, samples: Samples, file: str = "array", language: str | None = None) -> Transcript:
        self.heard.append(len(samples))
        words = [("so", 0.1, 0.5), ("good", 0.6, 1.2)] if len(samples) < 35_200 else []
        return Transcript(file, len(samples) / RATE_HZ, "en", "", words)


def test_what_whisper_hears(predict: Predict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotone.predict.files._load_transcriber", lambda *_: Counting())
    Counting.heard.clear()
    num_failed, rows, err = predict("a.wav", "b.wav", "said.txt", "none.wav", transcript="auto", language="en")
    assert num_failed == 1 and inputs_of(rows) == ["speech+text", "speech", "text", ""]
    assert rows[3]["error"] == "does not exist" and Counting.heard == [32_000, 40_000]
    assert err == ["note: 1 of 4 files, scored by speech, e.g. b.wav: its transcript has no words"]


def test_bad_texts_are_rows(predict: Predict) -> None:
    bad = {"empty": b"", "latin": "gööd".encode("latin-1"), "other": CHINESE.encode(), "large": bytes(1_000_001)}
    for name, content in bad.items():
        Path(f"{name}.txt").write_bytes(content)
    num_failed, rows, err = predict(*(f"{name}.txt" for name in bad), "none.txt", "said.txt")
    assert num_failed == 5 and err == [] and inputs_of(rows) == [""] * 5 + ["text"]
    for row, words in zip(rows, ("no words", "no text in UTF-8", "knows no word", "larger", "not exist"), strict=False):
        assert words in row["error"] and row["arousal"] is None and row["start_s"] is None


@pytest.mark.parametrize(
    ("files", "settings", "words"),
    [
        (["a.wav"], {"transcript": "Auto"}, "unknown transcript 'Auto'; did you mean 'auto'?"),
        (["a.wav"], {"transcript": ""}, "unknown transcript ''"),
        (["a.wav"], {"transcript": "none.csv"}, "none.csv: does not exist"),
        (["a.wav"], {"transcript": "x.xlsx"}, "x.xlsx: unknown transcript format '.xlsx'"),
        (["a.wav", "b.wav"], {"transcript": "said.txt"}, "is the transcript of one recording, and 2 are given"),
        (["said.txt"], {"transcript": "said.txt"}, "said.txt: is the transcript of one recording, and 0 are given"),
        (["a.wav"], {"transcript": "none", "language": "da"}, "it needs --transcript auto"),
        (["a.wav"], {"curve": True}, "bundle both has no curves"),
    ],
)
def test_mistakes_are_found_before_any_work(
    predict: Predict, capsys: pytest.CaptureFixture[str], files: list[str], settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(EmotoneError) as raised:
        predict(*files, **settings)
    assert words in str(raised.value) and capsys.readouterr().out == ""


def test_transcripts_where_the_bundle_takes_none(predict: Predict, tiny_bundle: Path) -> None:
    with pytest.raises(EmotoneError, match="bundle tiny takes no transcripts"):
        predict("a.wav", transcript="text.csv", model=tiny_bundle)
    num_failed, rows, _ = predict("a.wav", "said.txt", transcript="none", model=tiny_bundle)
    assert num_failed == 1 and "inputs" not in rows[0]
    assert rows[1]["error"] == "is a transcript; bundle tiny scores audio"


def test_a_table_on_stdout(predict: Predict, both: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict_to_stdout(["a.wav", "said.txt", "none.txt"], PredictSettings(str(both), quiet=True)) == 1
    header, spoken, written, failed = capsys.readouterr().out.splitlines()
    place = header.index("inputs")
    assert spoken[place:].split()[0] == "speech" and written.split()[:2] == ["said.txt", "text"]
    assert len(header) == len(spoken) == len(written) and failed[place + 12 :] == "error: does not exist"


def test_an_interrupted_run_goes_on_with_the_same_transcripts_only(
    predict: Predict, both: Path, interrupt: Callable[[int], list[str]]
) -> None:
    settings = PredictSettings(str(both), transcript="text.csv", quiet=True)
    output = Path("x.csv")
    begun = interrupt(2)
    with pytest.raises(KeyboardInterrupt):
        predict_to_file(["a.wav", "b.wav"], output, settings)
    assert predict_to_file(["a.wav", "b.wav"], output, settings) == 0 and begun == ["a.wav", "b.wav", "b.wav"]
    begun = interrupt(2)
    with pytest.raises(KeyboardInterrupt):
        predict_to_file(["b.wav", "a.wav"], output, settings)
    Path("text.csv").write_text("file,text\nb.wav,so good\n")
    assert predict_to_file(["b.wav", "a.wav"], output, settings) == 0
    assert begun == ["b.wav", "a.wav", "b.wav", "a.wav"]
    assert [(row["file"], row["inputs"]) for row in rows_of(output)] == [("b.wav", "speech+text"), ("a.wav", "speech")]


def test_audio_alone_needs_no_text_encoder(predict: Predict, both: Path) -> None:
    code = f"""
import sys
from emotone.cli.main import main
assert main(["predict", "a.wav", "--model", {str(both)!r}, "--quiet"]) == 0
print("LOADED", *sorted({{name.split(".")[0] for name in sys.modules}}))
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "transformers", "pandas", "pyarrow"} & set(printed.stdout.split("LOADED")[1].split())
