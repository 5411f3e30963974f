"""A result on a terminal, or as JSON: metrics with intervals and chance, and how well each class is found."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pandas as pd

from emotone.base.text_table import align
from emotone.bundle.target import Target
from emotone.evaluate.chance import chance_level
from emotone.evaluate.numbers.interval import Interval, to_json
from emotone.evaluate.numbers.relative import describe_test
from emotone.evaluate.numbers.speaker_intervals import few_speakers
from emotone.evaluate.report.subgroups import confusion_of, measure_classes
from emotone.evaluate.run_folder import Run
from emotone.evaluate.scores import pairs_of


def print_result(run: Run, as_json: bool = False) -> None:
    """Print a run's result to stdout: warnings (on stderr), a line per metric, a table of classes, notes; or JSON.

    A number that is not defined is null in the JSON.
    """
    result = run.result
    if as_json:
        print(json.dumps(to_json(result), indent=1))
        return
    for line in result.get("warnings", []):
        print(f"WARNING: {line}", file=sys.stderr, flush=True)
    print(f"{result['protocol']}: {result['num_utterances']} utterances, {result['num_speakers']} speakers")
    targets = {target.name: target for target in run.targets}
    for name, values in result["metrics"].items():
        for line in _metric_lines(name, values, chance_level(run.test, targets[name])):
            print(line)
    for name, published in result.get("published_test", {}).items():
        print(f"  {name:<10} {describe_test(published)}")
    for target in run.targets:
        if target.kind == "category" and len(pairs_of(run.test, target)[0]):
            print(align(class_rows(run.test, target), "  "))
    for line in (
        *few_speakers(result["num_speakers"] + result.get("num_unknown_speaker", 0)),
        *result.get("notes", []),
    ):
        print(f"  {line}", file=sys.stderr)


def _metric_lines(target: str, values: dict[str, Any], chance: dict[str, float]) -> list[str]:
    return [
        f"  {target:<10} {name:<9} {_text(Interval.from_json(interval))}  chance {chance[name]:.3f}"
        for name, interval in values.items()
    ]


def class_rows(test: pd.DataFrame, target: Target) -> list[dict[str, Any]]:
    """A row per class: how many utterances, recall with its interval, precision, F1, and what it is most taken for."""
    labels, counts = confusion_of(test, target)
    rows = []
    for k, measured in enumerate(measure_classes(test, target)):
        wrong = np.where(np.arange(len(labels)) == k, 0, counts[k])
        most = int(wrong.argmax())
        taken = f"{labels[most]} {wrong[most] / counts[k].sum():.0%}" if wrong[most] else ""
        rows.append(
            {
                target.name: measured["class"],
                "utterances": measured["num_utterances"],
                "recall": _text(measured["recall"]),
                "precision": measured["precision"].value,
                "F1": measured["f1"].value,
                "taken for": taken,
            }
        )
    return rows


def _text(interval: Interval) -> str:
    """A value with its interval, or alone where there is none.

    >>> _text(Interval(0.4, 0.5, 0.6)), _text(Interval(float("nan"), 0.5, float("nan")))
    ('0.500 [0.400, 0.600]', '0.500')
    """
    if interval.low != interval.low:
        return f"{interval.value:.3f}"
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
