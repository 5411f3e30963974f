"""Predicting many files: over processes, streamed to a result file or to stdout, a bad file never stops the rest."""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emotone.audio.read import AudioError
from emotone.audio.words.transcripts import FORMATS, Said, hear, is_text_file, match_files, read_text, read_transcripts
from emotone.audio.words.whisper import Transcriber
from emotone.base.files import sha256_of
from emotone.base.processes import DIED, map_ordered
from emotone.base.progress import track
from emotone.base.result_table import ResultFile
from emotone.bundle.folder import available, read_about
from emotone.errors import EmotoneError, unknown
from emotone.predict.prediction import Over, Prediction, failed
from emotone.predict.predictor import Predictor, load_once
from emotone.predict.windows import check_window

AUTO, NONE = "auto", "none"
"""Where transcripts come from, if not from a file."""
Item = tuple[str, Said | None]
"""A file, and what is known to be said in it."""


def _predict_file(options: argparse.Namespace, item: Item) -> Prediction:
    file, said = item
    if options.transcript == AUTO and not is_text_file(file):
        try:
            said = hear(file, _transcriber(options))
        except AudioError as error:
            return failed(file, error.reason)
    return _load(options).try_predict(file, options.window, options.hop, said)


def _died(item: Item) -> Prediction:
    return failed(item[0], DIED)


def _threads(options: argparse.Namespace) -> int:
    return 1 if options.jobs > 1 else 0


def _load(options: argparse.Namespace) -> Predictor:
    return load_once(options.model, _threads(options), options.device)


def _transcriber(options: argparse.Namespace) -> Transcriber:
    return _load_transcriber(options.language, options.device, _threads(options))


@functools.lru_cache(maxsize=1)
def _load_transcriber(language: str | None, device: Any, threads: int) -> Transcriber:
    """Loaded once in a process, as the predictor is."""
    return Transcriber(language=language, device=device, threads=threads)


def predict_files(items: Sequence[Item], options: argparse.Namespace) -> Iterator[Prediction]:
    """Predictions of all files, in order."""
    return map_ordered(functools.partial(_predict_file, options), items, options.jobs, died=_died)


def _check(options: argparse.Namespace) -> Predictor:
    """Everything that can be wrong with the options, before any work starts."""
    check_window(options.window, options.hop)
    if options.language is not None and options.transcript != AUTO:
        raise EmotoneError("--language is what Whisper is to hear; it needs --transcript auto")
    predictor = _load(options)
    if options.transcript not in (None, NONE) and not predictor.bundle.takes_text:
        raise EmotoneError(
            f"bundle {predictor.bundle.name} takes no transcripts; it scores audio, without --transcript"
        )
    if options.curve and not predictor.has_curves:
        others = [name for name, folder in available().items() if read_about(folder).get("curves")]
        with_curves = f"--model {' or '.join(others)}" if others else "emotone pull emotion-seq2seq"
        raise EmotoneError(
            f"bundle {predictor.bundle.name} has no curves; take one that has ({with_curves}), or a row per window "
            "(--window S)"
        )
    if predictor.relative:
        _say(
            options,
            f"scores of {predictor.bundle.name} are relative: of two of the same attribute the higher has more of it, "
            "their size says nothing",
        )
    return predictor


def _say(options: argparse.Namespace, note: str) -> None:
    if not options.quiet:
        print(f"note: {note}", file=sys.stderr)


def _find_transcripts(files: Sequence[str], predictor: Predictor, options: argparse.Namespace) -> list[Item]:
    """The files, each with what `--transcript FILE` says is said in it."""
    audio_files = [file for file in files if not is_text_file(file)]
    said = {} if options.transcript in (None, AUTO, NONE) else _read_said(audio_files, options)
    if predictor.bundle.takes_text:
        if said or options.transcript == AUTO or len(audio_files) < len(files):
            predictor.load_encoder()
        if options.transcript is None and audio_files and predictor.takes_speech:
            _say(options, f"{predictor.bundle.name} also takes transcripts: --transcript auto")
    return [(file, said.get(file)) for file in files]


def _read_said(files: Sequence[str], options: argparse.Namespace) -> dict[str, Said]:
    """What the file of `--transcript` says of each of these; notes files and transcripts without the other."""
    path = Path(options.transcript)
    if not path.suffix:
        raise unknown("transcript", options.transcript, (AUTO, NONE, *(f"FILE{suffix}" for suffix in FORMATS)))
    if is_text_file(path):
        if len(files) != 1:
            raise EmotoneError(f"{path}: is the transcript of one recording, and {len(files)} are given")
        return {files[0]: read_text(path)}
    transcripts = read_transcripts(path)
    names = match_files(transcripts, files)
    lost, unused = [file for file in files if file not in names], sorted(transcripts.keys() - names.values())
    if lost:
        _say(options, f"{len(lost)} of {len(files)} files have no transcript, e.g. {lost[0]} ({path})")
    if unused:
        _say(options, f"{len(unused)} of {len(transcripts)} transcripts are of no input, e.g. {unused[0]} ({path})")
    return {file: transcripts[name] for file, name in names.items()}


def _identify_transcripts(options: argparse.Namespace) -> str | None:
    """What decides the transcripts, so that an interrupted run goes on with the same ones only."""
    if options.transcript == AUTO:
        return f"{AUTO} {_transcriber(options).identity}"
    return None if options.transcript in (None, NONE) else sha256_of(Path(options.transcript))


@dataclass
class _Notes:
    """Notes of predictions, counted by what the scores are of in the end."""

    num_files: int
    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, prediction: Prediction) -> None:
        if prediction.note and prediction.inputs:
            self.counts[prediction.inputs] = self.counts.get(prediction.inputs, 0) + 1
            self.first.setdefault(prediction.inputs, f"{prediction.file}: {prediction.note}")

    def say(self, options: argparse.Namespace) -> None:
        for inputs, count in self.counts.items():
            _say(options, f"{count} of {self.num_files} files, scored by {inputs}, e.g. {self.first[inputs]}")


def _table(predictor: Predictor, options: argparse.Namespace) -> tuple[Over, list[str]]:
    """What the table has rows for, and its columns of scores; categories have no curve."""
    if options.curve:
        return "curve", list(predictor.attributes)
    return "recording" if options.window is None else "windows", predictor.columns


def predict_to_file(files: Sequence[str], options: argparse.Namespace) -> int:
    """Predict into a table; goes on where an interrupted run stopped. Returns the number of files that failed."""
    predictor = _check(options)
    over, names = _table(predictor, options)
    takes_text = predictor.bundle.takes_text
    items = _find_transcripts(files, predictor, options)
    columns = ["file", "start_s", "end_s", *(["inputs"] if takes_text else []), *names, "error"]
    settings = {
        "bundle": predictor.bundle.fingerprint, "window_s": options.window, "hop_s": options.hop, "over": over,
        "transcript": _identify_transcripts(options),
    }  # fmt: skip
    with ResultFile(options.output, columns, settings) as results:
        remaining = [item for item in items if item[0] not in results.finished]
        done, notes = len(files) - len(remaining), _Notes(len(files))
        predictions = predict_files(remaining, options)
        for prediction in track(predictions, len(files), "predict", quiet=options.quiet, done=done):
            notes.add(prediction)
            results.add(prediction.file, prediction.rows(names, over, takes_text))
        num_failed = sum(not any(_has_scores(row) for row in results.rows_of(file)) for file in files)
        results.finish(files)
    notes.say(options)
    return num_failed


def _has_scores(row: dict[str, Any]) -> bool:
    return any(isinstance(value, float) for name, value in row.items() if name not in ("start_s", "end_s"))


def predict_to_stdout(files: Sequence[str], options: argparse.Namespace) -> int:
    """Predict onto stdout, as a table or as JSON lines. Returns the number of files that failed."""
    predictor = _check(options)
    over, names = _table(predictor, options)
    takes_text = predictor.bundle.takes_text
    items = _find_transcripts(files, predictor, options)
    num_failed, notes = 0, _Notes(len(files))
    width = max(4, min(48, max(map(len, files))))
    if not options.json:
        print(_header(names, width, takes_text))
    # A bar would mix with the table on a terminal, so it shows only where the table goes elsewhere.
    quiet = options.quiet or sys.stdout.isatty()
    for prediction in track(predict_files(items, options), len(files), "predict", quiet=quiet):
        num_failed += bool(prediction.error)
        notes.add(prediction)
        for row in prediction.rows(names, over, takes_text):
            print(json.dumps(row) if options.json else _line(row, names, width), flush=True)
    notes.say(options)
    return num_failed


def _header(columns: list[str], width: int, with_inputs: bool) -> str:
    names = " ".join(f"{name:>{max(9, len(name))}}" for name in columns)
    return f"{'file':<{width}} {'start_s':>8} {'end_s':>8} {'inputs      ' if with_inputs else ''}{names}"


def _line(row: dict[str, Any], columns: list[str], width: int) -> str:
    name = row["file"].replace("\n", "\\n")
    name = name if len(name) <= width else "..." + name[3 - width :]
    start_s, end_s = ("" if row[key] is None else f"{row[key]:.2f}" for key in ("start_s", "end_s"))
    inputs = f"{row['inputs']:<11} " if "inputs" in row else ""
    if row["error"] and row.get(columns[0]) is None:
        values = f"error: {row['error']}"
    else:
        values = " ".join(f"{row[column]:{max(9, len(column))}.3f}" for column in columns)
    return f"{name:<{width}} {start_s:>8} {end_s:>8} {inputs}{values}"
