"""Mel bands, MFCC, loudness and RASTA, against librosa, scipy, plain loops and openSMILE."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.signal
from descriptors import ALL_MS, Array, FramesMs, frames_for, speech

from emotone.features.lld.auditory import RastaState, log_bands, loudness, mfcc, rasta, triangles
from emotone.features.lld.frames import Frames, frames_of, hamming_window, power_spectra, quantise

RANDOM = np.random.default_rng(0)


def bands_of(recording: Array, frames: Frames) -> Array:
    framed = frames_of(quantise(recording), frames.size, frames.hop)[: frames.count(len(recording))]
    power = power_spectra(framed * hamming_window(frames.size))
    return (power @ triangles(power.shape[1])).astype(np.float32)


def test_triangles_lie_where_those_of_htk_do() -> None:
    """librosa's are linear in Hz, and ours in mel, as HTK's: they agree in place, and nearly in size."""
    theirs = librosa.filters.mel(sr=16_000, n_fft=512, n_mels=26, fmin=20, fmax=8_000, htk=True, norm=None).T
    ours = triangles(257)
    assert ours.shape == theirs.shape and not ours[:2].any() and ours.max() <= 1
    np.testing.assert_allclose(ours[2:], theirs[2:], atol=0.05)


def test_mfcc_are_a_cosine_transform_with_a_lifter() -> None:
    bands = RANDOM.uniform(0, 1e-3, (9, 26)).astype(np.float32)
    logarithms = np.log(np.maximum(32767.0**2 * bands.astype(np.float64), 1))
    lifter = 1 + 11 * np.sin(np.pi * np.arange(1, 15) / 22)
    expected = scipy.fft.dct(logarithms, norm="ortho")[:, 1:15] * lifter
    np.testing.assert_allclose(mfcc(bands), expected, rtol=1e-4, atol=1e-4)


def test_rasta_is_the_recursion_whatever_the_blocks() -> None:
    logarithms = RANDOM.normal(-5, 3, (500, 26)).astype(np.float32)
    a, b0, b1 = 0.899638, 0.102075, 0.198949
    inputs = scipy.signal.lfilter([b0, b1, 0, -b1, -b0], 1, logarithms.astype(np.float64), axis=0)
    inputs[:5] = 0.0
    expected = scipy.signal.lfilter([1], [1, -a], inputs, axis=0)
    whole, _ = rasta(logarithms, RastaState())
    np.testing.assert_allclose(whole, expected, atol=2e-4)
    state, parts = RastaState(), []
    for start in (0, 2, 3, 64, 300):
        stop = {0: 2, 2: 3, 3: 64, 64: 300, 300: 500}[start]
        part, state = rasta(logarithms[start:stop], state)
        parts.append(part)
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("ms", [*ALL_MS, (128.0, 32.0)])
def test_bands_of_speech_are_openSMILEs(  # noqa: N802
    shared: Path, raw_by_opensmile: Callable[..., Array], ms: FramesMs
) -> None:
    for recording in speech(shared):
        bands, expected = bands_of(recording, frames_for(ms)), raw_by_opensmile(recording, ms)
        logarithms = log_bands(bands)
        filtered = loudness(rasta(logarithms, RastaState(), frames_for(ms).hop)[0])
        np.testing.assert_allclose(loudness(logarithms).mean(axis=1), expected[:, 6], rtol=1e-5)
        np.testing.assert_allclose(filtered.mean(axis=1), expected[:, 7], rtol=1e-5)
        np.testing.assert_allclose(filtered, expected[:, 10:36], rtol=1e-4)
        np.testing.assert_allclose(mfcc(bands), expected[:, 51:65], rtol=1e-3, atol=1e-2)
