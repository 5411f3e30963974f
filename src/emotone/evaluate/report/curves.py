"""Curves in the report of a run: the scores over the chunks of a few test utterances, to look at and to listen to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.base import figure
from emotone.base.figure import COLOURS, GREY
from emotone.base.page import Section
from emotone.bundle.target import Target
from emotone.evaluate.prediction_table import first_fold
from emotone.evaluate.report.clips import locate_audio, make_players
from emotone.evaluate.report.part import Evaluated, Part

NUM_SHOWN = 6
TEXT = (
    f"Scores of the chunks, in time order, of {NUM_SHOWN} test utterances of one fold for each attribute, from its "
    "lowest label to its highest."
)


def section(evaluated: Evaluated) -> Part:
    """Examples from the lowest to the highest label of each attribute with curves; none where there are no curves."""
    run, sections = evaluated.run, []
    for target in evaluated.targets:
        if f"curve_{target.name}" in run.test:
            chosen = locate_audio(choose_examples(run.test, target.name))
            sections.append(_section(chosen, target))
    return Part(sections=[Section("Curves", TEXT), *sections] if sections else [])


def choose_examples(predictions: pd.DataFrame, name: str, num: int = NUM_SHOWN) -> pd.DataFrame:
    """At most `num` utterances of the first fold, at even distances in the order of their labels of an attribute."""
    known = first_fold(predictions[predictions[f"true_{name}"].notna()])
    known = known.sort_values([f"true_{name}", "id"], ignore_index=True)
    places = np.unique(np.linspace(0, len(known) - 1, num).round().astype(int))
    return known.iloc[places].reset_index(drop=True)


def _section(chosen: pd.DataFrame, target: Target) -> Section:
    players, note = make_players(chosen)
    truths = chosen[f"true_{target.name}"].tolist()
    rows = [
        {
            "": place + 1,
            "utterance": row["id"],
            "speaker": row["speaker"],
            "seconds": row["duration_s"],
            "label": row[f"true_{target.name}"],
            "predicted": row[f"predicted_{target.name}"],
            "listen": players.get(place),
        }
        for place, row in enumerate(chosen.to_dict("records"))
    ]
    picture = plot_curves(list(chosen[f"curve_{target.name}"]), truths, target.is_relative)
    text = "" if target.is_relative else "Dashed: the label of the whole utterance."
    return Section(target.name.capitalize(), text, rows, picture, note, level=3)


def plot_curves(curves: Sequence[NDArray[Any]], truths: Sequence[float], is_relative: bool) -> str:
    """Scores over the chunks of a few utterances, a panel each on one scale, numbered from 1; dashed: a true label."""
    num_columns = min(len(curves), 3)
    picture, every = figure.panels(len(curves), num_columns, figure.WIDTH_IN, 2.1 * -(-len(curves) // num_columns))
    values = np.concatenate([*curves, np.array([] if is_relative else truths)])
    margin = 0.06 * float(np.ptp(values)) or 1.0
    for number, (axes, curve, truth) in enumerate(zip(every, curves, truths, strict=True), 1):
        axes.plot(np.arange(1, len(curve) + 1), curve, "o-", color=COLOURS[0], markersize=3)
        if not is_relative:
            axes.axhline(truth, color=GREY, linewidth=1, linestyle="--")
        axes.set(ylim=(values.min() - margin, values.max() + margin), xlabel="chunk")
        axes.set_title(f"{number}: label {truth:.2f}", fontsize=10, loc="left")
    return figure.svg(picture)
