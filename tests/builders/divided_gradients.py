"""Started by `torchrun`: gradients of a batch that is divided over processes against those of the whole, float64.

The first process prints {network: [largest difference, largest difference of buffers]} as JSON.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import torch
from torch import nn

from emotone.models.losses import sum_over_targets
from emotone.models.networks.attentive_heads import AttentiveHeads
from emotone.models.networks.chunk_attention import ChunkAttention
from emotone.models.networks.co_attention import CoAttention
from emotone.models.networks.curriculum_network import CurriculumNetwork
from emotone.models.networks.mel_convolution import MelConvolution
from emotone.training.examples import Inputs, StreamTensors, outputs_of
from emotone.training.ranks import gathered, make_fabric
from emotone.training.whole_batch import whole_outputs

ROWS = 7
OUTPUTS = {"arousal": 1, "emotion": 3}


def networks() -> dict[str, tuple[nn.Module, Inputs]]:
    """Networks of every kind that training divides, and a batch of each."""
    chunks, vectors = torch.randn(ROWS, 5, 6, 4), torch.randn(ROWS, 1, 4)
    lengths = torch.tensor([3, 1, 4, 2, 4, 0, 2]), torch.tensor([2, 4, 0, 1, 3, 3, 4])
    streams = StreamTensors(torch.randn(ROWS, 4, 6), torch.randn(ROWS, 4, 5), *lengths)
    sizes = {"hidden_size": 8, "num_heads": 2}
    found: dict[str, tuple[nn.Module, Inputs]] = {
        f"chunk-attention {name}": (ChunkAttention(4, OUTPUTS, name, **sizes), chunks)
        for name in ("NonAtten", "GatedVec", "RnnAttenVec", "SelfAttenVec")
    }
    alone = ChunkAttention(4, OUTPUTS, "SelfAttenVec", across_chunks=False, **sizes)
    return found | {
        "chunk-attention, each chunk alone": (alone, chunks),
        "mel-convolution": (MelConvolution(16, OUTPUTS), torch.randn(ROWS, 32, 16)),
        "multi-scale": (CoAttention(6, 5, OUTPUTS, modality_dropout=0.4, **sizes), streams),
        "attentive-heads": (AttentiveHeads(4, OUTPUTS, 8), torch.randn(ROWS, 9, 4)),
        "curriculum-network": (CurriculumNetwork(4, OUTPUTS, 8), vectors),
    }


def compare(fabric: Any, network: nn.Module, inputs: Inputs) -> list[float]:
    """The largest differences of gradients and of buffers (moments of batch norm)."""
    labels = {"arousal": torch.randn(ROWS), "emotion": torch.softmax(torch.randn(ROWS, 3), dim=1)}
    whole, divided = network.train(), copy.deepcopy(network).train()
    torch.manual_seed(7)
    sum_over_targets(outputs_of(whole, inputs), labels).backward()
    after = torch.get_rng_state()
    model = fabric.setup_module(divided)
    torch.manual_seed(7)
    fabric.backward(sum_over_targets(whole_outputs(fabric, model, inputs), labels) * fabric.world_size)
    assert torch.equal(torch.get_rng_state(), after)
    grads = [(a.grad, b.grad) for a, b in zip(whole.parameters(), divided.parameters(), strict=True)]
    pairs = [[(a, b) for a, b in grads if a is not None], list(zip(whole.buffers(), divided.buffers(), strict=True))]
    return [max((float((a - b).abs().max()) for a, b in each), default=0.0) for each in pairs]


def main() -> None:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    with gathered("cpu") as ranks:
        fabric = make_fabric("cpu", "64-true")
        fabric.launch()
        found = {name: compare(fabric, *both) for name, both in networks().items()}
        if ranks.is_first:
            print(json.dumps(found))


if __name__ == "__main__":
    main()
