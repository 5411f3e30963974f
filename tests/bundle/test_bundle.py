"""Bundles: written and read back, equal to torch, and refused with one line when anything is wrong with them."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from bundle_edits import Edit, change
from numpy.typing import NDArray
from onnx import TensorProto, helper
from safetensors.numpy import load_file, save

from emotone.base.plugins import Choice
from emotone.base.processes import THREADS
from emotone.bundle import bundle as bundle_module
from emotone.bundle.about import BundleAbout
from emotone.bundle.bundle import Bundle
from emotone.bundle.folder import FILES
from emotone.bundle.target import UNBOUNDED, Target
from emotone.bundle.view.streams import StreamNormalisers
from emotone.bundle.view.view import Chunks, Normaliser
from emotone.errors import EmotoneError
from emotone.models.export import write_bundle
from emotone.models.networks.emotion_seq2seq import EmotionSeq2Seq
from emotone.models.side_by_side import SeparateNetworks

ATTRIBUTES = ("arousal", "dominance", "valence")
AS_IS = StreamNormalisers(Normaliser(np.zeros(16), np.ones(16)))
AROUSAL = Target("arousal", "attribute", (1.0, 5.0), 3.0, 2.0)


def noise(duration_s: float, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.1, round(duration_s * 16_000)).astype(np.float32)


@pytest.fixture
def copy(tiny_bundle: Path, tmp_path: Path) -> Path:
    """A bundle of one's own to damage."""
    return Path(shutil.copytree(tiny_bundle, tmp_path / "copy"))


def refused(folder: Path, *words: str) -> None:
    """Loading or scoring fails with one line that names the bundle and has the words."""
    with pytest.raises(EmotoneError) as caught:
        Bundle.load(str(folder)).score_samples([noise(0.5)])
    line = str(caught.value)
    assert "\n" not in line and str(folder) in line
    assert all(word in line for word in words), line


def about_of(*targets: Target, curves: bool = False) -> BundleAbout:
    """A description of a network that sees mels in 4 chunks."""
    feature, view = Choice("mel", {"num_mels": 16}), Chunks(9, 4)
    return BundleAbout(name="x", max_utterance_s=4.0, feature=feature, view=view, targets=list(targets), curves=curves)


# ---- round trip -------------------------------------------------------------------------------------------------


def test_a_written_bundle_says_what_it_was_written_with(tiny_bundle: Path) -> None:
    bundle = Bundle.load(str(tiny_bundle))
    assert (bundle.name, bundle.max_utterance_s, bundle.view.name) == ("tiny", 10.0, "whole")
    assert bundle.targets[0] == Target("arousal", "attribute", (1.0, 7.0), 4.0, 1.0)
    assert [Target.from_json(target.to_json(), "here") for target in bundle.targets] == bundle.targets
    assert {path.name for path in tiny_bundle.iterdir()} == {*FILES, "bundle.json", "README.md"}
    weights = load_file(tiny_bundle / "weights.safetensors")
    assert {name: value.shape for name, value in weights.items()} == {"output.bias": (10,), "output.weight": (10, 32)}


def test_scores_follow_from_the_files_alone(tiny_bundle: Path) -> None:
    """Feature, normaliser, network and targets put together by hand."""
    bundle = Bundle.load(str(tiny_bundle))
    samples = noise(1.0)
    scores = bundle.score_samples([samples])
    weights = load_file(tiny_bundle / "weights.safetensors")
    frames = np.clip((bundle.feature(samples).astype(float) + 5.0) / 3.0, -3, 3)
    values = weights["output.weight"] @ np.concatenate([frames.mean(0), frames.var(0)]) + weights["output.bias"]
    for place, name in enumerate(ATTRIBUTES):
        assert scores.attributes[name][0] == pytest.approx(4 + values[place], abs=1e-5)
    odds = np.exp(values[3:])
    np.testing.assert_allclose([share[0] for share in scores.probabilities.values()], odds / odds.sum(), atol=1e-6)


@pytest.mark.parametrize("threads", [0, 1])
def test_a_feature_may_use_as_many_threads_as_the_bundle(tiny_bundle: Path, threads: int) -> None:
    bundle = Bundle.load(str(tiny_bundle), threads=threads)
    bundle.feature = lambda samples: np.full((1, 16), THREADS.get(), np.float32)
    assert bundle.extract(noise(1.0)).max() == threads and THREADS.get() == 0


def test_utterances_of_all_lengths_go_together(tiny_bundle: Path) -> None:
    bundle = Bundle.load(str(tiny_bundle))
    batch = [noise(duration_s, seed) for seed, duration_s in enumerate((1.0, 0.001, 2.5, 1.0, 0.3))]
    together = bundle.score_samples(batch)
    for position, samples in enumerate(batch):
        alone = bundle.score_samples([samples])
        for name in ATTRIBUTES:
            assert together.attributes[name][position] == pytest.approx(alone.attributes[name][0], abs=1e-5)


# ---- curves -----------------------------------------------------------------------------------------------------


CURVE_OUTPUTS = {"arousal": 1, "valence": 1, "emotion": 2}


def write_curves(folder: Path, network: torch.nn.Module) -> Path:
    """A bundle with curves over 4 chunks: arousal on 1..5, valence relative, a category of two (without a curve)."""
    valence = Target("valence", "attribute", UNBOUNDED)
    about = about_of(AROUSAL, valence, Target("emotion", "category", labels=("a", "b")), curves=True)
    return write_bundle(folder, network.eval(), about, AS_IS, "")


@pytest.mark.parametrize("separate", [True, False])
def test_curves_come_with_the_scores(tmp_path: Path, separate: bool) -> None:
    torch.manual_seed(0)
    network: Any = EmotionSeq2Seq(16, CURVE_OUTPUTS, 24)
    if separate:
        network = SeparateNetworks({name: EmotionSeq2Seq(16, {name: size}, 24) for name, size in CURVE_OUTPUTS.items()})
    bundle = Bundle.load(str(write_curves(tmp_path / "b", network)))
    assert bundle.has_curves
    for batch_size in (1, 3, 7):
        features = [np.random.default_rng(n).normal(size=(36 + n, 16)).astype(np.float32) for n in range(batch_size)]
        scores = bundle.score_features(features)
        inputs = torch.from_numpy(np.stack([np.clip(part, -3, 3)[bundle.view.index(len(part))] for part in features]))
        with torch.inference_mode():
            curves, means = network.curves(inputs), network(inputs)
        for name, std, mean in (("arousal", 2, 3), ("valence", 1, 0)):
            np.testing.assert_allclose(scores.outputs[name], means[name].numpy(), atol=1e-5)
            np.testing.assert_allclose(scores.curves[name], curves[name].numpy() * std + mean, atol=2e-5)
            np.testing.assert_allclose(scores.curves[name].mean(axis=1), scores.attributes[name], atol=1e-6)
        assert list(scores.curves) == ["arousal", "valence"]
        for name in CURVE_OUTPUTS:
            alone = bundle.score_features(features, only=(name,))
            assert [*alone.outputs] == [name] and not alone.curves
            np.testing.assert_array_equal(alone.outputs[name], scores.outputs[name])
        np.testing.assert_allclose(scores.outputs["emotion"], means["emotion"].numpy(), atol=1e-5)


def test_other_bundles_have_no_curves(tiny_bundle: Path) -> None:
    bundle = Bundle.load(str(tiny_bundle))
    assert not bundle.has_curves and bundle.score_samples([noise(0.5)]).curves == {}


@pytest.mark.parametrize("shape", [["B"], ["B", 5], None])
def test_a_network_without_the_promised_curve(tmp_path: Path, shape: list[Any] | None) -> None:
    folder = write_curves(tmp_path / "b", EmotionSeq2Seq(16, CURVE_OUTPUTS, 24))
    outputs: dict[str, Any] = {"arousal": ["B"], "valence": ["B"]}
    outputs |= {"arousal_curve": shape} if shape else {}
    (folder / "model.onnx").write_bytes(constant_network({"features": ["B", 4, 9, 16]}, outputs))
    change(folder, lambda about: about["targets"].pop())
    refused(folder, "model.onnx", "has no output arousal_curve [B, 4]")


# ---- damage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["model.onnx", "arrays.safetensors", "bundle.json"])
@pytest.mark.parametrize("damage", ["missing", "cut", "flipped", "empty"])
def test_damaged_files(copy: Path, name: str, damage: str) -> None:
    content = (copy / name).read_bytes()
    if damage == "missing":
        (copy / name).unlink()
        words = ("missing",)
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 0x80]) + content[middle + 1 :]
        (copy / name).write_bytes({"cut": content[:-9], "flipped": flipped, "empty": b""}[damage])
        words = ("not a readable bundle description",) if name == "bundle.json" else ("damaged", "SHA-256")
    refused(copy, *words)


@pytest.mark.parametrize("name", ["model.onnx", "arrays.safetensors"])
def test_other_files_with_matching_hashes(copy: Path, name: str) -> None:
    """Somebody else may have written the description, hashes and all."""
    for content in (b"", b"\x80\x04garbage", np.random.default_rng(0).bytes(3_000)):
        (copy / name).write_bytes(content)
        change(copy, lambda about: None)
        refused(copy, name)


def test_a_pickle_in_the_place_of_a_file_is_not_run(copy: Path, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, (str(tmp_path / "it-ran"),)

    for name in ("model.onnx", "arrays.safetensors"):
        (copy / name).write_bytes(pickle.dumps(Bomb()))
        change(copy, lambda about: None)
        refused(copy, name)
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.parametrize(
    "arrays",
    [
        {},
        {"feature_mean": np.zeros(16, np.float32)},
        {"feature_mean": np.zeros(16, np.float32), "feature_std": np.ones(15, np.float32)},
        {"feature_mean": np.zeros((16, 1), np.float32), "feature_std": np.ones(16, np.float32)},
    ],
)
def test_arrays_of_other_shapes(copy: Path, arrays: dict[str, NDArray[np.float32]]) -> None:
    (copy / "arrays.safetensors").write_bytes(save(arrays))
    change(copy, lambda about: None)
    refused(copy, "arrays.safetensors", "must be there with shape (16,)")


@pytest.mark.parametrize("kind", ["BF16", "F8_E4M3", "F8_E5M2", "F8_E8M0", "I64", "F64"])
def test_arrays_of_other_types(copy: Path, kind: str) -> None:
    size = {"BF16": 2, "I64": 8, "F64": 8}.get(kind, 1) * 16
    places = {name: [place * size, (place + 1) * size] for place, name in enumerate(("feature_mean", "feature_std"))}
    header = json.dumps({name: {"dtype": kind, "shape": [16], "data_offsets": at} for name, at in places.items()})
    (copy / "arrays.safetensors").write_bytes(len(header).to_bytes(8, "little") + header.encode() + bytes(2 * size))
    change(copy, lambda about: None)
    refused(copy, "arrays.safetensors")  # not readable, or, where numpy has the type, zeros


@pytest.mark.parametrize(("mean", "std"), [(np.nan, 1), (np.inf, 1), (0, 0), (0, -1), (0, np.nan)])
def test_arrays_that_normalise_nothing(copy: Path, mean: float, std: float) -> None:
    arrays = {"feature_mean": np.full(16, mean, np.float32), "feature_std": np.full(16, std, np.float32)}
    (copy / "arrays.safetensors").write_bytes(save(arrays))
    change(copy, lambda about: None)
    refused(copy, "feature_mean must be finite, and feature_std above 0")


def test_a_feature_that_needs_its_own_bundle(copy: Path, tiny_bundle: Path) -> None:
    """Directly, or by another."""
    settings: dict[str, Any] = {"bundles": [str(copy)]}
    change(copy, lambda about: about.update(feature={"name": "scores", "settings": settings}))
    refused(copy, "its feature scores needs the bundle itself")
    other = Path(shutil.copytree(copy, copy.parent / "other"))
    settings["bundles"] = [str(other)]
    change(copy, lambda about: about.update(feature={"name": "scores", "settings": settings}))
    refused(copy, "its feature scores needs the bundle itself")
    assert Bundle.load(str(tiny_bundle)).name == "tiny"  # what went wrong is over


@pytest.mark.parametrize(
    ("view", "shape"),
    [({"name": "whole"}, ["B", 4, 9, 16]), ({"name": "chunks", "chunk_frames": 9, "num_chunks": 4}, ["B", "T", 16])],
)
def test_a_view_that_is_not_the_networks(copy: Path, view: dict[str, Any], shape: list[Any]) -> None:
    outputs = {**dict.fromkeys(ATTRIBUTES, ["B"]), "emotion": ["B", 7]}
    (copy / "model.onnx").write_bytes(constant_network({"features": shape}, outputs))
    change(copy, lambda about: about.update(view=view))
    refused(copy, "must take features [B, ..")


def test_an_utterance_of_too_many_values(copy: Path) -> None:
    settings = {"num_mels": 16, "hop_samples": 1}
    change(copy, lambda about: about.update(max_utterance_s=600, feature={"name": "mel", "settings": settings}))
    refused(copy, "of max_utterance_s are more than")


def test_whatever_a_feature_raises_is_one_line(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = Bundle.load(str(tiny_bundle))
    for error in (MemoryError("too much"), ZeroDivisionError(), RecursionError()):

        def fail(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(type(bundle.feature), "__call__", fail)
        with pytest.raises(EmotoneError, match=rf"feature mel fails with its settings \({type(error).__name__}"):
            bundle.extract(noise(0.5))


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        ({"frames": ["B", "T", 16]}, {}, "must take features"),
        ({"features": ["B", "T", 17]}, {}, "must take features [B, .., 16]"),
        ({}, {"arousal": ["B", 2]}, "has no output arousal"),
        ({}, {"emotion": ["B", 6]}, "has no output emotion [B, 7]"),
        ({}, {"emotion": ["B"]}, "has no output emotion"),
        ({}, {"emotion": []}, "has no output emotion"),
        ({"features": []}, {}, "must take features"),
        ({}, {"excitement": ["B"]}, "has no output arousal"),
    ],
)
def test_a_network_of_other_shapes(copy: Path, inputs: dict[str, Any], outputs: dict[str, Any], words: str) -> None:
    inputs = inputs or {"features": ["B", "T", 16]}
    if "excitement" not in outputs:
        outputs = {**dict.fromkeys(ATTRIBUTES, ["B"]), "emotion": ["B", 7]} | outputs
    (copy / "model.onnx").write_bytes(constant_network(inputs, outputs))
    change(copy, lambda about: None)
    refused(copy, "model.onnx", words)


def constant_network(inputs: dict[str, Any], outputs: dict[str, Any], initializers: list[Any] = []) -> bytes:  # noqa: B006
    """An ONNX network of these shapes that answers with zeros."""
    nodes = [
        helper.make_node(
            "Constant",
            [],
            [name],
            value=helper.make_tensor(name, TensorProto.FLOAT, [1] * len(shape), [0.0]),
        )
        for name, shape in outputs.items()
    ]
    values = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
        for shapes in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "constant", *values, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize("place", ["secret.bin", "../secret.bin", "/etc/hostname"])
def test_a_network_cannot_read_other_files(copy: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.chdir(copy)
    for folder in (copy, copy.parent):
        np.full(4, 7, np.float32).tofile(folder / "secret.bin")
    tensor = onnx.TensorProto(name="stolen", data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": place, "offset": "0", "length": "16"}.items():
        tensor.external_data.add(key=key, value=value)
    graph = helper.make_graph(
        [helper.make_node("Identity", ["stolen"], ["arousal"])],
        "thief",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["B", "T", 16])],
        [helper.make_tensor_value_info("arousal", TensorProto.FLOAT, ["B"])],
        [tensor],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    (copy / "model.onnx").write_bytes(model.SerializeToString())
    change(copy, lambda about: about.update(targets=about["targets"][:1]))
    refused(copy, "model.onnx", "not a network that can be loaded")


# ---- descriptions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda about: about.pop("view"), "not a complete bundle description (KeyError('view'))"),
        (lambda about: about["view"].update(name="hole"), "unknown view 'hole'; did you mean 'whole'?"),
        (lambda about: about.update(curves=True), "curves must be true or false, and true needs"),
    ],
)
def test_descriptions_that_do_not_fit(copy: Path, edit: Edit, words: str) -> None:
    change(copy, edit)
    refused(copy, words)


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        ({"name": "mell", "settings": {}}, "unknown feature 'mell'; did you mean 'mel'?"),
        ({"name": "../../evil", "settings": {}}, "unknown feature '../../evil'"),
        ({"name": "mel", "settings": {"num_melz": 4}}, "unknown setting 'num_melz'; did you mean 'num_mels'?"),
        ({"name": "mel", "settings": {"num_mels": "4"}}, "num_mels must be a whole number"),
        ({"name": "mel", "settings": {"num_mels": -4}}, "num_mels must be"),
        ({"name": "mel", "settings": []}, ""),
    ],
)
def test_features_that_are_not_here(copy: Path, feature: dict[str, Any], words: str) -> None:
    change(copy, lambda about: about.update(feature=feature))
    with pytest.raises(EmotoneError) as caught:
        Bundle.load(str(copy))
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("device", "words"), [("cdua", "unknown device 'cdua'; did you mean 'cuda'?"), ("cuda", "is not available")]
)
def test_devices_that_are_not_there(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, device: str, words: str
) -> None:
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(EmotoneError) as caught:
        Bundle.load(str(tiny_bundle), device=device).score_samples([noise(0.5)])
    assert words in str(caught.value)


# ---- pickled ------------------------------------------------------------------------------------------------------


def test_a_pickled_bundle_is_its_place_and_what_is_in_it(copy: Path, tmp_path: Path) -> None:
    bundle = Bundle.load(str(copy), threads=1)
    bundle.score_samples([noise(0.5)])
    written = pickle.dumps(bundle)
    assert len(written) < 500  # no weights, no session
    again = pickle.loads(written)
    assert again.folder == copy.resolve() and again.threads == 1
    assert again.score_samples([noise(0.5)]).attributes == bundle.score_samples([noise(0.5)]).attributes
    about = json.loads((copy / "bundle.json").read_text())
    (copy / "bundle.json").write_text(json.dumps(about | {"name": "another"}))
    changed = pickle.dumps(bundle)
    bundle_module._load_again.cache_clear()
    with pytest.raises(EmotoneError, match="is another bundle than the one that was pickled"):
        pickle.loads(written)
    assert pickle.loads(changed).name == "another"
    shutil.rmtree(copy)
    with pytest.raises(EmotoneError, match="the bundle has gone, so it cannot be pickled"):
        pickle.dumps(bundle)


def test_a_bundle_that_comes_along_is_pickled_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = pickle.dumps(Bundle.load("small"))
    assert b"bundles" not in written  # another machine has it elsewhere
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small").mkdir()
    assert pickle.loads(written).name == "small"
