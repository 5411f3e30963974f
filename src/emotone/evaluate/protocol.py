"""Testing bundles: scores through the bundle's own code, metrics with intervals over speakers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from emotone.bundle.bundle import Bundle
from emotone.bundle.target import Target
from emotone.corpora.corpus import Corpus
from emotone.corpora.scan import scan
from emotone.data.store import extract
from emotone.data.words_and_text import words_of_bundle
from emotone.errors import EmotoneError, unknown
from emotone.evaluate.numbers.relative import describe_test
from emotone.evaluate.prediction_table import predict_table
from emotone.evaluate.run_folder import Run, load_run
from emotone.evaluate.scores import score_predictions


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
    usable = table[table["id"].isin(store.ids)].reset_index(drop=True)
    rows = store.rows(list(usable["id"]))
    about = words_of_bundle(bundle, corpus, usable, jobs, quiet)
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
