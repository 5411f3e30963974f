"""Chunks of words: where an utterance's chunks lie in its frames when it has as many of them as words.

Two strategies. *Lexical*: a chunk is a word, as it was aligned. *Multi-scale*: as many dynamic chunks (`view.chunk`) as
words, of which training keeps a part of random length and place; prediction, which needs the number of words alone,
keeps all. Without aligned words both go by duration, one chunk per `WORD_S`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotone.audio.words.alignment import Word, check_words
from emotone.bundle.view.chunk import chunk_starts

if TYPE_CHECKING:
    from emotone.base.draws import Random

SCALES = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Shares of a chunk that multi-scale training keeps."""
MIN_CHUNKS = 2
WORD_S = 0.4
"""Seconds per chunk where no words are known: read and acted speech has 2.5 to 3.3 words a second, pauses included."""


class Spans(NamedTuple):
    """Chunks of an utterance in time order, int [C] each: the first frame, and how many (at least 1).

    `emotone.bundle.view.temporal_pyramid.pool(features, *spans)` makes vectors of them.
    """

    starts: NDArray[np.intp]
    lengths: NDArray[np.intp]


def count_word_chunks(num_words: int | None, duration_s: float) -> int:
    """Chunks of an utterance, C: its number of aligned words, by duration where that is None or 0, at least 2.

    >>> count_word_chunks(7, 2.0), count_word_chunks(1, 2.0), count_word_chunks(None, 2.0)
    (7, 2, 5)
    """
    return max(MIN_CHUNKS, num_words or math.ceil(duration_s / WORD_S - 1e-9))


def spread_spans(num_frames: int, chunk_frames: int, num_chunks: int) -> Spans:
    """Dynamic chunks, all frames of each: what multi-scale training draws from, and what it evaluates and predicts.

    An utterance shorter than a chunk must be repeated to it first (`emotone.bundle.view.chunk.repeat_to`).

    >>> spread_spans(150, 50, 5).starts.tolist()
    [0, 25, 50, 75, 100]
    """
    return Spans(chunk_starts(num_frames, chunk_frames, num_chunks), np.full(num_chunks, chunk_frames))


def draw_spans(spans: Spans, random: Random, scales: Sequence[float] = SCALES) -> Spans:
    """A random part of each chunk: of m frames f = int(s * m), s of `scales`, around a centre in [f/2, m - f/2).

    Centres are whole frames, so a part that is shorter than its chunk begins at one of its first m - f frames.

    >>> parts = draw_spans(spread_spans(150, 50, 3), np.random.default_rng(0))
    >>> parts.starts.tolist(), parts.lengths.tolist()
    ([0, 52, 106], [50, 40, 30])
    """
    share = np.asarray(scales)[random.integers(len(scales), size=len(spans.lengths))]  # choice() takes twice as long
    lengths = np.maximum(1, np.floor(share * spans.lengths + 1e-9).astype(np.intp))
    shifts = random.integers(np.maximum(1, spans.lengths - lengths))
    return Spans(spans.starts + shifts, lengths)


def lexical_spans(words: Sequence[Word], num_frames: int, hop_s: float) -> Spans:
    """The frames of each aligned word, at least 1; ends are rounded to frames, so neighbours share none.

    A single word is cut into halves; without any the utterance is cut into even parts (`count_word_chunks`). Times a
    little outside of the audio are moved into it; raises EmotoneError where `check_words` does.

    >>> lexical_spans([("so", 0.0, 0.1), ("what", 0.1, 0.32)], 20, 0.02)
    Spans(starts=array([0, 5]), lengths=array([ 5, 11]))
    """
    check_words(words, num_frames * hop_s)
    if words:
        times_s = np.array([(start_s, end_s) for _, start_s, end_s in words])
        starts, ends = np.rint(times_s / hop_s).astype(np.intp).T
    else:
        num_chunks = count_word_chunks(None, num_frames * hop_s)
        edges = np.rint(np.linspace(0, num_frames, num_chunks + 1)).astype(np.intp)
        starts, ends = edges[:-1], edges[1:]
    starts = starts.clip(0, num_frames - 1)
    lengths = np.maximum(1, ends.clip(0, num_frames) - starts)
    if len(starts) < MIN_CHUNKS:
        half = lengths // 2
        starts, lengths = np.concatenate([starts, starts + half]), np.concatenate([half.clip(1), lengths - half])
    return Spans(starts, lengths)
