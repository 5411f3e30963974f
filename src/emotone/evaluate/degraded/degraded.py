"""What curves over degraded utterances share: whose bundle scores whom, and what a point measures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from emotone.audio.change import degrade
from emotone.audio.change.degrade import DegradationCurve, Severity
from emotone.base.draws import generator
from emotone.bundle.bundle import Bundle
from emotone.bundle.target import Target
from emotone.bundle.view.streams import Utterance
from emotone.errors import EmotoneError, unknown
from emotone.evaluate.degraded import missing
from emotone.evaluate.numbers.statistics import PooledMetric
from emotone.evaluate.prediction_table import speakers_of, to_range
from emotone.evaluate.run_folder import Run, bundles_of
from emotone.evaluate.scores import main_metrics, metrics_of, pairs_of

ALL_CURVES: Mapping[str, DegradationCurve] = {**degrade.CURVES, **missing.CURVES}
"""All curves that scores are measured along."""
Condition = tuple[str, Severity]
"""A curve and one of its severities."""
Tables = Mapping[str, Mapping[Severity, pd.DataFrame]]
"""Prediction tables by curve and severity, the clean one among them; a row that cannot be scored holds NaN."""


@dataclass(frozen=True)
class DegradedScores:
    """A run's predictions along `curves`, those in `tables`: the rows of a curve are the same at all its severities.

    `notes` say what is not measured. `repeated` are conditions that another curve holds too: they are tested there.
    """

    curves: Mapping[str, DegradationCurve]
    tables: Tables
    notes: list[str] = field(default_factory=list)
    repeated: Collection[Condition] = ()

    def clean(self, targets: Sequence[Target]) -> pd.DataFrame:
        """The rows that are scored where nothing is degraded, of all curves."""
        tables = [tables[self.curves[name].clean] for name, tables in self.tables.items()]
        whole = pd.concat(tables) if tables else pd.DataFrame(columns=["id", "speaker", *score_columns(targets)])
        whole = whole.drop_duplicates([name for name in ("id", "repeat") if name in whole])
        return whole[is_scored(whole, targets)]


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


def check_measured(scores: Sequence[DegradedScores], what: str) -> None:
    """Raise EmotoneError where nothing was measured, saying why."""
    if not any(one.tables for one in scores):
        notes = dict.fromkeys(note for one in scores for note in one.notes)
        raise EmotoneError(f"{what}: nothing of it can be measured ({'; '.join(notes)})")


def choose_curves(known: Mapping[str, DegradationCurve], only: Collection[str] | None) -> list[str]:
    """The curves of that kind among those asked for, in their order; all where None.

    Raises EmotoneError for a curve that is not known.
    """
    for name in only or ():
        if name not in known:
            raise unknown("curve", name, known)
    return [name for name in known if only is None or name in only]


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
    """The metrics along each curve: {curve: measured}."""
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


def is_scored(table: pd.DataFrame, targets: Sequence[Target]) -> pd.Series[bool]:
    """Which rows of a prediction table hold scores."""
    return table[score_columns(targets)].notna().all(axis=1)


def score_columns(targets: Sequence[Target]) -> list[str]:
    """Columns of scores in a prediction table."""
    attributes = [f"predicted_{target.name}" for target in targets if target.kind == "attribute"]
    return attributes + [f"p_{label}" for target in targets for label in target.labels]


def with_scores(clean: pd.DataFrame, scores: pd.DataFrame, targets: Sequence[Target]) -> pd.DataFrame:
    """The clean table with the scores of these rows, found by their index, and NaN in all others."""
    return clean.assign(**{name: scores[name].reindex(clean.index) for name in score_columns(targets)})


def check_scorable(run: Run, what: str) -> None:
    """Raise EmotoneError where scores of single degraded utterances say nothing, or cannot be had."""
    relative = [target.name for target in run.targets if target.is_relative]
    if relative:
        raise EmotoneError(
            f"{run.folder}: its scores of {', '.join(relative)} are relative, and say nothing of a degraded "
            f"utterance by itself; {what} needs scores on a range, or categories"
        )
    if Bundle.load(bundles_of(run).iloc[0]).normalises_by_speaker:
        raise EmotoneError(f"{run.folder}: normalises by speaker, so it cannot score single degraded files")


def choose(table: pd.DataFrame, num_utterances: int, seed: int) -> pd.DataFrame:
    """At most so many rows, drawn at random, speakers in turn: each has as many as it can, to one.

    >>> table = pd.DataFrame({"id": list("abcdef"), "speaker": ["1"] * 5 + ["2"]})
    >>> choose(table, 3, 0)["speaker"].value_counts().to_dict()
    {'1': 2, '2': 1}
    """
    lot = pd.Series([generator(seed, "choice", name).random() for name in table["id"]], index=table.index)
    turn = lot.groupby(speakers_of(table)).rank()
    taken = pd.DataFrame({"turn": turn, "lot": lot}).sort_values(["turn", "lot"]).index[:num_utterances]
    return table.loc[table.index.isin(taken)].reset_index(drop=True)


def score_utterances(bundle: Bundle, batch: Sequence[Utterance], targets: Sequence[Target]) -> pd.DataFrame:
    """Columns `predicted_NAME`, on the ranges of `targets`, and `p_LABEL`; a row per utterance."""
    scores = bundle.score_features(batch)
    own = {target.name: target.range for target in bundle.targets}
    columns: dict[str, Any] = {f"p_{label}": values for label, values in scores.probabilities.items()}
    for target in targets:
        if target.kind == "attribute":
            values = scores.attributes[target.name]
            columns[f"predicted_{target.name}"] = to_range(values, own[target.name], target.range)
    return pd.DataFrame(columns)


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
        p = predictions_of(rows, target, classes)
        pooled = PooledMetric(metric, [p, clean_p[kept]], truth[kept], speakers_of(rows), rows.get("repeat"))
        (low, value, high), change = pooled.interval([1, 0]), pooled.interval([1, -1])
        measured[target.name] = {"low": low, "value": value, "high": high, "change": change._asdict()}
    return measured


def predictions_of(rows: pd.DataFrame, target: Target, classes: Sequence[str]) -> Any:
    """Scores of an attribute, or the class of the largest probability among those that are compared."""
    if target.kind == "attribute":
        return rows[f"predicted_{target.name}"].to_numpy()
    return np.array(classes)[rows[[f"p_{label}" for label in classes]].to_numpy().argmax(axis=1)]
