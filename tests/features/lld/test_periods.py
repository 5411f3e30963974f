"""Periods, against correlations written out and voices of known period."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.features.lld.frames import SET_ITSELF, Frames
from emotone.features.lld.periods import find_pairs

RANDOM = np.random.default_rng(0)


def voice(period: float, num: int = 8_000) -> np.ndarray:
    phase = np.arange(num) / period
    wave = sum(np.sin(2 * np.pi * h * phase) / h for h in range(1, 12))
    return (0.2 * wave + RANDOM.normal(0, 0.003, num)).astype(np.float32)


@pytest.mark.parametrize("period", [40.3, 97.8, 150.5])
def test_periods_of_a_voice_are_found_to_a_part_of_a_sample(period: float) -> None:
    pairs, position = find_pairs(voice(period), np.full(20, 16_000 / period * 1.02))
    assert np.abs(pairs.period - period).max() < 0.5 and pairs.correlation.min() > 0.98
    assert position is not None
    np.testing.assert_array_equal(np.diff(pairs.start), pairs.length[:-1])
    ends = pairs.start + pairs.length
    last = [ends[pairs.frame == t].max() for t in range(20)]
    assert all(256 * (t + 1) - 2 * 1.3 * period - 2 <= end <= 256 * (t + 1) + period for t, end in enumerate(last))


def test_a_pair_is_the_best_local_maximum_of_pearsons_correlation() -> None:
    samples, pitch_hz = voice(70.2), np.full(3, 230.0)
    pairs, _ = find_pairs(samples, pitch_hz)
    x = samples.astype(np.float64)
    for start, length in zip(pairs.start, pairs.length, strict=True):
        lags = range(int(0.75 * 16_000 / 230), int(np.ceil(1.25 * 16_000 / 230)))
        found = [np.corrcoef(x[start : start + lag], x[start + lag : start + 2 * lag])[0, 1] for lag in lags]
        assert lags[1 + int(np.argmax(found[1:-1]))] == length


@pytest.mark.parametrize("seed", [0, 1, 9, 15, 45, 50, 158, 196])
def test_beside_a_constant_period_there_is_no_top(seed: int) -> None:
    random = np.random.default_rng(seed)
    x = np.where(random.uniform(size=400) < 0.05, random.choice([-1.0, 1.0], 400), 0.0)
    x[: random.integers(61, 99)] = 0.0
    lags = range(60, 100)
    parts = [(x[:lag] - x[:lag].mean(), x[lag : 2 * lag] - x[lag : 2 * lag].mean()) for lag in lags]
    scale = [np.sqrt((a @ a) * (b @ b)) for a, b in parts]
    found = [a @ b / size if size > 0 else np.nan for (a, b), size in zip(parts, scale, strict=True)]
    tops = [i for i in range(1, len(found) - 1) if found[i] > found[i - 1] and found[i] > found[i + 1]]
    pairs, position = find_pairs(x.astype(np.float32), np.full(1, 200.0), frames=Frames(256, 256, 128))
    if tops:
        assert pairs.length[0] == lags[max(tops, key=lambda i: found[i])]
    else:
        assert not len(pairs.length) and position == 80 - 128


def test_without_a_local_maximum_there_is_no_pair() -> None:
    ramp = (np.linspace(0, 1, 6_000) ** 2).astype(np.float32)  # correlates the better the longer
    pairs, position = find_pairs(ramp, np.full(4, 200.0))
    assert len(pairs.frame) == 0
    assert position is not None and (position + 4 * 256) % 80 == 0, "steps are the pitch's own period"


@pytest.mark.parametrize("cut", [1, 3, 9])
def test_a_run_goes_on_over_blocks(cut: int) -> None:
    samples, pitch_hz = voice(61.7), np.full(12, 255.0)
    whole, _ = find_pairs(samples, pitch_hz)
    first, position = find_pairs(samples, pitch_hz[:cut])
    led = np.append(np.zeros(800, np.float32), samples)[256 * cut :]
    second, _ = find_pairs(led, pitch_hz[cut:], position, lead=800)
    np.testing.assert_array_equal(np.append(first.start, second.start + 256 * cut - 800), whole.start)
    np.testing.assert_allclose(np.append(first.correlation, second.correlation), whole.correlation, rtol=1e-9)


def test_a_period_that_reaches_the_end_of_its_frame_is_found_once_more() -> None:
    pairs, position = find_pairs(voice(200.0), np.full(5, 80.0), frames=SET_ITSELF)
    assert pairs.frame.tolist() == [0, 1, 2, 3, 4] and (pairs.length == 200).all()
    assert pairs.start.tolist() == [0, 0, 200, 400, 600], "200 samples do not end within 160, but within 320"
    assert pairs.stop.tolist() == [200, 200, 400, 600, 800]
    assert position == 600 - 5 * 160, "the last one is found once more, too"


@pytest.mark.parametrize(("size", "first"), [(502, 0), (501, 1)])
def test_two_of_the_longest_periods_lie_within_a_frame(size: int, first: int) -> None:
    pairs, _ = find_pairs(voice(200.0), np.full(3, 80.0), frames=Frames(size, size, 400))  # 2 * 250 + 2 samples
    assert pairs.frame[0] == first and pairs.start[0] == 0, "else the next frame begins where this one did"


def test_a_search_ends_after_steps_without_a_pair() -> None:
    samples = voice(80.0)
    samples[400:] = np.linspace(0, 1, len(samples) - 400) ** 2
    pairs, _ = find_pairs(samples, np.full(6, 200.0))
    assert (pairs.stop >= pairs.start + pairs.length).all()
    assert pairs.stop[-1] > pairs.start[-1] + pairs.length[-1]


def test_unvoiced_frames_have_none() -> None:
    pairs, position = find_pairs(voice(80), np.zeros(5))
    assert len(pairs.frame) == 0 and position is None
