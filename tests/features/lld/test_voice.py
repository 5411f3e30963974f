"""Voice quality, against openSMILE on speech, frame by frame, and voices that are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from descriptors import ALL_MS, Array, FramesMs, frames_for, speech
from numpy.typing import NDArray

from emotone.features.lld.frames import quantise
from emotone.features.lld.periods import find_pairs
from emotone.features.lld.voice import Rules, counting, voice_quality

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("ms", ALL_MS)
def test_voice_quality_of_speech_is_openSMILEs(  # noqa: N802
    shared: Path, raw_by_opensmile: Callable[..., Array], ms: FramesMs
) -> None:
    num_voiced = num_far = 0
    for recording in speech(shared):
        expected = raw_by_opensmile(recording, ms)
        pitch_hz = expected[:, 0].astype(np.float64)
        found, _ = voice_quality(quantise(recording), pitch_hz, frames=frames_for(ms))
        far = np.abs(found - expected[:, 2:6]) > 1e-3 * np.abs(expected[:, 2:6]) + 1e-6
        num_voiced += int((expected[:, 0] > 0).sum())
        num_far += int(far.any(axis=1).sum())
    assert num_voiced > 60 and num_far <= 1, "a toss of rounding, whether a pair counts"


@pytest.mark.parametrize("cut", [1, 17, 30])
def test_runs_go_on_over_blocks(shared: Path, cut: int) -> None:
    samples = quantise(speech(shared)[1])[:30_000]
    pitch_hz = np.where(np.arange(40) % 13 < 10, 190.0, 0.0)
    whole, _ = voice_quality(samples, pitch_hz)
    first, run = voice_quality(samples, pitch_hz[:cut])
    led = np.append(np.zeros(800, np.float32), samples)[256 * cut :]
    second, _ = voice_quality(led, pitch_hz[cut:], run, lead=800)
    np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=1e-5)


def test_a_pair_counts_above_the_least_of_its_frame() -> None:
    correlation = np.array([0.9, 0.8, 0.85, 0.8, 0.7])
    above = correlation > correlation.astype(np.float32)  # rounded down
    assert counting(correlation, np.zeros(5, int)).tolist() == [above[0], above[1], True, above[3], above[4]]


def corrected_by_loops(samples: Array, pitch_hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Jitter, DDP, shimmer of frames [K, 3], pair by pair."""
    pairs, _ = find_pairs(samples, pitch_hz)
    found = np.zeros((len(pitch_hz), 3))
    for frame in range(len(pitch_hz)):
        if frame == 0 or pitch_hz[frame - 1] == 0:
            period, change, last = np.nan, np.nan, np.zeros(3)
        changes, turns, lengths, steps, sizes = [], [], [], [], []
        for pair in np.flatnonzero(pairs.frame == frame):
            if pairs.correlation[pair] <= 0.5:
                continue
            before, period = period, pairs.period[pair]
            old, change = change, abs(period - before)
            start, length = pairs.start[pair], pairs.length[pair]
            both = [np.ptp(samples[at + 1 : at + length - 1].astype(float)) for at in (start, start + length)]
            changes.append(change), turns.append(abs(change - old)), lengths.append(period)
            steps.append(abs(both[0] - both[1])), sizes.append(np.mean(both))
        if lengths:
            of_period = [np.mean([one for one in values if one == one] or [0]) for values in (changes, turns)]
            now = np.array([*(np.array(of_period) / np.mean(lengths)), np.mean(steps) / np.mean(sizes)])
            last = np.where(now != 0, now, last)
        if pitch_hz[frame] > 0:
            found[frame] = last
    return found


def test_corrected_pairs_count_by_their_correlation_alone(
    shared: Path, raw_by_opensmile: Callable[[Array], Array]
) -> None:
    for recording in speech(shared):
        pitch_hz = raw_by_opensmile(recording)[:, 0].astype(np.float64)
        samples = quantise(recording)
        found, _ = voice_quality(samples, pitch_hz, rules=Rules.CORRECTED)
        np.testing.assert_allclose(found[:, :3], corrected_by_loops(samples, pitch_hz), rtol=1e-5, atol=1e-9)
        published, _ = voice_quality(samples, pitch_hz)
        np.testing.assert_array_equal(found[:, 3], np.where(published[:, 3] == -100, 0, published[:, 3]))


def test_an_irregular_voice_has_more_jitter_and_a_noisy_one_less_harmonics() -> None:
    def voice(irregular: float, noise: float) -> Array:
        period = 100 * (1 + irregular * RANDOM.normal(size=200))
        places = np.cumsum(period)
        samples = np.zeros(20_200, np.float32)
        samples[places.astype(int)[places < 20_000]] = 0.5
        kernel = np.exp(-np.arange(60) / 8) * np.sin(np.arange(60) / 2)
        return (np.convolve(samples, kernel)[:20_000] + RANDOM.normal(0, noise, 20_000)).astype(np.float32)

    pitch_hz = np.full(60, 160.0)
    plain, rough, hoarse = (
        voice_quality(voice(*how), pitch_hz)[0] for how in ((0.001, 1e-4), (0.03, 1e-4), (0.001, 0.03))
    )
    assert np.median(rough[:, 0]) > 3 * np.median(plain[:, 0])
    assert np.median(hoarse[:, 3]) < np.median(plain[:, 3]) - 6


def test_a_frame_without_a_pair_has_the_last_results_and_no_ratio() -> None:
    ramp = np.linspace(0, 1, 4_000, dtype=np.float32) ** 2  # no period is better than all longer ones
    samples = np.concatenate([0.3 * np.sin(np.arange(1_024) / 12) * (1 + RANDOM.normal(0, 0.02, 1_024)), ramp])
    found, run = voice_quality(samples.astype(np.float32), np.full(12, 210.0))
    without = np.flatnonzero(found[:, 3] == 0)
    assert without.tolist() == list(range(without[0], 12)) and 2 <= without[0] <= 5 and run is not None
    assert (found[without, :3] == found[without[0] - 1, :3]).all() and found[without[0], :3].all()


def test_what_repeats_exactly_is_finite() -> None:
    saw = ((np.arange(4_000) % 80) / 100 - 0.4).astype(np.float32)
    found, _ = voice_quality(saw, np.full(10, 200.0))
    assert (found[:, 3] == 100).all() and not found[:, :3].any()
    assert np.isfinite(voice_quality(np.zeros(4_000, np.float32), np.full(10, 200.0))[0]).all()
