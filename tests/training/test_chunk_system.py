"""Systems on chunks: how an utterance is cut, networks per target or for all, settings that cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import nn

from emotone.bundle.target import Target
from emotone.bundle.view.view import Chunks
from emotone.errors import EmotoneError
from emotone.models.side_by_side import SeparateNetworks
from emotone.training.chunk_system import ChunkSystem

AROUSAL, VALENCE = (Target(name, "attribute", (1.0, 7.0)) for name in ("arousal", "valence"))
EMOTION = Target("emotion", "category", labels=("anger", "neutral", "sadness"))
TARGETS = [AROUSAL, VALENCE, EMOTION]
NAN = float("nan")


class Network(nn.Module):
    """One linear layer for each output, of the mean over chunks and frames."""

    def __init__(self, num_features: int, outputs: dict[str, int]) -> None:
        super().__init__()
        self.sizes = outputs
        self.layers = nn.ModuleDict({name: nn.Linear(num_features, size) for name, size in outputs.items()})

    def forward(self, chunks: torch.Tensor) -> dict[str, torch.Tensor]:
        return {name: layer(chunks.mean(dim=(1, 2))) for name, layer in self.layers.items()}


@dataclass(frozen=True)
class Chunked(ChunkSystem):
    """A system of such networks."""

    name: ClassVar[str] = "chunked"

    def build(self, num_features: int, targets: list[Target], view: Any = None) -> nn.Module:
        return self.side_by_side(lambda outputs: Network(num_features, outputs), targets)


# ---- the view ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hop_s", "scale", "expected"),
    [
        (0.016, 1, Chunks(62, 11)),  # attention: 1 s of 16 ms frames, 11 s
        (0.016, 2, Chunks(62, 22)),  # rankers
        (0.02, 1, Chunks(50, 11)),  # wav2vec2
    ],
)
def test_published_chunks(hop_s: float, scale: int, expected: Chunks) -> None:
    assert Chunked(max_utterance_s=11.0, scale=scale).view(hop_s, longest_s=11.0) == expected


def test_the_longest_training_utterance_is_tmax_where_none_is_set() -> None:
    assert Chunked().view(0.016, 8.2) == Chunks(62, 9) and Chunked().utterance_limit_s(8.2) == 8.2
    fixed = Chunked(max_utterance_s=4.0, chunk_s=0.5)
    assert fixed.view(0.016, 8.2) == Chunks(31, 8) and fixed.utterance_limit_s(8.2) == 4.0


def test_the_numbers_of_the_framework_by_name() -> None:
    """m, C and n as they are given; the chunks of a hop of 10 ms and of one of 16 ms are then equally many frames."""
    named = Chunked(chunk_frames=40, num_chunks=7, scale=2)
    assert named.view(0.016, 8.2) == named.view(0.01, 3.0) == Chunks(40, 14)
    assert Chunked(chunk_frames=40).view(0.01, 3.1) == Chunks(40, 8)  # Wc .4 s, Tmax 3.1 s
    assert Chunked(num_chunks=5, max_utterance_s=9.0).utterance_limit_s(3.0) == 9.0
    assert Chunked(chunk_frames=10, max_utterance_s=0.5).view(0.01, 3.0) == Chunks(10, 5)


def test_functionals_are_refused() -> None:
    with pytest.raises(EmotoneError, match="needs a feature with frames; this one gives one vector per utterance"):
        Chunked().view(None, 3.0)


# ---- networks ---------------------------------------------------------------------------------------------------


def test_one_network_has_all_outputs() -> None:
    network = Chunked(networks="joint").build(6, TARGETS)
    assert isinstance(network, Network) and network.sizes == {"arousal": 1, "valence": 1, "emotion": 3}


def test_separate_networks_have_one_each_and_share_nothing() -> None:
    network = Chunked().build(6, TARGETS)
    assert isinstance(network, SeparateNetworks)
    assert {name: one.sizes for name, one in network.networks.items()} == {
        "arousal": {"arousal": 1},
        "valence": {"valence": 1},
        "emotion": {"emotion": 3},
    }
    network(torch.randn(4, 3, 5, 6))["arousal"].square().sum().backward()
    moved = {name for name, value in network.named_parameters() if value.grad is not None}
    assert moved == {name for name, _ in network.named_parameters() if name.startswith("networks.arousal.")}


# ---- settings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"chunk_s": 0.0}, "chunk_s must be a positive number of seconds, not 0.0"),
        ({"chunk_s": NAN}, "chunk_s must be a positive number of seconds, not nan"),
        ({"max_utterance_s": 0.0}, "max_utterance_s must be a positive number of seconds, not 0.0"),
        ({"max_utterance_s": -5}, "max_utterance_s must be a positive number of seconds, not -5"),
        ({"max_utterance_s": 0.5}, "max_utterance_s must be at least chunk_s, 1.0, not 0.5"),
        ({"max_utterance_s": float("inf")}, "max_utterance_s must be a positive number of seconds, not inf"),
        ({"chunk_frames": 0}, "chunk_frames must be at least 1, not 0"),
        ({"num_chunks": 0}, "num_chunks must be at least 1, not 0"),
        ({"chunk_frames": 62, "chunk_s": 0.5}, "chunk_frames stands for chunk_s; set one of them"),
        ({"scale": 0}, "scale must be at least 1, not 0"),
        ({"hidden_size": 0}, "hidden_size must be at least 1, not 0"),
        ({"dropout": 1.5}, "dropout must be from 0 to 1, not 1.5"),
        ({"dropout": NAN}, "dropout must be from 0 to 1, not nan"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError) as caught:
        Chunked(**settings)
    assert str(caught.value) == f"chunked: {words}"


def test_nothing_at_all_may_be_dropped_or_everything() -> None:
    assert (Chunked(dropout=0.0).dropout, Chunked(dropout=1.0).dropout) == (0.0, 1.0)
