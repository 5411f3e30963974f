"""Aggregation of a whole batch against a loop over utterances: `python benchmarks/bench_aggregation.py`.

128 utterances of 11 chunk vectors, the same weights on both sides, evaluation mode; forward, and forward with backward;
then the whole network (LSTM included) with either aggregation. The loop is the published way, written from the paper's
equations and torch's own layers: one utterance at a time, as a batch of one (without that axis the loop of RnnAttenVec
takes about two thirds of the time); for SelfAttenVec its chunks are a batch of sequences of one.

CPU time of the process. SelfAttenVec is arithmetic for the most part (its feed-forward layer of 2048 takes 0.75 G
multiplications a batch, looped over or not), so on a CPU core its ratio is bounded by how well a product of 11 rows
uses the core; the line "feed-forward alone" shows how much of our time that is.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import time
from functools import partial

import torch
from torch import Tensor, nn

from emotone.models.networks.chunk_attention import ChunkAttention

NUM_UTTERANCES, NUM_CHUNKS, HIDDEN, FEED_FORWARD = 128, 11, 130, 2048


class RnnLoop(nn.Module):
    """RnnAttenVec, utterance by utterance."""

    def __init__(self, aggregation: nn.Module) -> None:
        super().__init__()
        self.rnn = nn.RNN(HIDDEN, HIDDEN, batch_first=True)
        self.rnn.load_state_dict(aggregation.rnn.state_dict())
        self.score, self.output = aggregation.score, aggregation.output

    def forward(self, chunks: Tensor) -> Tensor:
        return torch.stack([self.aggregate(utterance[None])[0] for utterance in chunks])

    def aggregate(self, chunks: Tensor) -> Tensor:  # [1, C, H] -> [1, H]
        states, _ = self.rnn(chunks)
        last = states[:, -1:]
        weights = torch.softmax(self.score(states) @ last.transpose(1, 2), dim=1)  # [1, C, 1]
        context = states.transpose(1, 2) @ weights  # [1, H, 1]
        return torch.tanh(self.output(torch.cat([context[:, :, 0], last[:, 0]], dim=1)))


class SelfLoop(nn.Module):
    """SelfAttenVec as published, utterance by utterance: every chunk is a sequence of length 1."""

    def __init__(self, aggregation: nn.Module) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(HIDDEN, aggregation.num_heads, FEED_FORWARD)
        attention = self.layer.self_attn
        attention.in_proj_weight = aggregation.query_key_value.weight
        attention.in_proj_bias = aggregation.query_key_value.bias
        attention.out_proj.load_state_dict(aggregation.output.state_dict())
        self.layer.linear1, self.layer.linear2 = aggregation.widen, aggregation.narrow
        self.layer.norm1, self.layer.norm2 = aggregation.norm_1, aggregation.norm_2
        self.eval()

    def forward(self, chunks: Tensor) -> Tensor:
        return torch.stack([self.layer(utterance[None])[0].mean(dim=0) for utterance in chunks])


def step(module: nn.Module, inputs: Tensor) -> None:
    outputs = module(inputs)
    (outputs if isinstance(outputs, Tensor) else sum(outputs.values())).sum().backward()


def bench(name: str, loop: type[nn.Module]) -> None:
    """One aggregation: alone, and in the whole network."""
    network, looped = (ChunkAttention(HIDDEN, {"arousal": 1}, name, across_chunks=False).eval() for _ in range(2))
    looped.load_state_dict(network.state_dict())
    looped.aggregation = loop(looped.aggregation)
    vectors = torch.randn(NUM_UTTERANCES, NUM_CHUNKS, HIDDEN)
    chunks = torch.randn(NUM_UTTERANCES, NUM_CHUNKS, 62, HIDDEN)
    parts = (
        ("aggregation", network.aggregation, looped.aggregation, vectors, "theirs/ours >= 10"),
        ("network", network, looped, chunks, "theirs/ours >= 1"),
    )
    torch.testing.assert_close(network.aggregation(vectors), looped.aggregation(vectors), atol=1e-5, rtol=0)
    torch.testing.assert_close(network(chunks), looped(chunks), atol=1e-5, rtol=0)
    for part, ours, theirs, inputs, target in parts:
        title = f"{name}: {part}, forward"
        with torch.inference_mode():
            timing.compare(title, partial(ours, inputs), partial(theirs, inputs), target, time.process_time)
        runs = partial(step, ours, inputs), partial(step, theirs, inputs)
        timing.compare(f"{title} and backward", *runs, target, time.process_time)


def bench_feed_forward() -> None:
    """The part of SelfAttenVec that no arrangement of the batch can save, as one product and as one per utterance."""
    layers = nn.Sequential(nn.Linear(HIDDEN, FEED_FORWARD), nn.ReLU(inplace=True), nn.Linear(FEED_FORWARD, HIDDEN))
    rows = torch.randn(NUM_UTTERANCES * NUM_CHUNKS, HIDDEN)
    with torch.inference_mode():
        timing.compare(
            "SelfAttenVec: feed-forward alone, forward",
            lambda: layers(rows),
            lambda: [layers(utterance) for utterance in rows.split(NUM_CHUNKS)],
            "(the bound)",
            time.process_time,
        )


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    bench("RnnAttenVec", RnnLoop)
    bench("SelfAttenVec", SelfLoop)
    bench_feed_forward()


if __name__ == "__main__":
    main()
