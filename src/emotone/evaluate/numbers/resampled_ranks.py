"""Rank correlations of many resamples at once, of which each counts every speaker's utterances so many times.

They equal `metrics.spearman` and `metrics.kendall` on the repeated rows, where copies of an utterance tie.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from emotone.evaluate.numbers import metrics

Floats = NDArray[np.float64]
BLOCK_CELLS = 2**20
"""Pairs of utterances are looked at in blocks of so many, whatever their number."""


def resampled_spearman(p: Floats, t: Floats, speakers: NDArray[np.int64], times: Floats) -> Floats:
    """Spearman's correlation [P] of p and t [N], where speaker s (0..S-1, [N]) counts times[p, s] times.

    >>> p, t, speakers = np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [0, 1, 1]])
    >>> resampled_spearman(p, t, speakers.astype(int), np.array([[1.0, 1.0], [2.0, 0.0]]))
    array([0.5, nan])
    """
    counts = times[:, speakers]
    total = counts.sum(axis=1, keepdims=True)
    dp, dt = (_midranks(values, counts) - (total + 1) / 2 for values in (p, t))
    sums = ((counts * first * second).sum(axis=1) for first, second in ((dp, dp), (dt, dt), (dp, dt)))
    return metrics.pearson_of_moments(metrics.Moments(np.zeros(1), *sums))  # a ratio, in which their number cancels


def resampled_kendall(p: Floats, t: Floats, speakers: NDArray[np.int64], times: Floats) -> Floats:
    """Kendall's tau-b [P], given as to `resampled_spearman`; signs of pairs are summed by speaker, once for all.

    >>> p, t, speakers = np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [0, 1, 1]])
    >>> resampled_kendall(p, t, speakers.astype(int), np.array([[1.0, 1.0], [2.0, 0.0]]))
    array([0.33333333,        nan])
    """
    order = np.argsort(speakers, kind="stable")
    p, t = p[order], t[order]
    present, starts, codes = np.unique(speakers[order], return_index=True, return_inverse=True)
    counts, N = times[:, present], len(p)
    sums = np.zeros((3, len(times)))  # of the pairs in the same minus those in the other order; not tied in p; in t
    size = max(1, BLOCK_CELLS // N)
    for rows in (slice(start, start + size) for start in range(0, N, size)):
        signs_p, signs_t = (np.sign(values[rows, None] - values) for values in (p, t))
        for which, signs in enumerate((signs_p * signs_t, abs(signs_p), abs(signs_t))):
            against = np.add.reduceat(signs, starts, axis=1)  # [n, S]
            sums[which] += ((counts @ against.T) * counts[:, codes[rows]]).sum(axis=1)
    return metrics.kendall_of_pairs(*sums / 2)


def _midranks(values: Floats, counts: Floats) -> Floats:
    """Ranks [P, N] from 1 of values [N] that stand counts[p, n] times each; equal ones share their mean."""
    order = np.argsort(values, kind="stable")
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    above = np.cumsum(counts[:, order], axis=1)[:, np.cumsum(sizes) - 1]  # how many are in a group or below it
    below = np.pad(above[:, :-1], ((0, 0), (1, 0)))
    return ((above + below + 1) / 2)[:, group]
