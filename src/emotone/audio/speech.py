"""Where somebody speaks: the Silero voice activity detector over a stream of samples, on onnxruntime.

The network and its licence lie in `silero_vad/`. Its state is carried from block to block, so a stream gives what the
whole recording would.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotone.audio.read import RATE_HZ, Samples
from emotone.base.onnx_session import OnnxSession

FRAME_SAMPLES = 512
"""One probability per 32 ms."""
STEP_SAMPLES = 320
"""20 ms, for which predictions say whether somebody speaks."""
CONTEXT_SAMPLES = 64
"""The end of the frame before, which the network is given with each frame."""
STATE_SIZE = 128
SPEECH_PROBABILITY = 0.5
"""A frame of at least this probability is speech, as the network's authors have it."""
NETWORK = Path(__file__).parent / "silero_vad" / "silero_vad_16k_sequence.onnx"


class SpeechTrack:
    """Which frames (32 ms) of a stream are speech, from its start to the last block that came.

    >>> track = SpeechTrack()
    >>> second = np.zeros(16_000, np.float32)
    >>> sum(len(block) for block in track.listen([second, second]))
    32000
    >>> track.speech_s, track.share(0, 32_000)
    (0.0, 0.0)
    """

    def __init__(self) -> None:
        self._hidden, self._cell = (np.zeros((1, 1, STATE_SIZE), np.float32) for _ in range(2))
        self._context = np.zeros(CONTEXT_SAMPLES, np.float32)
        self._rest = np.zeros(0, np.float32)
        self._is_speech = bytearray()  # a byte per frame: 110 kB per hour

    def listen(self, blocks: Iterable[Samples]) -> Iterator[Samples]:
        """The same blocks, [N] each at 16 kHz; the frames of a block are known before it is handed on."""
        for block in blocks:
            self.add(block)
            yield block

    def share(self, first: int, stop: int) -> float:
        """Share of speech, 0..1, among the frames wholly within the samples first..stop; 0 where there are none."""
        frames = self._is_speech[-(-first // FRAME_SAMPLES) : stop // FRAME_SAMPLES]
        return frames.count(1) / len(frames) if frames else 0.0

    def steps(self, first: int, stop: int) -> NDArray[np.bool_]:
        """For each 20 ms of the samples first..stop, whether their middle is speech, bool [ceil((stop - first) / 320)].

        The end of a stream that fills no frame is like the frame before.
        """
        middles = np.arange(first + STEP_SAMPLES // 2, stop + STEP_SAMPLES // 2, STEP_SAMPLES) // FRAME_SAMPLES
        frames = np.frombuffer(self._is_speech or b"\0", np.bool_)
        return frames[np.minimum(middles, len(frames) - 1)]

    @property
    def speech_s(self) -> float:
        """Seconds of speech until now."""
        return self._is_speech.count(1) * FRAME_SAMPLES / RATE_HZ

    def add(self, block: Samples) -> NDArray[np.float32]:
        """Probability of speech of the T frames that a block completes [T]; its rest waits for the next."""
        samples = np.concatenate([self._rest, block])
        whole = len(samples) // FRAME_SAMPLES * FRAME_SAMPLES
        self._rest = samples[whole:].copy()
        if not whole:
            return np.zeros(0, np.float32)
        probabilities = self._probabilities(samples[:whole])
        self._is_speech += (probabilities >= SPEECH_PROBABILITY).tobytes()
        return probabilities

    def _probabilities(self, samples: Samples) -> NDArray[np.float32]:
        """Probability of speech of T frames: samples [T * 512] -> [T]."""
        padded = np.concatenate([self._context, samples])
        self._context = padded[-CONTEXT_SAMPLES:].copy()
        frames = np.lib.stride_tricks.sliding_window_view(padded, CONTEXT_SAMPLES + FRAME_SAMPLES)[::FRAME_SAMPLES]
        feeds = {"input": np.ascontiguousarray(frames), "h": self._hidden, "c": self._cell}
        probabilities, self._hidden, self._cell = _session().run(["speech_probs", "hn", "cn"], feeds)
        return probabilities


@lru_cache(maxsize=1)
def _session() -> OnnxSession:
    """The network, once per process; on one core, since its LSTM goes frame by frame."""
    return OnnxSession(NETWORK.read_bytes(), str(NETWORK), threads=1)
