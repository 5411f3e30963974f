"""Dynamic chunking: every utterance gives the same number of equally long chunks; only their overlap changes.

Lin & Busso, "Chunk-Level Speech Emotion Recognition: A General Framework of Sequence-to-One Dynamic Temporal
Modeling", IEEE Transactions on Affective Computing 14(2), 2023, section 3.1.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from emotone.errors import EmotoneError


def chunk_size(chunk_s: float, hop_s: float) -> int:
    """Frames per chunk, m = floor(Wc / hop), at least 1.

    >>> chunk_size(1.0, 0.016)
    62
    """
    return max(1, math.floor(chunk_s / hop_s + 1e-9))


def count_chunks(max_utterance_s: float, chunk_s: float) -> int:
    """Chunks per utterance at scale 1, C = ceil(Tmax / Wc).

    >>> count_chunks(11.0, 1.0)
    11
    """
    return max(1, math.ceil(max_utterance_s / chunk_s - 1e-9))


def chunk_starts(num_frames: int, chunk_frames: int, num_chunks: int) -> NDArray[np.intp]:
    """First frame of each chunk: i * step, step = int((T - m) / (C - 1)); int [C].

    One chunk (C = 1), for which the paper's step is not defined, is the first: it starts at 0, and what is longer than
    a chunk is cut. With scale n pass num_chunks = n * C. Up to C - 2 trailing frames can be unused (the step
    truncates). A longer utterance than Tmax gets gaps instead of overlaps, a shorter one than a chunk starts all chunks
    at 0.

    >>> chunk_starts(458, 62, 22)[:3].tolist()
    [0, 18, 36]
    """
    return np.arange(num_chunks) * chunk_step(num_frames, chunk_frames, num_chunks)


def chunk_step(num_frames: int, chunk_frames: int, num_chunks: int) -> int:
    """Frames from the start of a chunk to that of the next; what it is of one chunk alone moves nothing.

    Raises EmotoneError for less than one frame per chunk, or one chunk.

    >>> chunk_step(458, 62, 22)
    18
    """
    if chunk_frames < 1 or num_chunks < 1:
        raise EmotoneError(f"{num_chunks} chunks of {chunk_frames} frames: there is one of one frame at least")
    return max(0, num_frames - chunk_frames) // max(1, num_chunks - 1)


def chunk_frames_index(num_frames: int, chunk_frames: int, num_chunks: int) -> NDArray[np.intp]:
    """Index of the frame at each place of each chunk: int [C, m].

    An utterance shorter than a chunk repeats its frames cyclically; nothing is dropped. Raises EmotoneError for no
    frames, which nothing can repeat, and as `chunk_step`.

    >>> chunk_frames_index(3, 4, 2).tolist()
    [[0, 1, 2, 0], [0, 1, 2, 0]]
    """
    if num_frames < 1:
        raise EmotoneError("no frames: an utterance has one at least to be chunked")
    starts = chunk_starts(num_frames, chunk_frames, num_chunks)
    index = starts[:, None] + np.arange(chunk_frames)
    return index % num_frames if num_frames < chunk_frames else index


def chunk(features: NDArray[np.float32], chunk_frames: int, num_chunks: int) -> NDArray[np.float32]:
    """Features [T, D] as chunks [C, m, D]; T, C and m are 1 at least (EmotoneError). One chunk is the first m frames.

    >>> chunk(np.arange(6, dtype=np.float32)[:, None], 4, 2)[:, :, 0].tolist()
    [[0.0, 1.0, 2.0, 3.0], [2.0, 3.0, 4.0, 5.0]]
    """
    return features[chunk_frames_index(len(features), chunk_frames, num_chunks)]


def repeat_to(features: NDArray[np.float32], num_frames: int) -> NDArray[np.float32]:
    """Features [T, D] repeated cyclically to at least `num_frames` frames. Raises EmotoneError for T = 0.

    >>> repeat_to(np.array([[1.0], [2.0]], np.float32), 3)[:, 0].tolist()
    [1.0, 2.0, 1.0]
    """
    if not len(features):
        raise EmotoneError(f"no frames: nothing can be repeated to {num_frames}")
    return features if len(features) >= num_frames else features[np.arange(num_frames) % len(features)]
