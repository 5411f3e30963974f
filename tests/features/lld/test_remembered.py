"""Runs of voice that several windows have are measured once, and are what they are in each window alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from descriptors import speech

from emotone.features.lld import remembered
from emotone.features.lld.frames import quantise
from emotone.features.lld.remembered import RememberedVoice
from emotone.features.lld.voice import Run, voice_quality

NUM_FRAMES = 120


def pitches(num: int) -> np.ndarray:
    pitch_hz = np.where(np.arange(num) % 17 < 11, 180.0 + np.arange(num) % 5, 0.0)
    pitch_hz[40:60] = 55.0  # periods longer than a hop
    return pitch_hz


def test_rows_are_those_of_each_window_alone_and_known_runs_are_not_measured(
    shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording, pitch_hz = quantise(np.concatenate(speech(shared))), pitches(400)
    measured = []

    def spy(samples: np.ndarray, given: np.ndarray, *more: Any) -> tuple[np.ndarray, Run | None]:
        measured.append(int((given > 0).sum()))
        return voice_quality(samples, given, *more)

    monkeypatch.setattr(remembered, "voice_quality", spy)
    voice = RememberedVoice()
    for first in (0, 40, 80, 90, 200):
        samples = np.append(np.zeros(1024, np.float32), recording[256 * first : 256 * (first + NUM_FRAMES - 1) + 512])
        given = pitch_hz[first : first + NUM_FRAMES]
        voice.first = first
        rows, _ = voice(samples, given, None, 1024)
        np.testing.assert_array_equal(rows, voice_quality(samples, given, None, 1024)[0])
    num_voiced = [int((pitch_hz[first : first + NUM_FRAMES] > 0).sum()) for first in (0, 40, 80, 90, 200)]
    assert measured[0] == num_voiced[0] and measured[4] == num_voiced[4], "nothing known"
    assert all(few < all_ for few, all_ in zip(measured[1:4], num_voiced[1:4], strict=True))


def test_other_pitches_are_other_runs(shared: Path) -> None:
    samples, pitch_hz = quantise(speech(shared)[0]), pitches(60)
    voice = RememberedVoice()
    voice(samples, pitch_hz, None, 0)
    rows, _ = voice(samples, 1.01 * pitch_hz, None, 0)
    np.testing.assert_array_equal(rows, voice_quality(samples, 1.01 * pitch_hz)[0])


def test_a_run_of_another_block_is_refused() -> None:
    with pytest.raises(ValueError, match="whole"):
        RememberedVoice()(np.zeros(1024, np.float32), np.zeros(2), Run(0), 0)
