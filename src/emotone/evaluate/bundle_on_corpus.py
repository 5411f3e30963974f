"""A bundle tested on a whole corpus, as a run: predictions through the bundle's own code, and their metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emotone.bundle.bundle import Bundle
from emotone.bundle.folder import available
from emotone.bundle.target import EMOTION, Target
from emotone.corpora.corpus import Corpus
from emotone.corpora.scan import scan
from emotone.data.store import extract
from emotone.data.words_and_text import words_of_bundle
from emotone.errors import EmotoneError, unknown
from emotone.evaluate.prediction_table import predict_table, to_range
from emotone.evaluate.run_folder import Run, load_run
from emotone.evaluate.scores import score_predictions
from emotone.evaluate.trained_on import ALL, default_part, training_notes, training_warnings


def evaluate_model(
    model: str,
    corpus_name: str | None,
    device: str = "cpu",
    jobs: int = 1,
    quiet: bool = False,
    classes: str | None = None,
    part: str | None = None,
    lld: str | None = None,
) -> Run:
    """A finished run as it is, or a bundle tested on a part of a corpus; `.result` has the numbers.

    `lld`: what computes low-level descriptors (`Bundle.load`). Raises EmotoneError for it, `classes` or `part` without
    a corpus, and for what cannot be tested.
    """
    if corpus_name is None:
        if lld:
            raise EmotoneError("--lld chooses who computes a corpus's descriptors; name it with --corpus")
        if part:
            raise EmotoneError("--part chooses among the utterances of a corpus; name it with --corpus")
        if classes:
            raise EmotoneError("--classes chooses among the utterances of a corpus; name it with --corpus")
        if model in available() and not Path(model).is_dir():
            raise EmotoneError(f"{model} is a bundle; name the corpus to test it on with --corpus")
        return load_run(Path(model))
    bundle = Bundle.load(model, device=device, lld=lld)
    chosen = classes.split(",") if classes else ()
    return run_on_corpus(bundle, Corpus.load(corpus_name), jobs, quiet, chosen, part)


def run_on_corpus(
    bundle: Bundle,
    corpus: Corpus,
    jobs: int = 1,
    quiet: bool = False,
    classes: Sequence[str] = (),
    part: str | None = None,
) -> Run:
    """A bundle's predictions for a part of a corpus, or some classes of it, and their metrics.

    part: as of `Corpus.part`; by default the official test part, or all where there is none.
    Attributes of a corpus with another range are compared on the corpus's range, to which predictions are mapped
    linearly; the result says so. Attributes and categories that only one side has are left out and named. Raises
    EmotoneError where nothing has a label, or a class is not known.
    """
    part = part or default_part(corpus)
    whole, corpus = corpus, corpus.part(part)
    table = corpus.utterances.join(scan(corpus, jobs, quiet)["duration_s"], on="id").reset_index(drop=True)
    if classes:
        table = _keep_classes(table, classes, corpus.name, bundle)
    lacking = [target for target in bundle.targets if target.name not in table]
    table = table.assign(**{target.name: None if target.labels else np.nan for target in lacking})
    has_labels = {target.name: bool(table[target.name].notna().any()) for target in bundle.targets}
    targets = [target for target in bundle.targets if has_labels[target.name]]
    if not targets:
        of = "" if part == ALL else f" in its part {part}"
        raise EmotoneError(f"corpus {corpus.name} has no labels for {', '.join(has_labels)}{of}")
    store = extract(corpus, bundle.about.feature.name, bundle.feature, jobs, quiet=quiet)
    usable = table[table["id"].isin(store.index.index)].reset_index(drop=True)
    rows = store.rows(list(usable["id"]))
    words = words_of_bundle(bundle, corpus, usable, jobs, quiet)
    inputs = words.join(list(usable["id"]), rows.utterances) if bundle.takes_words else rows
    predictions = predict_table(bundle, inputs, usable.assign(corpus=corpus.name))
    ranged = [_on_range_of(corpus, target) for target in targets]
    mapped = [note for pair in zip(targets, ranged, strict=True) if (note := _map_scores(predictions, *pair))]
    training = bundle.about.training
    result: dict[str, Any] = {
        "model": bundle.name,
        "protocol": f"{bundle.name} on {'all' if part == ALL else part} of {corpus.name}",
        "corpora": {corpus.name: whole.fingerprint},
        "num_failed": len(store.failed),
        "not_in_corpus": [name for name, is_there in has_labels.items() if not is_there],
        "notes": training_notes(training, whole, part) + words.notes + mapped + [bundle.note] * bool(bundle.note),
        "warnings": training_warnings(bundle.name, training, whole, part),
        **score_predictions(predictions, targets),
    }
    test = predictions.assign(own_id=predictions["id"])
    return Run(bundle.folder, {"name": bundle.name}, result, ranged, test, pd.DataFrame(), bundle.lld)


def _keep_classes(table: pd.DataFrame, classes: Sequence[str], corpus: str, bundle: Bundle) -> pd.DataFrame:
    """The utterances of these categories of the bundle's first target that has any (of emotions, where none has).

    Raises EmotoneError for one that the corpus does not have.
    """
    column = next((target.name for target in bundle.targets if target.labels and target.name in table), EMOTION)
    present = set(table[column].dropna())
    for name in classes:
        if name not in present:
            raise unknown("class", name, present, where=f"corpus {corpus}")
    return table[table[column].isin(classes)].reset_index(drop=True)


def _on_range_of(corpus: Corpus, target: Target) -> Target:
    """The target on the corpus's own range, where both have one."""
    limits = corpus.meta.get("ranges", {}).get(target.name)
    if target.kind == "category" or target.is_relative or not limits:
        return target
    return replace(target, range=(float(limits[0]), float(limits[1])))


def _map_scores(predictions: pd.DataFrame, target: Target, ranged: Target) -> str:
    """Map a target's scores and curves to another range, in place; says so, or "" where nothing is to do."""
    if target.range == ranged.range:
        return ""
    for column in predictions.columns.intersection([f"predicted_{target.name}", f"curve_{target.name}"]):
        predictions[column] = to_range(predictions[column], target.range, ranged.range)
    return f"{target.name} mapped from {target.range} to {ranged.range}"
