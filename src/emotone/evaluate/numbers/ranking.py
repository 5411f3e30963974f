"""How well a ranker orders utterances: by votes of their chunk pairs, as published, and over all pairs.

Lin & Busso, "Sequential Modeling by Leveraging Non-Uniform Distribution of Speech Emotion", IEEE/ACM TASLP 31, 2023:
chunk k of one utterance is compared with chunk k of the other, and the first is preferred where most chunks say so. A
tie (11 of 22) counts as "not higher", from either side. Utterances are ranked by how often they win.

All of it follows from one margin per chunk: N utterances cost N passes of the network, whatever the number of pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.data.labels.rank_sequence import check_margins
from emotone.errors import EmotoneError
from emotone.evaluate.numbers import metrics

Floats = NDArray[np.float64]
BLOCK_CELLS = 2**22
"""Pairs of utterances are voted on in blocks of so many, whatever their number."""


class RankAgreement(NamedTuple):
    """Spearman's and Kendall's (tau-b) correlation of predicted and true ranks; NaN where one of them is constant."""

    spearman: float
    kendall: float


class PublishedTest(NamedTuple):
    """Mean and population std of the correlations over random parts of a test split, and their single values [R].

    Parts where a correlation is not defined (NaN) are left out of its mean; all NaN gives NaN.
    """

    mean: RankAgreement
    std: RankAgreement
    spearman: Floats
    kendall: Floats


def count_wins(margins: ArrayLike) -> NDArray[np.int64]:
    """Against how many of the others each utterance is preferred, int64 [N], of margins [N, C].

    It is preferred where more than half of its chunks have the higher margin: equal margins and a tied vote count for
    neither. Raises EmotoneError for margins that are not [N, C], NaN or infinite.

    >>> count_wins([[1.0, 2.0, 3.0], [2.0, 1.0, 0.0], [0.0, 0.0, 0.0]]).tolist()
    [2, 1, 0]
    """
    values = check_margins(margins)
    if values.ndim != 2 or not values.size:
        raise EmotoneError(f"ranking: margins must be [utterances, chunks], at least one of each, not {values.shape}")
    N, C = values.shape
    of_chunk = np.ascontiguousarray(values.T)
    wins = np.empty(N, np.int64)
    size = max(1, BLOCK_CELLS // N)
    for start in range(0, N, size):
        votes = np.zeros((len(values[start : start + size]), N), np.min_scalar_type(C))
        for chunk in of_chunk:
            votes += chunk[start : start + size, None] > chunk
        wins[start : start + size] = np.count_nonzero(votes > C / 2, axis=1)
    return wins


def assess_all_pairs(margins: ArrayLike, labels: ArrayLike) -> RankAgreement:
    """Agreement with labels [N] of the order that follows from margins [N, C], every utterance against every other.

    Raises EmotoneError for unequal lengths and unknown (NaN) labels; other errors as of `count_wins`.

    >>> assess_all_pairs([[1.0, 2.0], [0.5, 0.0], [0.7, 1.5]], [6.5, 1.0, 3.0])
    RankAgreement(spearman=1.0, kendall=1.0)
    """
    wins = count_wins(margins)
    return RankAgreement(metrics.spearman(wins, labels), metrics.kendall(wins, labels))


def assess_as_published(
    margins: ArrayLike, labels: ArrayLike, num_parts: int = 10, share: float = 0.1, seed: int = 0
) -> PublishedTest:
    """Agreement within random parts of the test split, each ranked by itself: 10 times 10% as published.

    A part is `share` of the N utterances (rounded down), drawn without replacement, afresh each time. Raises
    EmotoneError for a part of fewer than two utterances; other errors as of `assess_all_pairs`.

    >>> margins = np.arange(40.0)[:, None] * np.ones(22)
    >>> assess_as_published(margins, -np.arange(40.0)).kendall
    array([-1., -1., -1., -1., -1., -1., -1., -1., -1., -1.])
    """
    values, truth = np.asarray(margins), np.asarray(labels)
    N, size = len(values), int(share * len(values))
    if not (0 < share <= 1 and num_parts >= 1):
        raise EmotoneError(f"ranking: needs a share in (0, 1] and at least 1 part, not {share:g} and {num_parts}")
    if size < 2:
        raise EmotoneError(f"ranking: {share:.0%} of {N} utterances are {size}: too few to rank")
    if truth.shape != (N,):
        raise EmotoneError(f"ranking: {N} utterances need as many labels, not {truth.shape}")
    random = np.random.default_rng(seed)
    parts = [random.choice(N, size, replace=False) for _ in range(num_parts)]
    found = np.array([assess_all_pairs(values[part], truth[part]) for part in parts])
    mean, std = (RankAgreement(*_over_defined(statistic, found)) for statistic in (np.mean, np.std))
    return PublishedTest(mean, std, found[:, 0], found[:, 1])


def _over_defined(statistic: Callable[[Floats], np.floating], values: Floats) -> list[float]:
    """A statistic of each column of values [R, 2], NaN left out; NaN where nothing else is."""
    columns = (column[~np.isnan(column)] for column in values.T)
    return [float(statistic(column)) if len(column) else float("nan") for column in columns]
