"""Channels as one: means, cancellation, rates."""

from __future__ import annotations

import numpy as np
import pytest

from emotone.audio.channels import Downmix, check_rate
from emotone.errors import EmotoneError

RNG = np.random.default_rng(0)
WAVE = np.sin(np.arange(4_000) / 7).astype(np.float32)


def correlated(share: float) -> np.ndarray:
    """Two channels of noise with this correlation."""
    first, second = RNG.normal(0, 0.1, (2, 100_000))
    return np.stack([first, share * first + np.sqrt(1 - share**2) * second], 1).astype(np.float32)


@pytest.mark.parametrize("share", [1.0, 0.3, 0.0, -0.3, -0.6])
def test_ordinary_channels_are_averaged(share: float) -> None:
    block, downmix = correlated(share), Downmix()
    np.testing.assert_array_equal(downmix(block), block.mean(axis=1))
    assert not downmix.note


@pytest.mark.parametrize("share", [-0.9, -0.99, -1.0])
def test_opposed_channels_are_not(share: float) -> None:
    block, downmix = correlated(share), Downmix()
    assert any(np.array_equal(downmix(block), block[:, channel]) for channel in (0, 1))
    assert "cancel" in downmix.note


@pytest.mark.parametrize("num_channels", [2, 6, 64, 255])
def test_one_of_many_channels_that_holds_sound_is_no_cancellation(num_channels: int) -> None:
    block, downmix = np.zeros((4_000, num_channels), np.float32), Downmix()
    block[:, 1] = WAVE
    np.testing.assert_allclose(downmix(block), WAVE / num_channels, atol=1e-7)
    assert not downmix.note


def test_the_loudest_is_taken_from_where_they_cancel_on() -> None:
    downmix = Downmix()
    assert not downmix(np.zeros((100, 2), np.float32)).any() and not downmix.note  # silence says nothing
    np.testing.assert_array_equal(downmix(np.stack([WAVE, WAVE], 1)), WAVE)
    np.testing.assert_array_equal(downmix(np.stack([WAVE, -1.2 * WAVE], 1)), np.float32(-1.2) * WAVE)
    np.testing.assert_array_equal(downmix(np.stack([0.5 * WAVE, WAVE], 1)), WAVE)  # and kept
    np.testing.assert_array_equal(downmix(WAVE[:, None]), WAVE)


def test_rates() -> None:
    for rate_hz in (4_000, 8_000, 11_025, 44_100, 192_000, 768_000):
        check_rate(rate_hz)
    for rate_hz in (0, -1, 1, 3_999, 768_001, float("nan"), float("inf")):
        with pytest.raises(EmotoneError, match="must be from 4000 to 768000 Hz$"):
            check_rate(rate_hz)
    with pytest.raises(EmotoneError, match="not in kHz"):
        check_rate(16)


def test_one_channel_is_heard_where_it_is_asked_for() -> None:
    block = np.array([[0.1, 0.2], [0.3, 0.4]], np.float32)
    assert (
        Downmix(2)(block).tolist() == block[:, 1].tolist() and Downmix(1)(block[:, 0]).tolist() == block[:, 0].tolist()
    )
    for channel in (0, 3):
        with pytest.raises(EmotoneError, match=f"has 2 channels, and no channel {channel}"):
            Downmix(channel)(block)
    with pytest.raises(EmotoneError, match="has 1 channel, and no channel 2"):
        Downmix(2)(block[:, 0])
