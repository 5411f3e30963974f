"""Aggregation of a whole batch against the published loop over utterances: `python benchmarks/bench_aggregation.py`.

128 utterances of 11 chunk vectors, the same weights on both sides, forward, and forward with backward; then the whole
network (LSTM included) with either aggregation.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
from functools import partial

import torch
from torch import Tensor, nn

from emotone.models.chunk_attention import ChunkAttention

NUM_UTTERANCES, NUM_CHUNKS, HIDDEN = 128, 11, 130


class Loop(nn.Module):
    """The published way: utterance by utterance through the same layers."""

    def __init__(self, aggregation: nn.Module) -> None:
        super().__init__()
        self.aggregation = aggregation

    def forward(self, chunks: Tensor) -> Tensor:
        return torch.cat([self.aggregation(chunks[number : number + 1]) for number in range(len(chunks))])


def step(module: nn.Module, inputs: Tensor) -> None:
    outputs = module(inputs)
    (outputs if isinstance(outputs, Tensor) else sum(outputs.values())).sum().backward()


def bench(name: str) -> None:
    """One aggregation: alone, and in the whole network."""
    network, looped = (ChunkAttention(HIDDEN, {"arousal": 1}, name, across_chunks=False).eval() for _ in range(2))
    looped.load_state_dict(network.state_dict())
    looped.aggregation = Loop(looped.aggregation)
    vectors = torch.randn(NUM_UTTERANCES, NUM_CHUNKS, HIDDEN)
    chunks = torch.randn(NUM_UTTERANCES, NUM_CHUNKS, 62, HIDDEN)
    torch.testing.assert_close(network.aggregation(vectors), looped.aggregation(vectors), atol=1e-5, rtol=0)
    parts = (
        ("aggregation", network.aggregation, looped.aggregation, vectors, "theirs/ours >= 10"),
        ("network", network, looped, chunks, "theirs/ours >= 1"),
    )
    for part, ours, theirs, inputs, target in parts:
        title = f"{name}: {part}, forward"
        with torch.inference_mode():
            timing.compare(title, partial(ours, inputs), partial(theirs, inputs), target)
        timing.compare(f"{title} and backward", partial(step, ours, inputs), partial(step, theirs, inputs), target)


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for name in ("RnnAttenVec", "SelfAttenVec"):
        bench(name)


if __name__ == "__main__":
    main()
