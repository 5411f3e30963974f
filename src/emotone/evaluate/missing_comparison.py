"""Does one system lose less than another as data go missing? Paired tests of the drop from clean, over speakers."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from emotone.bundle import Target
from emotone.data.degrade import Severity
from emotone.evaluate.compare import p_text
from emotone.evaluate.degradation import predictions_of
from emotone.evaluate.missing_data import NUM_UTTERANCES, MissingScores, Tables, describe, is_scored, score_missing
from emotone.evaluate.missing_inputs import CURVES, NO_WORDS, Condition
from emotone.evaluate.protocol import metrics_of, pairs_of
from emotone.evaluate.report import to_json
from emotone.evaluate.run_folder import load_run, speakers_of
from emotone.evaluate.scored_systems import (
    LEVEL,
    ScoredSystem,
    System,
    check_alike,
    group_runs,
    join_runs,
    letters_of,
    run_warnings,
    speaker_notes,
)
from emotone.evaluate.significance import flip_test, holm, standardised_difference
from emotone.evaluate.statistics import Floats, Interval, Metric, PooledMetric
from emotone.evaluate.text_table import align

_Named = tuple[str, Tables]


@dataclass(frozen=True)
class DropPair:
    """Two systems in one condition: `drops` from clean, the first's and the second's, and their `difference`.

    A negative difference says that the first system loses less. `p_holm` is over all pairs, conditions and targets;
    the rest is that of `emotone.evaluate.significance.PairedTest`.
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


@dataclass(frozen=True)
class MissingComparison:
    """What `compare_missing` found; `curves` {system: curves as of `emotone.evaluate.missing_data`}."""

    systems: list[System]
    metrics: dict[str, str]
    curves: dict[str, dict[str, Any]]
    pairs: list[DropPair]
    num_utterances: int
    num_speakers: int
    notes: list[str]
    warnings: list[str]

    def to_json(self) -> dict[str, Any]:
        """Plain data; what is not defined (NaN) is null."""
        return to_json(asdict(self))


class PooledDrop(PooledMetric):
    """What the metric of Q systems loses from `clean` to `degraded` predictions of the same N rows.

    >>> from emotone.evaluate.metrics import accuracy
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
        self._degraded = PooledMetric(metric, degraded, target, speakers, repeats)
        self.values = self.values - self._degraded.values

    def weighted(self, times: Any) -> Floats:
        """The drops [P, Q] when speaker s counts times[p, s] times."""
        return super().weighted(times) - self._degraded.weighted(times)

    def exchanged(self, flips: Any) -> Floats:
        """The drops [P, 2] of two systems that exchange all predictions for speakers with flips[p, s] = 1."""
        return super().exchanged(flips) - self._degraded.exchanged(flips)


def compare_missing(
    folders: Sequence[Path],
    num_utterances: int = NUM_UTTERANCES,
    jobs: int = 1,
    quiet: bool = False,
    seed: int = 0,
) -> MissingComparison:
    """Compare finished runs in what each loses under missing data: main metric of each target, all pairs of systems.

    Seeds and repeats of a system are averaged, and every condition takes the same away from all. A condition that only
    one of a pair can be measured in is not compared; an utterance counts where both could score it. Raises EmotoneError
    as `emotone.evaluate.compare.compare_runs` and `score_missing` do.
    """
    runs = [load_run(folder) for folder in folders]
    tested = group_runs(runs)
    check_alike(tested)
    scores = {run.folder: score_missing(run, num_utterances, jobs, quiet, seed) for run in runs}
    tables = {each.system.label: _tables(each, scores) for each in tested}
    pairs = [
        pair
        for target in tested[0].targets
        for first, second in itertools.combinations(tables.items(), 2)
        for pair in _compare(target, first, second, seed)
    ]
    corrected = holm([pair.p for pair in pairs]).tolist()
    notes = [
        f"{each.system.label}: {note}" for each in tested for run in each.runs for note in scores[run.folder].notes
    ]
    table = tested[0].table
    speakers, num_unknown = speakers_of(table), table.loc[table["speaker"].isna(), "id"].nunique()
    return MissingComparison(
        [each.system for each in tested],
        {target.name: next(iter(metrics_of(target))) for target in tested[0].targets},
        {label: describe(own, tested[0].targets) for label, own in tables.items()},
        [replace(pair, p_holm=p) for pair, p in zip(pairs, corrected, strict=True)],
        int(table["id"].nunique()),
        int(speakers.nunique()),
        list(dict.fromkeys([*notes, *speaker_notes(speakers.nunique(), len(pairs), num_unknown)])),
        run_warnings(tested),
    )


def _tables(each: ScoredSystem, scores: dict[Path, MissingScores]) -> Tables:
    """The tables of a system, its seeds together, in the order of `each.table`; of curves that all its runs have."""

    def stack(name: str, severity: Severity) -> pd.DataFrame:
        runs = [replace(run, test=scores[run.folder].tables[name][severity]) for run in each.runs]
        return join_runs(each.system.label, runs).table

    shared = [name for name in CURVES if all(name in scores[run.folder].tables for run in each.runs)]
    return {name: {severity: stack(name, severity) for severity in CURVES[name].severities} for name in shared}


def _compare(target: Target, first: _Named, second: _Named, seed: int) -> Iterator[DropPair]:
    """Two systems in every condition that both were measured in and that changes either, in each once."""
    metric = next(iter(metrics_of(target).values()))
    (label, tables), (other_label, others) = first, second
    for curve in (curve for curve in tables if curve in others):
        clean = CURVES[curve].clean
        known, (_, truth), classes = pairs_of(tables[curve][clean], target)
        for severity in tables[curve]:
            if severity == clean or (curve, severity) == NO_WORDS:
                continue
            four = [system[curve][level].loc[known.index] for level in (clean, severity) for system in (tables, others)]
            kept = np.logical_and.reduce([is_scored(table, [target]) for table in four])
            a, b, less_a, less_b = (predictions_of(table[kept], target, classes) for table in four)
            if not kept.any() or ((a == less_a).all() and (b == less_b).all()):
                continue
            speakers, repeats = speakers_of(known[kept]), known["repeat"][kept]
            pooled = PooledDrop(metric, [a, b], [less_a, less_b], truth[kept], speakers, repeats)
            p, size = flip_test(pooled, seed=seed), standardised_difference(pooled)
            yield DropPair(
                target.name, curve, severity, label, other_label, int(known["id"][kept].nunique()),
                pooled.values.tolist(), pooled.interval([1, -1], seed=seed), p, p, size,
            )  # fmt: skip


def print_missing(found: MissingComparison, as_json: bool = False) -> None:
    """Print a comparison to stdout: tables for people, or JSON; warnings also go to stderr with JSON."""
    if as_json:
        print(json.dumps(found.to_json(), indent=1))
        for warning in found.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        return
    num_seeds = len(found.systems[0].seeds)
    seeds = f"{num_seeds} seeds each, averaged" if num_seeds > 1 else "one seed each"
    print(f"{len(found.systems)} systems, {seeds}; {found.num_utterances} utterances, {found.num_speakers} speakers")
    for warning in found.warnings:
        print(f"WARNING {warning}")
    for label, letter in letters_of(found.systems).items():
        print(f"  {letter}  {label}")
    for target, metric in found.metrics.items():
        print(f"\n{target}: {metric}, and what it loses\n{align(value_rows(found, target), '  ')}\n")
        print(align(pair_rows(found, target), "  "))
    for note in found.notes:
        print(f"  NOTE {note}")


def value_rows(found: MissingComparison, target: str) -> list[dict[str, Any]]:
    """A row per condition with every system's value; "" where it was not measured."""
    letters = letters_of(found.systems)
    rows: dict[Condition, dict[str, Any]] = {}
    for label, letter in letters.items():
        for name, curve in found.curves[label].items():
            for point in curve["points"]:
                row = rows.setdefault((name, point["severity"]), _named(name, point["severity"]))
                row[letter] = str(_interval(point["metrics"][target])) if point["metrics"][target] else "-"
    order = [(name, severity) for name, curve in CURVES.items() for severity in curve.severities]
    return [dict.fromkeys(letters.values(), "") | rows[key] for key in order if key in rows]


def pair_rows(found: MissingComparison, target: str) -> list[dict[str, Any]]:
    """A row per pair of systems and condition: what both lose, and the test of the difference."""
    letters = letters_of(found.systems)
    return [
        {"pair": f"{letters[pair.first]} - {letters[pair.second]}", **_named(pair.curve, pair.severity),
         "first loses": pair.drops[0], "second loses": pair.drops[1], "difference [95%]": str(pair.difference),
         "p": p_text(pair.p), "p (Holm)": p_text(pair.p_holm) + (" *" if pair.p_holm <= LEVEL else ""),
         "d_z": pair.effect_size}
        for pair in found.pairs
        if pair.target == target
    ]  # fmt: skip


def _named(curve: str, severity: Severity) -> dict[str, Any]:
    about = CURVES[curve]
    return {"condition": f"{about.title}: {severity if isinstance(severity, str) else f'{severity:g} %'}"}


def _interval(values: dict[str, Any]) -> Interval:
    return Interval(*(values[end] for end in Interval._fields))
