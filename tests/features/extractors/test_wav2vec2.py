"""Speech encoders of transformers: states are those of its own processor and model, single or in batches."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from emotone.audio.read import load_audio
from emotone.base import plugins
from emotone.errors import EmotoneError
from emotone.features.buckets import buckets
from emotone.features.encoder import _load
from emotone.features.extractors.wav2vec2 import Wav2vec2

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

SMALL = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16, "conv_dim": (8,) * 7,
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip


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


def test_bfloat16_is_near(tiny_wav2vec2: Path, speech: NDArray[np.float32]) -> None:
    exact = Wav2vec2(str(tiny_wav2vec2))(speech[:16_000])
    rough = Wav2vec2(str(tiny_wav2vec2), precision="bfloat16")(speech[:16_000])
    assert rough.dtype == np.float32 and 0 < np.abs(rough - exact).mean() < 0.02


# ---- which encoder it is ----------------------------------------------------------------------------------------


def copy(folder: Path, to: Path, **config: Any) -> Path:
    """The encoder with another configuration."""
    shutil.copytree(folder, to)
    about = json.loads((to / "config.json").read_text())
    (to / "config.json").write_text(json.dumps(about | config))
    return to


def test_settings_hold_the_identity_of_the_weights(tiny_wav2vec2: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = copy(tiny_wav2vec2, tmp_path / "encoder")
    feature = Wav2vec2(str(folder))
    settings = plugins.settings_of(feature)
    assert settings["sha256"] == feature.sha256 and len(feature.sha256 or "") == 64
    assert plugins.create("features", "wav2vec2", settings) == feature
    weights = load_file(folder / "model.safetensors")
    weights["encoder.layer_norm.bias"] += 1
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        EmotoneError, match=f"have the SHA-256 {settings['sha256'][:12]}…; there is another in"
    ) as caught:
        plugins.create("features", "wav2vec2", settings)
    assert "\n" not in str(caught.value)
    assert Wav2vec2(str(folder)).sha256 != feature.sha256


def test_a_bundle_wants_the_encoder_it_was_made_with(tiny_wav2vec2: Path, tiny_bundle: Path, tmp_path: Path) -> None:
    from emotone.bundle.bundle import Bundle

    def bundle(**settings: Any) -> None:
        folder = tmp_path / "bundle"
        shutil.copytree(tiny_bundle, folder, dirs_exist_ok=True)
        about = json.loads((folder / "bundle.json").read_text())
        about["feature"] = {"name": "wav2vec2", "settings": {"weights": str(tiny_wav2vec2)} | settings}
        (folder / "bundle.json").write_text(json.dumps(about))
        Bundle.load(str(folder))

    with pytest.raises(EmotoneError, match="needs the encoder .* SHA-256 aaaaaaaaaaaa…"):
        bundle(sha256="a" * 64)
    with pytest.raises(EmotoneError, match=r"feature_mean must be there with shape \(32,\)"):  # its own are 16
        bundle()


# ---- bad folders ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"hidden_size": 48}, "not an encoder that can be loaded"),
        ({"num_hidden_layers": 4}, "of its weights are missing, e.g. encoder.layers.3"),
        ({"model_type": "no-such-type"}, "not an encoder that can be loaded"),
        ({"conv_kernel": None}, "takes encoders of the waveform"),
        ({"hidden_size": "32"}, "hidden_size must be a whole number"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(
    tiny_wav2vec2: Path, tmp_path: Path, config: dict[str, Any], words: str
) -> None:
    folder = copy(tiny_wav2vec2, tmp_path / "encoder", **config)
    with pytest.raises(EmotoneError, match=words) as caught:
        assert Wav2vec2(str(folder)).names
        Wav2vec2(str(folder))(np.ones(800, np.float32))
    assert str(folder) in str(caught.value) or "waveform" in words
    assert "\n" not in str(caught.value)


def test_damaged_weights_are_refused(tiny_wav2vec2: Path, tmp_path: Path) -> None:
    folder = copy(tiny_wav2vec2, tmp_path / "encoder")
    (folder / "model.safetensors").write_bytes(b"\x80\x04\x95")
    with pytest.raises(EmotoneError, match="not an encoder that can be loaded"):
        Wav2vec2(str(folder))(np.ones(800, np.float32))


@pytest.mark.parametrize("layer", [-1, 4])
def test_a_layer_that_is_not_there(tiny_wav2vec2: Path, layer: int) -> None:
    with pytest.raises(EmotoneError, match=rf"layer must be 0..3, all, or nothing \(null\), not {layer}"):
        Wav2vec2(str(tiny_wav2vec2), layer)


def test_a_text_encoder_is_refused(tiny_roberta: Path) -> None:
    with pytest.raises(EmotoneError, match="takes encoders of the waveform .* not roberta"):
        Wav2vec2(str(tiny_roberta))


def test_a_network_is_loaded_once(tiny_wav2vec2: Path) -> None:
    feature = Wav2vec2(str(tiny_wav2vec2))
    assert _load(feature) is _load(dataclasses.replace(feature))
    assert not any(parameter.requires_grad for parameter in _load(feature).parameters())
