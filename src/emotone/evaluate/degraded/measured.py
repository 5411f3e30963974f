"""Metrics along curves, with intervals, and their changes from the clean point: plain data of reports and results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import pandas as pd

from emotone.audio.change.degrade import Severity
from emotone.bundle.target import Target
from emotone.errors import EmotoneError
from emotone.evaluate.degraded.scoring import DegradedScores
from emotone.evaluate.numbers.statistics import PooledMetric
from emotone.evaluate.prediction_table import is_scored, predicted_values, speakers_of
from emotone.evaluate.scores import main_metrics, metrics_of, pairs_of


class Measured(TypedDict):
    """A metric with the ends of its interval, and its `change` from the clean point with those of that."""

    low: float
    value: float
    high: float
    change: dict[str, float]


class Point(TypedDict):
    """What was measured at a severity: {target: its main metric, None where no row with a label was scored}."""

    severity: Severity
    is_clean: bool
    num_failed: int
    metrics: dict[str, Measured | None]


class MeasuredCurve(TypedDict):
    """A curve of scored utterances as reports and results hold it."""

    title: str
    axis: str
    num_utterances: int
    points: list[Point]


class MeasuredCurves(TypedDict):
    """All curves of a run as reports and results hold them; `metrics` {target: the name of its metric}."""

    num_utterances: int
    num_speakers: int
    notes: list[str]
    metrics: dict[str, str]
    curves: dict[str, MeasuredCurve]


def to_report(scores: DegradedScores, targets: Sequence[Target], what: str) -> MeasuredCurves:
    """What reports show of a run's curves; raises EmotoneError, naming `what`, where nothing was measured."""
    check_measured([scores], what)
    clean = scores.clean(targets)
    return {
        "num_utterances": int(clean["id"].nunique()),
        "num_speakers": int(clean["speaker"].nunique()),
        "notes": scores.notes,
        "metrics": main_metrics(targets),
        "curves": describe(scores, targets),
    }


def describe(scores: DegradedScores, targets: Sequence[Target]) -> dict[str, MeasuredCurve]:
    """{curve: what was measured along it}."""
    curves: dict[str, MeasuredCurve] = {}
    for name, tables in scores.tables.items():
        curve = scores.curves[name]
        points: list[Point] = []
        clean = tables[curve.clean]
        clean = clean[is_scored(clean, targets)]
        for severity, table in tables.items():
            scored = table.loc[clean.index]
            scored = scored[is_scored(scored, targets)]
            points.append(
                {
                    "severity": severity,
                    "is_clean": severity == curve.clean,
                    "num_failed": int(clean["id"].nunique() - scored["id"].nunique()),
                    "metrics": measure(scored, clean, targets),
                }
            )
        curves[name] = {
            "title": curve.title,
            "axis": curve.axis,
            "num_utterances": int(clean["id"].nunique()),
            "points": points,
        }
    return curves


def check_measured(scores: Sequence[DegradedScores], what: str) -> None:
    """Raise EmotoneError where nothing was measured, saying why."""
    if not any(one.tables for one in scores):
        notes = dict.fromkeys(note for one in scores for note in one.notes)
        raise EmotoneError(f"{what}: nothing of it can be measured ({'; '.join(notes)})")


def measure(degraded: pd.DataFrame, clean: pd.DataFrame, targets: Sequence[Target]) -> dict[str, Measured | None]:
    """The main metric of each target with its 95% interval; None where no row with a label is there.

    Both are prediction tables; rows of `degraded` are found in `clean` by their index, and "change" is the difference
    to it on the same utterances. Repeats are averaged.
    """
    measured: dict[str, Measured | None] = {}
    for target in targets:
        metric = next(iter(metrics_of(target).values()))
        known, (clean_p, truth), classes = pairs_of(clean, target)
        kept = known.index.isin(degraded.index)
        if not kept.any():
            measured[target.name] = None
            continue
        rows = degraded.loc[known.index[kept]]
        p = predicted_values(rows, target, classes)
        pooled = PooledMetric(metric, [p, clean_p[kept]], truth[kept], speakers_of(rows), rows.get("repeat"))
        (low, value, high), change = pooled.interval([1, 0]), pooled.interval([1, -1])
        measured[target.name] = {"low": low, "value": value, "high": high, "change": change._asdict()}
    return measured
