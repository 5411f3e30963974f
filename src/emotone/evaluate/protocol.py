"""Testing bundles: scores through the bundle's own code, metrics with intervals over speakers."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emotone.bundle.bundle import Bundle, Target
from emotone.bundle.view.streams import Utterance
from emotone.corpora.corpus import Corpus
from emotone.corpora.scan import scan
from emotone.data.rows import Rows
from emotone.data.store import extract
from emotone.data.words_and_text_of_bundles import tell
from emotone.errors import EmotoneError, unknown
from emotone.evaluate.numbers import metrics
from emotone.evaluate.numbers.relative import describe_test, published_test, shares_of_wins
from emotone.evaluate.numbers.statistics import bootstrap_over_speakers
from emotone.evaluate.run_folder import Run, load_run, speakers_of

ATTRIBUTE_METRICS = {"ccc": metrics.ccc, "pearson": metrics.pearson, "rmse": metrics.rmse}
RELATIVE_METRICS = {"spearman": metrics.spearman, "kendall": metrics.kendall}
CATEGORY_METRICS = {"uar": metrics.uar, "accuracy": metrics.accuracy, "macro_f1": metrics.macro_f1}
ABOUT_COLUMNS = ("id", "corpus", "speaker", "gender", "language", "duration_s")
BATCH = 32


def predict_table(bundle: Bundle, inputs: Rows | list[Utterance], table: pd.DataFrame) -> pd.DataFrame:
    """Scores and labels of utterances: who and what they are, `true_*`, `predicted_*`, `curve_*` and `p_*`.

    `inputs` are the utterances' features as extracted, in the order of `table`; columns: `emotone.evaluate.run_folder`.
    """
    columns: dict[str, Any] = {name: table[name].to_numpy() for name in ABOUT_COLUMNS if name in table}
    rows: Sequence[Any] = inputs.utterances if isinstance(inputs, Rows) else inputs
    speakers = None
    if isinstance(inputs, Rows) and bundle.normalises_by_speaker:
        speakers = inputs.moments_of(table["speaker"])
    parts = []
    for start in range(0, len(rows), BATCH):
        batch = list(rows[start : start + BATCH])
        own = None
        if speakers is not None:
            mean, std, codes = speakers
            own = mean[codes[start : start + BATCH]], std[codes[start : start + BATCH]]
        parts.append(bundle.score_features(batch, own))
    for target in bundle.targets:
        if target.kind == "attribute":
            columns[f"true_{target.name}"] = table[target.name].to_numpy(float)
            columns[f"predicted_{target.name}"] = np.concatenate([part.attributes[target.name] for part in parts])
            if bundle.has_curves:
                curves = np.concatenate([part.curves[target.name] for part in parts])
                columns[f"curve_{target.name}"] = list(curves.astype(np.float32))
        else:
            columns["true_emotion"] = table["emotion"].to_numpy()
            for label in target.labels:
                columns[f"p_{label}"] = np.concatenate([part.probabilities[label] for part in parts])
    return pd.DataFrame(columns)


def score_predictions(predictions: pd.DataFrame, targets: list[Target]) -> dict[str, Any]:
    """Metrics of a prediction table with 95% intervals over speakers, and how much was measured.

    Where the table holds several repeats, metrics are means over them. Categories are compared over the classes both
    sides have: probabilities are renormalised over them, utterances of other classes left out and counted. Relative
    scores are compared within folds (`emotone.evaluate.numbers.relative`), and "published_test" has the published test
    of them.
    """
    num_utterances = int(predictions["id"].nunique())
    result: dict[str, Any] = {
        "num_speakers": int(predictions["speaker"].nunique()), "num_utterances": num_utterances,
        "num_unknown_speaker": int(predictions.loc[predictions["speaker"].isna(), "id"].nunique()),
    }  # fmt: skip
    scores: dict[str, Any] = {}
    for target in targets:
        known, pair, classes = pairs_of(predictions, target)
        if target.kind == "category":
            result |= {"classes": classes, "num_left_out": num_utterances - int(known["id"].nunique())}
        if not len(known):
            alone = f" but {classes[0]}, so there is nothing to tell apart" if classes else ""
            raise EmotoneError(f"no utterance has a label for {target.name}{alone}")
        repeats = known["repeat"] if "repeat" in known and known["repeat"].nunique() > 1 else None
        scores[target.name] = {
            name: bootstrap_over_speakers(metric, *pair, speakers_of(known), repeats=repeats)._asdict()
            for name, metric in metrics_of(target).items()
        }
        if target.is_relative:
            result.setdefault("published_test", {})[target.name] = published_test(known, target.name)
    result |= {"metrics": scores}
    if predictions.get("corpus", pd.Series(dtype=str)).nunique() > 1:
        result["per_corpus"] = {
            str(name): score_predictions(part, [target for target in targets if _has_labels(part, target)])
            for name, part in predictions.groupby("corpus")
        }
    return result


def summarise_folds(predictions: pd.DataFrame, targets: list[Target]) -> dict[str, Any]:
    """Metrics of every fold by itself, and their mean, deviation (n - 1) and extremes, as published tables have them.

    A mean over folds is not the metric of all folds pooled, which `score_predictions` gives. A fold that has no two
    classes to tell apart is not in it.
    """
    summary: dict[str, Any] = {}
    for target in targets:
        for name, metric in metrics_of(target).items():
            each = []
            for (repeat, fold), part in predictions.groupby(["repeat", "fold"]):
                known, pair, _ = pairs_of(part, target)
                if len(known):
                    each.append({"repeat": int(repeat), "fold": int(fold), "value": float(metric(*pair))})
            values = np.array([one["value"] for one in each] or [np.nan])
            spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
            summary.setdefault(target.name, {})[name] = {
                "mean": float(values.mean()), "std": spread, "min": float(values.min()), "max": float(values.max()),
                "each": each,
            }  # fmt: skip
    return summary


def metrics_of(target: Target) -> dict[str, Any]:
    """The metrics of a target by name, the main one first; of relative scores only the order is compared."""
    if target.kind == "category":
        return CATEGORY_METRICS
    return RELATIVE_METRICS if target.is_relative else ATTRIBUTE_METRICS


def pairs_of(predictions: pd.DataFrame, target: Target) -> tuple[pd.DataFrame, tuple[Any, Any], list[str]]:
    """The rows with a label for a target, (prediction, truth) as the metrics take them, and the classes compared.

    The prediction of a relative target is the share of the other rows of its fold that a row is preferred to.
    """
    if target.kind == "category":
        return _shared_classes(predictions, target.labels)
    known = predictions[predictions[f"true_{target.name}"].notna()]
    if target.is_relative:
        predicted = shares_of_wins(known, target.name)
    else:
        predicted = known[f"predicted_{target.name}"].to_numpy()
    return known, (predicted, known[f"true_{target.name}"].to_numpy(float)), []


def _has_labels(predictions: pd.DataFrame, target: Target) -> bool:
    return bool(predictions[f"true_{target.name}"].notna().any())


def _shared_classes(
    predictions: pd.DataFrame, labels: tuple[str, ...]
) -> tuple[pd.DataFrame, tuple[Any, Any], list[str]]:
    present = set(predictions["true_emotion"].dropna())
    classes = [label for label in labels if label in present]
    known = predictions[predictions["true_emotion"].isin(classes)]
    if len(classes) < 2:
        return known.iloc[:0], (np.zeros(0), np.zeros(0)), classes
    predicted = np.array(classes)[known[[f"p_{label}" for label in classes]].to_numpy().argmax(axis=1)]
    return known, (predicted, known["true_emotion"].to_numpy(str)), classes


def evaluate_model(
    model: str,
    corpus_name: str | None,
    device: str = "cpu",
    jobs: int = 1,
    quiet: bool = False,
    classes: str | None = None,
) -> Run:
    """A finished run as it is, or a bundle tested on a whole corpus; `.result` has the numbers.

    Attributes of a corpus with another range are compared on the corpus's range, to which predictions are mapped
    linearly; the result says so. Attributes and categories that only one side has are left out and named. Raises
    EmotoneError for `classes` without a corpus, and for what cannot be tested.
    """
    if corpus_name is None:
        if classes:
            raise EmotoneError("--classes chooses among the utterances of a corpus; name it with --corpus")
        return load_run(Path(model))
    bundle = Bundle.load(model, device=device)
    corpus = Corpus.load(corpus_name)
    table = corpus.utterances.join(scan(corpus, jobs, quiet)["duration_s"], on="id")
    if classes:
        table = _keep_classes(table, classes.split(","), corpus.name)
    present = {target.name: bool(table[_column(target)].notna().any()) for target in bundle.targets}
    targets = [target for target in bundle.targets if present[target.name]]
    if not targets:
        raise EmotoneError(f"corpus {corpus.name} has no labels for {', '.join(present)}")
    store = extract(corpus, bundle.about["feature"]["name"], bundle.feature, jobs, quiet=quiet)
    usable = table[table["id"].isin(store.index.index)].reset_index(drop=True)
    rows = store.rows(list(usable["id"]))
    about = tell(bundle, corpus, usable, jobs, quiet)
    inputs = about.join(list(usable["id"]), rows.utterances) if bundle.takes_words else rows
    predictions = predict_table(bundle, inputs, usable.assign(corpus=corpus.name))
    mapped = [note for target in targets if (note := _to_corpus_range(predictions, target, corpus))]
    result = {
        "model": bundle.name, "protocol": f"{bundle.name} on all of {corpus.name}, nothing trained on it here",
        "corpora": {corpus.name: corpus.fingerprint}, "num_failed": len(store.failed),
        "not_in_corpus": [name for name, is_there in present.items() if not is_there],
        "notes": about.notes + mapped,
        "warnings": _warnings(bundle, corpus), **score_predictions(predictions, targets),
    }  # fmt: skip
    ranged = [_with_range(target, corpus) for target in targets]
    return Run(bundle.folder, {"name": bundle.name}, result, ranged, predictions, pd.DataFrame())


def _warnings(bundle: Bundle, corpus: Corpus) -> list[str]:
    trained = bundle.about.get("training", {}).get("corpora", {})
    if corpus.name in trained or corpus.fingerprint in trained.values():
        return [f"the bundle {bundle.name} was trained on {corpus.name} itself: this is no test"]
    return []


def _column(target: Target) -> str:
    return "emotion" if target.kind == "category" else target.name


def _keep_classes(table: pd.DataFrame, classes: list[str], corpus: str) -> pd.DataFrame:
    """The utterances of these categories; raises EmotoneError for one that the corpus does not have."""
    present = set(table["emotion"].dropna())
    for name in classes:
        if name not in present:
            raise unknown("class", name, present, where=f"corpus {corpus}")
    return table[table["emotion"].isin(classes)].reset_index(drop=True)


def _with_range(target: Target, corpus: Corpus) -> Target:
    """The target on the corpus's own range, where it has one."""
    limits = corpus.meta.get("ranges", {}).get(target.name)
    if target.kind == "category" or target.is_relative or not limits:
        return target
    return Target(target.name, "attribute", (float(limits[0]), float(limits[1])), target.mean, target.std)


def _to_corpus_range(predictions: pd.DataFrame, target: Target, corpus: Corpus) -> str:
    """Map a target's predictions and curves to the corpus's range, in place; says so, or "" where nothing is to do."""
    own = _with_range(target, corpus).range
    if target.range is None or own is None or own == target.range:
        return ""
    for column in predictions.columns.intersection([f"predicted_{target.name}", f"curve_{target.name}"]):
        share = (predictions[column] - target.range[0]) / (target.range[1] - target.range[0])
        predictions[column] = own[0] + share * (own[1] - own[0])
    return f"{target.name} mapped from {target.range} to {own}"


def print_result(result: dict[str, Any], as_json: bool) -> None:
    """Print a result to stdout: one line per metric, or JSON."""
    if as_json:
        print(json.dumps(result, indent=1))
        return
    print(f"{result['protocol']}: {result['num_utterances']} utterances, {result['num_speakers']} speakers")
    for target, values in result["metrics"].items():
        for name, interval in values.items():
            print(f"  {target:<10} {name:<9} {interval['value']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]")
    for target, about in result.get("published_test", {}).items():
        print(f"  {target:<10} {describe_test(about)}")
    for line in (*result.get("warnings", []), *result.get("notes", [])):
        print(f"  {line}", file=sys.stderr)
