"""Makes the encoder that comes with Emotone: `python -m emotone.models.light_encoder`, with `emotone[ssl,train]`.

The convolutions and the first three blocks of Whisper-base's encoder (Radford et al., "Robust speech recognition via
large-scale weak supervision", 2023) as two networks in ONNX, which `emotone.features.light_encoder` runs: `first.onnx`
has the convolutions and block 1, `next.onnx` blocks 2 and 3. The same packages give the same bytes.

Weights are int8 with a scale per output; activations are rounded to 8 bits of the range that they have in a call. What
was tried, by the mean error of states averaged over the active frames of 30 utterances (EmoDB, RAVDESS, LibriSpeech),
in deviations over these utterances, after blocks 1 to 3, and by times real time on one core:

    float32                                                                   0              80    41.5 MB
    7 bits of 8, as processors without VNNI need it (they add pairs of
    products in 16 bits, where two of 8 bits saturate)                        .112 .102 .089   216   10.6 MB
    8 bits, which such processors saturate                                    .066 .063 .062   217   10.6 MB
    8 bits, scaled such that no pair saturates                                .072 .068 .065   218   10.6 MB
    the same, values and output of block 1's attention in float16             .045 .049 .052   200   11.1 MB  (chosen)
    the same for all three blocks                                             .045 .046 .048   177   12.1 MB

About a quarter of these errors is the same for all utterances. Rounding weights one after another so that each makes
up for the errors before (GPTQ, on 11 s of speech) gained 3 to 15%, moving the scales of channels from activations into
weights (SmoothQuant) 4 to 8%: neither is worth its code.
"""

from __future__ import annotations

import io
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from emotone.features.light_encoder import FOLDER, NUM_MELS, WIDTH, positions

Array = NDArray[np.float32]
FLOAT = 1
"""Number of float32 among the types of ONNX."""

NUM_HEADS = 8
BLOCKS = {"first": ("stem", "block_1"), "next": ("block_2", "block_3")}
"""Outputs of each network, in their order."""
IN_FLOAT16 = ("/block/value/MatMul", "/block/out/MatMul")
"""Products that are not rounded to integers: rounding those of block 1 makes a third of the error of all."""


class Stem(nn.Module):
    """Whisper's two convolutions as products of matrices, which onnxruntime computes far quicker when quantised.

    mels [B, 2 T, 80], positions [T, D] -> [B, T, D].
    """

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.first, self.second = _as_linear(encoder.conv1), _as_linear(encoder.conv2)

    def forward(self, mels: Tensor, positions: Tensor) -> Tensor:
        edges = F.pad(mels, (0, 0, 1, 1))
        frames = F.gelu(self.first(torch.cat([edges[:, :-2], edges[:, 1:-1], edges[:, 2:]], dim=2)))
        pairs = frames.reshape(frames.shape[0], -1, 2 * WIDTH)  # frames 2 t and 2 t + 1, which follow 2 t - 1
        before = F.pad(pairs[:, :-1, WIDTH:], (0, 0, 1, 0))
        return F.gelu(self.second(torch.cat([before, pairs], dim=2))) + positions


class Block(nn.Module):
    """One transformer block [B, T, D] -> [B, T, D], with the scale of attention in the weights of the queries."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        attention, scale = layer.self_attn, (WIDTH // NUM_HEADS) ** -0.5
        self.before, self.between = layer.self_attn_layer_norm, layer.final_layer_norm
        self.query = nn.Linear(WIDTH, WIDTH)
        self.query.weight.data = attention.q_proj.weight.data * scale
        self.query.bias.data = attention.q_proj.bias.data * scale
        self.key, self.value, self.out = attention.k_proj, attention.v_proj, attention.out_proj
        self.up, self.down = layer.fc1, layer.fc2

    def forward(self, states: Tensor) -> Tensor:
        normed = self.before(states)
        query, key, value = (_heads(part(normed)) for part in (self.query, self.key, self.value))
        mixed = torch.softmax(query @ key.transpose(2, 3), dim=-1) @ value
        states = states + self.out(mixed.permute(0, 2, 1, 3).reshape(states.shape))
        return states + self.down(F.gelu(self.up(self.between(states))))


class First(nn.Module):
    """mels [B, 2 T, 80], positions [T, D] -> states of the convolutions and of block 1."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.stem, self.block = Stem(encoder), Block(encoder.layers[0])

    def forward(self, mels: Tensor, positions: Tensor) -> tuple[Tensor, ...]:
        states = self.stem(mels, positions)
        return states, self.block(states)


class Next(nn.Module):
    """States of block 1 [B, T, D] -> those of blocks 2 and 3."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self.second, self.third = Block(encoder.layers[1]), Block(encoder.layers[2])

    def forward(self, states: Tensor) -> tuple[Tensor, ...]:
        second = self.second(states)
        return second, self.third(second)


def make(name: str, encoder: Any, is_quantised: bool = True) -> bytes:
    """One of the two networks, "first" or "next", of transformers' Whisper encoder, as ONNX."""
    network: nn.Module
    example: tuple[Tensor, ...]
    if name == "first":
        network = First(encoder)
        example = torch.zeros(2, 6, NUM_MELS), torch.from_numpy(positions(3))
        axes = {"mels": {0: "B", 1: "F"}, "positions": {0: "T"}}
    else:
        network, example, axes = Next(encoder), (torch.zeros(2, 3, WIDTH),), {"states": {0: "B", 1: "T"}}
    axes |= {output: {0: "B", 1: "T"} for output in BLOCKS[name]}
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the exporter, which is an older one
        torch.onnx.export(
            network.eval(),
            example,
            buffer,  # type: ignore[arg-type]  # a file object is taken, though the annotation does not say so
            input_names=list(axes)[: len(example)],
            output_names=list(BLOCKS[name]),
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )
    return _quantise(buffer.getvalue()) if is_quantised else buffer.getvalue()


def whisper_encoder() -> Any:
    """Transformers' encoder of whisper-base with the weights of the packages; raises EmotoneError without them."""
    from emotone.base.weights import find_weights
    from emotone.features.extractors.whisper import Whisper

    whisper = Whisper()
    return whisper._build(find_weights(whisper.weights, whisper.sha256)).float().eval()


def _quantise(network: bytes) -> bytes:
    """The network with products of integers in place of those by a matrix of weights, as onnxruntime fuses them."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load_from_string(network)
    graph = model.graph
    arrays = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    nodes: list[Any] = []
    rounded: set[str] = set()
    for node in graph.node:
        if node.op_type != "MatMul" or node.input[1] not in arrays:
            nodes.append(node)
            continue
        source, weights = node.input
        array = arrays.pop(weights)
        if node.name in IN_FLOAT16:
            arrays[f"{weights}_float16"] = array.astype(np.float16)
            nodes += [helper.make_node("Cast", [f"{weights}_float16"], [weights], to=FLOAT), node]
            continue
        if source not in rounded:  # queries, keys and values share theirs
            parts = [f"{source}_{part}" for part in ("int8", "scale", "zero")]
            nodes.append(helper.make_node("DynamicQuantizeLinear", [source], parts))
            rounded.add(source)
        integers, scale = round_weights(array)
        zero = np.zeros(len(scale), np.int8)
        arrays |= {f"{weights}_int8": integers, f"{weights}_scale": scale, f"{weights}_zero": zero}
        nodes += _integer_product(source, weights, node.output[0])
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in arrays.items())
    return model.SerializeToString(deterministic=True)


def _integer_product(source: str, weights: str, output: str) -> list[Any]:
    """Nodes of the product of two tensors, each of which is integers, a scale and a zero point."""
    from onnx import helper

    factors = [f"{source}_int8", f"{weights}_int8", f"{source}_zero", f"{weights}_zero"]
    return [
        helper.make_node("MatMulInteger", factors, [f"{output}_int32"]),
        helper.make_node("Cast", [f"{output}_int32"], [f"{output}_float"], to=FLOAT),
        helper.make_node("Mul", [f"{source}_scale", f"{weights}_scale"], [f"{output}_scale"]),
        helper.make_node("Mul", [f"{output}_float", f"{output}_scale"], [output]),
    ]


def round_weights(weights: Array) -> tuple[NDArray[np.int8], Array]:
    """Weights [K, N] as int8 [K, N] and a scale per output [N]: no two that a processor adds first sum to over 128.

    Those without VNNI add the products of inputs 2 k and 2 k + 1 in 16 bits: 255 * 128 still fits.

    >>> integers, scale = round_weights(np.array([[1.0, 1.0], [1.0, -1.0]], np.float32))
    >>> integers.tolist(), (1 / scale).tolist()
    ([[64, 127], [64, -127]], [63.5, 127.0])
    """
    pairs = weights.astype(np.float64).reshape(-1, 2, weights.shape[1])
    sums = np.maximum(np.maximum(pairs, 0).sum(axis=1), np.maximum(-pairs, 0).sum(axis=1))
    scale = sums.max(axis=0) / 127  # of a sum of two; rounding adds up to 1
    return np.rint(weights / scale).astype(np.int8), scale.astype(np.float32)


def _as_linear(convolution: nn.Conv1d) -> nn.Linear:
    """A convolution over frames that stand side by side: weights [D', 3 D]."""
    linear = nn.Linear(3 * convolution.in_channels, convolution.out_channels)
    linear.weight.data = convolution.weight.data.permute(0, 2, 1).reshape(linear.weight.shape)
    assert convolution.bias is not None
    linear.bias.data = convolution.bias.data
    return linear


def _heads(states: Tensor) -> Tensor:
    """[B, T, D] -> [B, heads, T, D / heads]."""
    return states.reshape(states.shape[0], states.shape[1], NUM_HEADS, -1).permute(0, 2, 1, 3)


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    encoder = whisper_encoder()
    for name in BLOCKS:
        (target / f"{name}.onnx").write_bytes(make(name, encoder))
