"""Speech encoders of transformers: states are those of its own processor and model, single or in batches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encoders import edited_copy
from numpy.typing import NDArray

from emotone.audio.read import load_audio
from emotone.errors import EmotoneError
from emotone.features.buckets import buckets
from emotone.features.extractors.wav2vec2 import Wav2vec2

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float32]:
    return load_audio(Path(__file__).parents[3] / "examples" / "jfk.wav")


def pieces(speech: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Of unequal lengths, some of which go through together."""
    return [speech[start : start + size] for start, size in ((0, 20_000), (9_000, 17_500), (0, 400), (5_000, 19_999))]


def test_several_pieces_are_one_batch(speech: NDArray[np.float32]) -> None:
    lengths = [len(samples) / 320 for samples in pieces(speech)]
    assert max(map(len, buckets(lengths, Wav2vec2.states_per_batch["cpu"]))) == 3


def oracle(folder: Path, samples: NDArray[np.float32], layer: int | None = None) -> NDArray[np.float32]:
    """What transformers' own classes give."""
    processor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    network = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.inference_mode():
        inputs = processor(samples, sampling_rate=16_000, return_tensors="pt").input_values
        output = network(inputs, output_hidden_states=True)
    return (output.last_hidden_state if layer is None else output.hidden_states[layer])[0].numpy()


def assert_close(states: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    assert states.dtype == np.float32 and states.shape == expected.shape
    np.testing.assert_allclose(states, expected, atol=2e-5)


@pytest.mark.parametrize("layer", [None, 0, 1, 3])
def test_states_are_those_of_transformers(tiny_wav2vec2: Path, speech: NDArray[np.float32], layer: int | None) -> None:
    feature = Wav2vec2(str(tiny_wav2vec2), layer)
    assert_close(feature(speech[:32_000]), oracle(tiny_wav2vec2, speech[:32_000], layer))


def test_batches_give_what_single_inputs_give(tiny_wav2vec2: Path, speech: NDArray[np.float32]) -> None:
    feature = Wav2vec2(str(tiny_wav2vec2))
    for samples, states in zip(pieces(speech), feature.encode(pieces(speech)), strict=True):
        assert_close(states, oracle(tiny_wav2vec2, samples))
    assert feature.encode([]) == []


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("Wav2Vec2", {"feat_extract_norm": "group"}),
        ("Hubert", {"feat_extract_norm": "group"}),
        ("WavLM", {"feat_extract_norm": "layer", "do_stable_layer_norm": True}),
        ("Data2VecAudio", {"num_conv_pos_embeddings": 5, "conv_pos_kernel_size": 3}),
    ],
)
def test_other_encoders_of_the_waveform(
    tmp_path: Path, speech: NDArray[np.float32], kind: str, settings: dict[str, Any]
) -> None:
    torch.manual_seed(0)
    config = getattr(transformers, f"{kind}Config")(**(SMALL | settings))
    getattr(transformers, f"{kind}Model")(config).save_pretrained(tmp_path)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(tmp_path)
    feature = Wav2vec2(str(tmp_path), normalise=False)
    for samples, states in zip(pieces(speech), feature.encode(pieces(speech)), strict=True):
        assert_close(states, oracle(tmp_path, samples))


def test_times_and_names(tiny_wav2vec2: Path, speech: NDArray[np.float32]) -> None:
    feature = Wav2vec2(str(tiny_wav2vec2))
    assert (feature.hop_s, feature.min_duration_s) == (0.02, 0.025)
    assert feature.names == [f"wav2vec2_{index}" for index in range(32)]
    assert len(feature(speech[:400])) == 1 and len(feature(speech[:720])) == 2
    with pytest.raises(EmotoneError, match="feature wav2vec2: needs at least 400 samples at 16 kHz, not 399"):
        feature(speech[:399])
    with pytest.raises(EmotoneError, match="NaN"):
        feature(np.full(400, np.nan, np.float32))


def test_a_config_without_convolutions_is_refused(tiny_wav2vec2: Path, tmp_path: Path) -> None:
    folder = edited_copy(tiny_wav2vec2, tmp_path / "encoder", conv_kernel=None)
    with pytest.raises(EmotoneError, match="takes encoders of the waveform") as caught:
        Wav2vec2(str(folder))
    assert "\n" not in str(caught.value)


def test_a_text_encoder_is_refused(tiny_roberta: Path) -> None:
    with pytest.raises(EmotoneError, match="takes encoders of the waveform .* not roberta"):
        Wav2vec2(str(tiny_roberta))
