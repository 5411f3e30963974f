"""Raters' single votes on the utterances of a table: preferences between them, and their means and deviations.

A table may be of several corpora. Votes of each are mapped to the recipe's ranges as its labels are, and no utterance
is compared with one of another corpus, whose raters and scale were others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotone.data.labels.emotion_curve import rating_statistics
from emotone.data.labels.preferences import (
    PARTNERS,
    THRESHOLD,
    Preferences,
    count_votes,
    prefer_by_margin,
    prefer_by_votes,
    votes_of,
)
from emotone.errors import EmotoneError

if TYPE_CHECKING:
    import pandas as pd

    from emotone.corpora.corpus import Corpus
    from emotone.data.selection import Selection

Floats = NDArray[np.float64]


class Votes(NamedTuple):
    """Votes of one corpus on an attribute, for N rows of a table, which are of M utterances.

    places: the rows [N]. ids: the utterances, as the corpus names them. rows: the utterance (0..M-1) of each row [N].
    values [R]: votes in the recipe's range, on the utterances `voted_ids` [R], of which some may not be among `ids`;
    none where the corpus has no raters.
    """

    corpus: str
    places: NDArray[np.intp]
    rows: NDArray[np.intp]
    ids: list[str]
    voted_ids: list[str]
    values: Floats


@dataclass(frozen=True)
class PreferenceRule:
    """Which of two utterances has more of an attribute: by its raters' votes, or by a margin of the labels.

    See `emotone.data.labels.preferences` for `threshold`, `margin` (in the recipe's range) and `partners`.
    """

    by: Literal["votes", "margin"] = "votes"
    threshold: float = THRESHOLD
    margin: float = 1.0
    partners: float = PARTNERS

    def prefer(self, data: Selection, table: pd.DataFrame, attribute: str, part: str, seed: int = 0) -> Preferences:
        """Pairs of rows of a table, the `part` of a split; raises EmotoneError where there are none, or no votes."""
        labels = table[attribute].to_numpy(float)
        found = []
        for votes in votes_on(data, table, attribute):
            try:
                if self.by == "votes":
                    counts = count_votes(votes.ids, votes.voted_ids, votes.values)[votes.rows]
                    pairs = prefer_by_votes(counts, self.partners, self.threshold, seed)
                else:
                    pairs = prefer_by_margin(labels[votes.places], self.margin, self.partners, seed)
            except EmotoneError as error:
                raise EmotoneError(f"corpus {votes.corpus}, {part} part, {attribute}: {error}") from None
            found.append(pairs._replace(first=_at(votes, pairs.first), second=_at(votes, pairs.second)))
        return Preferences(
            np.concatenate([pairs.first for pairs in found]),
            np.concatenate([pairs.second for pairs in found]),
            np.concatenate([pairs.label for pairs in found]),
            sum(pairs.num_undecided for pairs in found),
            sum(pairs.num_unrated for pairs in found),
        )


def _at(votes: Votes, rows: NDArray[np.int32]) -> NDArray[np.int32]:
    return votes.places[rows].astype(np.int32)


def vote_statistics(data: Selection, table: pd.DataFrame, attribute: str) -> tuple[Floats, Floats]:
    """Mean and population deviation [N] of the votes on each row of a table; NaN where there are none."""
    mean, std = np.full((2, len(table)), np.nan)
    for votes in votes_on(data, table, attribute):
        rated = rating_statistics(*votes_of(votes.ids, votes.voted_ids, votes.values), len(votes.ids))
        mean[votes.places], std[votes.places] = (statistic[votes.rows] for statistic in rated)
    return mean, std


def votes_on(data: Selection, table: pd.DataFrame, attribute: str) -> Iterator[Votes]:
    """The votes of each corpus that a table (of utterances, or of training copies) has rows of."""
    for corpus in data.corpora.values():
        places = np.flatnonzero(table["corpus"] == corpus.name)
        if not len(places):
            continue
        codes, ids = table["own_id"].iloc[places].factorize()
        voted_ids, values = [], np.zeros(0)
        raters = _raters(data, corpus, attribute)
        if raters is not None:
            voted_ids, values = list(raters["id"]), raters[attribute].to_numpy(float)
            low, high = corpus.meta["ranges"][attribute]
            to_low, to_high = data.recipe.ranges.get(attribute, (low, high))
            values = to_low + (values - low) / (high - low) * (to_high - to_low)
        yield Votes(corpus.name, places, codes, list(ids), voted_ids, values)


def check_votes(data: Selection, where: str, remedy: str) -> None:
    """Raise EmotoneError, with a remedy, where a corpus of the recipe has no votes on one of its targets."""
    for name in data.recipe.corpora:
        for target in data.targets:
            if _raters(data, data.corpora[name], target.name) is None:
                lost = f"corpus {name} has no raters' votes on {target.name}, only one label"
                if data.recipe.teacher:
                    lost = f"a teacher's scores of {target.name} are no raters' votes"
                raise EmotoneError(f"{where}: {lost}; {remedy}")


def _raters(data: Selection, corpus: Corpus, attribute: str) -> pd.DataFrame | None:
    """The rater table of a corpus, if it votes on an attribute, and no teacher's scores stand for the raters."""
    raters = corpus.raters
    if raters is None or data.recipe.teacher or attribute not in raters or not raters[attribute].notna().any():
        return None
    return raters
