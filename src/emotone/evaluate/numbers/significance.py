"""Is one system better than another? Tests whose unit is the speaker, since utterances of one speaker are alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.errors import EmotoneError
from emotone.evaluate.numbers.interval import Interval
from emotone.evaluate.numbers.statistics import Metric, PooledMetric

Floats = NDArray[np.float64]

NUM_PERMUTATIONS = 10_000
TIE = 1e-12
"""Differences of metrics closer than this are equal: they differ in the order of summation only."""


class PairedTest(NamedTuple):
    """Two systems on the same utterances: how far apart, how surely, and how evenly over speakers.

    `difference` is the first system's metric minus the second's, `p` two-sided, `effect_size` is d_z (see
    `standardised_difference`), `smallest_p` the least that any difference could reach with so many speakers.
    """

    difference: Interval
    p: float
    effect_size: float
    num_speakers: int
    is_exact: bool
    smallest_p: float


class RankTest(NamedTuple):
    """Friedman's test: chi-squared `statistic` with k - 1 degrees of freedom, its `p`, `mean_ranks` [k], 1 is best."""

    statistic: float
    p: float
    mean_ranks: tuple[float, ...]


def sign_flip_test(
    metric: Metric,
    prediction: ArrayLike,
    other: ArrayLike,
    target: ArrayLike,
    speakers: ArrayLike,
    repeats: ArrayLike | None = None,
    num_permutations: int = NUM_PERMUTATIONS,
    seed: int = 0,
) -> PairedTest:
    """Paired randomisation test of `metric(prediction, target) - metric(other, target)`, two-sided, over speakers.

    The null is that the two are exchangeable, which is more than equal metrics: nothing changes when they exchange
    their predictions for all utterances of some speakers. The difference of the pooled metric is computed for every
    subset of the S speakers when 2^S is at most `num_permutations`, else for that many random ones, b of which are as
    large as the observed one; that one counts too: p = (b + 1) / (num_permutations + 1) (Phipson & Smyth, Statistical
    Applications in Genetics and Molecular Biology 9(1), 2010; exchange of predictions: Yeh, COLING 2000). With
    `repeats`, the metric is the mean over repeats and a speaker is exchanged in all of them together. Exchanges that
    leave the metric undefined (NaN) count as large.
    Raises EmotoneError for unequal lengths, missing speakers or what the metric refuses.

    >>> from emotone.evaluate.numbers.metrics import accuracy
    >>> test = sign_flip_test(accuracy, list("aaa"), list("bbb"), list("aaa"), ["x", "y", "z"])
    >>> test.difference.value, test.p, test.smallest_p
    (1.0, 0.25, 0.25)
    """
    pooled = PooledMetric(metric, [prediction, other], target, speakers, repeats)
    S = pooled.num_speakers
    return PairedTest(
        pooled.interval([1, -1], seed=seed),
        flip_test(pooled, num_permutations, seed),
        standardised_difference(pooled),
        S,
        _is_exact(S, num_permutations),
        smallest_p(S, num_permutations),
    )


def flip_test(pooled: PooledMetric, num_permutations: int = NUM_PERMUTATIONS, seed: int = 0) -> float:
    """The p of `sign_flip_test` for two systems of a pooled metric, whatever that is of.

    >>> from emotone.evaluate.numbers.metrics import accuracy
    >>> flip_test(PooledMetric(accuracy, [list("aaa"), list("bbb")], list("aaa"), ["x", "y", "z"]))
    0.25
    """
    if num_permutations < 1:
        raise EmotoneError(f"num_permutations must be positive, not {num_permutations}")
    S = pooled.num_speakers
    is_exact = _is_exact(S, num_permutations)
    random = np.random.default_rng(seed)
    num = 2**S if is_exact else num_permutations
    num_as_large = 0
    for rows in pooled.blocks(num):
        # The bits of 0..2^S - 1 are all subsets.
        flips = np.asarray(rows)[:, None] >> np.arange(S) & 1 if is_exact else random.integers(2, size=(len(rows), S))
        first, second = pooled.exchanged(flips).T
        # Written so that NaN counts.
        num_as_large += int((~(np.abs(first - second) < abs(np.subtract(*pooled.values)) - TIE)).sum())
    return num_as_large / num if is_exact else (num_as_large + 1) / (num + 1)


def smallest_p(num_speakers: int, num_permutations: int = NUM_PERMUTATIONS) -> float:
    """The least p that `sign_flip_test` can give: all exchanged and none exchanged are always as large as observed.

    >>> smallest_p(3), smallest_p(6)
    (0.25, 0.03125)
    """
    return 2 / 2**num_speakers if _is_exact(num_speakers, num_permutations) else 1 / (num_permutations + 1)


def standardised_difference(pooled: PooledMetric) -> float:
    """Cohen's d_z of two systems: mean over standard deviation of the speakers' shares in the difference of the metric.

    A pooled metric has no value per speaker, so that speakers' shares are its jackknife pseudo-values
    S d - (S - 1) d_without_s (Tukey, Annals of Mathematical Statistics 29, 1958; d_z: Lakens, Frontiers in Psychology
    4:863, 2013). For accuracy with equally many utterances per speaker they are the speakers' own differences. NaN for
    one speaker, or where all shares are the same.

    >>> from emotone.evaluate.numbers.metrics import accuracy
    >>> predictions, speakers = [list("aaaaab"), list("bbabab")], list("xxyyzz")
    >>> round(standardised_difference(PooledMetric(accuracy, predictions, list("aaaaaa"), speakers)), 6)
    1.0
    """
    S = pooled.num_speakers
    if S == 1:
        return float("nan")
    shares = S * np.subtract(*pooled.values) - (S - 1) * np.subtract(*pooled.without_one().T)
    spread = shares.std(ddof=1)
    return float(shares.mean() / spread) if spread > TIE else float("nan")


def holm(p_values: ArrayLike) -> Floats:
    """Holm's adjusted p-values [m] for m tests, in the order given (Holm, Scandinavian Journal of Statistics 6, 1979).

    The i-th smallest is multiplied by m - i + 1, and none is less than a smaller one's. Raises EmotoneError for values
    outside [0, 1].

    >>> holm([0.01, 0.04, 0.03]).round(4).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise EmotoneError("p-values must be a list of numbers in [0, 1]")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    return adjusted


def friedman(scores: ArrayLike) -> RankTest:
    """Friedman's test that k >= 3 systems are equally good; scores [S, k], larger is better, a row per speaker.

    Systems are ranked within each speaker, ties take their mean rank and the statistic is corrected for them (Friedman,
    JASA 32, 1937; Demsar, JMLR 7, 2006, with speakers for data sets). Where every speaker has nothing but ties, p is 1.
    Raises EmotoneError for fewer than 3 systems or 2 speakers, or for NaN.

    >>> friedman([[0.9, 0.7, 0.5], [0.8, 0.7, 0.6], [0.9, 0.8, 0.1]]).mean_ranks
    (1.0, 2.0, 3.0)
    """
    from scipy.stats import chi2, rankdata

    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] < 2 or values.shape[1] < 3:
        raise EmotoneError(f"Friedman's test needs 2 speakers and 3 systems at least, not {values.shape}")
    if np.isnan(values).any():
        raise EmotoneError("Friedman's test needs a score for every speaker and system")
    S, k = values.shape
    ranks = rankdata(-values, axis=1)
    mean_ranks = ranks.mean(axis=0)
    # The variance of ranks within speakers is (k^2 - 1) / 12 without ties, less with them.
    spread = ranks.var(axis=1, ddof=1).mean()
    statistic = float(S * ((mean_ranks - (k + 1) / 2) ** 2).sum() / spread) if spread > 0 else 0.0
    return RankTest(statistic, float(chi2.sf(statistic, k - 1)), tuple(mean_ranks.tolist()))


def signed_rank_test(
    first: ArrayLike, second: ArrayLike, num_permutations: int = NUM_PERMUTATIONS, seed: int = 0
) -> float:
    """Wilcoxon's signed-rank test of two systems' scores [S] of the same speakers, two-sided; its p.

    Differences of 0 are left out, those of one size share their mean rank. The sum of signed ranks is compared with
    those under flips of signs, all or random ones as in `sign_flip_test`, so that ties do no harm (Wilcoxon, Biometrics
    Bulletin 1, 1945; that the bars of critical-difference plots are to come from it and not from mean ranks, which
    depend on the other systems: Benavoli, Corani & Mangili, JMLR 17, 2016). 1 where no score differs. Raises
    EmotoneError for unequal lengths or NaN.

    >>> signed_rank_test([0.9, 0.8, 0.7], [0.5, 0.6, 0.6])
    0.25
    """
    from scipy.stats import rankdata

    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1 or np.isnan(a).any() or np.isnan(b).any():
        raise EmotoneError(f"a signed-rank test needs two scores for every speaker, not {a.shape} and {b.shape}")
    differences = (a - b)[np.abs(a - b) > TIE]
    num_speakers = len(differences)
    if not num_speakers:
        return 1.0
    ranks = rankdata(np.abs(differences).round(12)) * np.sign(differences)
    is_exact = _is_exact(num_speakers, num_permutations)
    rows = np.arange(2**num_speakers)[:, None] >> np.arange(num_speakers) & 1 if is_exact else None
    flips = np.random.default_rng(seed).integers(2, size=(num_permutations, num_speakers)) if rows is None else rows
    num_as_large = int((np.abs((1 - 2 * flips) @ ranks) >= abs(ranks.sum()) - TIE).sum())
    return num_as_large / len(flips) if is_exact else (num_as_large + 1) / (len(flips) + 1)


def cliques(mean_ranks: Sequence[float], p_values: ArrayLike, level: float = 0.05) -> list[tuple[int, ...]]:
    """Runs of systems, best first, of which no two differ significantly: the bars of a critical-difference plot.

    `p_values` [k, k] are the (corrected) pairwise ones. A run is a longest stretch of neighbours in rank order, of at
    least two systems.

    >>> cliques([2.1, 1.2, 2.7], [[1, 0.2, 0.3], [0.2, 1, 0.01], [0.3, 0.01, 1]])
    [(1, 0), (0, 2)]
    """
    order = np.argsort(mean_ranks, kind="stable")
    is_same = np.asarray(p_values)[np.ix_(order, order)] > level
    runs: list[tuple[int, int]] = []
    for start in range(len(order)):
        end = start + 1
        while end < len(order) and is_same[start : end + 1, end][:-1].all():
            end += 1
        if end - start > 1 and (not runs or end > runs[-1][1]):
            runs.append((start, end))
    return [tuple(order[start:end].tolist()) for start, end in runs]


def _is_exact(num_speakers: int, num_permutations: int) -> bool:
    """Whether all subsets of speakers are so few that each of them is exchanged."""
    return 2**num_speakers <= num_permutations
