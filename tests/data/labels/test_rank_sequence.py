"""Ranks of chunks against the published rule written as loops, and against the reference outputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from emotone.data.labels.rank_sequence import rank_chunks
from emotone.errors import EmotoneError


def rank_by_loops(margins: list[float]) -> list[int]:
    """Every ordered pair of chunks is compared, as published; equal outputs are class 0."""
    outputs = [np.array([0.0, margin]) for margin in margins]
    wins = [sum(int(np.argmax(one - other)) for other in outputs) for one in outputs]
    return [1 + sum(other > own for other in wins) for own in wins]


@given(arrays(np.float64, array_shapes(min_dims=2, max_dims=2), elements=st.integers(-3, 3).map(float)))
def test_ranks_equal_loops_ties_included(margins: np.ndarray) -> None:
    assert rank_chunks(margins).tolist() == [rank_by_loops(row) for row in margins.tolist()]
    assert rank_chunks(margins[0]).tolist() == rank_by_loops(margins[0].tolist())


def test_ranks_equal_the_reference(shared: Path) -> None:
    files = sorted((shared / "golden/systems").glob("*.npz"))
    assert len(files) >= 6
    for file in files:
        with np.load(file) as golden:
            for attribute in ("Act", "Dom", "Val"):
                preference = golden[f"ranker__{attribute}__preference"]
                assert not np.diagonal(preference).any()
                # Preferences that come from one number per chunk order the chunks as their wins do.
                wins = preference.sum(axis=1)
                np.testing.assert_array_equal(preference, wins[:, None] > wins)
                np.testing.assert_array_equal(rank_chunks(wins), golden[f"ranker__{attribute}__rank"])


def test_published_sequences_are_ranks_ties_included(shared: Path) -> None:
    folder = shared / "published/Chunk-Level-Emotion-Retrieval/chunk_emotion_rankers/EmoChunkRankSeq"
    sequences = json.loads((folder / "validation_Val.json").read_text())
    ranks = np.array([value["ChunkRankSeq"] for value in sequences.values()])
    assert ranks.shape == (5958, 22) and any(len(set(row)) < 22 for row in ranks.tolist())
    np.testing.assert_array_equal(rank_chunks(-ranks), ranks)


def test_margins_without_an_order_are_refused() -> None:
    with pytest.raises(EmotoneError, match="2 of 4 margins are NaN or infinite"):
        rank_chunks([[0.1, float("nan")], [float("inf"), 2.0]])
