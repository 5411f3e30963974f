"""Utterances of a store as training reads them, against normalising and cutting by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from emotone.bundle.view.streams import StreamNormalisers, Utterance, stack
from emotone.bundle.view.view import Chunks, Crop, FrameView, Normaliser, Whole, WordChunks
from emotone.data.rows import Rows
from emotone.training.examples import ChunkExamples, StoreExamples, StreamExamples

LENGTHS = [9, 4, 9, 1, 17, 4, 9]
D = 3
CHUNKS = Chunks(5, 3)


def examples(view: FrameView, by_speaker: bool = False) -> StoreExamples:
    random = np.random.default_rng(0)
    frames = [random.normal(2, 3, (length, D)).astype(np.float32) for length in LENGTHS]
    num = len(LENGTHS)
    labels = {"arousal": torch.arange(num, dtype=torch.float32), "emotion": torch.eye(num)[:, :2]}
    two = [Normaliser(random.normal(2, 1, D), random.uniform(0.5, 3, D), clip=1.5) for _ in range(2)]
    normaliser = [two[number % 2] for number in range(num)] if by_speaker else two[0]
    return StoreExamples(Rows(frames, D), view, normaliser, labels)


def by_hand(found: StoreExamples, row: int, view: FrameView | Crop) -> Any:
    own = found.normaliser if isinstance(found.normaliser, Normaliser) else found.normaliser[row]
    frames = found.rows.utterances[row]
    return own(frames)[view.index(len(frames))]


@pytest.mark.parametrize("by_speaker", [False, True])
def test_batches_are_normalised_views_with_their_labels(by_speaker: bool) -> None:
    found = examples(CHUNKS, by_speaker)
    rows = np.array([4, 0, 3, 4])
    inputs, labels = found.batch(rows)
    assert len(found) == 7 and found.num_chunks == 3 and inputs.shape == (4, 3, 5, D)
    for position, row in enumerate(rows):
        np.testing.assert_array_equal(inputs[position].numpy(), by_hand(found, row, CHUNKS))
    assert labels["arousal"].tolist() == rows.tolist()
    assert torch.equal(labels["emotion"], found.labels["emotion"][[4, 0, 3, 4]])


@pytest.mark.parametrize("by_speaker", [False, True])
def test_single_chunks_are_those_of_whole_utterances(by_speaker: bool) -> None:
    found = examples(CHUNKS, by_speaker)
    rows, chunks = np.array([6, 3, 1, 6, 0]), np.array([2, 0, 1, 2, 0])
    single = found.chunks(rows, chunks)
    whole, _ = found.batch(np.arange(7))
    assert single.shape == (5, 5, D) and torch.equal(single, whole[rows, chunks])


def test_batches_may_be_cropped() -> None:
    found = examples(Whole())
    crops = [Crop(4, 0.0), Crop(4, 0.7), Crop(4, 0.99)]
    inputs, _ = found.batch(np.array([4, 1, 3]), crops)
    for position, (row, crop) in enumerate(zip((4, 1, 3), crops, strict=True)):
        np.testing.assert_array_equal(inputs[position].numpy(), by_hand(found, row, crop))


@pytest.mark.parametrize("view", [CHUNKS, Whole()])
@pytest.mark.parametrize("batch_size", [1, 2, 100])
def test_groups_hold_every_row_once_and_can_be_read_together(view: FrameView, batch_size: int) -> None:
    found = examples(view)
    groups = found.groups(batch_size)
    assert sorted(np.concatenate(groups)) == list(range(7)) and max(map(len, groups)) <= batch_size
    for rows in groups:
        inputs, _ = found.batch(rows)
        np.testing.assert_array_equal(inputs[-1].numpy(), by_hand(found, rows[-1], view))
    if batch_size == 100:
        assert len(groups) == (1 if isinstance(view, Chunks) else len(set(LENGTHS)))


def test_a_view_of_the_whole_is_one_chunk_and_has_no_single_ones() -> None:
    found = examples(Whole())
    assert found.num_chunks == 1
    with pytest.raises(AssertionError):
        found.chunks(np.array([0]), np.array([0]))


def test_all_at_once_for_systems_that_solve() -> None:
    found = examples(CHUNKS)
    inputs, labels = found.arrays()
    np.testing.assert_array_equal(inputs, np.stack([by_hand(found, row, CHUNKS) for row in range(7)]))
    assert inputs.dtype == labels["arousal"].dtype == np.float32 and labels["emotion"].shape == (7, 2)


# ---- speech and text --------------------------------------------------------------------------------------------


def streams(taken: Any = "both") -> StreamExamples:
    random = np.random.default_rng(0)
    utterances = []
    for place, length in enumerate(LENGTHS):
        speech = random.normal(2, 3, (10 * length, D)).astype(np.float32)
        text = random.normal(2, 3, (2 + place % 3, 2)).astype(np.float32)
        utterances.append(Utterance(speech, text, [None, 3, 0, 9, 1, 4, 12][place]))
    utterances[2] = utterances[2]._replace(text=None)
    utterances[5] = utterances[5]._replace(speech=None)
    normalisers = (Normaliser(random.uniform(0.5, 2, n), random.uniform(0.5, 2, n), clip=None) for n in (D, 2))
    labels = {"arousal": torch.arange(len(LENGTHS), dtype=torch.float32)}
    return StreamExamples(utterances, WordChunks(10, 0.02, 2, streams=taken), StreamNormalisers(*normalisers), labels)


@pytest.mark.parametrize("seed", [None, 5])
def test_batches_of_streams_are_those_of_their_rows(seed: int | None) -> None:
    found, rows = streams(), np.array([4, 2, 5, 4])
    draws = [None if seed is None else np.random.default_rng(seed) for _ in range(2)]
    inputs, labels = found.batch(rows, random=draws[0])
    expected = stack([found.utterances[row] for row in rows], found.view, found.normalisers, draws[1])
    for name, part in inputs._asdict().items():
        assert part.numpy().dtype == getattr(expected, name).dtype
        np.testing.assert_array_equal(part.numpy(), getattr(expected, name))
    assert labels["arousal"].tolist() == rows.tolist() and len(found) == 7
    moved = inputs.to("cpu")
    assert type(moved) is type(inputs) and torch.equal(moved.speech, inputs.speech)


def test_batches_one_after_another_are_those_of_their_own() -> None:
    """Whatever batches came before, larger or smaller, trained on or not."""
    found = streams()
    kept, _ = found.batch(np.array([3, 6, 1]))
    before = kept.speech.clone()
    for seed, rows in enumerate(([3], [6, 0, 1, 4], [2, 5], [6, 1, 0, 3])):
        inputs, _ = found.batch(np.array(rows), random=np.random.default_rng(seed))
        alone, _ = streams().batch(np.array(rows), random=np.random.default_rng(seed))
        assert all(torch.equal(getattr(inputs, name), getattr(alone, name)) for name in inputs._fields)
    assert torch.equal(kept.speech, before)


@pytest.mark.parametrize("taken", ["both", "speech", "text"])
@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_groups_of_streams_hold_every_row_once_and_are_of_like_length(taken: str, batch_size: int) -> None:
    found = streams(taken)
    groups = found.groups(batch_size)
    assert sorted(np.concatenate(groups)) == list(range(7)) and max(map(len, groups)) <= batch_size
    steps = [found.batch(rows)[0].speech.shape[1] for rows in groups]
    assert steps == sorted(steps)


def test_chunks_are_examples_of_their_own() -> None:
    random = np.random.default_rng(0)
    frames = [random.normal(size=(7 + n, 3)).astype(np.float32) for n in range(4)]
    labels = {"arousal": torch.arange(4.0), "emotion": torch.eye(4)}
    whole = StoreExamples(Rows(frames, 3), Chunks(3, 2), Normaliser(np.zeros(3), np.ones(3)), labels)
    single = ChunkExamples(whole)
    assert len(single) == 8 and [len(rows) for rows in single.groups(3)] == [6, 2] and single.view == Chunks(3, 2)
    inputs, found = single.batch(np.array([5, 0]))
    expected, _ = whole.batch(np.array([2, 0]))
    assert torch.equal(inputs, torch.stack([expected[0, 1:], expected[1, :1]]))
    assert found["arousal"].tolist() == [2.0, 0.0] and found["emotion"].argmax(dim=1).tolist() == [2, 0]
