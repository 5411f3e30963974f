"""Pretrained encoders: known by their weights, loaded once, refused with one line where files do not fit."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encoders import edited_copy
from numpy.typing import NDArray

from emotone.base import plugins
from emotone.errors import EmotoneError
from emotone.features.encoder import _load, chosen, cut
from emotone.features.extractors.roberta import Roberta
from emotone.features.extractors.wav2vec2 import Wav2vec2

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


def noise(num_samples: int) -> NDArray[np.float32]:
    return np.random.default_rng(num_samples).normal(0, 0.1, num_samples).astype(np.float32)


# ---- states -----------------------------------------------------------------------------------------------------


def test_a_layer_or_all_are_chosen() -> None:
    class Output:
        """What a network of transformers gives."""

        hidden_states = tuple(torch.full((2, 3, 4), float(layer)) for layer in range(3))
        last_hidden_state = torch.full((2, 3, 4), 9.0)

    assert (chosen(Output, None) == 9).all() and (chosen(Output, 1) == 1).all()
    assert chosen(Output, "all")[0, 0].tolist() == [0.0] * 4 + [1.0] * 4 + [2.0] * 4


def test_padding_is_cut() -> None:
    states = torch.arange(12, dtype=torch.bfloat16).reshape(2, 3, 2)
    first, second = cut(states, [1, 3])
    assert first.tolist() == [[0, 1]] and second.tolist() == [[6, 7], [8, 9], [10, 11]]
    assert first.dtype == np.float32 and first.base is None  # the padded batch is not kept


def test_all_layers_are_named(tiny_wav2vec2: Path) -> None:
    feature = Wav2vec2(str(tiny_wav2vec2), "all")
    assert len(feature.names) == 4 * 32 and feature.names[32] == "wav2vec2_1_0"
    assert feature(noise(800)).shape == (2, 4 * 32)


def test_bfloat16_is_near(tiny_wav2vec2: Path) -> None:
    exact = Wav2vec2(str(tiny_wav2vec2))(noise(16_000))
    rough = Wav2vec2(str(tiny_wav2vec2), precision="bfloat16")(noise(16_000))
    assert rough.dtype == np.float32 and 0 < np.abs(rough - exact).mean() < 0.02


def test_a_network_is_loaded_once(tiny_wav2vec2: Path) -> None:
    feature = Wav2vec2(str(tiny_wav2vec2))
    assert _load(feature) is _load(dataclasses.replace(feature))
    assert not any(parameter.requires_grad for parameter in _load(feature).parameters())


# ---- which encoder it is ----------------------------------------------------------------------------------------


def test_settings_hold_the_identity_of_the_weights(tiny_wav2vec2: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = edited_copy(tiny_wav2vec2, tmp_path / "encoder")
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


# ---- files that do not fit ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"hidden_size": 48}, "not an encoder that can be loaded"),
        ({"num_hidden_layers": 4}, "of its weights are missing, e.g. encoder.layers.3"),
        ({"model_type": "no-such-type"}, "not an encoder that can be loaded"),
        ({"hidden_size": "32"}, "hidden_size must be a whole number"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(
    tiny_wav2vec2: Path, tmp_path: Path, config: dict[str, Any], words: str
) -> None:
    folder = edited_copy(tiny_wav2vec2, tmp_path / "encoder", **config)
    with pytest.raises(EmotoneError, match=words) as caught:
        assert Wav2vec2(str(folder)).names
        Wav2vec2(str(folder))(np.ones(800, np.float32))
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


def test_damaged_weights_are_refused(tiny_wav2vec2: Path, tmp_path: Path) -> None:
    folder = edited_copy(tiny_wav2vec2, tmp_path / "encoder")
    (folder / "model.safetensors").write_bytes(b"\x80\x04\x95")
    with pytest.raises(EmotoneError, match="not an encoder that can be loaded"):
        Wav2vec2(str(folder))(np.ones(800, np.float32))


@pytest.mark.parametrize("layer", [-1, 4])
def test_a_layer_that_is_not_there(tiny_wav2vec2: Path, layer: int) -> None:
    with pytest.raises(EmotoneError, match=rf"layer must be 0..3, all, or nothing \(null\), not {layer}"):
        Wav2vec2(str(tiny_wav2vec2), layer)


def test_a_folder_without_tokenizer(tiny_roberta: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_roberta, tmp_path / "encoder")
    for path in [*(tmp_path / "encoder").glob("tokenizer*"), *(tmp_path / "encoder").glob("vocab*")]:
        path.unlink()
    with pytest.raises(EmotoneError, match="lacks a tokenizer") as caught:
        Roberta(str(tmp_path / "encoder"))("good")
    assert str(tmp_path) in str(caught.value)


def test_a_damaged_tokenizer(tiny_roberta: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_roberta, tmp_path / "encoder")
    (tmp_path / "encoder" / "tokenizer.json").write_text("{")
    with pytest.raises(EmotoneError, match="no tokenizer that can be loaded") as caught:
        Roberta(str(tmp_path / "encoder"))("good")
    assert "\n" not in str(caught.value)
