"""Measures of samples: the same for blocks of any size, clipping found and natural peaks not, content by the sound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import ArrayLike

from emotone.corpora.measure import Measure

RATE_HZ = 16_000


@pytest.fixture(scope="module")
def speech(shared: Path) -> np.ndarray:
    return soundfile.read(shared / "data" / "emodb/wav/03a01Fa.flac", dtype="float32")[0]


def measure(
    samples: ArrayLike, start_s: float = 0.0, end_s: float = np.inf, size: int = 10**9, rate_hz: int = RATE_HZ
) -> dict[str, Any]:
    """The measures of a part of samples that come in blocks of a size, as 16-bit files have them."""
    steps = np.rint(np.asarray(samples) * 32_768).clip(-32_768, 32_767)
    rounded = (steps / 32_768).astype(np.float32)
    found = Measure(start_s, end_s)
    for place in range(0, len(rounded), size):
        found.update(rounded[place : place + size], rate_hz)
    return found.result("a.wav", "")


@pytest.mark.parametrize("size", [100, 1_601, 16_000])
def test_blocks_do_not_change_what_is_measured(speech: np.ndarray, size: int) -> None:
    gap = np.zeros(RATE_HZ)
    samples = np.concatenate([gap, speech, gap, speech / 2, gap])
    for start_s, end_s in ((0.0, np.inf), (1.0, 1 + len(speech) / RATE_HZ), (2.5, np.inf)):
        assert measure(samples, start_s, end_s, size) == measure(samples, start_s, end_s)
    part = measure(samples, 1.0, 1 + len(speech) / RATE_HZ, size)
    assert part == measure(speech) and part["duration_s"] == len(speech) / RATE_HZ


@pytest.mark.parametrize("gain", [1.0, 0.25])
@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
def test_clipping_is_found_whatever_the_gain_and_rate(speech: np.ndarray, gain: float, rate_hz: int) -> None:
    loud = soxr.resample(speech, RATE_HZ, rate_hz)
    loud *= 1.6 / np.abs(loud).max()
    expected = np.mean(np.abs(loud) >= 1)
    assert measure(loud / 1.6 * gain, rate_hz=rate_hz)["clipped_share"] == 0
    found = measure(np.clip(loud, -1, 1) * gain, rate_hz=rate_hz)["clipped_share"]
    assert 0.5 * expected < found <= expected  # short runs do not count


def test_clipped_samples_are_counted_in_runs_of_three_on_either_side() -> None:
    samples = np.zeros(1_000)
    samples[[10, 11, 12, 50, 51, 52, 53, 90, 91]] = 0.5  # the last run is too short
    assert measure(samples)["clipped_share"] == 7 / 1_000
    samples[[200, 201, 202]] = -0.5  # one run alone may be a natural peak
    assert measure(samples)["clipped_share"] == 7 / 1_000
    samples[[300, 301, 302]] = -0.5
    assert measure(samples)["clipped_share"] == 13 / 1_000


def test_a_low_pitch_and_one_flat_peak_are_not_clipped() -> None:
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    low, flat = measure(0.009 * np.sin(2 * np.pi * 60 * time_s)), measure(np.exp(-time_s) * np.cos(40 * np.pi * time_s))
    assert low["clipped_share"] == flat["clipped_share"] == 0
    assert (round(low["peak"], 3), round(flat["peak"], 3)) == (0.009, 1.0)


def test_silence_around_the_sound_is_not_its_content(speech: np.ndarray) -> None:
    late = measure(np.concatenate([np.zeros(999), speech, np.zeros(77)]))
    assert late["content"] == measure(speech)["content"] and late["duration_s"] > measure(speech)["duration_s"]
    others = [speech / 2, speech[:-2_000], np.delete(speech, len(speech) // 2), -speech]
    contents = {measure(other)["content"] for other in (speech, *others)} | {measure(speech, rate_hz=22_050)["content"]}
    assert len(contents) == 6


@pytest.mark.parametrize("samples", [np.zeros(RATE_HZ), np.full(RATE_HZ, 0.5e-4)])
def test_silence_has_no_content(samples: np.ndarray) -> None:
    found = measure(samples)
    assert found["is_silent"] and found["content"] is None and found["error"] == "" and found["duration_s"] == 1.0


def test_a_fault_of_the_file_is_none_of_a_part_before_it() -> None:
    early, late, beyond = Measure(0.0, 0.5), Measure(0.25, 1.5), Measure(9.0, 9.5)
    for one in (early, late, beyond):
        one.update(np.full(RATE_HZ, 0.1, np.float32), RATE_HZ)
    assert early.is_whole and not late.is_whole
    assert early.result("a.wav", "a.wav: is damaged")["duration_s"] == 0.5
    assert late.result("a.wav", "a.wav: is damaged") == {"error": "a.wav: is damaged"}
    assert late.result("a.wav", "")["duration_s"] == 0.75  # the file ends before the part does
    assert beyond.result("a.wav", "") == {"error": "a.wav: ends before 9 s"}
    assert Measure(0.0, np.inf).result("a.wav", "") == {"error": "a.wav: holds no samples"}
