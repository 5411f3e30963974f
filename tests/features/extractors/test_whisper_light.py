"""The feature of the encoder that comes with Emotone: level, pooling, lengths, identity."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emotone.audio.read import load_audio
from emotone.base.plugins import create, settings_of
from emotone.bundle.bundle import Bundle
from emotone.errors import EmotoneError
from emotone.features.extractors.whisper_light import WhisperLight, frame_power, moments
from emotone.features.light_encoder import encode

Array = NDArray[np.float32]
EXAMPLE = Path(__file__).parents[3] / "examples" / "jfk.wav"


@pytest.fixture(scope="module")
def speech() -> Array:
    return load_audio(EXAMPLE)[5_000:53_000]


def test_states_are_those_of_speech_at_one_level(speech: Array) -> None:
    power = frame_power(speech)
    loud = power[power >= power.max() / 10**3.5]
    [states] = encode(speech, 3, gain=0.06 / np.sqrt(loud.mean()))
    feature = WhisperLight(blocks=(0, 3))
    frames = feature(speech)
    np.testing.assert_array_equal(frames, np.concatenate([states[0], states[3]], axis=1))
    assert feature.hop_s == 0.02 and feature.names[511:513] == ["stem_511", "block_3_0"]


def test_gain_does_not_count(speech: Array) -> None:
    feature = WhisperLight(pooled="mean")
    expected = feature(speech)
    np.testing.assert_array_equal(feature(speech * np.float32(2**-6)), expected)
    spread = feature(np.roll(speech, 16_000)) - expected
    assert np.abs(feature(speech * np.float32(0.0123)) - expected).mean() < 0.1 * np.abs(spread).mean()


def test_moments_are_of_the_active_frames(speech: Array) -> None:
    samples = speech.copy()
    samples[16_000:32_000] *= np.float32(0.001)
    frames = WhisperLight()(samples)
    power = np.square(samples.astype(np.float64)).reshape(150, 320).mean(axis=1)
    is_active = 10 * np.log10(power / power.max()) >= -35
    assert not is_active[51:99].any() and 60 < is_active.sum() < 100
    heard = frames[is_active].astype(np.float64)
    mean, both = (WhisperLight(pooled=pooled)(samples) for pooled in ("mean", "mean-and-deviation"))
    np.testing.assert_allclose(mean[0], heard.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(both[0], np.concatenate([heard.mean(axis=0), heard.std(axis=0)]), atol=1e-5)
    feature = WhisperLight(pooled="mean-and-deviation")
    assert feature.hop_s is None and feature.names[1023:1025] == ["block_3_511_mean", "block_2_0_std"]


def test_silence_around_speech_changes_its_mean_little(speech: Array) -> None:
    feature = WhisperLight(pooled="mean")
    expected = feature(speech)
    other = np.linalg.norm(feature(load_audio(EXAMPLE)[60_000:108_000]) - expected)
    assert np.linalg.norm(feature(np.pad(speech, 1_600)) - expected) < other / 3
    padded = np.pad(speech, (8_000, 16_000))
    change = np.linalg.norm(feature(padded) - expected)
    assert change < 0.7 * other
    of_all_frames = WhisperLight()(padded).mean(axis=0) - WhisperLight()(speech).mean(axis=0)
    assert change < 0.7 * np.linalg.norm(of_all_frames)


@pytest.mark.parametrize("num_samples", [800, 801, 16_000])
@pytest.mark.parametrize("pooled", ["no", "mean", "mean-and-deviation"])
def test_silence_and_short_inputs_have_numbers(num_samples: int, pooled: Any) -> None:
    feature = WhisperLight(blocks=(0, 1), pooled=pooled)
    for samples in (np.zeros(num_samples, np.float32), np.full(num_samples, 1e-7, np.float32)):
        features = feature(samples)
        assert np.isfinite(features).all() and features.shape[1] == len(feature.names)
        assert len(features) == (-(-num_samples // 320) if pooled == "no" else 1)


def test_long_inputs_are_pooled_over_all_their_windows(speech: Array) -> None:
    samples = np.concatenate([np.tile(speech, 23), np.zeros(16_000, np.float32)])  # 70 s
    assert WhisperLight(blocks=(1,))(samples).shape == (3_500, 512)
    is_active = (power := frame_power(samples)) >= power.max() / 10**3.5
    first, last = np.flatnonzero(is_active)[[0, -1]]
    frames = WhisperLight(blocks=(1,))(samples[320 * first : 320 * (last + 1)])
    heard = frames[is_active[first : last + 1]].astype(np.float64)
    pooled = WhisperLight(blocks=(1,), pooled="mean-and-deviation")(samples)
    np.testing.assert_allclose(pooled[0], np.concatenate([heard.mean(axis=0), heard.std(axis=0)]), atol=1e-5)


@pytest.mark.parametrize("pooled", ["mean", "mean-and-deviation"])
def test_neither_gain_nor_silence_around_counts_for_moments(speech: Array, pooled: Any) -> None:
    feature = WhisperLight(blocks=(1, 3), pooled=pooled)
    start, end = np.zeros(8_000, np.float32), np.zeros(24_000, np.float32)
    np.testing.assert_allclose(feature(np.concatenate([start, speech, end])), feature(speech), atol=1e-5)
    quiet = feature(speech * np.float32(0.01))
    difference = np.abs(quiet - feature(speech))  # of how activations are rounded
    assert difference.max() < 0.05 and difference.mean() < 0.002


def test_memory_does_not_grow_with_the_windows() -> None:
    def windows(number: int) -> Iterator[Array]:
        for _ in range(number):
            yield np.ones((1_500, 64), np.float32)

    def peak(number: int) -> int:
        is_active = np.ones(1_500 * number, bool)
        tracemalloc.start()
        moments(windows(number), is_active)
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(360) < 1.1 * peak(2)  # 3 hours against a minute


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.ones(799, np.float32), "49.9375 ms are too short; it needs 50 ms"),
        (np.ones(0, np.float32), "0 ms are too short"),
        (np.full(800, np.nan, np.float32), "NaN or infinite"),
        (np.full(800, np.inf, np.float32), "NaN or infinite"),
    ],
)
def test_what_cannot_be_encoded_is_refused(samples: Array, reason: str) -> None:
    with pytest.raises(EmotoneError, match=reason):
        WhisperLight()(samples)


@pytest.mark.parametrize("blocks", [[], [4], [-1], [3, 2], [2, 2], [0, 1, 2, 3, 4]])
def test_blocks_that_are_not_there_are_refused(blocks: list[int]) -> None:
    with pytest.raises(EmotoneError, match="blocks must be some of 0, 1, 2, 3 in this order"):
        create("features", "whisper-light", {"blocks": blocks})


# ---- identity ---------------------------------------------------------------------------------------------------


def test_settings_say_which_encoder() -> None:
    shallow, deep = (settings_of(create("features", "whisper-light", {"blocks": blocks})) for blocks in ([1], [2, 3]))
    assert len(shallow["sha256"]) == len(deep["sha256"]) == 64 and shallow["sha256"] != deep["sha256"]


def test_a_bundle_of_another_encoder_is_refused_in_one_line(tiny_bundle: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_bundle, tmp_path / "bundle")
    about = json.loads((folder / "bundle.json").read_text())
    about["feature"] = {"name": "whisper-light", "settings": {"sha256": "0" * 64}}
    (folder / "bundle.json").write_text(json.dumps(about))
    with pytest.raises(EmotoneError, match="needs the encoder whose SHA-256 is 000000000000…") as caught:
        Bundle.load(str(folder))
    assert "\n" not in str(caught.value)
