"""The metrics of a prediction table, with intervals over speakers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from emotone.bundle.target import Target, one_or_each
from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics
from emotone.evaluate.numbers.relative import published_test, shares_of_wins
from emotone.evaluate.numbers.statistics import interval_over_speakers
from emotone.evaluate.prediction_table import predicted_values, speakers_of

ATTRIBUTE_METRICS = {"ccc": metrics.ccc, "pearson": metrics.pearson, "rmse": metrics.rmse}
RELATIVE_METRICS = {"spearman": metrics.spearman, "kendall": metrics.kendall}
CATEGORY_METRICS = {"uar": metrics.uar, "accuracy": metrics.accuracy, "macro_f1": metrics.macro_f1}


class FoldValue(TypedDict):
    """A metric of one fold of one repeat."""

    repeat: int
    fold: int
    value: float


class FoldStatistics(TypedDict):
    """A metric over folds and repeats: mean, deviation (n - 1) and extremes of the values of `each`."""

    mean: float
    std: float
    min: float
    max: float
    each: list[FoldValue]


FoldSummary = dict[str, dict[str, FoldStatistics]]
"""{target: {metric: its statistics}}."""


def score_predictions(predictions: pd.DataFrame, targets: list[Target]) -> dict[str, Any]:
    """Metrics of a prediction table with 95% intervals over speakers, and how many utterances and speakers they are of.

    Where the table holds several repeats, metrics are means over them. Categories are compared over the classes both
    sides have: probabilities are renormalised over them, utterances of other classes left out and counted: "classes"
    and "num_left_out", by target where several have classes. Relative scores are compared within folds
    (`emotone.evaluate.numbers.relative`), and "published_test" is that of the paper. With several corpora, "per_corpus"
    has the same of each. Raises EmotoneError for a target without labels.
    """
    num_utterances = int(predictions["id"].nunique())
    result: dict[str, Any] = {
        "num_speakers": int(predictions["speaker"].nunique()),
        "num_utterances": num_utterances,
        "num_unknown_speaker": int(predictions.loc[predictions["speaker"].isna(), "id"].nunique()),
    }
    scores: dict[str, Any] = {}
    compared: dict[str, list[str]] = {}
    left_out: dict[str, int] = {}
    for target in targets:
        known, pair, classes = pairs_of(predictions, target)
        if target.kind == "category":
            compared[target.name] = classes
            left_out[target.name] = num_utterances - int(known["id"].nunique())
        if not len(known):
            alone = f" but {classes[0]}, so there is nothing to tell apart" if classes else ""
            raise EmotoneError(f"no utterance has a label for {target.name}{alone}")
        repeats = known["repeat"] if "repeat" in known and known["repeat"].nunique() > 1 else None
        scores[target.name] = {
            name: interval_over_speakers(metric, *pair, speakers_of(known), repeats=repeats)._asdict()
            for name, metric in metrics_of(target).items()
        }
        if target.is_relative:
            result.setdefault("published_test", {})[target.name] = published_test(known, target.name)
    if compared:
        result["classes"] = one_or_each(compared)
        result["num_left_out"] = one_or_each(left_out)
    result |= {"metrics": scores}
    if predictions.get("corpus", pd.Series(dtype=str)).nunique() > 1:
        result["per_corpus"] = {
            str(name): score_predictions(part, [target for target in targets if _has_labels(part, target)])
            for name, part in predictions.groupby("corpus")
        }
    return result


def summarise_folds(predictions: pd.DataFrame, targets: list[Target]) -> FoldSummary:
    """Metrics of every fold by itself and their statistics, as published tables have them.

    A mean over folds is not the metric of all folds pooled, which `score_predictions` gives. A fold without two classes
    to tell apart is left out.
    """
    summary: FoldSummary = {}
    for target in targets:
        for name, metric in metrics_of(target).items():
            each: list[FoldValue] = []
            for (repeat, fold), part in predictions.groupby(["repeat", "fold"]):
                known, pair, _ = pairs_of(part, target)
                if len(known):
                    each.append({"repeat": int(repeat), "fold": int(fold), "value": float(metric(*pair))})
            values = np.array([one["value"] for one in each] or [np.nan])
            spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
            summary.setdefault(target.name, {})[name] = {
                "mean": float(values.mean()),
                "std": spread,
                "min": float(values.min()),
                "max": float(values.max()),
                "each": each,
            }
    return summary


def metrics_of(target: Target) -> dict[str, Any]:
    """The metrics of a target by name, the main one first; of relative scores only the order is compared."""
    if target.kind == "category":
        return CATEGORY_METRICS
    return RELATIVE_METRICS if target.is_relative else ATTRIBUTE_METRICS


def main_metrics(targets: Iterable[Target]) -> dict[str, str]:
    """{target: the name of its main metric}.

    >>> main_metrics([Target("arousal", "attribute", (1, 7)), Target("emotion", "category", labels=("calm", "tense"))])
    {'arousal': 'ccc', 'emotion': 'uar'}
    """
    return {target.name: next(iter(metrics_of(target))) for target in targets}


def pairs_of(predictions: pd.DataFrame, target: Target) -> tuple[pd.DataFrame, tuple[Any, Any], list[str]]:
    """The rows with a label for a target, (prediction, truth) as the metrics take them, and the classes compared.

    The prediction of a relative target is the share of the other rows of its fold that a row is preferred to.
    """
    if target.kind == "category":
        return _shared_classes(predictions, target)
    known = predictions[predictions[f"true_{target.name}"].notna()]
    predicted = shares_of_wins(known, target.name) if target.is_relative else predicted_values(known, target)
    return known, (predicted, known[f"true_{target.name}"].to_numpy(float)), []


def _has_labels(predictions: pd.DataFrame, target: Target) -> bool:
    return bool(predictions[f"true_{target.name}"].notna().any())


def _shared_classes(predictions: pd.DataFrame, target: Target) -> tuple[pd.DataFrame, tuple[Any, Any], list[str]]:
    truth = predictions[f"true_{target.name}"]
    present = set(truth.dropna())
    classes = [label for label in target.labels if label in present]
    known = predictions[truth.isin(classes)]
    if len(classes) < 2:
        return known.iloc[:0], (np.zeros(0), np.zeros(0)), classes
    return known, (predicted_values(known, target, classes), known[f"true_{target.name}"].to_numpy(str)), classes
