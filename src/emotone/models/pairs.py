"""Pairs of categories, and what their margins say of each category; of arrays and tensors alike."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pairs_of(num: int) -> list[tuple[int, int]]:
    """The pairs of so many categories, in the order of their margins.

    >>> pairs_of(3)
    [(0, 1), (0, 2), (1, 2)]
    """
    return list(itertools.combinations(range(num), 2))


def signs_of(num: int) -> NDArray[np.float32]:
    """How the margin of each pair counts for each of K categories: [K (K - 1) / 2, K].

    >>> signs_of(3).tolist()
    [[1.0, -1.0, 0.0], [1.0, 0.0, -1.0], [0.0, 1.0, -1.0]]
    """
    signs = np.zeros((len(pairs_of(num)), num), np.float32)
    for place, (first, second) in enumerate(pairs_of(num)):
        signs[place, first], signs[place, second] = 1, -1
    return signs


def sum_votes(margins: Any, signs: Any, largest: Any) -> Any:
    """Outputs [B, K] of categories, of the margins [B, P] of their pairs, each positive on the side of the first.

    A category's output is the sum of its margins, of which none counts more than `largest`: of SVMs that were fitted
    one pair at a time, a single one that is far away must not outvote the others.

    >>> sum_votes(np.array([[0.5, 3.0, -1.0]]), signs_of(3), 1.0).tolist()
    [[1.5, -1.5, 0.0]]
    """
    return margins.clip(-largest, largest) @ signs
