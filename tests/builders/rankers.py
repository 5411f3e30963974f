"""Predictions of rankers, and their order by loops over all pairs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import scipy.stats
from numpy.typing import NDArray


def rank(num: int = 60, num_folds: int = 3, num_repeats: int = 1, seed: int = 0) -> pd.DataFrame:
    """Predictions of rankers that follow the label with noise; each fold's margins have a scale of their own."""
    parts = []
    for repeat in range(num_repeats):
        labels, random = np.random.default_rng(9).integers(4, 21, num) / 4, np.random.default_rng([seed, repeat])
        fold = np.arange(num) % num_folds
        heard = labels + random.normal(0, 1, num)
        margins = (heard[:, None] + random.normal(0, 1, (num, 5))) * 10.0 ** fold[:, None] - 7 * fold[:, None]
        columns = {
            "id": [f"u{n:03d}" for n in range(num)],
            "corpus": "mine",
            "speaker": [f"s{n % 12}" for n in range(num)],
            "gender": None,
            "duration_s": 2.0,
            "repeat": repeat,
            "fold": fold,
            "true_arousal": labels,
            "predicted_arousal": margins.mean(axis=1),
            "curve_arousal": list(margins.astype(np.float32)),
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def shares_by_loops(table: pd.DataFrame) -> list[float]:
    """Wins by the majority over chunks of every ordered pair of one repeat and fold, over the number of others."""
    rows, shares = table.to_dict("records"), []
    for row in rows:
        others = [o for o in rows if o is not row and (o["repeat"], o["fold"]) == (row["repeat"], row["fold"])]
        votes = [[a > b for a, b in zip(row["curve_arousal"], o["curve_arousal"], strict=True)] for o in others]
        shares.append(sum(vote.count(True) > vote.count(False) for vote in votes) / len(others))
    return shares


def correlate(table: pd.DataFrame, share: NDArray[np.float64] | list[float]) -> tuple[float, float]:
    truth = table["true_arousal"]
    return scipy.stats.spearmanr(share, truth).statistic, scipy.stats.kendalltau(share, truth).statistic
