"""Curves in the report of a run: the scores over the chunks of a few test utterances, to look at and to listen to."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pandas as pd

from emotone.base.page import Section
from emotone.bundle.target import Target
from emotone.corpora.corpus import Corpus
from emotone.errors import EmotoneError
from emotone.evaluate.report import pictures
from emotone.evaluate.report.clips import make_players
from emotone.evaluate.run_folder import Run

NUM_SHOWN = 6


def report_curves(run: Run, targets: list[Target]) -> list[Section]:
    """Examples from the lowest to the highest label of each attribute with curves; none where there are no curves."""
    sections = []
    for target in targets:
        if f"curve_{target.name}" in run.test:
            chosen = locate(choose(run.test, target.name), len(run.recipe.get("corpora", [])) > 1)
            sections += _sections(chosen, target)
    return [Section("Curves", TEXT), *sections] if sections else []


def choose(predictions: pd.DataFrame, name: str, num: int = NUM_SHOWN) -> pd.DataFrame:
    """Utterances of the first fold whose labels of an attribute are spread evenly over their order."""
    known = predictions[predictions[f"true_{name}"].notna()]
    for key in ("repeat", "fold"):
        if key in known:
            known = known[known[key] == known[key].min()]
    known = known.sort_values([f"true_{name}", "id"], ignore_index=True)
    places = np.unique(np.linspace(0, len(known) - 1, num).round().astype(int))
    return known.iloc[places].reset_index(drop=True)


def locate(chosen: pd.DataFrame, has_prefix: bool) -> pd.DataFrame:
    """The rows with `file, start_s, end_s` of their corpora, as far as these are prepared here.

    With `has_prefix`, ids carry the corpus's name. A row that is not found keeps its id as the file's name.
    """
    parts = []
    for name, rows in chosen.groupby("corpus"):
        places = pd.DataFrame(columns=["file", "start_s", "end_s"])
        with contextlib.suppress(EmotoneError):  # a corpus that is not at hand: the note on the players says so
            places = Corpus.load(str(name)).utterances.set_index("id")[list(places)]
        own = rows["id"].str.removeprefix(f"{name}/") if has_prefix else rows["id"]
        found = places.reindex(own).set_axis(rows.index)
        parts.append(rows.join(found.assign(file=found["file"].fillna(own))))
    return pd.concat(parts).sort_index().astype({"start_s": float, "end_s": float})


def _sections(chosen: pd.DataFrame, target: Target) -> list[Section]:
    players, note = make_players(chosen)
    truths = chosen[f"true_{target.name}"].tolist()
    rows: list[dict[str, Any]] = [
        {"": place + 1, "utterance": row["id"], "speaker": row["speaker"], "seconds": row["duration_s"],
         "label": row[f"true_{target.name}"], "predicted": row[f"predicted_{target.name}"],
         "listen": players.get(place)}
        for place, row in enumerate(chosen.to_dict("records"))
    ]  # fmt: skip
    picture = pictures.plot_curves(list(chosen[f"curve_{target.name}"]), truths, target.is_relative)
    text = "" if target.is_relative else "Dashed: the label of the whole utterance."
    return [Section(target.name.capitalize(), text, rows, picture, note, level=3)]


TEXT = (
    f"Scores of the chunks, in time order, of {NUM_SHOWN} test utterances of one fold for each attribute, from its "
    "lowest label to its highest."
)
