"""The first blocks of Whisper-base's encoder on the runtime tier: log-mel in numpy, two networks on onnxruntime.

The networks and their licence lie in `whisper_light/`; `emotone.models.light_encoder` makes them, and
`results/speech_head.py` the head that hears in the states of block 1 where somebody speaks. Windows go through
one by one: on one core a batch of 8 s windows takes as long, and its windows would change each other's states, since
activations are rounded to the range that they have in one call.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotone.audio.read import Samples
from emotone.base.onnx_session import OnnxSession
from emotone.base.processes import THREADS
from emotone.errors import EmotoneError
from emotone.features.extractors.mel import mel_filters, periodic_hann

Array = NDArray[np.float32]

FOLDER = Path(__file__).parent / "whisper_light"
SHA256 = {
    "first.onnx": "2f8100f273ebc37e1aa736cd06c9409b0bddc55a312304837c53b4076afecc07",
    "next.onnx": "789dcc2c82b47b7b37adbf3d042440c16a3c30c807b5962103021e019958a33c",
    "speech.npy": "a6d57027b9a661b65a256d2b0ca177014812e54a893ceb36d249f5c8e9110429",
}
"""Of the networks, without which nothing is encoded: bundles are trained with these; and of the speech head."""
STATES = ("stem", "block_1", "block_2", "block_3")
"""Outputs of the networks: the convolutions' and each block's."""
WIDTH = 512
NUM_MELS = 80
HOP_SAMPLES = 320
"""From one state to the next: 20 ms, two frames of the spectrogram."""
WINDOW_SAMPLES = 1500 * HOP_SAMPLES
"""Whisper's own 30 s; longer inputs are encoded window by window."""
MEL_HOP, NUM_FFT = 160, 400
LEAST_POWER = 1e-10
SMOOTHED = 9
"""Frames, 180 ms, over whose mean log odds somebody speaks or does not."""
LOG_RANGE = 8.0
"""Values more than 80 dB below the window's greatest are lifted there."""


def encode(samples: Samples, num_blocks: int, gain: float = 1.0) -> Iterator[list[Array]]:
    """States of the convolutions and of `num_blocks` blocks, for each 30 s of gain * samples [N]: [ceil(N / 320), 512].

    Only frames that exist are encoded, without Whisper's silence up to 30 s: `whisper` with `full_window: false` gives
    the same states, up to the rounding of the weights.
    """
    for start in range(0, len(samples), WINDOW_SAMPLES):
        mels = log_mel(samples[start : start + WINDOW_SAMPLES] * np.float32(gain))
        feeds = {"mels": mels[None], "positions": positions(len(mels) // 2)}
        states = session("first.onnx", THREADS.get()).run(list(STATES[: min(num_blocks, 1) + 1]), feeds)
        if num_blocks > 1:
            later = list(STATES[2 : num_blocks + 1])
            states += session("next.onnx", THREADS.get()).run(later, {"states": states[-1]})
        yield [state[0] for state in states]


def log_mel(samples: Samples) -> Array:
    """Whisper's log-mel spectrogram of the frames that exist: samples [N] -> [2 T, 80], T = ceil(N / 320).

    Power of 25 ms every 10 ms under a periodic Hann window; frames are centred, the signal is mirrored at its start and
    zero after its end (as in Whisper a full window is mirrored there, too); 80 mel bands; log10, at least 8 below the
    greatest, then (x + 4) / 4.
    """
    num_states = -(-len(samples) // HOP_SAMPLES)
    edge = 0 if len(samples) == WINDOW_SAMPLES else NUM_FFT
    ended = np.pad(samples, (0, num_states * HOP_SAMPLES + edge - len(samples)))
    padded = np.pad(ended, NUM_FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, NUM_FFT)[::MEL_HOP][: 2 * num_states]
    spectrum = np.fft.rfft(frames * periodic_hann(NUM_FFT), axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)
    mels = np.log10(np.maximum(power @ mel_filters(NUM_FFT, NUM_MELS), np.float32(LEAST_POWER)))
    return (np.maximum(mels, mels.max() - np.float32(LOG_RANGE)) + 4) / 4


def positions(num_states: int) -> Array:
    """Whisper's sinusoids [T, 512], rounded to float16 as its weights are.

    >>> positions(2)[:, 256].tolist()
    [1.0, 0.54052734375]
    """
    return _sinusoids()[:num_states]


def identity(num_blocks: int) -> str:
    """SHA-256 of the networks that states of so many blocks come from; raises EmotoneError where one is not here."""
    names = _networks(num_blocks)
    for name in names:
        read_network(name)
    digests = [SHA256[name] for name in names]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def read_network(name: str) -> bytes:
    """A network's file; raises EmotoneError where it is missing or is not the one that bundles are trained with."""
    path = FOLDER / name
    try:
        network = path.read_bytes()
    except OSError as error:
        raise EmotoneError(f"{path}: cannot be read ({error.strerror}); install Emotone again") from None
    if hashlib.sha256(network).hexdigest() != SHA256[name]:
        raise EmotoneError(f"{path}: damaged (its SHA-256 is not the encoder's); install Emotone again")
    return network


def hear_speech(states: Array, head: Array | None = None) -> NDArray[np.bool_]:
    """In which frames somebody speaks: states of block 1 [T, 512] -> bool [T].

    A logistic regression trained on frames of speech, clean and in noise, against pauses, sounds and tones
    (`results/speech.md`); its log odds are averaged over 180 ms. `head` are other weights and bias than its own [513].

    >>> [states] = encode(np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32), 1)
    >>> bool(hear_speech(states[1]).any())
    False
    """
    head = _speech_head() if head is None else head
    odds = np.pad(states @ head[:-1] + head[-1], SMOOTHED // 2, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(odds, SMOOTHED).mean(axis=1) > 0


@lru_cache(maxsize=4)
def session(name: str, threads: int) -> OnnxSession:
    """A network, ready to run on so many threads (0: one per core), loaded once in a process."""
    return OnnxSession(read_network(name), str(FOLDER / name), threads)


def _networks(num_blocks: int) -> list[str]:
    return ["first.onnx"] if num_blocks <= 1 else ["first.onnx", "next.onnx"]


@lru_cache(maxsize=1)
def _speech_head() -> Array:
    """Weights and bias of the logistic regression [513]."""
    return np.load(io.BytesIO(read_network("speech.npy")), allow_pickle=False)


@lru_cache(maxsize=1)
def _sinusoids() -> Array:
    rates = np.exp(-np.log(10_000) / (WIDTH // 2 - 1) * np.arange(WIDTH // 2))
    angles = np.arange(WINDOW_SAMPLES // HOP_SAMPLES)[:, None] * rates
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float16).astype(np.float32)
