"""Rankers' labels, rank sequences and tests against the loops they replace: `python benchmarks/bench_preferences.py`.

- Preference labels: 5,000 utterances, 500 partners each, 5 raters on a scale of 1..7. The loop draws the partners with
  `random.sample` and compares every vote of one with every vote of the other; for "labels alone" both sides get the
  partners. The loop runs for 100 of the utterances.
- Rank sequences: 100 utterances of 22 chunks, a ranker of the published sizes. The loop scores every ordered pair of
  chunks with two passes of the network, the 462 pairs of an utterance as one batch. It runs for 2 of the utterances.
- Test of a ranker: all pairs of 1,000 utterances of 22 chunks, as ours ranks them after one pass each.

CPU time of the process; what the loop takes for its part is scaled to the whole.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import random
import statistics
import time
from collections.abc import Callable
from itertools import permutations
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from emotone.data.labels import preferences
from emotone.data.labels.preferences import HIGHER, LOWER, UNDECIDED, compare_votes, draw_partners
from emotone.data.labels.rank_sequence import rank_chunks
from emotone.evaluate.numbers.ranking import assess_all_pairs, assess_as_published
from emotone.models.networks.emotion_ranker import EmotionRanker

NUM_UTTERANCES, NUM_PARTNERS, NUM_RATERS, SCALE, THRESHOLD = 5_000, 500, 5, 7, 0.6
NUM_LOOPED = 100
NUM_RANKED, NUM_RANKED_BY_LOOP, NUM_CHUNKS, CHUNK_FRAMES, NUM_FEATURES = 100, 2, 22, 62, 130
NUM_TESTED = 1_000


def compare(title: str, ours: Callable[[], object], theirs: Callable[[], object], scale: float, wanted: str) -> None:
    """Run both in turns and print medians, the first turn not counted; `theirs` is a part and counts `scale` times."""
    durations_s: tuple[list[float], list[float]] = ([], [])
    for turn in range(timing.NUM_RUNS + 1):
        for run, taken_s in zip((ours, theirs), durations_s, strict=True):
            began_s = time.process_time()
            run()
            if turn:
                taken_s.append(time.process_time() - began_s)
    our_s, their_s = (statistics.median(taken_s) for taken_s in durations_s)
    times = f"{our_s:8.3f} s {their_s * scale:8.2f} s   theirs/ours {their_s * scale / our_s:6.1f}"
    print(f"{title:<52} {times}   wanted: {wanted}", flush=True)


def label_by_loops(first: list[int], second: list[int]) -> int:
    higher = lower = equal = 0
    for one in first:
        for other in second:
            if one > other:
                higher += 1
            elif one < other:
                lower += 1
            else:
                equal += 1
    compared = higher + lower + equal
    if higher / compared >= THRESHOLD:
        return HIGHER
    return LOWER if lower / compared >= THRESHOLD else UNDECIDED


def bench_preferences() -> None:
    drawing = np.random.default_rng(0)
    votes = drawing.integers(1, SCALE + 1, (NUM_UTTERANCES, NUM_RATERS))
    counts = (votes[:, :, None] == np.arange(1, SCALE + 1)).sum(axis=1).astype(np.float32)
    lists, everyone = votes.tolist(), range(NUM_UTTERANCES)
    partners = draw_partners(np.arange(NUM_UTTERANCES), NUM_UTTERANCES, NUM_PARTNERS, drawing)
    looped = partners[:NUM_LOOPED].tolist()

    def by_loops() -> list[tuple[int, int, int]]:
        pairs = []
        for first in range(NUM_LOOPED):
            for second in random.sample(everyone, NUM_PARTNERS):
                label = label_by_loops(lists[first], lists[second])
                if label != UNDECIDED:
                    pairs.append((first, second, label))
        return pairs

    def labels_by_loops() -> list[list[int]]:
        return [[label_by_loops(lists[i], lists[j]) for j in others] for i, others in enumerate(looped)]

    labels, _ = compare_votes(counts[:NUM_LOOPED], counts)
    np.testing.assert_array_equal(np.take_along_axis(labels, partners[:NUM_LOOPED], axis=1), labels_by_loops())

    def ours() -> preferences.Preferences:
        return preferences.prefer_by_votes(counts, NUM_PARTNERS)

    part, whole = f"{NUM_LOOPED} utterances by loop, scaled", NUM_UTTERANCES / NUM_LOOPED
    compare(f"preferences, {part}", ours, by_loops, whole, ">= 100")
    with mock.patch.object(preferences, "draw_partners", lambda rows, *_: partners[rows]):
        compare("preferences, labels alone", ours, labels_by_loops, whole, ">= 100")


def bench_rank_sequences() -> None:
    network = EmotionRanker(NUM_FEATURES, {"arousal": 1}).eval()
    chunks = torch.randn(NUM_RANKED, NUM_CHUNKS, CHUNK_FRAMES, NUM_FEATURES)

    def by_margins(utterances: Tensor) -> np.ndarray:
        return rank_chunks(np.concatenate([network(batch)["arousal"].numpy() for batch in utterances.split(4)]))

    def by_pairs(utterances: Tensor) -> list[list[int]]:
        pairs = torch.tensor(list(permutations(range(NUM_CHUNKS), 2)))
        ranks = []
        for utterance in utterances:
            first, second = (network(utterance[pairs[:, side], None])["arousal"][:, 0] for side in (0, 1))
            wins = torch.bincount(pairs[first > second, 0], minlength=NUM_CHUNKS).tolist()
            ranks.append([1 + sum(other > own for other in wins) for own in wins])
        return ranks

    part = chunks[:NUM_RANKED_BY_LOOP]
    with torch.inference_mode():
        np.testing.assert_array_equal(by_margins(part), by_pairs(part))
        title = f"rank sequences, pairs of {NUM_RANKED_BY_LOOP} utterances, scaled"
        whole = NUM_RANKED / NUM_RANKED_BY_LOOP
        compare(title, lambda: by_margins(chunks), lambda: by_pairs(part), whole, ">= 20")


def bench_test() -> None:
    random_numbers = np.random.default_rng(0)
    margins, labels = random_numbers.normal(size=(NUM_TESTED, NUM_CHUNKS)), random_numbers.uniform(1, 7, NUM_TESTED)
    for title, run in (("all pairs", assess_all_pairs), ("10 x 10%", assess_as_published)):
        began_s = time.process_time()
        run(margins, labels)
        taken_s = time.process_time() - began_s
        print(f"test of a ranker, {NUM_TESTED} utterances, {title:<17} {taken_s:8.3f} s   wanted: seconds", flush=True)


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    bench_preferences()
    bench_rank_sequences()
    bench_test()


if __name__ == "__main__":
    main()
