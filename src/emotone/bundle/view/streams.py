"""Two streams of an utterance, speech and text, as a network of both takes them: pooled word chunks and tokens.

The same code serves training, which draws a random part of each chunk, and the bundle, which takes all of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotone.audio.words.alignment import Word
from emotone.bundle.view import temporal_pyramid
from emotone.bundle.view.chunk import repeat_to
from emotone.bundle.view.view import Normaliser, WordChunks
from emotone.bundle.view.word_chunks import Spans, count_word_chunks, draw_spans, lexical_spans, spread_spans

if TYPE_CHECKING:
    from emotone.base.draws import Random

Array = NDArray[np.float32]
Words = Sequence[Word] | int | None
"""Aligned words of an utterance, or only their number; None where neither is known."""
NO_TEXT = Normaliser(np.zeros(1, np.float32), np.ones(1, np.float32))
NO_SPANS = Spans(np.zeros(0, np.intp), np.zeros(0, np.intp))


class Utterance(NamedTuple):
    """An utterance of two streams: features of `speech` [T, D] and `text` [T', D'], None where absent, and `words`."""

    speech: NDArray[np.float32] | None
    text: NDArray[np.float32] | None = None
    words: Words = None

    def seen(self, view: WordChunks) -> Utterance:
        """The utterance without the stream that the view does not take."""
        return Utterance(
            self.speech if view.streams != "text" else None, self.text if view.streams != "speech" else None, self.words
        )

    @property
    def inputs(self) -> str:
        """Names of the streams that are not absent.

        >>> Utterance(np.zeros((9, 2), np.float32)).inputs
        'speech'
        """
        return "+".join(name for name in ("speech", "text") if getattr(self, name) is not None)


class Streams(NamedTuple):
    """A batch: pooled chunks [B, L, 7 D] and tokens [B, L, D'], zero-padded to the same L; their numbers int64 [B]."""

    speech: NDArray[np.float32]
    text: NDArray[np.float32]
    speech_length: NDArray[np.int64]
    text_length: NDArray[np.int64]


class StreamNormalisers(NamedTuple):
    """The normalisers of speech features [D] and of text features [D']; `NO_TEXT` where there are none."""

    speech: Normaliser
    text: Normaliser = NO_TEXT


def spans_of(view: WordChunks, num_frames: int, words: Words) -> Spans:
    """The chunks of an utterance of `num_frames` frames, at most `view.max_steps`.

    Multi-scale chunks lie evenly, as many as there are words, whatever their times; lexical chunks are the first
    `max_steps` aligned words. Raises EmotoneError for words that lie outside the audio.

    >>> spans_of(WordChunks(50, 0.02, 384), 150, 5).starts.tolist()
    [0, 25, 50, 75, 100]
    """
    if view.strategy == "lexical":
        aligned = words if isinstance(words, Sequence) else []
        return Spans(*(part[: view.max_steps] for part in lexical_spans(aligned, num_frames, view.hop_s)))
    num_words = len(words) if isinstance(words, Sequence) else words
    num_chunks = min(view.max_steps, count_word_chunks(num_words, num_frames * view.hop_s))
    return spread_spans(max(num_frames, view.chunk_frames), view.chunk_frames, num_chunks)


def stack(
    utterances: Sequence[Utterance],
    view: WordChunks,
    normalisers: StreamNormalisers,
    random: Random | None = None,
    room: Array | None = None,
) -> Streams:
    """A batch of utterances: normalised, chunked, pooled and padded; with `random`, a part of each chunk to train on.

    An absent stream has length 0. Tokens beyond `view.max_steps` are cut. NaN (missing frames) becomes the mean.
    Lexical chunks are trained on as they are. `room` is memory for the pooled chunks, used where it is large enough.

    >>> speech, text = np.ones((150, 2), np.float32), np.ones((4, 3), np.float32)
    >>> normalisers = StreamNormalisers(*(Normaliser(np.zeros(size), np.ones(size)) for size in (2, 3)))
    >>> batch = stack([Utterance(speech, text, 5), Utterance(None, text)], WordChunks(50, 0.02, 3), normalisers)
    >>> batch.speech.shape, batch.text.shape, batch.speech_length.tolist(), batch.text_length.tolist()
    ((2, 5, 14), (2, 5, 3), [5, 0], [4, 4])
    """
    seen = [utterance.seen(view) for utterance in utterances]
    spans = [NO_SPANS if one.speech is None else spans_of(view, len(one.speech), one.words) for one in seen]
    if random is not None and view.strategy == "multi-scale":
        spans = _draw_parts(spans, random)
    tokens = [one.text[: view.max_steps] for one in seen if one.text is not None]
    speech_length = np.array([len(span.starts) for span in spans], np.int64)
    text_length = np.array([0 if one.text is None else min(len(one.text), view.max_steps) for one in seen], np.int64)
    num_steps = max(1, int(speech_length.max()), int(text_length.max()))
    speech = _array((len(seen), num_steps, temporal_pyramid.NUM_MEANS * len(normalisers.speech.mean)), room)
    text = np.zeros((len(seen), num_steps, view.num_text_features), np.float32)
    for one, span, steps in zip(seen, spans, speech, strict=True):
        if one.speech is not None:
            frames = normalisers.speech(np.asarray(one.speech, np.float32))
            if view.strategy == "multi-scale":
                frames = repeat_to(frames, view.chunk_frames)
            temporal_pyramid.pool(frames, *span, out=steps[: len(span.starts)])
        steps[len(span.starts) :] = 0
    if tokens:  # all at once: they are few, and what a call costs would count
        is_token = np.arange(num_steps) < text_length[:, None]
        text[is_token] = normalisers.text(np.concatenate(tokens, dtype=np.float32))
    return Streams(speech, text, speech_length, text_length)


def count_cut(utterances: Sequence[Utterance], view: WordChunks) -> int:
    """Number of utterances with more words or tokens, in the streams that it takes, than the network takes.

    >>> count_cut([Utterance(None, np.zeros((200, 3), np.float32))], WordChunks(50, 0.02, 3))
    1
    """
    num_cut = 0
    for one in utterances:
        num_words = len(one.words) if isinstance(one.words, Sequence) else one.words or 0
        num_tokens = 0 if one.text is None else len(one.text)
        seen = (num_words if view.streams != "text" else 0, num_tokens if view.streams != "speech" else 0)
        num_cut += max(seen) > view.max_steps
    return num_cut


def _array(shape: tuple[int, ...], room: Array | None) -> Array:
    """An array of this shape with any values, in `room` where that is large enough."""
    if room is None or room.size < math.prod(shape):
        return np.empty(shape, np.float32)
    return room.reshape(-1)[: math.prod(shape)].reshape(shape)


def _draw_parts(spans: Sequence[Spans], random: Random) -> list[Spans]:
    """A random part of every chunk of a batch, all drawn at once, which takes an eighth of the time."""
    parts = draw_spans(Spans(*map(np.concatenate, zip(*spans, strict=True))), random)
    ends = np.cumsum([len(span.starts) for span in spans]).tolist()
    return [Spans(*(part[start:end] for part in parts)) for start, end in zip([0, *ends], ends, strict=False)]
