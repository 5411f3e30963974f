"""Inputs of unequal length in batches that waste little on padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def buckets(lengths: Sequence[float], largest: float, least_share: float = 0.8) -> list[NDArray[np.intp]]:
    """Positions of all inputs, the longest first, in batches: int [B] each.

    A batch, padded to its longest, is at most `largest` long in all (a single input may be longer), and none of its
    inputs is shorter than `least_share` of the longest; 1 for batches of equal length only.

    >>> [batch.tolist() for batch in buckets([10, 3, 9, 10, 3], largest=20)]
    [[0, 3], [2], [1, 4]]
    """
    batches: list[list[int]] = []
    for position in np.argsort(-np.asarray(lengths), kind="stable").tolist():
        length = lengths[position]
        if batches:
            longest = lengths[batches[-1][0]]
            if longest * (len(batches[-1]) + 1) <= largest and length >= least_share * longest:
                batches[-1].append(position)
                continue
        batches.append([position])
    return [np.array(batch, dtype=np.intp) for batch in batches]
