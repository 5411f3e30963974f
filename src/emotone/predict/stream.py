"""Emotion in speech that is still going on: samples are fed as they come, rows come out as utterances end.

The utterances are those of a file with the same samples (`emotone.audio.utterances`), and so are their scores: a row
comes a pause (0.4 s) after its speech has ended.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.audio.channels import Downmix, check_rate
from emotone.audio.pcm import MOST_CHANNELS
from emotone.audio.read import LEAST_SAMPLES, RATE_HZ, Samples, clip
from emotone.audio.utterances import Segmenter, Utterance, UtteranceRules
from emotone.errors import EmotoneError
from emotone.predict.predictor import Predictor
from emotone.predict.summary import summarise
from emotone.predict.table import Table
from emotone.predict.windows import score_windows


class Stream:
    """Rows of utterances from samples that come piece by piece.

    Rows are those of `emotone predict --utterances`: times in seconds since the stream began, scores, `speech_share`,
    `note`, `error`. name: what stands in the column `file`. Raises EmotoneError for a rate that is none of sound, and,
    when fed, for arrays that are not samples.

    >>> stream = Stream(Predictor.load("small"), 8_000)
    >>> stream.feed(np.zeros(8_000, np.float32)), stream.close()
    ([], [])
    """

    def __init__(
        self, predictor: Predictor, rate_hz: int = RATE_HZ, rules: UtteranceRules | None = None, name: str = "stream"
    ) -> None:
        try:
            check_rate(rate_hz)
        except EmotoneError as error:
            raise EmotoneError(f"the stream {error}") from None
        self._predictor = predictor
        self._name = name
        self._table = Table.of(predictor, "utterances")
        self._downmix = Downmix()
        self._resampler: Any = None
        if rate_hz != RATE_HZ:
            import soxr

            self._resampler = soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ")
        self._segmenter = Segmenter((rules or UtteranceRules()).within(predictor.bundle.max_utterance_s))
        self._is_closed = False

    def __reduce__(self) -> tuple[Any, ...]:
        """Refused: what a stream has heard lies in the state of a resampler that nothing can write down."""
        raise EmotoneError("a stream is in the middle of its sound, so it cannot be pickled; pickle its predictor")

    @property
    def table(self) -> Table:
        """Columns of the rows, and lines for people."""
        return self._table

    @property
    def duration_s(self) -> float:
        """Seconds that were fed until now."""
        return self._segmenter.num_samples / RATE_HZ

    @property
    def start_s(self) -> float | None:
        """Where the utterance begins that is going on, in seconds; None between two."""
        current = self._segmenter.current
        return None if current is None else current[0] / RATE_HZ

    def so_far(self, longest_s: float) -> dict[str, Any] | None:
        """The row of the end, of at most `longest_s` seconds, of the utterance that is going on; None between two."""
        current = self._segmenter.current
        if current is None or len(current[1]) < LEAST_SAMPLES:
            return None
        start, samples = current
        last = samples[-round(longest_s * RATE_HZ) :]
        return self._rows([(start + len(samples) - len(last), last)])[0]

    def feed(self, samples: NDArray[np.generic]) -> list[dict[str, Any]]:
        """Samples [N] or [N, channels] at the stream's rate, in [-1, 1]; the rows of utterances that end with them."""
        if self._is_closed:
            raise EmotoneError("the stream is closed; begin another")
        if not isinstance(samples, np.ndarray):
            raise EmotoneError(f"a stream takes float samples as an array, not {type(samples).__name__}")
        channels_first = samples.ndim == 2 and samples.shape[1] > MOST_CHANNELS
        if samples.ndim not in (1, 2) or samples.dtype.kind != "f" or channels_first:
            raise EmotoneError(f"a stream takes float samples [N] or [N, channels], not {samples.dtype}{samples.shape}")
        mono = self._downmix(np.asarray(samples, np.float32))
        if not np.isfinite(mono).all():
            raise EmotoneError("the stream holds NaN or infinite samples")
        return self._add(mono if self._resampler is None else self._resampler.resample_chunk(mono))

    def close(self) -> list[dict[str, Any]]:
        """The row of the utterance in which the stream ends, or none; it takes no samples afterwards."""
        if self._is_closed:
            return []
        self._is_closed = True
        rows = (
            [] if self._resampler is None else self._add(self._resampler.resample_chunk(np.zeros(0, np.float32), True))
        )
        return rows + self._rows(self._segmenter.close())

    def _add(self, samples: Samples) -> list[dict[str, Any]]:
        return self._rows(self._segmenter.feed(clip(samples, self._name))) if len(samples) else []

    def _rows(self, utterances: list[Utterance]) -> list[dict[str, Any]]:
        """The rows of utterances, each scored alone as in a file."""
        bundle = self._predictor.bundle
        track = self._segmenter.track if self._predictor.takes_speech and not bundle.listens else None
        rows = []
        for window in score_windows(bundle, utterances, None, track, 0.0):
            rows += self._table.rows(summarise(bundle, self._predictor.choices, self._name, [window]))
        return rows
