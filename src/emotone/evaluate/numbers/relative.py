"""Relative scores made comparable: every utterance counts by how many of the others of its fold it is preferred to.

Of two relative scores only which is higher says something, and only where one ranker gave both, so nothing is compared
across folds and repeats. Where predictions have curves (`curve_NAME`), two utterances are compared by the vote of their
chunks (`emotone.evaluate.numbers.ranking`), else by their scores.
"""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.evaluate.numbers.ranking import assess_as_published, count_wins

Floats = NDArray[np.float64]
NUM_PARTS = 10
SHARE = 0.1
SMALLEST_PART = 2


class PublishedFolds(TypedDict):
    """The published test of a ranker over folds: means of both correlations, and what was found in each fold.

    A fold is {"repeat", "fold", "num_utterances"} with "spearman", "kendall" and their deviations over its parts
    ("spearman_std", "kendall_std"), or with a "note" where it is too small.
    """

    num_parts: int
    share: float
    spearman: float
    kendall: float
    folds: list[dict[str, Any]]


def shares_of_wins(known: pd.DataFrame, name: str) -> Floats:
    """Which share (0..1) of the other rows of its repeat and fold each row is preferred to, of an attribute: [N].

    Equal scores and tied votes are wins for neither; a row that is alone in its fold has 0.5. Raises EmotoneError for
    scores that are NaN or infinite.

    >>> known = pd.DataFrame({"fold": [0, 0, 0, 1, 1], "predicted_arousal": [0.1, 0.3, 0.2, 9.0, 8.0]})
    >>> shares_of_wins(known, "arousal").tolist()
    [0.0, 1.0, 0.5, 1.0, 0.0]
    """
    shares = np.full(len(known), 0.5)
    for rows in _folds(known).values():
        if len(rows) > 1:
            shares[rows] = count_wins(_margins(known.iloc[rows], name)) / (len(rows) - 1)
    return shares


def published_test(known: pd.DataFrame, name: str) -> PublishedFolds:
    """The published test of a ranker: correlations within 10 random parts of 10% of each fold, means over folds.

    `known` are the rows with a label of the attribute. A fold whose tenth is less than two utterances is too small. The
    parts are always the same (seed 0); those where a correlation is not defined are left out of its mean.
    """
    labels = known[f"true_{name}"].to_numpy(float)
    folds: list[dict[str, Any]] = []
    for (repeat, fold), rows in _folds(known).items():
        tested: dict[str, Any] = {"repeat": int(repeat), "fold": int(fold), "num_utterances": len(rows)}
        size = int(SHARE * len(rows))
        if size < SMALLEST_PART:
            folds.append(tested | {"note": f"{SHARE:.0%} of {len(rows)} utterances are {size}: too few to rank"})
            continue
        found = assess_as_published(_margins(known.iloc[rows], name), labels[rows], NUM_PARTS, SHARE)
        spread = {f"{key}_std": value for key, value in found.std._asdict().items()}
        folds.append(tested | found.mean._asdict() | spread)
    spearman, kendall = (_mean_over(folds, key) for key in ("spearman", "kendall"))
    return {"num_parts": NUM_PARTS, "share": SHARE, "spearman": spearman, "kendall": kendall, "folds": folds}


def _mean_over(folds: list[dict[str, Any]], key: str) -> float:
    """The mean of a correlation over the folds in which it is defined."""
    values = [fold[key] for fold in folds if not np.isnan(fold.get(key, np.nan))]
    return float(np.mean(values)) if values else float("nan")


def describe_test(test: PublishedFolds) -> str:
    """The published test in one line.

    >>> known = pd.DataFrame({"true_arousal": range(40), "predicted_arousal": range(40)})
    >>> describe_test(published_test(known, "arousal"))
    'published test (10 random 10% of each fold): Spearman 1.000, Kendall 1.000'
    """
    what = f"published test ({test['num_parts']} random {test['share']:.0%} of each fold)"
    numbers = f"Spearman {test['spearman']:.3f}, Kendall {test['kendall']:.3f}"
    left_out = describe_left_out(test)
    return f"{what}: {numbers}{left_out and f' ({left_out})'}"


def describe_left_out(test: PublishedFolds) -> str:
    """How many folds are too small for the published test, and why the first of them is; "" where none is."""
    notes = [fold["note"] for fold in test["folds"] if "note" in fold]
    return f"{len(notes)} of {len(test['folds'])} folds left out: {notes[0]}" if notes else ""


def _margins(rows: pd.DataFrame, name: str) -> Floats:
    """The scores [N, C] that are compared: those of the chunks, or where there are none the utterance's, C = 1."""
    if f"curve_{name}" in rows:
        return np.stack(rows[f"curve_{name}"].to_numpy()).astype(np.float64)
    return rows[[f"predicted_{name}"]].to_numpy(float)


def _folds(known: pd.DataFrame) -> dict[Any, NDArray[np.intp]]:
    """{(repeat, fold): places of its rows}; a table without these columns is one fold."""
    keys = pd.DataFrame({key: known[key].to_numpy() if key in known else 0 for key in ("repeat", "fold")}, known.index)
    return keys.groupby(["repeat", "fold"]).indices
