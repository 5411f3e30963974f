"""A conversation with somebody who speaks: what is said to the client of a stream, as samples of it come.

Rows are those of `emotone listen`. Between them, for every second of sound, a `result` says how the end of what is
being said sounds; it is of at most 3 s, so that it costs the same however long an utterance gets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from emotone.audio.read import RATE_HZ
from emotone.audio.utterances import UtteranceRules
from emotone.predict.predictor import Predictor
from emotone.predict.stream import Stream

Message = dict[str, Any]
PIECE = RATE_HZ // 10
"""Samples that are fed at once, so that messages come in their order however much comes at once."""
RESULT_EVERY_S = 1.0
RESULT_OF_S = 3.0


class Talk:
    """Messages for samples of 16 bits at 16 kHz.

    >>> talk = Talk(Predictor.load("small"))
    >>> talk.created["type"], talk.hear(bytes(2 * 24_000)), talk.close()
    ('session.created', [{'type': 'result', 'time_s': 1.0, 'row': None}], [])
    """

    def __init__(self, predictor: Predictor, rules: UtteranceRules | None = None) -> None:
        self._stream = Stream(predictor, rules=rules)
        self._start_s: float | None = None
        self._said_s = 0.0
        self.created: Message = {
            "type": "session.created",
            "model": predictor.bundle.name,
            "rate_hz": RATE_HZ,
            "columns": self._stream.table.columns,
            "attributes": {name: list(limits) for name, limits in predictor.attributes.items()},
            "categories": predictor.categories,
        }

    def hear(self, data: bytes) -> list[Message]:
        """What is to be said of samples (`<i2`), an even number of bytes."""
        samples = np.frombuffer(data, "<i2").astype(np.float32) / np.float32(2**15)
        pieces = (samples[start : start + PIECE] for start in range(0, len(samples), PIECE))
        return [message for piece in pieces for message in self._hear(piece)]

    def close(self) -> list[Message]:
        """The utterance in which the stream ends."""
        return list(self._ended(self._stream.close(), None))

    def _hear(self, piece: np.ndarray) -> Iterator[Message]:
        rows = self._stream.feed(piece)
        yield from self._ended(rows, self._stream.start_s)
        time_s = self._stream.duration_s
        if time_s >= self._said_s + RESULT_EVERY_S:
            self._said_s += RESULT_EVERY_S
            yield {"type": "result", "time_s": round(time_s, 3), "row": self._stream.so_far(RESULT_OF_S)}

    def _ended(self, rows: list[dict[str, Any]], start_s: float | None) -> Iterator[Message]:
        """Utterances that have ended, and that which goes on from `start_s`, as far as it has not been told."""
        for row in rows:
            yield {"type": "utterance.end", "row": row}
        if self._start_s is not None and start_s != self._start_s and not rows:
            yield {"type": "utterance.end", "row": None}
        if start_s is not None and start_s != self._start_s:
            yield {"type": "utterance.start", "start_s": round(start_s, 3)}
        self._start_s = start_s
