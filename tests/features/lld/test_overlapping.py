"""Windows that share frames have the rows of each window alone, exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from descriptors import Array, speech

from emotone.features.lld import overlapping
from emotone.features.lld.frames import PUBLISHED, SET_ITSELF, Frames
from emotone.features.lld.overlapping import Overlapping
from emotone.features.lld.stream import Stream
from emotone.features.lld.voice import Rules


def alone(samples: Array, rules: Rules = Rules.IS13, frames: Frames = PUBLISHED) -> Array:
    stream = Stream(rules, frames)
    return np.concatenate([stream.push(samples), stream.end()])


@pytest.mark.parametrize(
    ("length", "hop"),
    [(48_000, 16_000), (128_000, 64_000), (8_192, 256), (20_000, 1_000), (8_000, 8_000), (5_000, 9_000), (4_096, 1)],
)
def test_windows_have_their_own_rows(shared: Path, length: int, hop: int) -> None:
    recording = np.concatenate(speech(shared))
    windows = Overlapping()
    for start in range(0, len(recording), hop)[:40]:
        samples = recording[start : start + length]
        if len(samples) >= 512:
            np.testing.assert_array_equal(windows(start, samples), alone(samples))


@pytest.mark.parametrize("frames", [SET_ITSELF, Frames(320, 960, 200)])
@pytest.mark.parametrize(("length", "hop"), [(48_000, 16_000), (8_192, 160), (20_001, 1_001), (4_000, 40)])
def test_windows_of_other_frames_have_their_own_rows(shared: Path, length: int, hop: int, frames: Frames) -> None:
    recording = np.concatenate(speech(shared))
    windows = Overlapping(frames=frames)
    for number, start in enumerate(range(0, len(recording), hop)[:40]):
        samples = recording[start : start + length - 37 * (number % 3)]
        if frames.count(len(samples)):
            np.testing.assert_array_equal(windows(start, samples), alone(samples, frames=frames))


def test_corrected_windows_have_the_rows_of_the_whole_within(shared: Path) -> None:
    recording = np.concatenate(speech(shared))
    whole, windows = alone(recording, rules=Rules.CORRECTED), Overlapping(rules=Rules.CORRECTED)
    voice, away, num_voiced = [*range(6), *range(65, 71)], 75, 0
    for start in range(0, len(recording) - 48_000, 12_800):
        rows = windows(start, recording[start : start + 48_000])
        np.testing.assert_array_equal(rows, alone(recording[start : start + 48_000], rules=Rules.CORRECTED))
        inside = slice(away, len(rows) - away // 2)
        expected = whole[start // 256 :][inside]
        np.testing.assert_array_equal(rows[inside, voice], expected[:, voice])
        np.testing.assert_allclose(rows[inside], expected, rtol=1e-2, atol=1e-2)  # RASTA's past fades
        num_voiced += int((expected[:, 0] > 0).sum())
    assert num_voiced > 50


def test_frames_in_common_are_measured_once(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []
    measure = overlapping.measure
    monkeypatch.setattr(
        overlapping, "measure", lambda samples, *given: measured.append(len(samples)) or measure(samples, *given)
    )
    recording, windows = np.concatenate(speech(shared)), Overlapping()
    for start in range(0, 96_000, 16_000):  # 62.5 frames: every second window is on the grid of the first
        windows(start, recording[start : start + 48_000])
    assert measured == [48_000, 48_000, 32_384, 32_384, 32_384, 32_384]


def test_few_grids_are_kept(shared: Path) -> None:
    recording, windows = np.concatenate(speech(shared)), Overlapping()
    for start in range(0, 40_000, 777):
        windows(start, recording[start : start + 4_000])
    assert len(windows._grids) == overlapping.MOST_GRIDS


@pytest.mark.parametrize("order", [[0, 2_560, 1_280], [1_280, 0], [0, 25_600, 2_560]])
def test_any_order_gives_the_same(shared: Path, order: list[int]) -> None:
    recording, windows = speech(shared)[1], Overlapping()
    for start in order:
        samples = recording[start : start + 6_000]
        np.testing.assert_array_equal(windows(start, samples), alone(samples))
    assert windows(0, recording[:511]).shape == (0, 130)
