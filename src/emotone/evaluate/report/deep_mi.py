"""DeepMI in the report of a run: its values, the clusters that tell most, and utterances to listen to.

Lin, Sridhar & Busso, "An Interpretable Deep Mutual Information Curriculum Metric for a Robust and Generalized Speech
Emotion Recognition System", IEEE/ACM TASLP 2024. `deep_mi.parquet` has a row per training utterance and target.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.base.page import Player, Section
from emotone.bundle.target import Target
from emotone.data.labels.deep_mi import PUBLISHED_CUTS, cut_points, information_table
from emotone.errors import EmotoneError, unknown
from emotone.evaluate.report import cluster_pictures as pictures
from emotone.evaluate.report.clips import make_players
from emotone.evaluate.report.clusters import check_codes, find_folds, of_fold, read_artefact, to_numbers
from emotone.evaluate.run_folder import Run

DEEP_MI = "deep_mi.parquet"
COLUMNS = (
    "id", "corpus", "file", "start_s", "end_s", "speaker", "gender", "duration_s", "target", "cluster", "label",
    "level", "predicted", "predicted_level", "deep_mi",
)  # fmt: skip
NUMBERS = ("start_s", "end_s", "duration_s", "label", "predicted", "deep_mi")
NUM_LEVELS = len(PUBLISHED_CUTS) + 1
NUM_LISTED = 10
NUM_CELLS = 12
Row = dict[str, Any]


def report_deep_mi(run: Run) -> tuple[Row | None, list[Section]]:
    """DeepMI of the first fold's training utterances: (JSON object or None where the run has none, sections).

    Raises EmotoneError for a table that is damaged. Audio that is not at hand is none: the page says how much and why.
    """
    folds = find_folds(run, DEEP_MI)
    if not folds:
        return None, []
    table = read_deep_mi(next(iter(folds.values())) / DEEP_MI, run.targets)
    about: Row = {"fold": next(iter(folds)), "num_folds": len(folds), "targets": {}}
    sections = []
    for target in run.targets:
        own = table[table["target"] == target.name].reset_index(drop=True)
        if len(own):
            measured = about["targets"][target.name] = measure_deep_mi(own, target)
            sections += _sections(own, measured, target, of_fold(about))
    return about, sections


def read_deep_mi(path: Path, targets: Sequence[Target]) -> pd.DataFrame:
    """The table of DeepMI, checked; raises EmotoneError, counted and named, for cells that do not fit."""
    table = read_artefact(path, COLUMNS)
    for column in NUMBERS:
        table[column] = to_numbers(table[column], path)
    num_unknown = int(table["deep_mi"].isna().sum())
    if num_unknown:
        raise EmotoneError(f"{path}: {num_unknown} of {len(table)} utterances have no DeepMI")
    check_codes(table["cluster"], path)
    check_codes(table["level"], path, NUM_LEVELS)
    attributes = [target.name for target in targets if target.kind == "attribute"]
    strangers = set(table["target"]) - set(attributes)
    if strangers:
        raise unknown("attribute", str(min(strangers, key=str)), attributes, where=str(path))
    return table


def measure_deep_mi(table: pd.DataFrame, target: Target) -> Row:
    """Values by level, cells of cluster and level, and the ends of the order, of one target; the table's own order."""
    values, names = table["deep_mi"], level_names(target)
    by_level = values.groupby(table["level"])
    levels = [
        {"level": level, "label": names[level], "num_utterances": len(own), "least": float(own.min()),
         "median": float(own.median()), "mean": float(own.mean()), "most": float(own.max())}
        for level, own in ((int(level), own) for level, own in by_level)
    ]  # fmt: skip
    most, least = ends_of(table)
    return {
        "num_utterances": len(table), "num_distinct": int(values.nunique()), "num_negative": int((values < 0).sum()),
        "mutual_information": float(_cells(table)[1].sum()), "levels": levels, "cells": _cell_rows(table, names),
        "most": [_utterance(row) for row in most.to_dict("records")],
        "least": [_utterance(row) for row in least.to_dict("records")],
    }  # fmt: skip


def level_names(target: Target) -> list[str]:
    """What labels a level has.

    >>> level_names(Target("arousal", "attribute", (0, 6)))
    ['< 1', '1–2', '2–3', '3–4', '4–5', '≥ 5']
    """
    assert target.range is not None
    cuts = [f"{cut:.3g}" for cut in cut_points(*target.range)]
    between = [f"{low}–{high}" for low, high in zip(cuts, cuts[1:], strict=False)]
    return [f"< {cuts[0]}", *between, f"≥ {cuts[-1]}"]


def ends_of(table: pd.DataFrame, num: int = NUM_LISTED) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The most and the least informative utterances, none in both; among equal values chance chooses (fixed seed)."""
    ordered = table.sample(frac=1, random_state=0).sort_values("deep_mi", ascending=False, kind="stable")
    num = min(num, len(table))
    return ordered.head(min(num, -(-len(table) // 2))), ordered.tail(min(num, len(table) // 2)).iloc[::-1]


def _cells(table: pd.DataFrame) -> tuple[list[int], NDArray[np.float64], NDArray[np.intp]]:
    """The clusters that occur, the most informative first; mi [X, levels] of each with the levels, and its counts."""
    codes, clusters = pd.factorize(table["cluster"], sort=True)
    levels = table["level"].to_numpy(np.intp)
    counts = np.bincount(codes * NUM_LEVELS + levels, minlength=len(clusters) * NUM_LEVELS).reshape(-1, NUM_LEVELS)
    known = information_table(codes, levels)
    information = np.pad(known, ((0, 0), (0, NUM_LEVELS - known.shape[1])))
    order = np.argsort(-information.sum(axis=1), kind="stable")
    return [int(clusters[place]) for place in order], information[order], counts[order]


def _cell_rows(table: pd.DataFrame, names: Sequence[str]) -> list[Row]:
    """Cells that were seen, the largest first."""
    clusters, information, counts = _cells(table)
    rows = [
        {"cluster": clusters[x], "level": int(level), "label": names[level], "mi": float(information[x, level]),
         "num_utterances": int(counts[x, level]), "share_of_cluster": float(counts[x, level] / counts[x].sum())}
        for x, level in zip(*np.nonzero(counts), strict=True)
    ]  # fmt: skip
    return sorted(rows, key=lambda row: -row["mi"])


def _utterance(row: Row) -> Row:
    columns = ("id", "corpus", "speaker", "duration_s", "cluster", "label", "level", "predicted", "deep_mi")
    return {column: row[column] for column in columns}


def _sections(table: pd.DataFrame, about: Row, target: Target, fold: str) -> list[Section]:
    names, (clusters, information, counts) = level_names(target), _cells(table)
    text = (
        f"{about['num_utterances']} training utterances in {len(clusters)} clusters{fold}. Cluster and level share "
        f"{about['mutual_information']:.3f} nats; {about['num_distinct']} different values of DeepMI, "
        f"{about['num_negative']} utterances below 0."
    )
    picture = pictures.plot_values(table["deep_mi"].to_numpy(), table["level"].to_numpy(), names)
    cells_picture = pictures.plot_cells(np.where(counts > 0, information, np.nan), clusters, names)
    cells = [
        {"cluster": row["cluster"], "label": row["label"], "mi (nats)": f"{row['mi']:.4f}",
         "utterances": row["num_utterances"], "of the cluster": f"{100 * row['share_of_cluster']:.0f}%"}
        for row in about["cells"][:NUM_CELLS]
    ]  # fmt: skip
    cells_note = CELLS_NOTE
    if len(about["cells"]) > NUM_CELLS:
        cells_note += f" The {NUM_CELLS} largest of {len(about['cells'])} cells are listed; the JSON has all."
    most, least = ends_of(table)
    players, audio_note = make_players(pd.concat([most, least]))
    ends = {"Most informative utterances": most, "Least informative utterances": least}
    listed = {title: end for title, end in ends.items() if len(end)}
    return [
        Section(f"DeepMI: {target.name}", text, None, picture, VALUES_NOTE),
        Section("Clusters and levels", "", cells, cells_picture, cells_note, level=3),
        *(
            Section(title, _tied(table, end), _rows(end, players), note=note, level=3)
            for (title, end), note in zip(listed.items(), [*[""] * (len(listed) - 1), audio_note], strict=True)
        ),
    ]


VALUES_NOTE = (
    "DeepMI = (1 - a) mi(cluster, level) + a mi(predicted level, level), mi(x, y) = p(x, y) ln(p(x, y) / (p(x) p(y))) "
    "over the training utterances: high where a cluster is large and speaks for one level, below 0 where the label is "
    "one that its cluster speaks against. The published curriculum begins with the highest. Boxes: median and "
    "quartiles."
)
CELLS_NOTE = (
    "mi of each cell, red: more utterances than if clusters knew nothing of the label, blue: fewer, empty: none. "
    "All cells together are the mutual information."
)


def _tied(table: pd.DataFrame, shown: pd.DataFrame) -> str:
    """How many share the first value of those shown, where not all of them can be listed."""
    value = shown["deep_mi"].iloc[0]
    num = int((table["deep_mi"] == value).sum())
    return (
        f"{num} utterances share the value {value:.5f}; those listed are drawn from them." if num > len(shown) else ""
    )


def _rows(shown: pd.DataFrame, players: dict[int, Player]) -> list[Row]:
    return [
        {"utterance": row["id"], "corpus": row["corpus"], "speaker": row["speaker"], "cluster": row["cluster"],
         "label": row["label"], "predicted": row["predicted"], "seconds": row["duration_s"],
         "DeepMI": f"{row['deep_mi']:.5f}", "listen": players.get(place)}
        for place, row in zip(shown.index, shown.to_dict("records"), strict=True)
    ]  # fmt: skip
