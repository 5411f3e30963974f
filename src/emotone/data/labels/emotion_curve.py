"""Emotion curves: how an attribute moves over an utterance, from the ranks of its chunks and its raters' votes.

Lin & Busso, "Sequential Modeling by Leveraging Non-Uniform Distribution of Speech Emotion", IEEE/ACM TASLP 31, 2023:
the ups and downs of successive ranks, smoothed, and brought to the mean and standard deviation of the utterance's
votes. These curves are what a Seq2Seq network learns chunk by chunk.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.errors import EmotoneError

Floats = NDArray[np.float64]


def emotion_curve(ranks: ArrayLike, mean: ArrayLike, std: ArrayLike) -> Floats:
    """Emotion curves float64 [B, C] of ranks [B, C] (1 = most), in the unit of the votes' mean [B] and std [B].

    The std is that of the population of votes (ddof 0); where it is 0, or the smoothed trend is flat, the curve is the
    mean throughout. Any leading axes. Raises EmotoneError for unknown (NaN) means or stds and negative stds.

    >>> emotion_curve([[3, 1, 2], [1, 2, 3]], [4.0, 5.0], [1.0, 0.0]).round(3).tolist()
    [[3.293, 5.414, 3.293], [5.0, 5.0, 5.0]]
    """
    return rescale(smooth(trend(ranks)), mean, std)


def trend(ranks: ArrayLike) -> Floats:
    """Ranks [..., C] -> a curve from 0 that steps up by 1 at each smaller rank number, down at each larger: [..., C].

    >>> trend([5, 2, 2, 9]).tolist()
    [0.0, 1.0, 1.0, 0.0]
    """
    values = np.asarray(ranks, np.float64)
    steps = np.zeros_like(values)
    steps[..., 1:] = np.sign(values[..., :-1] - values[..., 1:])
    return np.cumsum(steps, axis=-1)


def smooth(curve: ArrayLike) -> Floats:
    """Moving average over each chunk and its two neighbours; the first and the last chunk stay: [..., C].

    >>> smooth([0.0, 3.0, 0.0, 3.0]).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    smoothed = np.array(curve, np.float64)
    values = smoothed.copy()
    smoothed[..., 1:-1] = (values[..., :-2] + values[..., 1:-1] + values[..., 2:]) / 3
    return smoothed


def rescale(curve: ArrayLike, mean: ArrayLike, std: ArrayLike) -> Floats:
    """Curves [..., C] brought to mean and population std [...]; flat ones, and those with std 0, are the mean.

    Raises EmotoneError for unknown (NaN) means or stds and negative stds.

    >>> rescale([1.0, 2.0, 3.0], 4.0, 0.0).tolist()
    [4.0, 4.0, 4.0]
    """
    values, means, stds = (np.asarray(given, np.float64) for given in (curve, mean, std))
    num_bad = int(np.sum(~np.isfinite(means) | ~(stds >= 0) | np.isinf(stds)))
    if num_bad:
        raise EmotoneError(f"emotion curves: {num_bad} of {means.size} utterances have no mean or std of votes")
    is_flat = values.max(axis=-1) == values.min(axis=-1)  # exact, where a computed std need not be 0
    own_std = np.where(is_flat, 1.0, values.std(axis=-1))
    scale = np.where(is_flat, 0.0, stds / own_std)[..., None]
    return (values - values.mean(axis=-1, keepdims=True)) * scale + means[..., None]


def rating_statistics(places: NDArray[np.intp], votes: Floats, num_utterances: int) -> tuple[Floats, Floats]:
    """Mean and population std [N] of each utterance's votes, NaN where there are none.

    places: whose votes these are, as 0..N-1, and `votes`: as `emotone.data.labels.preferences.votes_of` gives them.

    >>> mean, std = rating_statistics(np.array([0, 0, 2]), np.array([2.0, 4.0, 5.0]), 3)
    >>> mean.tolist(), std.tolist()
    ([3.0, nan, 5.0], [1.0, nan, 0.0])
    """
    counts = np.bincount(places, minlength=num_utterances).astype(np.float64)
    of = np.where(counts > 0, counts, np.nan)
    mean = np.bincount(places, votes, num_utterances) / of
    return mean, np.sqrt(np.bincount(places, (votes - mean[places]) ** 2, num_utterances) / of)
