"""Agreement of raters against EmoTale's own table of votes."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emotone.errors import EmotoneError
from emotone.training.difficulties.agreement import Agreement
from emotone.training.fold_data import FoldData

LETTERS = {"arousal": "A", "valence": "V", "dominance": "D"}


def votes_of(shared: Path, id_: str, letter: str) -> list[str]:
    table = pd.read_csv(shared / "data/emotale-da/annotations.csv", dtype=str)
    row = table[table["file"].str.contains(id_.rpartition("/")[2])].iloc[0]
    return [row[column] for column in table if column.endswith(f"_{letter}") and pd.notna(row[column])]


@pytest.mark.parametrize("target", list(LETTERS))
def test_of_an_attribute_it_is_minus_the_deviation(shared: Path, fold_of: Callable[..., FoldData], target: str) -> None:
    fold = fold_of(targets=[target])
    found = Agreement()(fold, pytest.fail)
    votes = [np.array(votes_of(shared, id_, LETTERS[target]), float) for id_ in fold.train["id"]]
    assert len(found) == 10 and min(map(len, votes)) > 1
    np.testing.assert_allclose(found, [-np.std(one) / (5 - 1) for one in votes], atol=1e-12)
    assert Agreement.easy == "highest" and len(set(found)) > 2


def test_of_emotion_it_is_the_share_of_the_commonest_vote(shared: Path, fold_of: Callable[..., FoldData]) -> None:
    fold = fold_of(targets=["emotion", "arousal"])
    shares = []
    for id_ in fold.train["id"]:
        votes = votes_of(shared, id_, "cat")
        shares.append(Counter(votes).most_common(1)[0][1] / len(votes))
    np.testing.assert_allclose(Agreement()(fold, pytest.fail), shares, atol=1e-12)
    assert len(set(shares)) > 1


def test_one_vote_is_no_agreement(fold_of: Callable[..., FoldData]) -> None:
    fold = fold_of()
    corpus = fold.dataset.corpora["emotale"]
    first, second = fold.train["id"][:2]
    assert corpus.raters is not None
    alone = ~corpus.raters.duplicated("id") | ~corpus.raters["id"].isin([first, second])
    votes = corpus.raters[alone].copy()
    votes.loc[votes["id"] == second, "arousal"] = np.nan
    fold.dataset.corpora = {"emotale": dataclasses.replace(corpus, raters=votes)}
    assert np.flatnonzero(np.isnan(Agreement()(fold, pytest.fail))).tolist() == [0, 1]


def test_copies_have_the_votes_of_their_utterance(fold_of: Callable[..., FoldData]) -> None:
    plain, copied = fold_of(), fold_of(augmentation={"channels": 2})
    own = dict(zip(plain.train["id"], Agreement()(plain, pytest.fail), strict=True))
    assert len(copied.train) == 20
    np.testing.assert_array_equal(Agreement()(copied, pytest.fail), [own[id_] for id_ in copied.train["id"]])


def test_ids_may_end_like_those_of_copies(fold_of: Callable[..., FoldData]) -> None:
    fold = fold_of()
    expected = Agreement()(fold, pytest.fail)
    corpus = fold.dataset.corpora["emotale"]
    assert corpus.raters is not None
    named = {id_: f"{id_}#1" for id_ in corpus.utterances["id"]}
    fold.dataset.corpora = {
        "emotale": dataclasses.replace(
            corpus,
            utterances=corpus.utterances.assign(id=corpus.utterances["id"].map(named)),
            raters=corpus.raters.assign(id=corpus.raters["id"].map(named)),
        )
    }
    columns = ["id", "own_id", "store_id", "utterance"]
    for table in (fold.train, fold.dataset.table):
        table[columns] = table[columns].apply(lambda column: column.map(named))
    np.testing.assert_array_equal(Agreement()(fold, pytest.fail), expected)


def test_a_corpus_without_votes_is_named(fold_of: Callable[..., FoldData]) -> None:
    fold = fold_of()
    corpus = fold.dataset.corpora["emotale"]
    fold.dataset.corpora = {"emotale": dataclasses.replace(corpus, raters=None)}
    with pytest.raises(EmotoneError, match="corpus emotale has no raters' votes, only one label"):
        Agreement()(fold, pytest.fail)
