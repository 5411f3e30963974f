"""Temporal pyramid pooling against the loop and against merely reading: `python benchmarks/bench_temporal_pyramid.py`.

A batch of 128 utterances of 2.7 to 11 s, 1024 features every 20 ms, 2.5 words a second. Three kinds of chunks: parts of
random length (multi-scale training), whole dynamic chunks (its evaluation), words. The loop is the published way,
written from the description of the method: chunk by chunk and part by part, a mean each.

CPU time of the process. "Reading" is the sum over the frames that the chunks hold, one after another in one array;
"reading each frame once" that of the utterances' frames, of which overlapping chunks need many more than once.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import time
from functools import partial

import numpy as np
from numpy.typing import NDArray

from emotone.bundle.view.temporal_pyramid import pool
from emotone.bundle.view.word_chunks import Spans, draw_spans, lexical_spans, spread_spans

NUM_UTTERANCES, NUM_FEATURES, HOP_S, CHUNK_FRAMES = 128, 1024, 0.02, 50
WORDS_PER_S, SHORTEST_S, LONGEST_S = 2.5, 2.7, 11.0


def pool_by_loop(frames: NDArray[np.float32], starts: list[int], lengths: list[int]) -> NDArray[np.float32]:
    pooled = []
    for start, length in zip(starts, lengths, strict=True):
        chunk = frames[start : start + length]
        if length < 5:
            pooled.append(np.tile(chunk.mean(axis=0), 7))
            continue
        means = []
        for num_parts in (1, 2, 4):
            size = length // num_parts
            for part in range(num_parts - 1):
                means.append(chunk[part * size : (part + 1) * size].mean(axis=0))
            means.append(chunk[(num_parts - 1) * size :].mean(axis=0))
        pooled.append(np.concatenate(means))
    return np.stack(pooled)


def draw_batch(random: np.random.Generator) -> tuple[NDArray[np.float32], dict[str, Spans]]:
    """The frames of all utterances, one after another, and chunks of each kind."""
    kinds: dict[str, list[Spans]] = {"parts": [], "whole chunks": [], "words": []}
    before = 0
    for duration_s in random.uniform(SHORTEST_S, LONGEST_S, NUM_UTTERANCES):
        num_frames, num_words = int(duration_s / HOP_S), int(duration_s * WORDS_PER_S)
        whole = spread_spans(num_frames, CHUNK_FRAMES, num_words)
        edges_s = np.sort(random.uniform(0, duration_s - HOP_S, num_words + 1)).tolist()
        words = [("", start_s, end_s) for start_s, end_s in zip(edges_s[:-1], edges_s[1:], strict=True)]
        found = draw_spans(whole, random), whole, lexical_spans(words, num_frames, HOP_S)
        for spans, (starts, lengths) in zip(kinds.values(), found, strict=True):
            spans.append(Spans(before + starts, lengths))
        before += num_frames
    frames = random.standard_normal((before, NUM_FEATURES), np.float32)
    return frames, {kind: Spans(*map(np.concatenate, zip(*spans, strict=True))) for kind, spans in kinds.items()}


def bench(kind: str, frames: NDArray[np.float32], spans: Spans) -> None:
    starts, lengths = (part.tolist() for part in spans)
    held = np.concatenate([frames[start : start + size] for start, size in zip(starts, lengths, strict=True)])
    print(f"{kind}: {len(starts)} chunks of {len(held) / len(starts):.0f} frames, {held.nbytes / 1e6:.0f} MB")
    pooled = np.zeros((len(starts), 7 * NUM_FEATURES), np.float32)  # as a training loop's batch, which is there
    ours, loop = partial(pool, frames, starts, lengths, pooled), partial(pool_by_loop, frames, starts, lengths)
    np.testing.assert_allclose(ours(), loop(), atol=2e-6, rtol=0)
    compare = partial(timing.compare, clock=time.process_time)
    compare(f"{kind}: published loop", ours, loop, "theirs/ours >= 4")
    compare(f"{kind}: reading", ours, lambda: held.sum(axis=0), "ours/theirs <= 3")
    compare(f"{kind}: reading each frame once", ours, lambda: frames.sum(axis=0), "(a bound)")


def main() -> None:
    frames, kinds = draw_batch(np.random.default_rng(0))
    print(f"{NUM_UTTERANCES} utterances, {frames.nbytes / 1e6:.0f} MB of frames")
    for kind, spans in kinds.items():
        bench(kind, frames, spans)


if __name__ == "__main__":
    main()
