"""The clusters of a run in its report: where embeddings lie, what labels a cluster holds, how clusters settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.base.page import Section
from emotone.bundle.target import Target
from emotone.evaluate.report import cluster_pictures as pictures
from emotone.evaluate.report.artefacts import find_folds, fold_note
from emotone.evaluate.report.cells import Row
from emotone.evaluate.report.cluster_numbers import (
    PARTS,
    agreement,
    draw_evenly,
    leading_target,
    measure_clusters,
    project,
    read_clusters,
    read_history,
)
from emotone.evaluate.report.part import Evaluated, Part

CLUSTERS = "clusters.parquet"
FIRST_STEP = "semi-supervised"
"""Folder of a fold in which a run of several steps keeps the one that clusters."""
MOST_POINTS = 2000
"""As many utterances are projected at most."""
MOST_ROWS = 12
"""A longer table is folded."""
COLUMN_NAMES = {
    "num_utterances": "labels",
    "information": "information (nats)",
    "by_chance": "by chance",
    "entropy": "at most",
}
PROJECTION_NOTE = (
    "what lies close together is alike, distances between islands say little. Information: mutual information of "
    "cluster and level of the label (six levels of an attribute's range), beside what as many clusters would have by "
    "chance and the entropy of the levels, which is the most there is to know."
)
LABELS_NOTE = (
    "Mean ± deviation of an attribute, or the class that leads with its share; mi: what the cluster adds to the mutual "
    "information of cluster and level, in nats (all parts together). Clusters are numbered anew in every epoch."
)
AGREEMENT_NOTE = (
    "Normalised mutual information of each epoch's clusters with those of the epoch before: 1 means that every "
    "utterance stayed with the same others."
)


class Network(NamedTuple):
    """The clusters of one network of a run: the table of its utterances, and what is shown of them.

    `points` are the places [N, 2] of the utterances `drawn`, `nmi` the agreement of successive clusterings {what was
    clustered: epochs x folds}, `measured` the object of the JSON.
    """

    name: str
    table: pd.DataFrame
    drawn: pd.DataFrame
    points: NDArray[np.floating]
    nmi: dict[str, pd.DataFrame]
    measured: dict[str, Any]


def section(evaluated: Evaluated) -> Part:
    """What the run's clusters hold; null in the JSON where it has none.

    Tables and pictures are of the first fold; the agreement of clusterings is of all. Raises EmotoneError for a table
    that is damaged.
    """
    run = evaluated.run
    folds = find_folds(run, CLUSTERS, FIRST_STEP)
    if not folds:
        return Part({"clusters": None})
    first, folder = next(iter(folds.items()))
    table = read_clusters(folder / CLUSTERS, run.targets)
    history = {name: read_history(place / "metrics.csv") for name, place in folds.items()}
    networks = [_measure(name, table, history, run.targets) for name in table["network"].unique()]
    json = {"fold": first, "num_folds": len(folds), "networks": [network.measured for network in networks]}
    sections = []
    if len(networks) > 1:
        sections.append(Section("Clusters", f"{len(networks)} networks, each with clusters of its own."))
    for network in networks:
        sections += _sections(network, run.targets, fold_note(first, len(folds)), len(networks) == 1)
    return Part({"clusters": json}, sections)


def _measure(name: str, table: pd.DataFrame, history: dict[str, pd.DataFrame], targets: Sequence[Target]) -> Network:
    own = table[table["network"] == name].reset_index(drop=True)
    nmi = agreement(history, f"{name}_" if name else "")
    drawn = own.loc[draw_evenly(own["part"], MOST_POINTS)]
    points, method = project(np.stack(drawn["embedding"].to_list()))
    measured = measure_clusters(own, targets) | {
        "network": name,
        "projection": {"method": method, "num_utterances": len(drawn)},
        "nmi": {kind: _curve(folds) for kind, folds in nmi.items()},
    }
    return Network(name, own, drawn, points, nmi, measured)


def _curve(folds: pd.DataFrame) -> dict[str, Any]:
    return {
        "epoch": [int(epoch) for epoch in folds.index],
        "mean": folds.mean(axis=1).tolist(),
        "folds": {str(name): folds[name].tolist() for name in folds},
    }


def _sections(network: Network, targets: Sequence[Target], fold: str, is_alone: bool) -> list[Section]:
    """Projection, labels per cluster and agreement over epochs of one network."""
    first, *others = [
        _projection(network, targets, fold),
        _labels(network, targets),
        *([_agreement(network)] if network.nmi else []),
    ]
    if is_alone:
        return [first, *others]
    name = network.name.capitalize()
    titled = [replace(other, title=f"{name}: {other.title.lower()}") for other in others]
    return [replace(first, title=name, level=3), *titled]


def _projection(network: Network, targets: Sequence[Target], fold: str) -> Section:
    measured, counts = network.measured, network.table["part"].value_counts()
    parts = ", ".join(f"{counts[part]} {part}" for part in PARTS if part in counts)
    num_clusters = len(measured["clusters"])
    text = f"{len(network.table)} utterances ({parts}) in {num_clusters} clusters that are not empty{fold}."
    picture = pictures.plot_projection(network.points, network.drawn, leading_target(targets, network.name))
    rows = [{COLUMN_NAMES.get(key, key): value for key, value in row.items()} for row in measured["information"]]
    return Section("Clusters", text, rows, picture, _projection_note(measured))


def _projection_note(measured: dict[str, Any]) -> str:
    """How the picture and the numbers below it were made."""
    num, num_drawn = measured["num_utterances"], measured["projection"]["num_utterances"]
    drawn = f"all {num} utterances"
    if num_drawn < num:
        drawn = f"{num_drawn} of {num} utterances, drawn evenly over the parts"
    method = f"{measured['projection']['method']} of the embeddings ({measured['num_numbers']} numbers) of {drawn}"
    return f"{method}, fixed seed: {PROJECTION_NOTE}"


def _labels(network: Network, targets: Sequence[Target]) -> Section:
    clusters, note = network.measured["clusters"], LABELS_NOTE
    labelled = [target for target in targets if network.table[target.name].notna().any()]
    if len(clusters) > pictures.MOST_CLUSTERS:
        note = f"The picture has the {pictures.MOST_CLUSTERS} clusters with the most labels. {note}"
    parts = [part for part in PARTS if (network.table["part"] == part).any()]
    rows = [_cluster_row(cluster, targets, parts) for cluster in clusters]
    folds = f"All {len(rows)} clusters" if len(rows) > MOST_ROWS else ""
    picture = pictures.plot_labels(network.table, labelled) if labelled else ""
    return Section("Labels in each cluster", "", rows, picture, note, level=3, folds=folds)


def _agreement(network: Network) -> Section:
    picture = pictures.plot_agreement(network.nmi)
    return Section("Agreement over epochs", "", None, picture, AGREEMENT_NOTE, level=3)


def _cluster_row(cluster: dict[str, Any], targets: Sequence[Target], parts: Sequence[str]) -> Row:
    cells: Row = {"cluster": cluster["cluster"], **{part: cluster["parts"].get(part, 0) for part in parts}}
    for target in targets:
        summary = cluster["labels"][target.name]
        text = None
        if summary["num"] and target.kind == "attribute":
            text = f"{summary['mean']:.2f} ± {summary['std']:.2f}".replace(" ", "\u00a0")  # it stays on one line
        elif summary["num"]:
            text = _share(summary["classes"])
        cells |= {target.name: text, f"mi {target.name}": summary["information"] if summary["num"] else np.nan}
    return cells | {"corpus": _share(cluster["corpora"])}


def _share(counts: dict[str, int]) -> str:
    """The most frequent name with its share.

    >>> _share({"emotale": 3, "nemo": 1})
    'emotale 75%'
    """
    name, count = max(counts.items(), key=lambda item: item[1])
    return f"{name} {100 * count / sum(counts.values()):.0f}%"
