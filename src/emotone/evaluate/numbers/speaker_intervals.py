"""The ends of an interval over speakers: by Student's t on the jackknife, or by the bootstrap (percentile, BCa).

Each takes the value of all speakers and what it would be without one speaker, or of speakers drawn again. What holds
how often is simulated by `results/coverage.py`.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Method = Literal["t", "percentile", "bca"]
DEFAULT_METHOD: Method = "t"
"""That of every interval that nobody asks otherwise: it covers best."""
FEW_SPEAKERS = 10
"""With fewer, intervals say little, whatever they are made by: their ends rest on that many values."""
Ends = tuple[float, float]
NONE = float("nan"), float("nan")


def t_ends(value: float, without: Floats, level: float = 0.95) -> Ends:
    """Value +- t of S - 1 degrees of freedom times the jackknife's standard error; without [S], one speaker left out.

    The standard error is sqrt((S - 1) / S sum (v_s - mean v)^2) (Tukey, Annals of Mathematical Statistics 29, 1958;
    Efron & Tibshirani, An Introduction to the Bootstrap, 1993, section 11.5). Values that are not defined are left out;
    with fewer than two the ends are NaN.

    >>> [round(end, 3) for end in t_ends(0.5, np.array([0.4, 0.5, 0.6]))]
    [0.003, 0.997]
    """
    from scipy.special import stdtrit

    error, num = jackknife_error(without)
    half = float(stdtrit(num - 1, (1 + level) / 2) * error) if num > 1 else float("nan")
    return value - half, value + half


def t_ends_of_difference(values: tuple[float, float], without: tuple[Floats, Floats], level: float = 0.95) -> Ends:
    """The same for the first minus the second of two groups that share no speaker (Welch, Biometrika 34, 1947).

    >>> first, second = np.array([0.4, 0.5, 0.6]), np.array([0.3, 0.3, 0.3])
    >>> [round(end, 3) for end in t_ends_of_difference((0.5, 0.3), (first, second))]
    [-0.297, 0.697]
    """
    from scipy.special import stdtrit

    (first, num_first), (second, num_second) = (jackknife_error(each) for each in without)
    if min(num_first, num_second) < 2:
        return NONE
    difference, variance = values[0] - values[1], first**2 + second**2
    if variance == 0:
        return difference, difference
    freedom = variance**2 / (first**4 / (num_first - 1) + second**4 / (num_second - 1))
    half = float(stdtrit(freedom, (1 + level) / 2) * np.sqrt(variance))
    return difference - half, difference + half


def jackknife_error(without: Floats) -> tuple[float, int]:
    """The standard error of a value, given without each speaker [S], and of how many that are defined it is."""
    v = without[np.isfinite(without)]
    return (float(np.sqrt((len(v) - 1) / len(v) * ((v - v.mean()) ** 2).sum())), len(v)) if len(v) else (0.0, 0)


def few_speakers(num: int) -> list[str]:
    """A warning where speakers are so few that an interval over them is wide, or there is none.

    >>> few_speakers(3), few_speakers(10)
    (['3 speakers are few: other ones may give quite other numbers, and intervals of so few are wide'], [])
    """
    if num >= FEW_SPEAKERS:
        return []
    if num < 2:
        return ["one speaker says nothing of others: there are no intervals"]
    return [f"{num} speakers are few: other ones may give quite other numbers, and intervals of so few are wide"]


def percentile_ends(draws: Floats, level: float = 0.95) -> Ends:
    """Percentiles of the values of speakers drawn again [P] (Davison & Hinkley, Bootstrap Methods, 1997, section 5.3).

    >>> percentile_ends(np.arange(101.0), 0.5)
    (25.0, 75.0)
    """
    values = draws[np.isfinite(draws)]
    if not len(values):
        return NONE
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bca_ends(value: float, draws: Floats, without: Floats, level: float = 0.95) -> Ends:
    """Percentiles corrected for bias and acceleration (BCa; Efron, JASA 82, 1987), given as to both others.

    >>> draws = np.random.default_rng(0).normal(0.5, 0.1, 4000)
    >>> [round(end, 2) for end in bca_ends(0.5, draws, np.array([0.4, 0.5, 0.6]))]
    [0.31, 0.7]
    """
    from scipy.special import ndtr, ndtri

    values, v = draws[np.isfinite(draws)], without[np.isfinite(without)]
    if not len(values) or len(v) < 2:
        return NONE
    below = ((values < value).mean() + (values <= value).mean()) / 2  # ties count half
    if not 0 < below < 1:
        return percentile_ends(values, level)
    bias, d = ndtri(below), v.mean() - v
    spread = (d**2).sum()
    acceleration = (d**3).sum() / (6 * spread**1.5) if spread > 0 else 0.0
    z = bias + ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
    low, high = np.quantile(values, ndtr(bias + z / (1 - acceleration * z)))
    return float(low), float(high)
