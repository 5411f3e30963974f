"""Rank sequences: which chunk of an utterance has how much of an attribute, from the margins of a ranker.

Lin & Busso, "Sequential Modeling by Leveraging Non-Uniform Distribution of Speech Emotion", IEEE/ACM TASLP 31, 2023: a
chunk wins against each chunk it is preferred to, and its rank is 1 + the number of chunks with more wins. The published
ranker scores every ordered pair of chunks; as it prefers the one with the higher margin, and a margin depends on its
chunk alone, one margin per chunk decides the same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.errors import EmotoneError


def rank_chunks(margins: ArrayLike) -> NDArray[np.int64]:
    """Ranks int64 [B, C], 1 the chunk with most of the attribute, of margins [B, C] (any leading axes).

    Chunks of one margin win against neither, as published (equal scores mean "not higher"), so they share the smaller
    rank. Raises EmotoneError for margins that are NaN or infinite.

    >>> rank_chunks([[0.1, 0.7, 0.1, -2.0]]).tolist()
    [[2, 1, 2, 4]]
    """
    values = check_margins(margins)
    # A chunk has more wins than another just where its margin is higher.
    order = np.argsort(-values, axis=-1)
    falling = np.take_along_axis(values, order, axis=-1)
    places = np.broadcast_to(np.arange(values.shape[-1]), values.shape)
    is_new = np.ones(values.shape, bool)
    is_new[..., 1:] = falling[..., 1:] != falling[..., :-1]
    ranks = np.empty(values.shape, np.int64)
    np.put_along_axis(ranks, order, np.maximum.accumulate(np.where(is_new, places, 0), axis=-1) + 1, axis=-1)
    return ranks


def check_margins(margins: ArrayLike) -> NDArray[np.float64]:
    """Margins as float64; raises EmotoneError for NaN or infinite ones, which no order holds for.

    >>> check_margins([[0.5, 1.5]])
    array([[0.5, 1.5]])
    """
    values = np.asarray(margins, np.float64)
    num_bad = int((~np.isfinite(values)).sum())
    if num_bad:
        raise EmotoneError(f"ranks: {num_bad} of {values.size} margins are NaN or infinite")
    return values
