"""Comparison of runs on the same test utterances: intervals, paired tests, ranks.

Runs that differ in nothing but their seeds are one system, and so are the repeats of one run: metrics are computed per
seed and averaged before anything is compared.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emotone.bundle import UNBOUNDED, Target
from emotone.errors import EmotoneError, unknown
from emotone.evaluate.naming import system_hash, system_labels
from emotone.evaluate.protocol import ATTRIBUTE_METRICS, CATEGORY_METRICS, RELATIVE_METRICS, metrics_of, pairs_of
from emotone.evaluate.run_folder import Run, load_run, speakers_of
from emotone.evaluate.significance import RankTest, cliques, friedman, holm, sign_flip_test, smallest_p
from emotone.evaluate.statistics import Interval, PooledMetric
from emotone.evaluate.text_table import align

LEVEL = 0.05
"""Of significance, after Holm's correction."""


@dataclass(frozen=True)
class System:
    """What is compared: a recipe, its finished runs and their seeds (a seed per run and repeat)."""

    label: str
    folders: list[str]
    seeds: list[int]


@dataclass(frozen=True)
class Pair:
    """Two systems: `difference` is the metric of the first minus that of the second, p_holm is over all pairs."""

    first: str
    second: str
    difference: Interval
    p: float
    p_holm: float
    effect_size: float
    is_exact: bool


@dataclass(frozen=True)
class Ranks:
    """Friedman's test over speakers' scores, and runs of systems (best first) of which no two differ."""

    score: str
    statistic: float
    p: float
    mean_ranks: dict[str, float]
    cliques: list[list[str]]


@dataclass(frozen=True)
class MetricComparison:
    """All systems by one metric of one target; `ranks` for three systems and more."""

    target: str
    metric: str
    num_utterances: int
    num_speakers: int
    values: dict[str, Interval]
    pairs: list[Pair]
    ranks: Ranks | None
    notes: list[str]


@dataclass(frozen=True)
class Comparison:
    """What `compare_runs` found."""

    systems: list[System]
    results: list[MetricComparison]
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain data; what is not defined (NaN) is null."""
        return _plain(self)


@dataclass(frozen=True)
class _Tested:
    """A system with its predictions of all seeds: a row per utterance and seed, the `repeat` 0, 1, ...; sorted."""

    system: System
    runs: list[Run]
    table: pd.DataFrame
    targets: list[Target]


def compare_runs(folders: Sequence[Path], metrics: Sequence[str] = (), seed: int = 0) -> Comparison:
    """Compare finished runs pairwise, per target and metric (default: CCC of attributes, UAR of categories).

    Where a system's scores of an attribute are relative, all systems are compared by the order of their scores within
    each fold (default: Spearman; `emotone.evaluate.relative`), which scores on a range have too; a note says so. Raises
    EmotoneError where there are fewer than two systems, they have unequally many seeds, or their test utterances,
    labels or targets differ.
    """
    tested = _by_order(_group([load_run(folder) for folder in folders]))
    _check_alike(tested)
    known = ATTRIBUTE_METRICS | RELATIVE_METRICS | CATEGORY_METRICS
    for name in metrics:
        if name not in known:
            raise unknown("metric", name, known)
    results = []
    for target in tested[0].targets:
        names = [name for name in metrics_of(target) if name in metrics] if metrics else list(metrics_of(target))[:1]
        results += [_compare(tested, target, name, seed) for name in names]
    if not results:
        given = ", ".join(target.name for target in tested[0].targets)
        raise EmotoneError(f"none of the metrics {', '.join(metrics)} is for the targets of these runs ({given})")
    return Comparison([each.system for each in tested], results, _warnings(tested))


def _group(runs: list[Run]) -> list[_Tested]:
    """The systems of some runs, in the order in which they were given."""
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(system_hash(run.recipe), []).append(run)
    labels = system_labels([group[0].recipe for group in groups.values()])
    if len(groups) < 2:
        all_runs = f"all {len(runs)} runs are of one" if len(runs) > 1 else "there is one run"
        raise EmotoneError(f"a comparison needs two systems; {all_runs}: {', '.join(labels) or 'none'}")
    tested = [_tested(label, group) for label, group in zip(labels, groups.values(), strict=True)]
    if len({len(each.system.seeds) for each in tested}) > 1:
        counts = "; ".join(f"{each.system.label} has {len(each.system.seeds)}" for each in tested)
        raise EmotoneError(f"every system needs the same number of seeds: {counts}")
    return tested


def _tested(label: str, runs: list[Run]) -> _Tested:
    """One system of its runs and their repeats, in the order of their seeds; repeat r has the run's seeds plus r."""
    units: dict[tuple[int, int], tuple[Run, pd.DataFrame]] = {}
    for run in runs:
        repeats = run.test["repeat"] if "repeat" in run.test else pd.Series(0, index=run.test.index)
        for repeat, part in run.test.groupby(repeats.to_numpy()):
            seeds = run.seed + int(repeat), int(run.recipe.get("split", {}).get("seed") or 0) + int(repeat)
            if seeds in units:
                other = units[seeds][0].folder
                raise EmotoneError(f"{other} and {run.folder} are the same recipe with the same seed {seeds[0]}")
            units[seeds] = run, part
    parts = [units[seeds][1].assign(repeat=number) for number, seeds in enumerate(sorted(units))]
    table = pd.concat(parts).sort_values(["repeat", "id"], ignore_index=True)
    twice = table[table.duplicated(["repeat", "id"])]["id"]
    if len(twice):
        raise EmotoneError(f"{label}: {len(twice)} utterances are in several test parts, e.g. {twice.iloc[0]!r}")
    system = System(label, [str(run.folder) for run in runs], [seed for seed, _ in sorted(units)])
    return _Tested(system, runs, table, runs[0].targets)


def _by_order(tested: list[_Tested]) -> list[_Tested]:
    """The systems, all of them with a relative target where any has one; those on a range are ordered by their scores.

    A system on a range keeps no curves of such a target: its score is what it says of an utterance, not a vote.
    """
    relative = {target.name for each in tested for target in each.targets if target.is_relative}
    found = []
    for each in tested:
        votes = [f"curve_{own.name}" for own in each.targets if own.name in relative and not own.is_relative]
        targets = [replace(target, range=UNBOUNDED) if target.name in relative else target for target in each.targets]
        found.append(replace(each, table=each.table.drop(columns=votes, errors="ignore"), targets=targets))
    return found


def _check_alike(tested: list[_Tested]) -> None:
    """Refuse systems whose targets, test utterances, speakers or labels differ from those of the first."""
    first = tested[0]
    for other in tested[1:]:
        names = f"{first.system.label} and {other.system.label}"
        for_first, for_other = (sorted(map(_describe, each.targets)) for each in (first, other))
        if for_first != for_other:
            raise EmotoneError(f"{names} differ in their targets: {'; '.join(for_first)} / {'; '.join(for_other)}")
        ids, other_ids = (pd.MultiIndex.from_frame(each.table[["repeat", "id"]]) for each in (first, other))
        if not ids.equals(other_ids):
            strangers = ids.symmetric_difference(other_ids)
            raise EmotoneError(
                f"the test sets of {names} differ: {len(strangers)} utterances are in one only, "
                f"{len(ids.intersection(other_ids))} in both{_examples(strangers.get_level_values('id'))}"
            )
        columns = ["speaker", *(f"true_{'emotion' if t.kind == 'category' else t.name}" for t in first.targets)]
        for column in columns:
            ours, theirs = first.table[column], other.table[column]
            is_other = ~((ours == theirs) | (ours.isna() & theirs.isna())).to_numpy(bool)
            if is_other.any():
                what = column.removeprefix("true_")
                raise EmotoneError(
                    f"{names} differ in the {what} of {is_other.sum()} of {len(ours)} test utterances"
                    f"{_examples(first.table['id'][is_other])}"
                )


def _describe(target: Target) -> str:
    scale = ",".join(sorted(target.labels)) if target.kind == "category" else str(target.range)
    return f"{target.name} {scale}"


def _examples(ids: Any) -> str:
    return ", e.g. " + ", ".join(map(repr, sorted(set(map(str, ids)))[:3]))


def _compare(tested: list[_Tested], target: Target, name: str, seed: int) -> MetricComparison:
    """All pairs of systems by one metric of one target."""
    metric = metrics_of(target)[name]
    known, (_, truth), _ = pairs_of(tested[0].table, target)
    if not len(known):
        raise EmotoneError(f"no test utterance has a label for {target.name}")
    speakers, units = speakers_of(known).to_numpy(), known["repeat"].to_numpy()
    predictions = {each.system.label: pairs_of(each.table, target)[1][0] for each in tested}
    values = {
        label: PooledMetric(metric, [prediction], truth, speakers, units).interval([1], seed=seed)
        for label, prediction in predictions.items()
    }
    both = list(itertools.combinations(predictions, 2))
    tests = [sign_flip_test(metric, predictions[a], predictions[b], truth, speakers, units, seed=seed) for a, b in both]
    corrected = holm([test.p for test in tests]).tolist()
    pairs = [
        Pair(a, b, test.difference, test.p, p_holm, test.effect_size, test.is_exact)
        for (a, b), test, p_holm in zip(both, tests, corrected, strict=True)
    ]
    num_speakers = tests[0].num_speakers
    ranks = None
    if len(predictions) > 2 and num_speakers > 1:
        ranks = _ranks(predictions, truth, [speakers, units], target, pairs)
    num_utterances = int(known["id"].nunique())
    notes = _notes(num_speakers, len(pairs), known.loc[known["speaker"].isna(), "id"].nunique())
    if target.is_relative:
        notes.append(_order_note(tested, target.name))
    return MetricComparison(target.name, name, num_utterances, num_speakers, values, pairs, ranks, notes)


def _ranks(predictions: dict[str, Any], truth: Any, blocks: list[Any], target: Target, pairs: list[Pair]) -> Ranks:
    """Ranks over speakers by a score that every speaker has: accuracy, or the negative RMSE (of ranks, by order).

    UAR, CCC and Spearman's correlation are not for single speakers, who may lack classes, or hardly vary.
    """
    if target.is_relative:
        truth, *ranked = (_ranks_within(values, blocks[1]) for values in (truth, *predictions.values()))
        predictions = dict(zip(predictions, ranked, strict=True))
    columns = {}
    for label, prediction in predictions.items():
        right = prediction == truth if target.kind == "category" else (prediction - truth) ** 2
        mean = pd.Series(right, dtype=float).groupby(blocks).mean()
        each = mean if target.kind == "category" else -np.sqrt(mean)
        columns[label] = each.groupby(level=0).mean()
    test: RankTest = friedman(pd.DataFrame(columns).to_numpy())
    labels = list(predictions)
    p = np.ones((len(labels), len(labels)))
    for pair in pairs:
        a, b = labels.index(pair.first), labels.index(pair.second)
        p[a, b] = p[b, a] = pair.p_holm
    runs = [[labels[number] for number in run] for run in cliques(test.mean_ranks, p, LEVEL)]
    score = "accuracy" if target.kind == "category" else "RMSE of ranks" if target.is_relative else "RMSE"
    return Ranks(score, test.statistic, test.p, dict(zip(labels, test.mean_ranks, strict=True)), runs)


def _ranks_within(values: Any, repeats: Any) -> Any:
    """Ranks of values within each repeat, equal ones sharing their mean: what Spearman's correlation is of."""
    return pd.Series(values).groupby(repeats).rank().to_numpy()


def _order_note(tested: list[_Tested], name: str) -> str:
    """How an attribute is compared of which a system has relative scores, and who has others."""
    own = {each.system.label: {target.name: target for target in each.runs[0].targets}[name] for each in tested}
    ranged = [label for label, target in own.items() if not target.is_relative]
    others = f"; of scores on a range ({', '.join(ranged)}) too, the order alone counts here" if ranged else ""
    return f"by order: an utterance counts by the share of the others of its fold that it is ranked above{others}"


def _notes(num_speakers: int, num_pairs: int, num_unknown: int) -> list[str]:
    """Whether so few speakers can show anything at all, and utterances whose speaker is not known."""
    notes = []
    if num_unknown:
        notes.append(f"{num_unknown} utterances have no known speaker; each counts as a speaker of its own")
    reachable = smallest_p(num_speakers)
    corrected = min(1.0, reachable * num_pairs)
    if corrected > LEVEL:
        after = f", {corrected:.3g} after Holm's correction for {num_pairs} pairs" if num_pairs > 1 else ""
        notes.append(
            f"{num_speakers} speakers are too few: the smallest p that any difference could reach is "
            f"{reachable:.3g}{after}, so nothing here can be significant at {LEVEL}"
        )
    return notes


def _warnings(tested: list[_Tested]) -> list[str]:
    """What the runs warn of, and whether they were trained on different parts of the corpora."""
    found = [f"{each.system.label}: {warning}" for each in tested for run in each.runs for warning in run.warnings]
    splits = {json.dumps([run.result.get("splits") for run in each.runs]) for each in tested}
    if len(splits) > 1:
        found.append("the systems' splits differ: the test utterances are the same, those trained on are not")
    return list(dict.fromkeys(found))


def _plain(value: Any) -> Any:
    if isinstance(value, Interval):
        return {name: _plain(item) for name, item in value._asdict().items()}
    if dataclasses.is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if value != value else value


def print_comparison(comparison: Comparison, as_json: bool = False) -> None:
    """Print a comparison to stdout: tables for people, or JSON; warnings also go to stderr with JSON."""
    if as_json:
        print(json.dumps(comparison.to_json(), indent=1))
        for warning in comparison.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        return
    letters = letters_of(comparison)
    num_seeds = len(comparison.systems[0].seeds)
    print(f"{len(letters)} systems, {f'{num_seeds} seeds each, averaged' if num_seeds > 1 else 'one seed each'}")
    for warning in comparison.warnings:
        print(f"WARNING {warning}")
    for result in comparison.results:
        print(f"\n{result.target}: {result.metric}, {result.num_utterances} utterances, {result.num_speakers} speakers")
        ranks = result.ranks.mean_ranks if result.ranks else {}
        rows = [
            {"": letters[label], "system": label, f"{result.metric} [95%]": str(value)}
            | ({"mean rank": ranks[label]} if ranks else {})
            for label, value in result.values.items()
        ]
        print(align(rows, "  "))
        print()
        print(align([_pair_row(pair, letters) for pair in result.pairs], "  "))
        if result.ranks:
            print(f"  Friedman over speakers ({result.ranks.score}): p {p_text(result.ranks.p)}")
        for note in result.notes:
            print(f"  NOTE {note}")


def _pair_row(pair: Pair, letters: dict[str, str]) -> dict[str, Any]:
    return {
        "pair": f"{letters[pair.first]} - {letters[pair.second]}", "difference [95%]": str(pair.difference),
        "p": p_text(pair.p), "p (Holm)": p_text(pair.p_holm), "d_z": pair.effect_size,
        "": "*" if pair.p_holm <= LEVEL else "",
    }  # fmt: skip


def letters_of(comparison: Comparison) -> dict[str, str]:
    """A letter (A, B, ..., Z, A1, ...) per system label, for tables of pairs."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    numbers = range(len(comparison.systems))
    names = [alphabet[number % 26] + (str(number // 26) if number >= 26 else "") for number in numbers]
    return {system.label: name for system, name in zip(comparison.systems, names, strict=True)}


def p_text(p: float) -> str:
    """A p-value as people write it.

    >>> p_text(0.25), p_text(0.00003)
    ('0.250', '<0.001')
    """
    return "<0.001" if p < 0.001 else f"{p:.3f}"
