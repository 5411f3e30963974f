"""Preference labels: which of two utterances has more of an attribute, from their raters' single votes (QA method).

Parthasarathy, Cowie & Busso, "Using Agreement on Direction of Change to Build Rank-Based Emotion Classifiers",
IEEE/ACM TASLP 24(11), 2016, for qualitative agreement; Lin & Busso, "Sequential Modeling by Leveraging Non-Uniform
Distribution of Speech Emotion", IEEE/ACM TASLP 31, 2023, for its use here: every vote on one utterance is compared with
every vote on the other, and the pair has a label where one outcome (higher, lower, equal) has a clear majority.

Votes lie on a scale of few values, so an utterance is a histogram over these, and the votes that lie above those of
another are a product of one histogram with the other's cumulative counts. Votes on different scales do not compare:
label each corpus by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emotone.errors import EmotoneError

Counts = NDArray[np.float32]  # whole numbers, exact up to 16 million
Floats = NDArray[np.float64]
Labels = NDArray[np.int8]
Places = NDArray[np.intp]

HIGHER, LOWER, UNDECIDED = 1, 0, -1
THRESHOLD = 0.6
"""Share of compared votes that decides a pair, as published."""
PARTNERS = 0.1
"""How many others each utterance is compared with, as a share of all, as published."""
MAX_VALUES = 1_000
"""Different votes that an attribute may have: a scale, not any number."""
BLOCK_PAIRS, BLOCK_CELLS = 2**17, 2**20
"""Largest block that is compared at once: pairs of utterances, and cells of a table of labels."""


class Preferences(NamedTuple):
    """P pairs of utterances, as numbers of rows; the first has more of the attribute (label 1) or less (label 0).

    `num_undecided` further pairs were compared and have no clear order; `num_unrated` utterances are in no pair, for
    they have no vote (no label). A pair may be drawn twice, once from either side.
    """

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    label: Labels
    num_undecided: int
    num_unrated: int


def count_votes(ids: Sequence[str], voted_ids: Sequence[str], votes: ArrayLike) -> Counts:
    """Histograms over the scale of the utterances `ids`: how often each value was voted, float32 [N, V].

    `voted_ids` [R] and `votes` [R] are columns of a rater table, in any order. Missing votes (NaN), and those on other
    utterances, do not count. Raises EmotoneError for unequal lengths, infinite votes, and more than 1,000 different
    ones: the method compares votes on a scale.

    >>> count_votes(["a", "b"], ["a", "b", "a", "c"], [2.5, 4.0, 2.5, 7.0])
    array([[2., 0.],
           [0., 1.]], dtype=float32)
    """
    places, values = votes_of(ids, voted_ids, votes)
    scale, codes = np.unique(values, return_inverse=True)
    if len(scale) > MAX_VALUES:
        raise EmotoneError(
            f"preferences: votes have {len(scale)} different values, a scale has {MAX_VALUES} at most; round them first"
        )
    V = len(scale)
    return np.bincount(places * V + codes, minlength=len(ids) * V).reshape(len(ids), V).astype(np.float32)


def votes_of(ids: Sequence[str], voted_ids: Sequence[str], votes: ArrayLike) -> tuple[NDArray[np.intp], Floats]:
    """The votes on the utterances `ids`, missing ones left out: whose they are, as 0..N-1, and their values.

    Arguments and errors as of `count_votes`.

    >>> places, values = votes_of(["a", "b"], ["b", "c", "a"], [4.0, 7.0, float("nan")])
    >>> places.tolist(), values.tolist()
    ([1], [4.0])
    """
    values = np.asarray(votes, np.float64)
    if len(values) != len(voted_ids):
        raise EmotoneError(f"rater table: {len(values)} votes are not those on {len(voted_ids)} utterances")
    num_infinite = int(np.isinf(values).sum())
    if num_infinite:
        raise EmotoneError(f"rater table: {num_infinite} of {len(values)} votes are infinite")
    place_of = {name: place for place, name in enumerate(ids)}
    places = np.array([place_of.get(name, -1) for name in voted_ids], np.intp)
    counts = (places >= 0) & ~np.isnan(values)
    return places[counts], values[counts]


def compare_votes(first: Counts, second: Counts, threshold: float = THRESHOLD) -> tuple[Labels, Floats]:
    """Labels [A, B] (1 higher, 0 lower, -1 undecided) of histograms [A, V] against [B, V], and the shares behind them.

    Shares float64 [3, A, B]: of the compared votes where the first's is higher, lower and equal. Raises EmotoneError
    for histograms without votes, and a threshold that is not in (0.5, 1], where two outcomes could reach it.

    >>> labels, shares = compare_votes(np.float32([[0, 1, 2]]), np.float32([[2, 1, 0], [0, 1, 2]]))
    >>> labels.tolist(), shares[:, 0, 0].round(3).tolist()
    ([[1, -1]], [0.889, 0.0, 0.111])
    """
    _check_threshold(threshold)
    higher, lower, compared = _outcomes(first, *_cumulate(second))
    if not compared.all():
        raise EmotoneError("preferences: a histogram without votes cannot be compared")
    labels = _label(higher, lower, compared, threshold)
    return labels, np.stack([higher, lower, compared - higher - lower]) / compared.astype(np.float64)


def prefer_by_votes(
    counts: Counts, partners: float = PARTNERS, threshold: float = THRESHOLD, seed: int = 0
) -> Preferences:
    """Preferences from histograms [N, V] of votes: each utterance against others that are drawn afresh for it.

    A pair is labelled where at least `threshold` (0.5 < threshold <= 1) of its compared votes are higher, or lower.
    partners: below 1 a share of the utterances with votes (rounded down, at least one), else how many; all others
    where these are fewer. Any number of raters will do, also one. The pairs come in no particular order; the same seed
    gives the same. Memory: 18 bytes a labelled pair at most, beside blocks of fixed size.

    Raises EmotoneError for fewer than two utterances with votes, and where no pair has a clear order.

    >>> pairs = prefer_by_votes(np.float32([[3, 0], [0, 3], [0, 0]]))
    >>> pairs.first.tolist(), pairs.second.tolist(), pairs.label.tolist(), pairs.num_unrated
    ([0, 1], [1, 0], [0, 1], 1)
    """
    _check_threshold(threshold)
    rated = _rated(counts.sum(axis=1) > 0, "votes")
    # Few utterances have a histogram of their own (five votes on seven values: 462 at most), and those that share one
    # share their labels; they come one after the other.
    histograms, codes = _distinct(counts[rated])
    order = np.argsort(codes, kind="stable")
    codes, cumulated = codes[order], _cumulate(histograms)

    def label(rows: slice, others: Places) -> Labels:
        of_rows = codes[rows]
        table = _label(*_outcomes(histograms[of_rows[0] : of_rows[-1] + 1], *cumulated), threshold)
        return table.ravel()[((of_rows - of_rows[0]) * len(histograms))[:, None] + codes[others]]

    return _prefer(rated[order], len(counts), partners, seed, label, len(histograms), "votes")


def prefer_by_margin(labels: ArrayLike, margin: float, partners: float = PARTNERS, seed: int = 0) -> Preferences:
    """Preferences for a corpus without raters: pairs whose labels [N] differ by at least `margin`, in their unit.

    What single votes would have decided is not known: a margin stands for it, the wider the surer (and fewer) the
    pairs. About one unit of a scale of 1..7 is usual. Utterances without a label (NaN) are in no pair; `partners` and
    errors as in `prefer_by_votes`, and EmotoneError for a margin that is not above 0.

    >>> pairs = prefer_by_margin([1.0, 4.3, 5.3], margin=1.0, partners=2)
    >>> pairs.first.tolist(), pairs.second.tolist(), pairs.label.tolist()
    ([0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1], [0, 0, 1, 0, 1, 1])
    """
    values = np.asarray(labels, np.float64)
    if not margin > 0:
        raise EmotoneError(f"preferences: the margin must be above 0, not {margin:g}")
    rated = _rated(~np.isnan(values), "labels")
    known = values[rated]
    least = margin - 1e-9 * max(margin, float(np.abs(known).max(initial=0)))  # 4.1 - 3.1 is below 1 by its rounding

    def label(rows: slice, others: Places) -> Labels:
        difference = known[rows, None] - known[others]
        return _decide(difference >= least, difference <= -least)

    return _prefer(rated, len(values), partners, seed, label, 1, "labels")


def _check_threshold(threshold: float) -> None:
    if not 0.5 < threshold <= 1:
        raise EmotoneError(f"preferences: the threshold must be above 0.5 and at most 1, not {threshold:g}")


def _rated(is_rated: NDArray[np.bool_], what: str) -> Places:
    rated = np.flatnonzero(is_rated)
    if len(rated) < 2:
        raise EmotoneError(f"preferences: need at least 2 utterances with {what}, not {len(rated)} of {len(is_rated)}")
    return rated


def _distinct(rows: Counts) -> tuple[Counts, Places]:
    """The different rows [U, V] of [N, V], and which of them each row is [N]; many times faster than np.unique."""
    code_of: dict[bytes, int] = {}
    codes = [code_of.setdefault(row.tobytes(), len(code_of)) for row in rows]
    return np.frombuffer(b"".join(code_of), np.float32).reshape(len(code_of), -1), np.array(codes, np.intp)


def _cumulate(counts: Counts) -> tuple[Counts, Counts, Counts]:
    """Votes below and above each value of the scale [B, V], and the number of votes [B], of histograms [B, V]."""
    up_to = np.cumsum(counts, axis=1)
    return up_to - counts, up_to[:, -1:] - up_to, counts.sum(axis=1)


def _outcomes(first: Counts, below: Counts, above: Counts, num_votes: Counts) -> tuple[Counts, Counts, Counts]:
    """Numbers of compared votes where the first's is higher, where it is lower, and in all: [A, B] each."""
    return first @ below.T, first @ above.T, np.outer(first.sum(axis=1), num_votes)


def _label(higher: Counts, lower: Counts, compared: Counts, threshold: float) -> Labels:
    # In float64 a share that is 0.6 is the number 0.6: both are rounded from the same ratio of whole numbers.
    of = compared.astype(np.float64)
    return _decide(higher / of >= threshold, lower / of >= threshold)


def _decide(is_higher: NDArray[np.bool_], is_lower: NDArray[np.bool_]) -> Labels:
    return UNDECIDED + (HIGHER - UNDECIDED) * is_higher.view(np.int8) + (LOWER - UNDECIDED) * is_lower.view(np.int8)


def _prefer(
    rated: Places,
    num_utterances: int,
    partners: float,
    seed: int,
    label: Callable[[slice, Places], Labels],
    cells_per_row: int,
    what: str,
) -> Preferences:
    """Draw partners for the N utterances that are `rated`, block by block, and keep the pairs that `label` decides.

    `label` gets B rows and their others [B, M], as places among the rated ones, and gives labels [B, M]; it needs
    `cells_per_row` numbers beside them for each row.
    """
    N, utterances = len(rated), rated.astype(np.int32)
    num_partners = _count_partners(partners, N)
    random = np.random.default_rng(seed)
    size = max(1, min(BLOCK_PAIRS // num_partners, BLOCK_CELLS // cells_per_row))
    kept = []
    for start in range(0, N, size):
        rows = slice(start, min(start + size, N))
        others = draw_partners(np.arange(rows.start, rows.stop), N, num_partners, random)
        labels = label(rows, others)
        decided = labels != UNDECIDED
        places = np.flatnonzero(decided)
        firsts = np.repeat(utterances[rows], np.count_nonzero(decided, axis=1))
        kept.append((firsts, utterances[others.ravel()[places]], labels.ravel()[places]))
    first, second, labels = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    num_pairs = N * num_partners
    if not len(labels):
        raise EmotoneError(f"preferences: none of {num_pairs} pairs of utterances has a clear order by their {what}")
    return Preferences(first, second, labels, num_pairs - len(labels), num_utterances - N)


def _count_partners(partners: float, num_utterances: int) -> int:
    if not (0 < partners < 1 or (partners >= 1 and float(partners).is_integer())):
        raise EmotoneError(f"preferences: partners must be a share below 1 or a whole number, not {partners:g}")
    wanted = int(partners * num_utterances) if partners < 1 else int(partners)
    return min(max(wanted, 1), num_utterances - 1)


def draw_partners(rows: Places, num_utterances: int, num_partners: int, random: np.random.Generator) -> Places:
    """For each of B rows, M different others of the N utterances: [B, M], for each row any set of M equally likely.

    >>> draw_partners(np.array([0, 2]), 3, 2, np.random.default_rng(0)).tolist()
    [[1, 2], [0, 1]]
    """
    # The others are dealt at random into M heaps that all rows share, and each row draws one of each heap: all sets of
    # M are equally likely by symmetry, and none needs to be looked through for repeated ones.
    size, num_larger = divmod(num_utterances - 1, num_partners)
    dealt = random.permutation(num_utterances - 1)
    heaps = np.arange(num_partners)
    sizes = ((size + 1, num_larger), (size, num_partners - num_larger))
    drawn = np.concatenate([random.integers(high, size=(len(rows), num)) for high, num in sizes], axis=1)
    drawn += heaps * size + np.minimum(heaps, num_larger)  # where each heap begins
    others = dealt[drawn]
    others += others >= rows[:, None]  # an utterance is not its own partner
    return others
