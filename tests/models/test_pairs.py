"""Votes of pairs of categories, of arrays and tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from emotone.models.pairs import pairs_of, signs_of, sum_votes


@pytest.mark.parametrize("num", [2, 3, 7])
def test_every_pair_is_for_one_and_against_the_other(num: int) -> None:
    signs = signs_of(num)
    assert signs.shape == (num * (num - 1) // 2, num)
    for (first, second), row in zip(pairs_of(num), signs, strict=True):
        assert (row[first], row[second], abs(row).sum()) == (1, -1, 2)


def test_no_margin_counts_more_than_the_largest_vote() -> None:
    margins = np.random.default_rng(0).normal(0, 2, (50, 6))
    expected = np.zeros((50, 4))
    for place, (first, second) in enumerate(pairs_of(4)):
        vote = np.minimum(np.maximum(margins[:, place], -1), 1)
        expected[:, first] += vote
        expected[:, second] -= vote
    np.testing.assert_allclose(sum_votes(margins, signs_of(4), 1.0), expected, atol=1e-12)
    tensors = torch.from_numpy(margins), torch.from_numpy(signs_of(4)).double(), torch.tensor(1.0)
    np.testing.assert_allclose(sum_votes(*tensors).numpy(), expected, atol=1e-12)
    unlimited = sum_votes(margins, signs_of(4), np.inf)
    np.testing.assert_allclose(unlimited, margins @ signs_of(4), atol=1e-12)
