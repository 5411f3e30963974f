"""Spectrograms of image classifiers against librosa: `python benchmarks/bench_spectrograms.py` (needs `emotone[dev]`).

Both sides run on one thread, in turns, on the same speech; their outputs are compared first. A ratio is that of the
medians of the process's CPU time.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import time
from collections.abc import Callable

import librosa
import numpy as np
from example import speech
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from emotone.audio.read import RATE_HZ
from emotone.base.draws import generator
from emotone.features.extractors.logdeltaspec import LogDeltaSpec
from emotone.features.extractors.logmeldeltaspec import LogMelDeltaSpec
from emotone.features.extractors.logmelspec import LogMelSpec
from emotone.features.extractors.lognrevspec import LogNrevSpec, room_response
from emotone.features.extractors.logspec import LogSpec
from emotone.features.spectrogram import Spectrogram

Array = NDArray[np.float32]


def emphasised(samples: Array, rate_hz: int) -> Array:
    if rate_hz != RATE_HZ:
        samples = librosa.resample(samples, orig_sr=RATE_HZ, target_sr=rate_hz, res_type="soxr_hq")
    return librosa.effects.preemphasis(samples, coef=0.97, zi=[0.0])


def bins(signal: Array, rate_hz: int) -> Array:
    spectra = librosa.stft(
        signal, n_fft=800, hop_length=rate_hz // 100, win_length=rate_hz // 25, window="hamming", pad_mode="constant"
    )
    return librosa.amplitude_to_db(np.abs(spectra), ref=np.max, amin=1e-20)[: 200 if rate_hz == 16_000 else 100]


def mels(signal: Array, rate_hz: int) -> Array:
    power = librosa.feature.melspectrogram(
        y=signal,
        sr=rate_hz,
        n_fft=800,
        hop_length=rate_hz // 100,
        win_length=rate_hz // 25,
        window="hamming",
        pad_mode="constant",
        n_mels=128,
    )
    return librosa.power_to_db(power, ref=np.max, amin=1e-30)


def logspec(samples: Array, rate_hz: int) -> Array:
    return bins(emphasised(samples, rate_hz), rate_hz).T


def logmelspec(samples: Array, rate_hz: int) -> Array:
    return mels(emphasised(samples, rate_hz), rate_hz).T


def logdeltaspec(samples: Array, rate_hz: int) -> Array:
    first = bins(emphasised(samples, rate_hz), rate_hz)
    return np.concatenate([first, librosa.feature.delta(first), librosa.feature.delta(first, order=2)]).T


def logmeldeltaspec(samples: Array, rate_hz: int) -> Array:
    first = mels(emphasised(samples, rate_hz), rate_hz)
    delta = librosa.feature.delta(first, width=5, mode="nearest")
    return np.concatenate([first, delta, librosa.feature.delta(delta, width=5, mode="nearest")]).T


def lognrevspec(samples: Array, rate_hz: int) -> Array:
    signal = emphasised(samples, rate_hz)
    noise = generator(0, "noise").standard_normal(len(signal), dtype=np.float32) * np.float32(0.002)
    room = fftconvolve(signal, room_response(0.5, 0.0, rate_hz, 0))[: len(signal)]
    return np.concatenate([bins(one, rate_hz) for one in (signal, signal + noise, room)]).T


def bench(title: str, feature: Spectrogram, theirs: Callable[[Array, int], Array], inputs: list[Array]) -> None:
    # In a room both sides round differently, by 1e-7 of the signal: what is 80 dB below the maximum feels it.
    tolerance_db = 0.02 if isinstance(feature, LogNrevSpec) else 1e-3
    for samples in inputs:
        np.testing.assert_allclose(feature(samples), theirs(samples, feature.rate_hz), rtol=0, atol=tolerance_db)
    timing.compare(
        title,
        lambda: [feature(samples) for samples in inputs],
        lambda: [theirs(samples, feature.rate_hz) for samples in inputs],
        "theirs/ours >= 2",
        clock=time.process_time,
    )


def main() -> None:
    short = [speech(3 * RATE_HZ, seed) for seed in range(20)]
    long = [speech(600 * RATE_HZ, 0)]
    pairs: list[tuple[type[Spectrogram], Callable[[Array, int], Array]]] = [
        (LogSpec, logspec),
        (LogMelSpec, logmelspec),
        (LogMelDeltaSpec, logmeldeltaspec),
        (LogDeltaSpec, logdeltaspec),
        (LogNrevSpec, lognrevspec),
    ]
    for feature, theirs in pairs:
        bench(f"{theirs.__name__}, 20 files of 3 s", feature(), theirs, short)
        bench(f"{theirs.__name__}, 20 files of 3 s, 8 kHz", feature(rate_hz=8_000), theirs, short)
    bench("logspec, 10 minutes", LogSpec(), logspec, long)
    bench("logmeldeltaspec, 10 minutes", LogMelDeltaSpec(), logmeldeltaspec, long)


if __name__ == "__main__":
    main()
