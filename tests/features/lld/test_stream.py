"""Descriptors as a whole: against openSMILE and the published reference outputs; properties; long recordings."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from descriptors import ALL_MS, Array, FramesMs, by_opensmile, frames_for, speech

from emotone.audio.read import load_audio
from emotone.features.lld.frames import PUBLISHED, SET_ITSELF, Frames
from emotone.features.lld.names import column_names
from emotone.features.lld.stream import Stream
from emotone.features.lld.voice import Rules

GOLDEN = ("03a01Fa", "08a07Ta", "12a02Wa", "14b09Wa", "2609-156975-0000", "DK_001_A_1")
VOICE = [*range(6), *range(65, 71)]
RANDOM = np.random.default_rng(0)


def rows_of(samples: Array, piece: int = 10**9, rules: Rules = Rules.IS13, frames: Frames = PUBLISHED) -> Array:
    stream = Stream(rules, frames)
    parts = [stream.push(samples[start : start + piece]) for start in range(0, len(samples), piece)]
    return np.concatenate([*parts, stream.end()])


def assert_close(found: Array, expected: Array, least: float = 0.98) -> None:
    """Within rounding in nearly all rows: what is left are rows near zero, and ties that rounding breaks."""
    assert found.shape == expected.shape and found.dtype == np.float32
    scale = np.abs(expected).mean(axis=0)
    near = np.abs(found - expected) <= 1e-3 * np.abs(expected) + 1e-4 * scale
    shares = zip(column_names(), near.mean(axis=0), strict=True)
    low = [f"{name} {share:.4f}" for name, share in shares if share < least]
    assert not low and near.mean() > 0.999


@pytest.mark.parametrize("name", GOLDEN)
def test_descriptors_are_the_published_ones(shared: Path, name: str) -> None:
    golden = np.load(shared / f"golden/systems/{name}.npz")
    assert_close(rows_of(load_audio(shared / str(golden["audio"]))), golden["lld"])


@pytest.mark.parametrize("ms", [*ALL_MS, (None, 12.5), (20.0, 10.0), (64.0, 32.0), (128.0, 8.0)])
def test_descriptors_of_speech_are_openSMILEs(shared: Path, ms: FramesMs) -> None:  # noqa: N802
    breath = np.random.default_rng(1).normal(0, 1e-3, 4_000).astype(np.float32)  # voices at the end end otherwise there
    for recording in speech(shared):
        breathing = np.append(recording, breath)
        assert_close(rows_of(breathing, frames=frames_for(ms)), by_opensmile(breathing, ms), least=0.97)


@pytest.mark.parametrize("ms", [(32.0, 16.0), (None, None)])
def test_descriptors_of_the_later_set_are_openSMILEs(shared: Path, ms: FramesMs) -> None:  # noqa: N802
    for recording in speech(shared)[:3]:
        found = rows_of(recording, rules=Rules.COMPARE_2016, frames=frames_for(ms))
        assert_close(found, by_opensmile(recording, ms, "ComParE_2016"), least=0.97)
        assert (found[:, 2:5] != rows_of(recording, frames=frames_for(ms))[:, 2:5]).any()


def test_the_position_in_a_long_file_counts_as_in_openSMILE(shared: Path) -> None:  # noqa: N802
    recording = np.concatenate([*speech(shared), *speech(shared)])
    assert_close(rows_of(recording), by_opensmile(recording))


@pytest.mark.parametrize(
    ("piece", "frames"),
    [*((piece, PUBLISHED) for piece in (100, 4_321, 16_000, 10**6)), (100, SET_ITSELF), (16_000, SET_ITSELF)],
)
def test_pieces_make_no_difference(shared: Path, piece: int, frames: Frames) -> None:
    recording = np.tile(np.concatenate(speech(shared)), 8 if piece > 1_000 else 1)
    assert len(recording) > 65 * 16_000 or piece <= 1_000, "more than a block"
    np.testing.assert_array_equal(rows_of(recording, piece, frames=frames), rows_of(recording, frames=frames))


def test_a_shift_by_whole_hops_shifts_frames(shared: Path) -> None:
    recording = speech(shared)[0]
    plain, shifted = rows_of(recording), rows_of(recording[256 * 10 :])
    away = 30  # from the beginning, whose filters and paths begin elsewhere
    still = [*range(8, 10), *range(36, 65)]  # no RASTA
    np.testing.assert_allclose(plain[10 + away :, still], shifted[away:, still], rtol=1e-5, atol=1e-5)


def test_corrected_a_shift_by_whole_hops_shifts_all_rows(shared: Path) -> None:
    recording = np.concatenate(speech(shared))
    hops, away = 100, 150
    plain, shifted = (
        rows_of(recording, rules=Rules.CORRECTED),
        rows_of(recording[256 * hops :], rules=Rules.CORRECTED),
    )
    assert len(plain) == 1 + (len(recording) - 512) // 256 == len(shifted) + hops
    plain, shifted = plain[hops + away :], shifted[away:]
    assert (plain[:, 0] > 0).any()
    np.testing.assert_array_equal(plain[:, VOICE], shifted[:, VOICE])
    np.testing.assert_allclose(plain, shifted, rtol=1e-4, atol=1e-4)  # RASTA's past fades, by .9 a frame


def test_corrected_differs_where_it_says(shared: Path) -> None:
    recording = speech(shared)[0]
    published, corrected = rows_of(recording)[:-1], rows_of(recording, rules=Rules.CORRECTED)
    same = [place for place in range(65) if place not in range(2, 6)]
    np.testing.assert_array_equal(published[:, same], corrected[:, same])
    np.testing.assert_array_equal(published[:-3, 71:], corrected[:-3, 71:])
    unvoiced = corrected[:, 0] == 0
    assert not corrected[unvoiced, 2:6].any() and (published[unvoiced, 5] == -100).any()
    steeper = np.abs(corrected[:, VOICE[6:8]]).max(axis=0) / np.abs(published[:, VOICE[6:8]]).max(axis=0)
    assert (steeper > 5).all()


def test_what_does_not_depend_on_loudness() -> None:
    noise = RANDOM.normal(0, 0.05, 16_000).astype(np.float32)
    soft, loud = rows_of(noise), rows_of(4 * noise)
    names = column_names()
    for name in ("pcm_zcr_sma", "pcm_fftMag_spectralCentroid_sma", "pcm_fftMag_spectralEntropy_sma"):
        np.testing.assert_allclose(soft[:, names.index(name)], loud[:, names.index(name)], rtol=2e-3)
    energy = names.index("pcm_RMSenergy_sma")
    np.testing.assert_allclose(4 * soft[:, energy], loud[:, energy], rtol=1e-3)


def test_what_is_clipped_is_clipped_as_in_openSMILE(shared: Path) -> None:  # noqa: N802
    recording = 8 * speech(shared)[3]
    assert np.abs(recording).max() > 1
    assert_close(rows_of(recording), by_opensmile(np.clip(recording, -1, 1)))


@pytest.mark.parametrize("num_samples", [512, 513, 767, 768, 800, 801, 1023, 1024, 5_001])
def test_lengths(num_samples: int) -> None:
    noise = RANDOM.uniform(-0.3, 0.3, num_samples).astype(np.float32)
    found, expected = rows_of(noise), by_opensmile(noise)
    assert found.shape == expected.shape and np.isfinite(found).all()
    if num_samples >= 1280:  # shorter ones end otherwise there
        assert_close(found, expected)


def test_silence_is_openSMILEs(shared: Path) -> None:  # noqa: N802
    silence = np.zeros(8_000, np.float32)
    np.testing.assert_allclose(rows_of(silence), by_opensmile(silence), rtol=1e-6, atol=1e-6)


def test_fewer_samples_than_a_frame_have_no_rows() -> None:
    assert rows_of(np.zeros(511, np.float32)).shape == rows_of(np.zeros(0, np.float32)).shape == (0, 130)


def test_memory_does_not_grow_with_the_recording(shared: Path) -> None:
    minute = np.resize(np.concatenate(speech(shared)), 60 * 16_000)
    stream = Stream()
    peaks = []
    tracemalloc.start()
    for _ in range(6):
        tracemalloc.reset_peak()
        stream.push(minute)
        peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert max(peaks[3:]) < 1.1 * max(peaks[1:3])
