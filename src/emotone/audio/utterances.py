"""A stream of samples cut into utterances: stretches of speech between pauses, by stated rules, as soon as they end.

The rules see one frame of the voice activity detector (32 ms) after the other, never a block, so that a stream gives
the same utterances however it is fed, and as the whole recording would.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from emotone.audio.read import RATE_HZ, Samples
from emotone.audio.speech import FRAME_SAMPLES, SPEECH_PROBABILITY, SpeechTrack
from emotone.errors import EmotoneError

Utterance = tuple[int, Samples]
"""The number of its first sample in the stream, and its samples [N] at 16 kHz."""


@dataclass(frozen=True)
class UtteranceRules:
    """What ends an utterance.

    pause_s: the least pause between two, 0.1 to 5 s; shorter ones are within. longest_s: what is longer is cut, 1 to
    30 s, where speech is least likely in its second half. least_s: less speech between pauses is a click or a breath
    and left out, 0 to 1 s. margin_s: what is kept before and after the speech, at most half a pause. Raises
    EmotoneError for others.

    >>> UtteranceRules(pause_s=0.05)
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: pause must be from 0.1 to 5 seconds, not 0.05
    """

    pause_s: float = 0.4
    longest_s: float = 12.0
    least_s: float = 0.2
    margin_s: float = 0.1

    def __post_init__(self) -> None:
        bounds = {"pause": (0.1, 5.0), "longest": (1.0, 30.0), "least": (0.0, 1.0), "margin": (0.0, self.pause_s / 2)}
        for name, (low, high) in bounds.items():
            value = getattr(self, f"{name}_s")
            if not low <= value <= high:
                raise EmotoneError(f"{name} must be from {low:g} to {high:g} seconds, not {value:g}")

    def within(self, longest_s: float) -> UtteranceRules:
        """The same rules, for what is scored at most `longest_s` at once."""
        return replace(self, longest_s=max(1.0, min(self.longest_s, longest_s, 30.0)))


class Segmenter:
    """Cuts a stream into utterances: `feed` samples, then `close` it; both give the utterances that have ended.

    >>> segmenter = Segmenter()
    >>> segmenter.feed(np.zeros(40_000, np.float32)), segmenter.close()
    ([], [])
    """

    def __init__(self, rules: UtteranceRules | None = None) -> None:
        rules = rules or UtteranceRules()
        self._pause, self._longest, self._least = (
            round(seconds * RATE_HZ / FRAME_SAMPLES) for seconds in (rules.pause_s, rules.longest_s, rules.least_s)
        )
        self._margin = round(rules.margin_s * RATE_HZ)
        self.track = SpeechTrack()
        self.num_samples = 0
        self._waiting: list[Samples] = []
        """Fewer samples than a frame has: so that feeding one by one costs no more than block by block."""
        self._held: Samples = np.zeros(0, np.float32)
        self._held_from = 0
        self._num_frames = 0
        self._first: int | None = None
        """The first frame of the utterance that has begun."""
        self._probabilities: list[float] = []
        """Of its frames until now."""
        self._ended = 0
        """The sample at which the last utterance ended: no margin reaches back beyond it."""

    def feed(self, samples: Samples) -> list[Utterance]:
        """Samples [N] at 16 kHz, in [-1, 1]; the utterances that end with them, in their order."""
        self._waiting.append(samples)
        self.num_samples += len(samples)
        if sum(map(len, self._waiting)) < FRAME_SAMPLES:
            return []
        found = [cut for probability in self._take() for cut in self._add(float(probability))]
        self._forget()
        return found

    def close(self) -> list[Utterance]:
        """The utterance in which the stream ends, or none."""
        self._take()
        return [] if self._first is None else self._end(self._num_frames, self.num_samples)

    @property
    def current(self) -> Utterance | None:
        """What there is until now of the utterance that has begun, the pause behind it with it; None between two."""
        if self._first is None:
            return None
        start = self._start()
        return start, self._held[start - self._held_from :]

    def _take(self) -> NDArray[np.float32]:
        """Hold what waits; the probabilities of the frames that it completes."""
        taken = np.concatenate(self._waiting) if self._waiting else self._held[:0]
        self._waiting = []
        self._held = np.concatenate([self._held, taken])
        return self.track.add(taken)

    def _add(self, probability: float) -> list[Utterance]:
        """One more frame."""
        self._num_frames += 1
        if self._first is None:
            if probability < SPEECH_PROBABILITY:
                return []
            self._first = self._num_frames - 1
        self._probabilities.append(probability)
        if self._silent_frames() >= self._pause:
            return self._end(self._num_frames)
        return self._cut() if len(self._probabilities) >= self._longest else []

    def _silent_frames(self) -> int:
        """Frames without speech at the end of the utterance."""
        count = 0
        for probability in reversed(self._probabilities):
            if probability >= SPEECH_PROBABILITY:
                break
            count += 1
        return count

    def _cut(self) -> list[Utterance]:
        """End one that is too long where speech is least likely in its second half; the rest goes on."""
        assert self._first is not None
        half = len(self._probabilities) // 2
        place = half + int(np.argmin(self._probabilities[half:]))
        first, rest = self._first + place, self._probabilities[place:]
        self._probabilities = self._probabilities[:place]
        found = self._end(first, first * FRAME_SAMPLES)
        self._first, self._probabilities = first, rest
        return found

    def _end(self, num_frames: int, limit: int | None = None) -> list[Utterance]:
        """The utterance that ends before the frame `num_frames`, or nothing where it has too little speech.

        Its margin ends at the sample `limit`, where there is one.
        """
        assert self._first is not None
        is_speech = np.array(self._probabilities) >= SPEECH_PROBABILITY
        last = num_frames - self._silent_frames()
        start = self._start()
        stop = min(self.num_samples if limit is None else limit, last * FRAME_SAMPLES + self._margin)
        self._first, self._probabilities = None, []
        if is_speech.sum() < self._least or stop <= start:
            return []
        self._ended = stop
        return [(start, self._held[start - self._held_from : stop - self._held_from])]

    def _start(self) -> int:
        """The sample with which the utterance that has begun starts, its margin with it."""
        assert self._first is not None
        return max(self._ended, self._first * FRAME_SAMPLES - self._margin)

    def _forget(self) -> None:
        """Drop samples that no utterance can need any more."""
        first = self._num_frames if self._first is None else self._first
        needed = max(self._held_from, first * FRAME_SAMPLES - self._margin)
        self._held = self._held[needed - self._held_from :].copy()
        self._held_from = needed


def cut_utterances(blocks: Iterable[Samples], segmenter: Segmenter) -> Iterator[Utterance]:
    """The utterances of a stream of blocks of samples, each as soon as it has ended."""
    for block in blocks:
        yield from segmenter.feed(block)
    yield from segmenter.close()
