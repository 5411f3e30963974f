"""Predicting many files: over processes, streamed to a result file or to stdout, a bad file never stops the rest."""

from __future__ import annotations

import argparse
import functools
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from emotone.bundle import available, read_about
from emotone.distribute import DIED, map_ordered
from emotone.errors import EmotoneError
from emotone.output import ResultFile
from emotone.predict import Over, Prediction, Predictor, check_window, load_once
from emotone.progress import track


def _predict_file(
    model: str, threads: int, device: str, window_s: float | None, hop_s: float | None, file: str
) -> Prediction:
    return load_once(model, threads, device).try_predict(file, window_s, hop_s)


def _died(file: str) -> Prediction:
    return Prediction(file, error=DIED)


def predict_files(files: Sequence[str], options: argparse.Namespace) -> Iterator[Prediction]:
    """Predictions of all files, in order."""
    threads = 1 if options.jobs > 1 else 0
    work = functools.partial(_predict_file, options.model, threads, options.device, options.window, options.hop)
    return map_ordered(work, files, options.jobs, died=_died)


def _check(options: argparse.Namespace) -> Predictor:
    """Everything that can be wrong with the options, before any work starts."""
    check_window(options.window, options.hop)
    predictor = load_once(options.model, 1 if options.jobs > 1 else 0, options.device)
    if options.curve and not predictor.has_curves:
        others = [name for name, folder in available().items() if read_about(folder).get("curves")]
        with_curves = f"--model {' or '.join(others)}" if others else "emotone pull emotion-seq2seq"
        raise EmotoneError(
            f"bundle {predictor.bundle.name} has no curves; take one that has ({with_curves}), or a row per window "
            "(--window S)"
        )
    if predictor.relative and not options.quiet:
        print(
            f"note: scores of {predictor.bundle.name} are relative: of two of the same attribute the higher has more "
            "of it, their size says nothing",
            file=sys.stderr,
        )
    return predictor


def _table(predictor: Predictor, options: argparse.Namespace) -> tuple[Over, list[str]]:
    """What the table has rows for, and its columns of scores; categories have no curve."""
    if options.curve:
        return "curve", list(predictor.attributes)
    return "recording" if options.window is None else "windows", predictor.columns


def predict_to_file(files: Sequence[str], options: argparse.Namespace) -> int:
    """Predict into a table; goes on where an interrupted run stopped. Returns the number of files that failed."""
    predictor = _check(options)
    over, names = _table(predictor, options)
    columns = ["file", "start_s", "end_s", *names, "error"]
    settings = {
        "bundle": predictor.bundle.fingerprint, "window_s": options.window, "hop_s": options.hop, "over": over
    }  # fmt: skip
    with ResultFile(options.output, columns, settings) as results:
        remaining = [file for file in files if file not in results.finished]
        done = len(files) - len(remaining)
        predictions = predict_files(remaining, options)
        for prediction in track(predictions, len(files), "predict", quiet=options.quiet, done=done):
            results.add(prediction.file, prediction.rows(names, over))
        failed = sum(not any(_has_scores(row) for row in results.rows_of(file)) for file in files)
        results.finish(files)
    return failed


def _has_scores(row: dict[str, Any]) -> bool:
    return any(isinstance(value, float) for name, value in row.items() if name not in ("start_s", "end_s"))


def predict_to_stdout(files: Sequence[str], options: argparse.Namespace) -> int:
    """Predict onto stdout, as a table or as JSON lines. Returns the number of files that failed."""
    over, names = _table(_check(options), options)
    failed = 0
    width = max(4, min(48, max(map(len, files))))
    if not options.json:
        print(_header(names, width))
    # A bar would mix with the table on a terminal, so it shows only where the table goes elsewhere.
    quiet = options.quiet or sys.stdout.isatty()
    for prediction in track(predict_files(files, options), len(files), "predict", quiet=quiet):
        failed += bool(prediction.error)
        for row in prediction.rows(names, over):
            print(json.dumps(row) if options.json else _line(row, names, width), flush=True)
    return failed


def _header(columns: list[str], width: int) -> str:
    return f"{'file':<{width}} {'start_s':>8} {'end_s':>8} " + " ".join(
        f"{name:>{max(9, len(name))}}" for name in columns
    )


def _line(row: dict[str, Any], columns: list[str], width: int) -> str:
    name = row["file"].replace("\n", "\\n")
    name = name if len(name) <= width else "..." + name[3 - width :]
    if row["error"] and row.get(columns[0]) is None:
        return f"{name:<{width}} {row['start_s']:8.2f} {row['end_s']:8.2f} error: {row['error']}"
    values = " ".join(f"{row[column]:{max(9, len(column))}.3f}" for column in columns)
    return f"{name:<{width}} {row['start_s']:8.2f} {row['end_s']:8.2f} {values}"
