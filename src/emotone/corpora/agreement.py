"""How far raters agree beyond chance: Krippendorff's alpha, of a dense matrix or of a long list of votes.

Of each unit (utterance) only counts or moments of its values are formed, never a matrix of units or raters, so that a
hundred thousand utterances with a few votes each out of thousands of raters take a moment.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.errors import EmotoneError, unknown

Level = Literal["nominal", "ordinal", "interval"]
LEVELS = ("nominal", "ordinal", "interval")


def krippendorff_alpha(ratings: ArrayLike, level: Level = "interval") -> float:
    """Krippendorff's alpha of ratings [R raters, N units], NaN where a rater did not rate; see `alpha_of_votes`.

    >>> round(krippendorff_alpha([[1, 2, 3, 3], [1, 2, 3, 4]], "nominal"), 3)
    0.696
    """
    matrix = np.asarray(ratings, dtype=np.float64)
    if matrix.ndim != 2:
        raise EmotoneError(f"ratings must be [raters, units], not of shape {matrix.shape}")
    raters, units = np.nonzero(~np.isnan(matrix))
    return alpha_of_votes(units, matrix[raters, units], level)


def alpha_of_votes(ids: ArrayLike, values: ArrayLike, level: Level = "interval") -> float:
    """Krippendorff's alpha of single votes: `values[n]` was given to the unit `ids[n]` by some rater.

    alpha = 1 - D_o / D_e (Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011). With n_uc votes for value c
    in unit u, n_u votes in u, n_c for c and n in all, of the units with two votes or more:

        D_o = 1/n sum_u 1/(n_u - 1) sum_ck n_uc n_uk d_ck,    D_e = 1/(n (n - 1)) sum_ck n_c n_k d_ck

    where d_ck is 1 for c != k (nominal), (c - k)^2 (interval), or (n_c/2 + n_(c+1) + .. + n_(k-1) + n_k/2)^2 (ordinal,
    which is the interval of mid-ranks). Nominal values are text or numbers, the others numbers. Missing votes (None,
    NaN) are left out. NaN where no unit has two votes, or all votes are one value: then nothing can be told from chance
    (1 would claim an agreement that the raters had no way to miss). Raises EmotoneError for unequal lengths, an unknown
    level, units that are missing, and values that are no numbers where numbers are asked for.

    >>> alpha_of_votes(["a", "a", "b", "b"], ["joy", "joy", "anger", "anger"], "nominal")
    1.0
    >>> round(alpha_of_votes(["a", "a", "b", "b"], [1.0, 2.0, 4.0, 5.0]), 3)
    0.85
    """
    if level not in LEVELS:
        raise unknown("level", str(level), LEVELS)
    units, votes = _pairable(ids, values, level)
    if not len(units):
        return float("nan")
    if level == "nominal":
        observed, expected = _nominal(units, votes.astype(np.int64))
    else:
        observed, expected = _interval(units, _mid_ranks(votes) if level == "ordinal" else votes)
    return float(1.0 - observed / expected) if expected > 0 else float("nan")


def _pairable(ids: ArrayLike, values: ArrayLike, level: Level) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Votes of units with two or more: the units as 0..U-1, the values as numbers (nominal: codes)."""
    import pandas as pd

    given = pd.Series(np.asarray(values, dtype=object) if level == "nominal" else np.asarray(values))
    units = pd.factorize(np.asarray(ids, dtype=object))[0]
    if units.shape != given.shape:
        raise EmotoneError(f"votes: {len(units)} ids but {len(given)} values")
    if (units < 0).any():
        raise EmotoneError(f"votes: {int((units < 0).sum())} of {len(units)} are for no unit (their id is missing)")
    if level == "nominal":
        votes = pd.factorize(given)[0].astype(np.float64)
        known = votes >= 0
    else:
        votes = _numbers(given)
        known = ~np.isnan(votes)
    known &= np.bincount(units[known], minlength=len(units))[units] > 1
    return np.unique(units[known], return_inverse=True)[1], votes[known]


def _numbers(values: Any) -> NDArray[np.float64]:
    import pandas as pd

    try:
        return pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise EmotoneError(f"votes: an interval or ordinal level needs numbers ({error})") from None


def _nominal(units: NDArray[np.intp], votes: NDArray[np.int64]) -> tuple[float, float]:
    """Observed and expected disagreement: pairs of unequal votes, n_u^2 - sum_c n_uc^2 of each unit."""
    n, num_values = len(votes), int(votes.max()) + 1
    sizes = np.bincount(units)
    places, cells = np.unique(units * num_values + votes, return_counts=True)  # only cells that occur
    equal = np.bincount(places // num_values, weights=cells.astype(np.float64) ** 2, minlength=len(sizes))
    counts = np.bincount(votes).astype(np.float64)
    observed = ((sizes.astype(np.float64) ** 2 - equal) / (sizes - 1)).sum() / n
    return float(observed), float((n**2 - (counts**2).sum()) / (n * (n - 1)))


def _interval(units: NDArray[np.intp], votes: NDArray[np.float64]) -> tuple[float, float]:
    """Observed and expected disagreement: squared differences sum to 2 n_u times the squared deviations."""
    n, sizes = len(votes), np.bincount(units)
    if (votes == votes[0]).all():
        return 0.0, 0.0  # where a mean is not exact, deviations of equal votes are not zero
    means = np.bincount(units, weights=votes) / sizes
    squares = np.bincount(units, weights=(votes - means[units]) ** 2)
    observed = (2 * sizes * squares / (sizes - 1)).sum() / n
    return float(observed), float(2 * ((votes - votes.mean()) ** 2).sum() / (n - 1))


def _mid_ranks(votes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each vote's place among all, ties in the middle: the ordinal distance of c and k is that of their mid-ranks."""
    _, codes, counts = np.unique(votes, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - counts / 2)[codes]
