"""What curves over degraded utterances share: whose bundle scores whom, and what a point measures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from emotone.bundle import Bundle, Target
from emotone.corpus import Corpus
from emotone.data.augment import generator
from emotone.data.streams import Utterance
from emotone.errors import EmotoneError
from emotone.evaluate.protocol import metrics_of, pairs_of
from emotone.evaluate.run_folder import Run, places_of, speakers_of
from emotone.evaluate.statistics import PooledMetric


def check_scorable(run: Run, what: str) -> None:
    """Raise EmotoneError where scores of single degraded utterances say nothing, or cannot be had."""
    relative = [target.name for target in run.targets if target.is_relative]
    if relative:
        raise EmotoneError(
            f"{run.folder}: its scores of {', '.join(relative)} are relative, and say nothing of a degraded "
            f"utterance by itself; {what} needs scores on a range, or categories"
        )
    if Bundle.load(bundles_of(run).iloc[0]).normalises_by_speaker:
        raise EmotoneError(f"{run.folder}: normalises by speaker, so it cannot score single degraded files")


def choose(table: pd.DataFrame, num_utterances: int, seed: int) -> pd.DataFrame:
    """At most so many rows, drawn at random, speakers in turn: each has as many as it can, to one.

    >>> table = pd.DataFrame({"id": list("abcdef"), "speaker": ["1"] * 5 + ["2"]})
    >>> choose(table, 3, 0)["speaker"].value_counts().to_dict()
    {'1': 2, '2': 1}
    """
    lot = pd.Series([generator(seed, "choice", name).random() for name in table["id"]], index=table.index)
    turn = lot.groupby(speakers_of(table)).rank()
    taken = pd.DataFrame({"turn": turn, "lot": lot}).sort_values(["turn", "lot"]).index[:num_utterances]
    return table.loc[table.index.isin(taken)].reset_index(drop=True)


def bundles_of(run: Run) -> pd.Series[str]:
    """The folder of the bundle that scored each row of `run.test`."""
    folders = [str(run.folder)] * len(run.test)
    if not (run.folder / "bundle.json").is_file():
        tested = [place for place in places_of(run.folder) if (place / "predictions.parquet").is_file()]
        sizes = [len(pd.read_parquet(place / "predictions.parquet", columns=["id"])) for place in tested]
        folders = np.repeat([str(place / "bundle") for place in tested], sizes).tolist()
    return pd.Series(folders, index=run.test.index)


def corpora_of(run: Run) -> list[Corpus]:
    """The corpora of a run; raises EmotoneError for one that is not prepared or has changed."""
    fingerprints = run.result.get("corpora", {})
    corpora = [Corpus.load(name) for name in run.recipe.get("corpora") or fingerprints]
    for corpus in corpora:
        if corpus.fingerprint not in fingerprints.values():
            raise EmotoneError(f"corpus {corpus.name} has changed since {run.folder}: its fingerprint is another")
    return corpora


def own_ids(run: Run, table: pd.DataFrame) -> pd.Series[str]:
    """The id in its own corpus of each row; those of runs on several corpora carry the corpus's name."""
    if len(run.recipe.get("corpora", [])) < 2:
        return table["id"]
    pairs = zip(table["id"], table["corpus"], strict=True)
    return pd.Series([name.removeprefix(f"{corpus}/") for name, corpus in pairs], index=table.index, dtype=object)


def score_utterances(bundle: Bundle, batch: Sequence[Utterance], targets: Sequence[Target]) -> pd.DataFrame:
    """Columns `predicted_NAME`, on the ranges of `targets`, and `p_LABEL`; a row per utterance."""
    scores = bundle.score_features(batch)
    own = {target.name: target.range for target in bundle.targets}
    columns: dict[str, Any] = {f"p_{label}": values for label, values in scores.probabilities.items()}
    for target in targets:
        if target.kind == "attribute":
            values = scores.attributes[target.name]
            columns[f"predicted_{target.name}"] = _to_range(values, own[target.name], target.range)
    return pd.DataFrame(columns)


def measure(degraded: pd.DataFrame, clean: pd.DataFrame, targets: Sequence[Target]) -> dict[str, Any]:
    """The main metric of each target with its 95% interval: {target: {"low", "value", "high", "change": {...}}}.

    Both are prediction tables; rows of `degraded` are found in `clean` by their index, and "change" is the difference
    to it on the same utterances. None where no row with a label is there. Repeats are averaged.
    """
    measured: dict[str, Any] = {}
    for target in targets:
        metric = next(iter(metrics_of(target).values()))
        known, (clean_p, truth), classes = pairs_of(clean, target)
        kept = known.index.isin(degraded.index)
        if not kept.any():
            measured[target.name] = None
            continue
        rows = degraded.loc[known.index[kept]]
        p = predictions_of(rows, target, classes)
        pooled = PooledMetric(metric, [p, clean_p[kept]], truth[kept], speakers_of(rows), rows.get("repeat"))
        measured[target.name] = {**pooled.interval([1, 0])._asdict(), "change": pooled.interval([1, -1])._asdict()}
    return measured


def predictions_of(rows: pd.DataFrame, target: Target, classes: Sequence[str]) -> Any:
    """Scores of an attribute, or the class of the largest probability among those that are compared."""
    if target.kind == "attribute":
        return rows[f"predicted_{target.name}"].to_numpy()
    return np.array(classes)[rows[[f"p_{label}" for label in classes]].to_numpy().argmax(axis=1)]


def _to_range(values: Any, own: tuple[float, float] | None, wanted: tuple[float, float] | None) -> Any:
    """Scores on another range, mapped linearly."""
    if own is None or wanted is None or own == wanted:
        return values
    return wanted[0] + (values - own[0]) / (own[1] - own[0]) * (wanted[1] - wanted[0])
