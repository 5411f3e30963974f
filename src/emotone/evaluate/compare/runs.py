"""Comparison of runs on the same test utterances: intervals, paired tests, ranks.

Metrics are computed per seed of a system (`emotone.evaluate.compare.systems`) and averaged before anything is compared.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emotone.bundle.target import UNBOUNDED, Target
from emotone.errors import EmotoneError, unknown
from emotone.evaluate.compare.systems import (
    LEVEL,
    ComparedSystem,
    ScoredSystem,
    check_alike,
    group_runs,
    run_warnings,
    speaker_notes,
)
from emotone.evaluate.numbers.interval import Interval, to_json
from emotone.evaluate.numbers.significance import (
    RankTest,
    cliques,
    friedman,
    holm,
    sign_flip_test,
    signed_rank_test,
)
from emotone.evaluate.numbers.statistics import PooledMetric
from emotone.evaluate.prediction_table import speakers_of
from emotone.evaluate.run_folder import load_run
from emotone.evaluate.scores import ATTRIBUTE_METRICS, CATEGORY_METRICS, RELATIVE_METRICS, metrics_of, pairs_of
from emotone.evaluate.seeds import spread_of


@dataclass(frozen=True)
class Pair:
    """Two systems: `difference` is the metric of the first minus the second's.

    `p_holm` is corrected for all pairs by this metric of this target: every target and metric is a family of its own.
    """

    first: str
    second: str
    difference: Interval
    p: float
    p_holm: float
    effect_size: float
    is_exact: bool


@dataclass(frozen=True)
class Ranks:
    """Friedman's test over speakers' scores, signed-rank tests of all pairs by the same, and runs without a difference.

    `pairs` are (first, second, p, p by Holm's correction for these pairs), `cliques` runs of systems, best first, of
    which no two differ by these p.
    """

    score: str
    statistic: float
    p: float
    mean_ranks: dict[str, float]
    pairs: list[tuple[str, str, float, float]]
    cliques: list[list[str]]


@dataclass(frozen=True)
class MetricComparison:
    """All systems by one metric of one target; `ranks` for three systems and more.

    `spread` is the deviation (n - 1) of a system's values over its seeds; None with one seed.
    """

    target: str
    metric: str
    num_utterances: int
    num_speakers: int
    values: dict[str, Interval]
    spread: dict[str, float | None]
    pairs: list[Pair]
    ranks: Ranks | None
    notes: list[str]


@dataclass(frozen=True)
class Comparison:
    """What `compare_runs` found."""

    systems: list[ComparedSystem]
    results: list[MetricComparison]
    warnings: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain data; what is not defined (NaN) is null."""
        return to_json(asdict(self))


def compare_runs(folders: Sequence[Path], metrics: Sequence[str] = (), seed: int = 0) -> Comparison:
    """Compare finished runs pairwise, per target and metric (default: CCC of attributes, UAR of categories).

    Where a system's scores of an attribute are relative, all systems are compared by the order of their scores within
    each fold (default: Spearman; `emotone.evaluate.numbers.relative`), which scores on a range have too; a note says
    so. Raises EmotoneError where there are fewer than two systems, they have unequally many seeds, or their test
    utterances, labels or targets differ.
    """
    tested = _by_order(group_runs([load_run(folder) for folder in folders]))
    check_alike(tested)
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
    return Comparison([each.system for each in tested], results, run_warnings(tested))


def _by_order(tested: list[ScoredSystem]) -> list[ScoredSystem]:
    """The systems, with a relative target for all of them where any has one, so that all are compared by order.

    Systems with scores on a range are ordered by these: their curves, which would vote instead, are dropped.
    """
    relative = {target.name for each in tested for target in each.targets if target.is_relative}
    found = []
    for each in tested:
        votes = [f"curve_{own.name}" for own in each.targets if own.name in relative and not own.is_relative]
        targets = [replace(target, range=UNBOUNDED) if target.name in relative else target for target in each.targets]
        found.append(replace(each, table=each.table.drop(columns=votes, errors="ignore"), targets=targets))
    return found


def _compare(tested: list[ScoredSystem], target: Target, name: str, seed: int) -> MetricComparison:
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
    is_one = len(set(units)) < 2
    spread = {
        label: None if is_one else spread_of(metric, prediction, truth, units)
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
        ranks = _ranks(predictions, truth, [speakers, units], target, seed)
    num_utterances = int(known["id"].nunique())
    notes = speaker_notes(num_speakers, len(pairs), known.loc[known["speaker"].isna(), "id"].nunique())
    if target.is_relative:
        notes.append(_order_note(tested, target.name))
    return MetricComparison(target.name, name, num_utterances, num_speakers, values, spread, pairs, ranks, notes)


def _ranks(predictions: dict[str, Any], truth: Any, blocks: list[Any], target: Target, seed: int) -> Ranks:
    """Ranks and tests by a score that single speakers have: accuracy, or the negative RMSE (by order, that of ranks).

    Single speakers may lack classes, or hardly vary: they have no UAR, CCC or Spearman's correlation to rank by.
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
    both = list(itertools.combinations(labels, 2))
    tested = [signed_rank_test(columns[a].to_numpy(), columns[b].to_numpy(), seed=seed) for a, b in both]
    corrected = holm(tested).tolist()
    p = np.ones((len(labels), len(labels)))
    for (a, b), p_holm in zip(both, corrected, strict=True):
        places = labels.index(a), labels.index(b)
        p[places] = p[places[::-1]] = p_holm
    pairs = [(a, b, one, p_holm) for (a, b), one, p_holm in zip(both, tested, corrected, strict=True)]
    runs = [[labels[number] for number in run] for run in cliques(test.mean_ranks, p, LEVEL)]
    score = "accuracy" if target.kind == "category" else "RMSE of ranks" if target.is_relative else "RMSE"
    return Ranks(score, test.statistic, test.p, dict(zip(labels, test.mean_ranks, strict=True)), pairs, runs)


def _ranks_within(values: Any, repeats: Any) -> Any:
    """Ranks of values within each repeat, as Spearman's correlation takes them: equal values share their mean rank."""
    return pd.Series(values).groupby(repeats).rank().to_numpy()


def _order_note(tested: list[ScoredSystem], name: str) -> str:
    """A note that an attribute is compared by order, and which systems have scores on a range."""
    own = {each.system.label: {target.name: target for target in each.runs[0].targets}[name] for each in tested}
    ranged = [label for label, target in own.items() if not target.is_relative]
    others = f"; of scores on a range ({', '.join(ranged)}) too, the order alone counts here" if ranged else ""
    return f"by order: an utterance counts by the share of the others of its fold that it is ranked above{others}"
