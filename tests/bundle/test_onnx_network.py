"""Networks in ONNX: batches by shape, padded batches, and what is refused before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from emotone.bundle.onnx_network import OnnxNetwork, check_device
from emotone.bundle.view.streams import Streams
from emotone.errors import EmotoneError
from emotone.models.export import DYNAMIC, to_onnx
from emotone.models.networks.co_attention import CoAttention

Sizes = dict[str, list[int | None]]
STREAMS: Sizes = {"speech": [None, 14], "text": [None, 3], "speech_length": [], "text_length": []}
CHUNKS: Sizes = {"features": [None, 5, 2]}


class Sums(nn.Module):
    """The sum of all features, and the first frame."""

    def forward(self, frames: Tensor) -> dict[str, Tensor]:  # [B, T, D]
        return {"sum": frames.sum(dim=(1, 2)), "first": frames[:, 0]}


def batch(random: np.random.Generator, num_steps: int, lengths: list[tuple[int, int]]) -> Streams:
    speech_length, text_length = np.array(lengths, np.int64).T
    speech, text = (random.normal(size=(len(lengths), num_steps, size)).astype(np.float32) for size in (14, 3))
    return Streams(speech, text, np.ascontiguousarray(speech_length), np.ascontiguousarray(text_length))


@pytest.fixture(scope="module")
def sums(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "sums.onnx"
    example = {"features": np.zeros((2, 4, 3), np.float32)}
    path.write_bytes(to_onnx(Sums(), example, ["sum", "first"], {"features": {0: "B", 1: "T"}}))
    return path


@pytest.fixture(scope="module")
def co_attention(tmp_path_factory: pytest.TempPathFactory) -> tuple[CoAttention, Path]:
    """A small network traced with a batch of single steps, as one that sees text alone is."""
    torch.manual_seed(0)
    network = CoAttention(14, 3, {"arousal": 1, "emotion": 3}, 8, num_self_layers=1, num_co_layers=1).eval()
    path = tmp_path_factory.mktemp("onnx") / "network.onnx"
    example = batch(np.random.default_rng(0), 1, [(0, 0), (0, 0)])._asdict()
    axes = {name: DYNAMIC["word-chunks"][array.ndim] for name, array in example.items()}
    path.write_bytes(to_onnx(network, example, ["arousal", "emotion"], axes))
    return network, path


def load(path: Path, inputs: Sizes, outputs: dict[str, list[int]], device: str = "cpu") -> OnnxNetwork:
    return OnnxNetwork.load(path, inputs, outputs, 1, device)


def test_inputs_of_one_shape_go_through_together_and_come_back_in_order(sums: Path) -> None:
    network = load(sums, {"features": [None, 3]}, {"sum": [], "first": [3]})
    random = np.random.default_rng(0)
    inputs = [random.normal(size=(length, 3)).astype(np.float32) for length in (4, 9, 4, 1, 9)]
    found = network.run(inputs)
    np.testing.assert_allclose(found["sum"], [item.sum() for item in inputs], atol=1e-5)
    np.testing.assert_array_equal(found["first"], [item[0] for item in inputs])


@pytest.mark.parametrize(
    ("num_steps", "lengths"),
    [(1, [(1, 1)]), (7, [(7, 3), (0, 5), (2, 0), (0, 0), (1, 7)]), (127, [(127, 90), (3, 127)])],
)
def test_padded_batches_are_those_of_torch(
    co_attention: tuple[CoAttention, Path], num_steps: int, lengths: list[tuple[int, int]]
) -> None:
    network, path = co_attention
    inputs = batch(np.random.default_rng(1), num_steps, lengths)
    found = load(path, STREAMS, {"arousal": [], "emotion": [3]}).run_padded(inputs)
    with torch.inference_mode():
        expected = network(*map(torch.from_numpy, inputs))
    for name, output in expected.items():
        np.testing.assert_allclose(found[name], output.numpy(), atol=1e-5)


def test_what_is_in_the_padding_changes_nothing(co_attention: tuple[CoAttention, Path]) -> None:
    network = load(co_attention[1], STREAMS, {"emotion": [3]})
    inputs = batch(np.random.default_rng(2), 9, [(4, 9), (0, 2)])
    cleared = inputs._replace(speech=inputs.speech.copy(), text=inputs.text.copy())
    for place, (spoken, written) in enumerate(zip(inputs.speech_length, inputs.text_length, strict=True)):
        cleared.speech[place, spoken:], cleared.text[place, written:] = 0, 0
    np.testing.assert_allclose(network.run_padded(inputs)["emotion"], network.run_padded(cleared)["emotion"], atol=1e-5)


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        (STREAMS | {"speech": [None, 21]}, {"emotion": [3]}, "must take speech [B, .., 21], text [B, .., 3], spe"),
        ({"features": [None, 14]}, {"emotion": [3]}, "must take features [B, .., 14], not"),
        ({"speech": [None, 14], "text": [None, 3]}, {"emotion": [3]}, "must take"),
        (STREAMS, {"emotion": [4]}, "has no output emotion [B, 4]"),
        (STREAMS, {"arousal": [3]}, "has no output arousal [B, 3]"),
        (STREAMS, {"valence": []}, "has no output valence [B]"),
    ],
)
def test_networks_of_another_form(
    co_attention: tuple[CoAttention, Path], inputs: dict[str, Any], outputs: dict[str, Any], words: str
) -> None:
    with pytest.raises(EmotoneError) as caught:
        load(co_attention[1], inputs, outputs)
    assert words in str(caught.value) and "network.onnx" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x08\x07" * 99])
def test_files_that_are_no_network(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(EmotoneError, match=r"a\.onnx: (not a network|must take|has no output)"):
        load(tmp_path / "a.onnx", CHUNKS, {"sum": []})


def test_devices(sums: Path) -> None:
    assert check_device("cpu") == "CPUExecutionProvider"
    with pytest.raises(EmotoneError, match="unknown device 'gpu'"):
        load(sums, {"features": [None, 3]}, {"sum": []}, "gpu")
