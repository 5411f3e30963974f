"""Columns of the corpus table, of which only numbers will do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from emotone.errors import EmotoneError
from emotone.training.difficulties.column import Column
from emotone.training.fold_data import FoldData


def test_it_is_the_column_in_the_order_of_the_training_part(fold_of: Callable[..., FoldData]) -> None:
    fold = fold_of()
    for name in ("valence", "age"):  # one of every corpus, one of this
        expected = fold.dataset.corpora["emotale"].utterances.set_index("id")[name][fold.train["id"]]
        np.testing.assert_array_equal(Column(name)(fold, pytest.fail), expected.to_numpy())
    assert Column.easy == "highest"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("valense", "difficulty column: unknown column 'valense'; did you mean 'valence'?"),
        ("speaker", r"difficulty column: speaker holds no numbers, e.g. '\d+'"),
    ],
)
def test_what_is_no_number(fold_of: Callable[..., FoldData], name: str, words: str) -> None:
    with pytest.raises(EmotoneError, match=words):
        Column(name)(fold_of(), pytest.fail)
