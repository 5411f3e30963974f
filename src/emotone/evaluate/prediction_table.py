"""The scores of a table of utterances, through a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from emotone.bundle.bundle import Bundle
from emotone.bundle.view.streams import Utterance
from emotone.data.rows import Rows

ABOUT_COLUMNS = ("id", "corpus", "speaker", "gender", "language", "duration_s")
BATCH = 32


def predict_table(bundle: Bundle, inputs: Rows | list[Utterance], table: pd.DataFrame) -> pd.DataFrame:
    """Scores and labels of utterances: who and what they are, `true_*`, `predicted_*`, `curve_*` and `p_*`.

    `inputs` are the utterances' features as extracted, in the order of `table`; columns: `emotone.evaluate.run_folder`.
    """
    columns: dict[str, Any] = {name: table[name].to_numpy() for name in ABOUT_COLUMNS if name in table}
    rows: Sequence[Any] = inputs.utterances if isinstance(inputs, Rows) else inputs
    speakers = None
    if isinstance(inputs, Rows) and bundle.normalises_by_speaker:
        speakers = inputs.normalisers_of(table["speaker"], bundle.normaliser.clip)
    parts = []
    for start in range(0, len(rows), BATCH):
        batch = slice(start, start + BATCH)
        parts.append(bundle.score_features(rows[batch], None if speakers is None else speakers[batch]))
    for target in bundle.targets:
        if target.kind == "attribute":
            columns[f"true_{target.name}"] = table[target.name].to_numpy(float)
            columns[f"predicted_{target.name}"] = np.concatenate([part.attributes[target.name] for part in parts])
            if bundle.has_curves:
                curves = np.concatenate([part.curves[target.name] for part in parts])
                columns[f"curve_{target.name}"] = list(curves.astype(np.float32))
        else:
            columns["true_emotion"] = table["emotion"].to_numpy()
            for label in target.labels:
                columns[f"p_{label}"] = np.concatenate([part.probabilities[label] for part in parts])
    return pd.DataFrame(columns)
