"""How metrics differ between groups of utterances: speakers, genders, languages, corpora, lengths and classes.

The classes that are compared are those of the whole table for all groups: a group that lacks a class would have an
easier task otherwise. Unknown values are a group of their own, "unknown".
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.bundle.target import Target
from emotone.evaluate.numbers import metrics
from emotone.evaluate.numbers.interval import Interval
from emotone.evaluate.numbers.speaker_intervals import Ends, t_ends, t_ends_of_difference
from emotone.evaluate.numbers.statistics import PooledMetric, interval_over_speakers
from emotone.evaluate.prediction_table import speakers_of
from emotone.evaluate.scores import metrics_of, pairs_of

KINDS = {
    "gender": "Genders",
    "language": "Languages",
    "corpus": "Corpora",
    "duration": "Durations",
    "speaker": "Speakers",
}
"""Kinds of groups with their titles, in the order of a report."""
UNKNOWN = "unknown"
BANDS_S = (1.0, 2.0, 4.0, 8.0)
"""Borders of the duration bands: fixed, so that bands of two corpora are the same, and doubling, as lengths do."""
Floats = NDArray[np.float64]
Group = dict[str, Any]
"""{"group", "num_utterances", "num_speakers", metric: Interval, ...}, and of attributes on a range "bias"."""


def find_groups(predictions: pd.DataFrame, targets: list[Target]) -> dict[str, dict[str, list[Group]]]:
    """{target: {kind: its groups}}; kinds are `speaker`, `gender`, `language`, `corpus` and `duration`.

    "bias" is the mean of prediction - truth over all rows of a group. The ends of an interval are NaN where a group has
    one speaker. A kind that the table does not have is left out. Raises EmotoneError for what the metrics refuse.
    """
    found: dict[str, dict[str, list[Group]]] = {}
    for target in targets:
        known, (p, t), _ = pairs_of(predictions, target)
        columns = groups_of(known)
        found[target.name] = {kind: _measure_groups(known, p, t, names, target) for kind, names in columns.items()}
    return found


def groups_of(predictions: pd.DataFrame) -> dict[str, NDArray[Any]]:
    """{kind: the name of each row's group [N]}."""
    kinds = [kind for kind in ("speaker", "gender", "language", "corpus") if kind in predictions]
    groups = {kind: predictions[kind].where(predictions[kind].notna(), UNKNOWN).to_numpy(str) for kind in kinds}
    if "duration_s" in predictions:
        groups["duration"] = duration_bands(predictions["duration_s"].to_numpy(float))
    return groups


def duration_bands(duration_s: Floats) -> NDArray[np.str_]:
    """The band of each duration [N], as text that sorts by length.

    >>> duration_bands(np.array([0.5, 1.0, 9.0, np.nan])).tolist()
    ['0 to 1 s', '1 to 2 s', '8 s or more', 'unknown']
    """
    edges = [0.0, *BANDS_S]
    names = [*(f"{low:g} to {high:g} s" for low, high in itertools.pairwise(edges)), f"{edges[-1]:g} s or more"]
    return np.array([*names, UNKNOWN])[np.where(np.isnan(duration_s), len(names), np.digitize(duration_s, BANDS_S))]


def _measure_groups(
    known: pd.DataFrame, p: NDArray[Any], t: NDArray[Any], names: NDArray[Any], target: Target
) -> list[Group]:
    """The metrics of each group, in the order of the names, the unknown last."""
    speakers, repeats = speakers_of(known).to_numpy(str), _repeats(known)
    counts = known.groupby(names)[["id", "speaker"]].nunique()
    rows_of = pd.Series(np.arange(len(names))).groupby(names).indices
    groups = []
    for name in sorted(rows_of, key=lambda name: (name == UNKNOWN, name)):
        rows = rows_of[name]
        num_utterances, num_speakers = counts.loc[name]
        group: Group = {
            "group": name,
            "num_utterances": int(num_utterances),
            "num_speakers": int(num_speakers),
        }
        for key, metric in metrics_of(target).items():
            group[key] = _interval(metric, p[rows], t[rows], speakers[rows], repeats[rows])
        if target.kind == "attribute" and not target.is_relative:
            group["bias"] = float(np.mean(p[rows] - t[rows]))
        groups.append(group)
    return groups


def _interval(
    metric: Callable[..., float], p: NDArray[Any], t: NDArray[Any], speakers: NDArray[Any], repeats: NDArray[Any]
) -> Interval:
    if (speakers != speakers[0]).any():
        return interval_over_speakers(metric, p, t, speakers, repeats=repeats)
    values = [metric(p[repeats == repeat], t[repeats == repeat]) for repeat in np.unique(repeats)]
    return Interval(float("nan"), float(np.mean(values)), float("nan"))


def compare_groups(predictions: pd.DataFrame, target: Target, kind: str) -> list[dict[str, Any]]:
    """The differences of the main metric between all pairs of groups of a kind, the unknown left out.

    Each is {"pair": "first - second", metric: Interval}: each group has its own speakers, so the interval
    is Welch's; the ends are NaN where a group has one speaker.
    """
    name, metric = next(iter(metrics_of(target).items()))
    known, (p, t), _ = pairs_of(predictions, target)
    names, speakers = groups_of(known).get(kind, np.zeros(0, str)), speakers_of(known).to_numpy(str)
    repeats = _repeats(known)
    values, without = {}, {}
    for group in sorted(set(names) - {UNKNOWN}):
        rows = names == group
        pooled = PooledMetric(metric, [p[rows]], t[rows], speakers[rows], repeats[rows])
        values[group], without[group] = float(pooled.values[0]), pooled.without_one()[:, 0]
    differences = []
    for first, second in itertools.combinations(values, 2):
        pair = values[first], values[second]
        low, high = t_ends_of_difference(pair, (without[first], without[second]))
        differences.append({"pair": f"{first} - {second}", name: Interval(low, pair[0] - pair[1], high)})
    return differences


def measure_classes(predictions: pd.DataFrame, target: Target) -> list[dict[str, Any]]:
    """Recall, precision and F1 of each class with intervals, and of how many utterances; none for attributes.

    Each is {"class", "num_utterances", "recall", "precision", "f1"}. Means over repeats; a class that was never
    predicted has no precision (NaN).
    """
    if target.kind != "category":
        return []
    known, (p, t), classes = pairs_of(predictions, target)
    counts = _counts_of_speakers(known, p, t, classes)
    total = counts.sum(axis=0)
    without = total - counts  # [S, R, K, K]
    rows: list[dict[str, Any]] = []
    functions: Mapping[str, Callable[[NDArray[Any]], Floats]] = {
        "recall": metrics.recall_of_confusion,
        "precision": metrics.precision_of_confusion,
        "f1": metrics.f1_of_confusion,
    }
    scores = {name: (of(total).mean(axis=0), of(without).mean(axis=1)) for name, of in functions.items()}
    for k, label in enumerate(classes):
        num = int(known.loc[known[f"true_{target.name}"] == label, "id"].nunique())
        spread = {name: _within_01(value[k], t_ends(value[k], less[:, k])) for name, (value, less) in scores.items()}
        rows.append({"class": label, "num_utterances": num, **spread})
    return rows


def confusion_of(predictions: pd.DataFrame, target: Target) -> tuple[list[str], Floats]:
    """The classes compared and their confusion counts [K, K], means over repeats; rows are the truth."""
    known, (p, t), classes = pairs_of(predictions, target)
    return classes, _counts_of_speakers(known, p, t, classes).sum(axis=0).mean(axis=0)


def _counts_of_speakers(known: pd.DataFrame, p: NDArray[Any], t: NDArray[Any], classes: list[str]) -> Floats:
    """Confusion counts [S, R, K, K] of each speaker and repeat."""
    speakers, S = pd.factorize(speakers_of(known))[0], speakers_of(known).nunique()
    repeats = pd.factorize(_repeats(known))[0]
    number = {label: k for k, label in enumerate(classes)}
    truth, predicted = (np.array([number[label] for label in labels]) for labels in (t, p))
    counts = np.zeros((S, repeats.max() + 1, len(classes), len(classes)))
    np.add.at(counts, (speakers, repeats, truth, predicted), 1)
    return counts


def _repeats(known: pd.DataFrame) -> NDArray[Any]:
    return known["repeat"].to_numpy() if "repeat" in known else np.zeros(len(known), int)


def _within_01(value: float, ends: Ends) -> Interval:
    """A share's interval, whose ends are shares."""
    low, high = np.clip(ends, 0.0, 1.0).tolist()
    return Interval(low, float(value), high)
