"""A trained torch network as the files of a bundle."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotone.bundle.about import BundleAbout
from emotone.bundle.folder import read_about, write
from emotone.bundle.view.streams import StreamNormalisers, Utterance, stack
from emotone.bundle.view.view import View, WordChunks, shape_of
from emotone.errors import EmotoneError
from emotone.models.torch_file import read_safetensors

DYNAMIC: dict[str, dict[int, dict[int, str]]] = {
    "chunks": {4: {0: "B"}},
    "whole": {3: {0: "B", 1: "T"}},
    "segments": {4: {0: "B", 1: "S"}},
    "word-chunks": {3: {0: "B", 1: "L"}, 1: {0: "B"}},
}
"""Axes of a network's inputs that may have any size, by view and number of axes."""


class ScoresAndCurves(nn.Module):
    """The curves of a network and their means, the scores, from one pass.

    A curve is named after its score: `arousal_curve` [B, C] or [B, C, K].
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, chunks: Tensor) -> dict[str, Tensor]:
        curves: dict[str, Tensor] = self.network.curves(chunks)
        scores = {name: curve.mean(dim=1) for name, curve in curves.items()}
        return scores | {f"{name}_curve": curve for name, curve in curves.items()}


class _Tuple(nn.Module):
    """ONNX outputs are positional: the network's named outputs in the order of `names`."""

    def __init__(self, network: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.network, self.names = network, names

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        outputs = self.network(*inputs)
        return tuple(outputs[name] for name in self.names)


def to_onnx(
    network: nn.Module, example: Mapping[str, NDArray[Any]], names: list[str], axes: Mapping[str, dict[int, str]]
) -> bytes:
    """The network in evaluation mode as ONNX: inputs like `example`, with these dynamic `axes`; outputs `names`."""
    wrapped = _Tuple(network, names).cpu().eval()
    dynamic = {**axes, **{name: {0: "B"} for name in names}}
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        # The exporter warns of LSTMs with a dynamic batch; tests compare such batches with torch.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            wrapped,
            tuple(torch.from_numpy(array) for array in example.values()),
            buffer,  # type: ignore[arg-type]  # a file object is taken, though the annotation does not say so
            input_names=list(example),
            output_names=names,
            dynamic_axes=dynamic,
            opset_version=17,
            dynamo=False,
        )
    return buffer.getvalue()


def write_bundle(
    folder: Path, network: nn.Module, about: BundleAbout, normalisers: StreamNormalisers, card: str, num_frames: int = 1
) -> Path:
    """Write a network as a bundle; it is traced with utterances of `num_frames`. Returns the folder.

    Where `about` has curves, what is written are the network's `curves` (chunks [B, C, m, D] -> {name: [B, C] or
    [B, C, K]}) of attributes, and the means of all of them as scores.
    """
    names = [target.name for target in about.targets]
    exported = network
    if about.curves:
        names += [f"{target.name}_curve" for target in about.targets if target.kind == "attribute"]
        exported = ScoresAndCurves(network)
    example = _example(about.view, num_frames, normalisers)
    axes = {name: DYNAMIC[about.view.name][array.ndim] for name, array in example.items()}
    given = {"feature": normalisers.speech} | ({} if about.text_feature is None else {"text": normalisers.text})
    arrays = {
        f"{name}_{part}": getattr(normaliser, part).astype(np.float32)
        for name, normaliser in given.items()
        for part in ("mean", "std")
    }
    weights = {name: value.detach().cpu().contiguous().numpy() for name, value in network.state_dict().items()}
    return write(folder, about, to_onnx(exported, example, names, axes), arrays, weights, card)


def _example(view: View, num_frames: int, normalisers: StreamNormalisers) -> dict[str, NDArray[Any]]:
    """Two utterances of so many frames as the inputs of a network with this view: {input: [2, ...]}."""
    num_features = len(normalisers.speech.mean)
    if isinstance(view, WordChunks):
        silence = Utterance(np.zeros((num_frames, num_features), np.float32))
        return stack([silence] * 2, view, normalisers)._asdict()
    return {"features": np.zeros((2, *shape_of(view, num_frames, num_features)), np.float32)}


def fitting_weights(network: nn.Module, folder: Path) -> dict[str, torch.Tensor]:
    """The arrays of a bundle's weights whose name and shape a network has; raises EmotoneError where it is damaged."""
    read_about(folder, ("weights.safetensors",))
    own = {name: value.shape for name, value in network.state_dict().items()}
    weights = read_safetensors(folder / "weights.safetensors")
    return {name: value for name, value in weights.items() if own.get(name) == value.shape}


def load_weights(network: nn.Module, folder: Path) -> dict[str, Any]:
    """Start a network from a bundle's weights: every array whose name and shape agree; the others stay as they are.

    Returns the number of arrays taken and the names of those that begin anew (e.g. the output of other categories).
    Raises EmotoneError where nothing agrees or the file is damaged.
    """
    taken, own = fitting_weights(network, folder), network.state_dict()
    if not taken:
        raise EmotoneError(f"{folder}: no weight of this bundle fits the recipe's network")
    network.load_state_dict(own | taken)
    return {"taken": len(taken), "new": sorted(set(own) - set(taken))}
