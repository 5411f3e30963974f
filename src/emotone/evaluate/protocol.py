"""Testing bundles: scores through the bundle's own code, metrics with intervals over speakers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from emotone.bundle import Bundle, Target, locate
from emotone.corpus import Corpus
from emotone.data.split import given
from emotone.errors import EmotoneError, unknown
from emotone.evaluate import metrics
from emotone.evaluate.statistics import bootstrap_over_speakers
from emotone.store import Rows, extract

ATTRIBUTE_METRICS = {"ccc": metrics.ccc, "pearson": metrics.pearson, "rmse": metrics.rmse}
CATEGORY_METRICS = {"uar": metrics.uar, "accuracy": metrics.accuracy, "macro_f1": metrics.macro_f1}
BATCH = 32


def test_bundle(bundle: Bundle, rows: Rows, table: pd.DataFrame) -> pd.DataFrame:
    """Scores and labels of utterances: id, speaker, per attribute `true_*` and `predicted_*`, per category `p_*`.

    `rows` are the utterances' features as extracted, in the order of `table`.
    """
    columns: dict[str, Any] = {name: table[name] for name in ("id", "corpus", "speaker") if name in table}
    parts = [
        bundle.score_features([np.asarray(features, np.float32) for features in rows.utterances[start : start + BATCH]])
        for start in range(0, len(rows), BATCH)
    ]
    for target in bundle.targets:
        if target.kind == "attribute":
            columns[f"true_{target.name}"] = table[target.name].to_numpy(float)
            columns[f"predicted_{target.name}"] = np.concatenate([part.attributes[target.name] for part in parts])
        else:
            columns["true_emotion"] = table["emotion"].to_numpy()
            for label in target.labels:
                columns[f"p_{label}"] = np.concatenate([part.probabilities[label] for part in parts])
    return pd.DataFrame(columns)


test_bundle.__test__ = False  # type: ignore[attr-defined]  # a verb of this module, not a test


def score_predictions(predictions: pd.DataFrame, targets: list[Target]) -> dict[str, Any]:
    """Metrics of a prediction table with 95% intervals over speakers, and how much was measured.

    Categories are compared over the classes both sides have: probabilities are renormalised over them, utterances of
    other classes left out and counted.
    """
    result: dict[str, Any] = {"num_speakers": int(predictions["speaker"].nunique()), "num_utterances": len(predictions)}
    scores: dict[str, Any] = {}
    for target in targets:
        if target.kind == "attribute":
            known = predictions[predictions[f"true_{target.name}"].notna()]
            pair = known[f"predicted_{target.name}"].to_numpy(), known[f"true_{target.name}"].to_numpy(float)
            chosen: dict[str, Any] = ATTRIBUTE_METRICS
        else:
            known, pair, classes = _shared_classes(predictions, target.labels)
            result |= {"classes": classes, "num_left_out": len(predictions) - len(known)}
            chosen = CATEGORY_METRICS
        if not len(known):
            raise EmotoneError(f"no utterance has a label for {target.name}")
        speakers = known["speaker"].to_numpy()
        scores[target.name] = {
            name: bootstrap_over_speakers(metric, *pair, speakers)._asdict() for name, metric in chosen.items()
        }
    result |= {"metrics": scores}
    if predictions.get("corpus", pd.Series(dtype=str)).nunique() > 1:
        result["per_corpus"] = {
            str(name): score_predictions(part, [target for target in targets if _has_labels(part, target)])
            for name, part in predictions.groupby("corpus")
        }
    return result


def labelled(table: pd.DataFrame, targets: list[Target]) -> pd.DataFrame:
    """The rows that have a label for at least one target."""
    known = np.zeros(len(table), dtype=bool)
    for target in targets:
        known |= table[target.name].isin(target.labels) if target.kind == "category" else table[target.name].notna()
    return table[known].reset_index(drop=True)


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
) -> dict[str, Any]:
    """The test result of a run (its own test parts, scored anew) or of a bundle on a whole corpus.

    Attributes of a corpus with another range are compared on the corpus's range, to which predictions are mapped
    linearly; the result says so. Attributes and categories that only one side has are left out and named.
    """
    if corpus_name is None:
        return _evaluate_run(Path(model), device, jobs, quiet)
    bundle = Bundle.load(model, device=device)
    corpus = Corpus.load(corpus_name)
    table = corpus.utterances
    if classes:
        table = _keep_classes(table, classes.split(","), corpus.name)
    targets, skipped, notes = [], [], []
    for target in bundle.targets:
        column = "emotion" if target.kind == "category" else target.name
        if not table[column].notna().any():
            skipped.append(target.name)
            continue
        targets.append(target)
    if not targets:
        raise EmotoneError(f"corpus {corpus.name} has no labels for {', '.join(skipped)}")
    store = extract(corpus, bundle.about["feature"]["name"], bundle.feature, jobs, quiet=quiet)
    usable = table[table["id"].isin(store.index.index)].reset_index(drop=True)
    predictions = test_bundle(bundle, store.rows(list(usable["id"])), usable)
    for target in targets:
        low_high = corpus.meta.get("ranges", {}).get(target.name)
        if target.range is not None and low_high and tuple(low_high) != target.range:
            predictions[f"predicted_{target.name}"] = _map_range(
                predictions[f"predicted_{target.name}"], target.range, tuple(low_high)
            )
            notes.append(f"{target.name} mapped from {target.range} to {tuple(low_high)}")
    return {
        "model": bundle.name, "protocol": f"{bundle.name} on all of {corpus.name}, nothing trained on it here",
        "corpora": {corpus.name: corpus.fingerprint}, "num_failed": len(store.failed), "not_in_corpus": skipped,
        "notes": notes, **score_predictions(predictions, targets),
    }  # fmt: skip


def _keep_classes(table: pd.DataFrame, classes: list[str], corpus: str) -> pd.DataFrame:
    """The utterances of these categories; raises EmotoneError for one that the corpus does not have."""
    present = set(table["emotion"].dropna())
    for name in classes:
        if name not in present:
            raise unknown("class", name, present, where=f"corpus {corpus}")
    return table[table["emotion"].isin(classes)].reset_index(drop=True)


def _map_range(values: pd.Series, from_range: tuple[float, float], to_range: tuple[float, float]) -> pd.Series:
    share = (values - from_range[0]) / (from_range[1] - from_range[0])
    return to_range[0] + share * (to_range[1] - to_range[0])


def _evaluate_run(folder: Path, device: str, jobs: int, quiet: bool) -> dict[str, Any]:
    """A run's test parts scored anew with its bundles."""
    from emotone.dataset import Dataset
    from emotone.recipe import from_json

    path = folder / "recipe.yaml"
    if not path.is_file():
        raise EmotoneError(f"{folder}: not a run (recipe.yaml is missing); for a bundle name the corpus with --corpus")
    recipe = from_json(yaml.safe_load(path.read_text()), where=str(path))
    data = Dataset.load(recipe, jobs, quiet, with_copies=False)
    places = sorted(folder.glob("fold-*"), key=lambda place: int(place.name.split("-")[1])) or [folder]
    tables = []
    for place in places:
        split = given(data.table, place / "split.json")
        test = labelled(data.table[data.table["id"].isin(split.test)], data.targets)
        if not len(test):
            raise EmotoneError(f"{folder}: this run has no test part; name a corpus with --corpus")
        tables.append(test_bundle(Bundle.load(str(locate(str(place))), device=device), data.rows(test), test))
    result = score_predictions(pd.concat(tables, ignore_index=True), data.targets)
    return {"model": str(folder), "protocol": f"test parts of {recipe.name} ({recipe.hash})", **result}


def print_result(result: dict[str, Any], as_json: bool) -> None:
    """Print a result to stdout: one line per metric, or JSON."""
    if as_json:
        print(json.dumps(result, indent=1))
        return
    print(f"{result['protocol']}: {result['num_utterances']} utterances, {result['num_speakers']} speakers")
    for target, values in result["metrics"].items():
        for name, interval in values.items():
            print(f"  {target:<10} {name:<9} {interval['value']:.3f} [{interval['low']:.3f}, {interval['high']:.3f}]")
    for note in result.get("notes", []):
        print(f"  {note}", file=sys.stderr)
