"""DeepMI in the report of a run: its values, the most informative clusters, and utterances to listen to.

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

from emotone.base import figure
from emotone.base.figure import COLOURS, WIDTH_IN
from emotone.base.page import Player, Section
from emotone.bundle.target import Target
from emotone.data.labels.deep_mi import PUBLISHED_CUTS, cut_points, information_table
from emotone.errors import EmotoneError, unknown
from emotone.evaluate.report.artefacts import check_codes, find_folds, finite_numbers, fold_note, read_artefact
from emotone.evaluate.report.cells import Row
from emotone.evaluate.report.clips import make_players
from emotone.evaluate.report.cluster_pictures import INK, draw_box
from emotone.evaluate.report.part import Evaluated, Part

DEEP_MI = "deep_mi.parquet"
NUMBERS = ("start_s", "end_s", "duration_s", "label", "predicted", "deep_mi")
COLUMNS = (
    "id",
    "corpus",
    "file",
    "start_s",
    "end_s",
    "speaker",
    "gender",
    "duration_s",
    "target",
    "cluster",
    "label",
    "level",
    "predicted",
    "predicted_level",
    "deep_mi",
)
LISTED_COLUMNS = ("id", "corpus", "speaker", "duration_s", "cluster", "label", "level", "predicted", "deep_mi")
"""What the JSON says of an utterance."""
NUM_LEVELS = len(PUBLISHED_CUTS) + 1
NUM_LISTED = 10
NUM_CELLS = 12
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


def section(evaluated: Evaluated) -> Part:
    """DeepMI of the first fold's training utterances; null in the JSON where the run has none.

    Raises EmotoneError for a table that is damaged. Missing audio is no error: the page counts it and says why.
    """
    run = evaluated.run
    folds = find_folds(run, DEEP_MI)
    if not folds:
        return Part({"deep_mi": None})
    first, folder = next(iter(folds.items()))
    table = read_deep_mi(folder / DEEP_MI, run.targets)
    measured, sections = {}, []
    for target in run.targets:
        own = table[table["target"] == target.name].reset_index(drop=True)
        if len(own):
            measured[target.name] = measure_deep_mi(own, target)
            sections += _sections(own, measured[target.name], target, fold_note(first, len(folds)))
    return Part({"deep_mi": {"fold": first, "num_folds": len(folds), "targets": measured}}, sections)


def read_deep_mi(path: Path, targets: Sequence[Target]) -> pd.DataFrame:
    """The table of DeepMI, checked; raises EmotoneError, counted and named, for cells that do not fit."""
    table = read_artefact(path, COLUMNS)
    for column in NUMBERS:
        table[column] = finite_numbers(table[column], path)
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


def measure_deep_mi(table: pd.DataFrame, target: Target) -> dict[str, Any]:
    """The JSON object of one target: values by level, pairs of cluster and level, the ends of the order."""
    values, names = table["deep_mi"], level_names(target)
    by_level = values.groupby(table["level"])
    levels = [
        {
            "level": level,
            "label": names[level],
            "num_utterances": len(own),
            "least": float(own.min()),
            "median": float(own.median()),
            "mean": float(own.mean()),
            "most": float(own.max()),
        }
        for level, own in ((int(level), own) for level, own in by_level)
    ]
    most, least = ends_of(table)
    return {
        "num_utterances": len(table),
        "num_distinct": int(values.nunique()),
        "num_negative": int((values < 0).sum()),
        "mutual_information": float(_cells(table)[1].sum()),
        "levels": levels,
        "cells": _cell_rows(table, names),
        "most": most[list(LISTED_COLUMNS)].to_dict("records"),
        "least": least[list(LISTED_COLUMNS)].to_dict("records"),
    }


def level_names(target: Target) -> list[str]:
    """The range of labels of each level, as text.

    >>> level_names(Target("arousal", "attribute", (0, 6)))
    ['< 1', '1–2', '2–3', '3–4', '4–5', '≥ 5']
    """
    assert target.range is not None
    cuts = [f"{cut:.3g}" for cut in cut_points(*target.range)]
    between = [f"{low}–{high}" for low, high in zip(cuts, cuts[1:], strict=False)]
    return [f"< {cuts[0]}", *between, f"≥ {cuts[-1]}"]


def ends_of(table: pd.DataFrame, num: int = NUM_LISTED) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The most and the least informative utterances, none in both; among equal values drawn with a fixed seed."""
    ordered = table.sample(frac=1, random_state=0).sort_values("deep_mi", ascending=False, kind="stable")
    num = min(num, len(table))
    return ordered.head(min(num, -(-len(table) // 2))), ordered.tail(min(num, len(table) // 2)).iloc[::-1]


def _cells(table: pd.DataFrame) -> tuple[list[int], NDArray[np.float64], NDArray[np.intp]]:
    """Clusters [X], the most informative first, with mi(cluster, level) [X, levels] and counts [X, levels]."""
    codes, clusters = pd.factorize(table["cluster"], sort=True)
    levels = table["level"].to_numpy(np.intp)
    counts = np.bincount(codes * NUM_LEVELS + levels, minlength=len(clusters) * NUM_LEVELS).reshape(-1, NUM_LEVELS)
    known = information_table(codes, levels)
    information = np.pad(known, ((0, 0), (0, NUM_LEVELS - known.shape[1])))
    order = np.argsort(-information.sum(axis=1), kind="stable")
    return [int(clusters[place]) for place in order], information[order], counts[order]


def _cell_rows(table: pd.DataFrame, names: Sequence[str]) -> list[dict[str, Any]]:
    """Pairs of cluster and level that occur, those with the largest mi first."""
    clusters, information, counts = _cells(table)
    rows = [
        {
            "cluster": clusters[x],
            "level": int(level),
            "label": names[level],
            "mi": float(information[x, level]),
            "num_utterances": int(counts[x, level]),
            "share_of_cluster": float(counts[x, level] / counts[x].sum()),
        }
        for x, level in zip(*np.nonzero(counts), strict=True)
    ]
    return sorted(rows, key=lambda row: -row["mi"])


def _sections(table: pd.DataFrame, measured: dict[str, Any], target: Target, fold: str) -> list[Section]:
    names, (clusters, information, counts) = level_names(target), _cells(table)
    text = (
        f"{measured['num_utterances']} training utterances in {len(clusters)} clusters{fold}. Cluster and level share "
        f"{measured['mutual_information']:.3f} nats; {measured['num_distinct']} different values of DeepMI, "
        f"{measured['num_negative']} utterances below 0."
    )
    picture = plot_values(table["deep_mi"].to_numpy(), table["level"].to_numpy(), names)
    cells_picture = plot_cells(np.where(counts > 0, information, np.nan), clusters, names)
    cells = [
        {
            "cluster": cell["cluster"],
            "label": cell["label"],
            "mi (nats)": f"{cell['mi']:.4f}",
            "utterances": cell["num_utterances"],
            "of the cluster": f"{100 * cell['share_of_cluster']:.0f}%",
        }
        for cell in measured["cells"][:NUM_CELLS]
    ]
    cells_note = CELLS_NOTE
    if len(measured["cells"]) > NUM_CELLS:
        cells_note += f" The {NUM_CELLS} largest of {len(measured['cells'])} cells are listed; the JSON has all."
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


def _tied(table: pd.DataFrame, shown: pd.DataFrame) -> str:
    """A note on how many utterances share the first value shown, where not all of them are listed."""
    value = shown["deep_mi"].iloc[0]
    num = int((table["deep_mi"] == value).sum())
    return (
        f"{num} utterances share the value {value:.5f}; those listed are drawn from them." if num > len(shown) else ""
    )


def _rows(shown: pd.DataFrame, players: dict[int, Player]) -> list[Row]:
    return [
        {
            "utterance": row["id"],
            "corpus": row["corpus"],
            "speaker": row["speaker"],
            "cluster": row["cluster"],
            "label": row["label"],
            "predicted": row["predicted"],
            "seconds": row["duration_s"],
            "DeepMI": f"{row['deep_mi']:.5f}",
            "listen": players.get(place),
        }
        for place, row in zip(shown.index, shown.to_dict("records"), strict=True)
    ]


def plot_values(values: NDArray[np.floating], levels: NDArray[np.integer], names: Sequence[str]) -> str:
    """A histogram of DeepMI values [N], and boxes of them by the level of the label [N]; `names` of the levels."""
    picture, (counts, boxes) = figure.panels(2, 2, WIDTH_IN, 3.4)
    counts.hist(values, bins=40, color=COLOURS[0], edgecolor="white", linewidth=0.4)
    counts.axvline(float(np.median(values)), color=INK, linewidth=1.2, linestyle=(0, (4, 2)), label="median")
    counts.set(xlabel="DeepMI", ylabel="utterances")
    counts.legend(fontsize=8, frameon=False)
    present = [level for level in range(len(names)) if (levels == level).any()]
    draw_box(boxes, [values[levels == level] for level in present], present)
    ticks = [f"{name}\n({int((levels == level).sum())})" for level, name in enumerate(names)]
    boxes.set_xticks(range(len(names)), ticks, fontsize=8)
    boxes.set(xlim=(-0.6, len(names) - 0.4), ylabel="DeepMI")
    boxes.set_xlabel("label (and how many utterances)", fontsize=9)
    for axes in (counts, boxes):
        axes.locator_params(axis="x" if axes is counts else "y", nbins=6)
    boxes.grid(visible=False, axis="x")
    return figure.svg(picture)


def plot_cells(information: NDArray[np.floating], clusters: Sequence[int], names: Sequence[str]) -> str:
    """mi(cluster, level) [X, Y] as a map, NaN is left empty: clusters from left to right as given, levels upwards."""
    picture, axes = figure.new(WIDTH_IN, 2.9)
    most = float(np.nanmax(np.abs(information))) or 1.0
    cells = axes.pcolormesh(information.T, cmap="RdBu_r", vmin=-most, vmax=most, edgecolors="white", linewidth=0.8)
    axes.set_xticks(
        np.arange(len(clusters)) + 0.5, list(map(str, clusters)), fontsize=8 if len(clusters) <= 30 else 6.5
    )
    axes.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=8)
    axes.set(xlabel="cluster, the most informative first", ylabel="label")
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[["left", "bottom"]].set_visible(False)
    picture.colorbar(cells, ax=axes, pad=0.01, aspect=14).set_label("mi (nats)", fontsize=9)
    return figure.svg(picture)
