"""The worst errors in a report: the utterances to listen to first."""

from __future__ import annotations

import numpy as np
import pandas as pd

from emotone.base.page import Section
from emotone.bundle.target import Target
from emotone.evaluate.prediction_table import shares_of
from emotone.evaluate.report.cells import Row
from emotone.evaluate.report.clips import locate_audio, make_players
from emotone.evaluate.report.part import Evaluated, Part
from emotone.evaluate.scores import pairs_of

NUM_WORST = 12


def section(evaluated: Evaluated) -> Part:
    """A table of the worst errors of each target that is not relative, to listen to."""
    test = evaluated.run.test
    worst = {target.name: worst_errors(test, target) for target in evaluated.absolute}
    sections = [Section("Worst errors", "" if any(worst.values()) else "There are none.")] if worst else []
    sections += [_section(name, rows, test) for name, rows in worst.items() if rows]
    return Part({"worst": worst}, sections)


def _section(name: str, rows: list[Row], test: pd.DataFrame) -> Section:
    """The errors of one target, each with a player where the audio is at hand."""
    own = test.drop_duplicates("id").set_index("id", drop=False).loc[[row["utterance"] for row in rows]]
    players, note = make_players(locate_audio(own.reset_index(drop=True)))
    table = [row | ({"listen": players.get(place)} if players else {}) for place, row in enumerate(rows)]
    return Section(name.capitalize(), table=table, note=note, level=3)


def worst_errors(predictions: pd.DataFrame, target: Target, num: int = NUM_WORST) -> list[Row]:
    """The utterances that are most wrong: largest distance, or least probability of the true class."""
    known, (p, t), classes = pairs_of(predictions, target)
    found = pd.DataFrame({"utterance": known["id"], "speaker": known["speaker"], "truth": t, "prediction": p})
    if target.kind == "attribute":
        found["error"] = p - t
        order = found["error"].abs().sort_values(ascending=False, kind="stable").index
    else:
        shares = shares_of(known, target, classes)
        shares = shares / shares.sum(axis=1, keepdims=True)
        found["p(truth)"] = shares[np.arange(len(t)), [classes.index(label) for label in t]]
        found["p(prediction)"] = shares.max(axis=1)
        order = found.loc[p != t, "p(truth)"].sort_values(kind="stable").index
    return found.loc[order].drop_duplicates("utterance").head(num).to_dict("records")
