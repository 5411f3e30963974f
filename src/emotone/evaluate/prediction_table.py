"""Tables of predictions: what is known of test utterances, their labels, and what a bundle says of them.

A prediction table has a row per utterance and repeat: `id, corpus, speaker, gender, language, duration_s, repeat,
fold`, per attribute `true_NAME` and `predicted_NAME`, for categories `true_NAME` and `p_COLUMN` of every label, whose
column `Target.columns` names: `p_anger` of emotions, `p_gender_female` of others.
Where the bundle has curves, `curve_NAME` holds the scores of the utterance's chunks in time order (list<float32> [C],
in the units of `predicted_NAME`). Scores of relative attributes compare within a fold only. A table that is read as
that of a run also has `own_id`, the utterance's id in its corpus, and one of a bundle on a corpus no repeat nor fold.
Rows with `held_out` are of speech that the bundle was trained on, scored by networks fitted without their speaker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.bundle.bundle import Bundle, Scores
from emotone.bundle.target import Target
from emotone.bundle.view.streams import Utterance
from emotone.corpora.tables import word
from emotone.data.rows import Rows

KEPT_COLUMNS = ("id", "corpus", "speaker", "gender", "language", "duration_s")
"""What is kept of a table of utterances, as far as it is there."""
BATCH_SIZE = 32


def predict_table(bundle: Bundle, inputs: Rows | list[Utterance], table: pd.DataFrame) -> pd.DataFrame:
    """The prediction table of the utterances in `table`, without `repeat` and `fold`.

    `inputs` are their features as extracted, in the order of `table`, which has a column of labels per target.
    """
    rows: Sequence[Any] = inputs.utterances if isinstance(inputs, Rows) else inputs
    normalisers = None
    if isinstance(inputs, Rows) and bundle.normalises_by_speaker:
        normalisers = inputs.normalisers_of(table["speaker"], bundle.normaliser.clip)
    batches = [slice(start, start + BATCH_SIZE) for start in range(0, len(rows), BATCH_SIZE)]
    scores = [bundle.score_features(rows[batch], normalisers and normalisers[batch]) for batch in batches]
    return table_of_scores(bundle, scores, table)


def table_of_scores(bundle: Bundle, scores: list[Scores], table: pd.DataFrame) -> pd.DataFrame:
    """The prediction table of the utterances in `table`, of which these are the scores, in its order."""
    columns: dict[str, Any] = {name: table[name].to_numpy() for name in KEPT_COLUMNS if name in table}
    for target in bundle.targets:
        columns |= _columns_of(target, scores, table, bundle.has_curves)
    return pd.DataFrame(columns)


def _columns_of(target: Target, scores: list[Scores], table: pd.DataFrame, has_curves: bool) -> dict[str, Any]:
    """Labels and scores of one target."""
    truth = table[target.name]
    if target.kind == "category":
        shares = {
            f"p_{name}": np.concatenate([one.probabilities[name] for one in scores]) for name in target.columns.values()
        }
        return {f"true_{target.name}": truth.map(word, na_action="ignore").astype("object").to_numpy(), **shares}
    columns: dict[str, Any] = {
        f"true_{target.name}": truth.to_numpy(float),
        f"predicted_{target.name}": np.concatenate([one.attributes[target.name] for one in scores]),
    }
    if has_curves:
        curves = np.concatenate([one.curves[target.name] for one in scores])
        columns[f"curve_{target.name}"] = list(curves.astype(np.float32))
    return columns


def first_fold(predictions: pd.DataFrame) -> pd.DataFrame:
    """The rows of the first fold of the first repeat; all of a bundle on a corpus, which has neither."""
    for key in ("repeat", "fold"):
        if key in predictions:
            predictions = predictions[predictions[key] == predictions[key].min()]
    return predictions


def speakers_of(predictions: pd.DataFrame) -> pd.Series:
    """Whom each row belongs to in a bootstrap: its speaker, or where that is not known the utterance by itself.

    Where speakers are what is predicted, they are the classes, and a draw without one of them would be another task:
    each utterance is by itself.
    """
    alone = "utterance " + predictions["id"].astype(str)
    is_known = predictions["speaker"].notna() & ("true_speaker" not in predictions)
    return predictions["speaker"].astype("object").where(is_known, alone)


def to_range(scores: Any, own: tuple[float, float] | None, wanted: tuple[float, float] | None) -> Any:
    """Scores on their own range mapped linearly to another; as they are where one is None or both are the same.

    >>> to_range(np.array([1.0, 4.0]), (1, 7), (0, 1)).tolist()
    [0.0, 0.5]
    """
    if own is None or wanted is None or own == wanted:
        return scores
    return wanted[0] + (scores - own[0]) / (own[1] - own[0]) * (wanted[1] - wanted[0])


def is_scored(predictions: pd.DataFrame, targets: Sequence[Target]) -> pd.Series[bool]:
    """Which rows hold scores of all these targets: none is NaN."""
    return predictions[score_columns(targets)].notna().all(axis=1)


def score_columns(targets: Sequence[Target]) -> list[str]:
    """The columns that hold the scores of these targets."""
    attributes = [f"predicted_{target.name}" for target in targets if target.kind == "attribute"]
    return attributes + [f"p_{name}" for target in targets for name in target.columns.values()]


def shares_of(rows: pd.DataFrame, target: Target, classes: Sequence[str]) -> NDArray[np.float64]:
    """Probabilities [N, K] of these classes of a target, as predicted: they sum to 1 over all of its labels."""
    return rows[[f"p_{target.columns[label]}" for label in classes]].to_numpy(float)


def predicted_values(rows: pd.DataFrame, target: Target, classes: Sequence[str] = ()) -> NDArray[Any]:
    """Scores of an attribute [N], or of a category the label among `classes` with the largest probability."""
    if target.kind == "attribute":
        return rows[f"predicted_{target.name}"].to_numpy()
    return np.array(classes)[shares_of(rows, target, classes).argmax(axis=1)]
