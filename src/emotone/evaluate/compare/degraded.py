"""Does one system lose less than another as audio gets worse or data go missing?

Paired tests of the drop from clean, over speakers, along the curves of `emotone.evaluate.degraded.robustness` or
`emotone.evaluate.degraded.missing_data`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from emotone.audio.change.degrade import Severity
from emotone.bundle.target import Target
from emotone.evaluate.compare.systems import (
    ComparedSystem,
    ScoredSystem,
    check_alike,
    group_runs,
    join_runs,
    run_warnings,
    speaker_notes,
)
from emotone.evaluate.degraded.measured import MeasuredCurve, check_measured, describe
from emotone.evaluate.degraded.scoring import DegradedScores
from emotone.evaluate.numbers.interval import Interval, to_json
from emotone.evaluate.numbers.significance import NUM_PERMUTATIONS, flip_test, holm, standardised_difference
from emotone.evaluate.numbers.statistics import Floats, Metric, PooledMetric
from emotone.evaluate.prediction_table import is_scored, predicted_values, speakers_of
from emotone.evaluate.run_folder import Run, load_run
from emotone.evaluate.scores import main_metrics, metrics_of, pairs_of

_Labelled = tuple[str, DegradedScores]
"""A system's label and its scores."""
PERMUTATIONS_PER_TEST = 100
"""So that the least p is still small after Holm's correction for many tests, where speakers are many, too."""


@dataclass(frozen=True)
class DropPair:
    """Two systems in one condition: `drops` from clean, the first's and the second's, and their `difference`.

    A negative difference says that the first system loses less. `there` is the difference of the metric itself in the
    condition: a positive one says that the first system is better there, and `p_there` is its p. The null of both is
    that the systems may exchange all predictions of any speaker, for `p` clean and degraded ones together: they are
    alike in everything, which is more than that they lose the same. `p_holm` and `p_there_holm` are corrected for all
    pairs, conditions and targets, each a family of its own; the other fields are those of
    `emotone.evaluate.numbers.significance.PairedTest`.
    """

    target: str
    curve: str
    severity: Severity
    first: str
    second: str
    num_utterances: int
    drops: list[float]
    difference: Interval
    p: float
    p_holm: float
    effect_size: float
    there: Interval
    p_there: float
    p_there_holm: float


@dataclass(frozen=True)
class DegradationComparison:
    """What `compare_degraded` found; `metrics` {target: name}, `curves` {system: {curve: measured}}."""

    systems: list[ComparedSystem]
    metrics: dict[str, str]
    curves: dict[str, dict[str, MeasuredCurve]]
    pairs: list[DropPair]
    num_utterances: int
    num_speakers: int
    notes: list[str]
    warnings: list[str]

    def to_json(self) -> dict[str, Any]:
        """Plain data; what is not defined (NaN) is null."""
        return to_json(asdict(self))


class PooledDrop(PooledMetric):
    """The drop of a metric from `clean` to `degraded` predictions of the same N rows, for Q systems.

    >>> from emotone.evaluate.numbers.metrics import accuracy
    >>> PooledDrop(accuracy, [["a", "b"]], [["b", "b"]], ["a", "b"], ["x", "y"]).values
    array([0.5])
    """

    def __init__(
        self,
        metric: Metric,
        clean: Sequence[ArrayLike],
        degraded: Sequence[ArrayLike],
        target: ArrayLike,
        speakers: ArrayLike,
        repeats: ArrayLike | None = None,
    ) -> None:
        super().__init__(metric, clean, target, speakers, repeats)
        self.degraded = PooledMetric(metric, degraded, target, speakers, repeats)
        self.values = self.values - self.degraded.values

    def weighted(self, times: Any) -> Floats:
        """The drops [P, Q] when speaker s counts times[p, s] times."""
        return super().weighted(times) - self.degraded.weighted(times)

    def exchanged(self, flips: Any) -> Floats:
        """The drops [P, 2] of two systems that exchange all predictions for speakers with flips[p, s] = 1."""
        return super().exchanged(flips) - self.degraded.exchanged(flips)


def compare_degraded(
    folders: Sequence[Path], score: Callable[[Run], DegradedScores], seed: int = 0
) -> DegradationComparison:
    """Compare finished runs in what each loses along curves: main metric of each target, all pairs of systems.

    `score` scores a run in all conditions: `score_robustness` or `score_missing`; each changes the utterances in the
    same way for all runs. Seeds and repeats of a system are averaged. A pair is compared in the conditions in which
    both systems were measured, on the utterances that both could score. Raises EmotoneError as
    `emotone.evaluate.compare.runs.compare_runs` and `score` do.
    """
    runs = [load_run(folder) for folder in folders]
    tested = group_runs(runs)
    check_alike(tested)
    by_run = {run.folder: score(run) for run in runs}
    scores = {each.system.label: _joined(each, by_run) for each in tested}
    check_measured(list(scores.values()), "comparison")
    targets = tested[0].targets
    couples = list(itertools.combinations(scores.items(), 2))
    num_conditions = max(sum(map(len, one.tables.values())) for one in scores.values())
    num_permutations = max(NUM_PERMUTATIONS, PERMUTATIONS_PER_TEST * len(targets) * len(couples) * num_conditions)
    pairs = [
        pair
        for target in targets
        for first, second in couples
        for pair in _compare(target, first, second, num_permutations, seed)
    ]
    corrected = zip(*(holm([getattr(pair, p) for pair in pairs]).tolist() for p in ("p", "p_there")), strict=True)
    table = pd.concat([one.clean(targets)[["id", "speaker"]] for one in scores.values()]).drop_duplicates("id")
    num_speakers, num_unknown = speakers_of(table).nunique(), int(table["speaker"].isna().sum())
    notes = [f"{label}: {note}" for label, one in scores.items() for note in one.notes]
    notes += speaker_notes(num_speakers, len(pairs), num_unknown, num_permutations)
    return DegradationComparison(
        systems=[each.system for each in tested],
        metrics=main_metrics(targets),
        curves={label: describe(one, targets) for label, one in scores.items()},
        pairs=[replace(pair, p_holm=p, p_there_holm=q) for pair, (p, q) in zip(pairs, corrected, strict=True)],
        num_utterances=len(table),
        num_speakers=num_speakers,
        notes=list(dict.fromkeys(notes)),
        warnings=run_warnings(tested),
    )


def _joined(each: ScoredSystem, by_run: dict[Path, DegradedScores]) -> DegradedScores:
    """The scores of a system's runs as one table per condition, of the curves that all of them have."""
    parts = [by_run[run.folder] for run in each.runs]

    def stack(name: str, severity: Severity) -> pd.DataFrame:
        runs = [replace(run, test=part.tables[name][severity]) for run, part in zip(each.runs, parts, strict=True)]
        return join_runs(each.system.label, runs).table

    curves = {name: curve for name, curve in parts[0].curves.items() if all(name in part.tables for part in parts)}
    tables = {name: {severity: stack(name, severity) for severity in curves[name].severities} for name in curves}
    return DegradedScores(curves, tables, [note for part in parts for note in part.notes], parts[0].repeated)


def _compare(
    target: Target, first: _Labelled, second: _Labelled, num_permutations: int, seed: int
) -> Iterator[DropPair]:
    """The tests of two systems, one in each condition that changes the predictions of either."""
    metric = next(iter(metrics_of(target).values()))
    (label, ours), (other_label, others) = first, second
    shared = [(curve, level) for curve in ours.tables if curve in others.tables for level in ours.tables[curve]]
    for curve, severity in shared:
        clean = ours.curves[curve].clean
        if severity == clean or (curve, severity) in ours.repeated:
            continue
        known, (_, truth), classes = pairs_of(ours.tables[curve][clean], target)
        four = [
            scores.tables[curve][level].loc[known.index] for level in (clean, severity) for scores in (ours, others)
        ]
        kept = np.logical_and.reduce([is_scored(table, [target]) for table in four])
        if not kept.any():
            continue
        a, b, less_a, less_b = (predicted_values(table[kept], target, classes) for table in four)
        if (a == less_a).all() and (b == less_b).all():
            continue
        speakers, repeats = speakers_of(known[kept]), known["repeat"][kept]
        pooled = PooledDrop(metric, [a, b], [less_a, less_b], truth[kept], speakers, repeats)
        p, p_there = (flip_test(one, num_permutations, seed) for one in (pooled, pooled.degraded))
        yield DropPair(
            target=target.name,
            curve=curve,
            severity=severity,
            first=label,
            second=other_label,
            num_utterances=int(known["id"][kept].nunique()),
            drops=pooled.values.tolist(),
            difference=pooled.interval([1, -1], seed=seed),
            p=p,
            p_holm=p,  # corrected where all pairs are known
            effect_size=standardised_difference(pooled),
            there=pooled.degraded.interval([1, -1], seed=seed),
            p_there=p_there,
            p_there_holm=p_there,
        )
