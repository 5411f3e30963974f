"""Fixtures shared by all tests: the shared data read in place, a cache of their own, small bundles made on the fly."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

# Read when numpy and torch are loaded. As many threads as cores in each of several processes would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import numpy as np
import pytest

hypothesis.settings.register_profile("any machine", deadline=None)  # how long an example takes is the machine's
hypothesis.settings.load_profile("any machine")

pytest_plugins = (
    "archives",
    "browser",
    "descriptors",
    "encoders",
    "lacking",
    "file_servers",
    "speech_and_text",
    "tones",
    "windows",
)  # in `builders`, which pyproject.toml puts on the path

collect_ignore_glob = ["downstream/*"]
"""Programs of users, which type checkers read and nobody runs."""
CHECKOUT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("EMOTONE_SHARED", CHECKOUT.parent / "shared"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared audio, weights and reference outputs; missing it is a failure in CI, a skip elsewhere."""
    if not SHARED.is_dir():
        message = f"shared test data not found at {SHARED} (set EMOTONE_SHARED)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return SHARED


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's cache."""
    monkeypatch.setenv("EMOTONE_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    """full_disk(num_bytes): while it holds no file grows beyond that, and the system says so as of a full disk."""
    import resource

    @contextmanager
    def limited(num_bytes: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited


def write_tiny_bundle(folder: Path) -> Path:
    """A bundle with every kind of target: mean and deviation of log-mel frames, one linear layer."""
    import torch
    from torch import nn

    from emotone.base.plugins import Choice
    from emotone.bundle.about import BundleAbout
    from emotone.bundle.target import Target
    from emotone.bundle.view.streams import StreamNormalisers
    from emotone.bundle.view.view import Normaliser, Whole
    from emotone.models.export import write_bundle

    labels = ("anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness")
    attributes = ["arousal", "dominance", "valence"]

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.output = nn.Linear(32, len(attributes) + len(labels))

        def forward(self, frames: torch.Tensor) -> dict[str, torch.Tensor]:  # [B, T, D]
            mean = frames.mean(dim=1)
            spread = (frames - mean[:, None]).square().mean(dim=1)
            values = self.output(torch.cat([mean, spread], dim=1))
            outputs = {name: values[:, place] for place, name in enumerate(attributes)}
            return outputs | {"emotion": values[:, len(attributes) :]}

    torch.manual_seed(0)
    about = BundleAbout(
        name="tiny",
        description="A bundle for tests",
        max_utterance_s=10.0,
        feature=Choice("mel", {"num_mels": 16, "scale": "log", "log_floor": 1e-5}),
        view=Whole(min_frames=4),
        targets=[
            *(Target(name, "attribute", (1, 7), 4.0, 1.0) for name in attributes),
            Target("emotion", "category", labels=labels),
        ],
        licence="CC0",
    )
    normaliser = Normaliser(np.full(16, -5.0), np.full(16, 3.0))
    return write_bundle(folder, Network().eval(), about, StreamNormalisers(normaliser), "# tiny\n", num_frames=50)


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small bundle with three attributes and seven categories, made on the fly; not to be changed."""
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def weak_bundle(tiny_bundle: Path, tmp_path: Path) -> Path:
    """The small bundle, which says of some of its scores how far they may be relied on."""
    folder = Path(shutil.copytree(tiny_bundle, tmp_path / "weak"))
    about = json.loads((folder / "bundle.json").read_text())
    about["reliability"] = {"valence": "weak on speech unlike its training (CCC .64)", "emotion": "of acted speech"}
    (folder / "bundle.json").write_text(json.dumps(about))
    return folder


@pytest.fixture(scope="session")
def pull_once(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """pull_once(name): the bundle of a published system, pulled once for all processes; not to be changed."""
    from emotone.models.pull import pull

    own = tmp_path_factory.getbasetemp()
    root = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "published"
    root.mkdir(exist_ok=True)

    def find(name: str) -> Path:
        if not (root / name).exists():
            folder = pull(name, shared / "published", tmp_path_factory.mktemp("pulled") / name)
            with suppress(OSError):  # another process was quicker
                folder.rename(root / name)
        return root / name

    return find


@pytest.fixture(scope="session")
def pulled(pull_once: Callable[[str], Path]) -> dict[str, Path]:
    """The published chunk-attention networks as bundles: {name: folder}; not to be changed."""
    return {name: pull_once(name) for name in ("chunk-attention-self", "chunk-attention-rnn")}


@pytest.fixture
def check_resumption(tmp_path: Path) -> Callable[..., list[dict[str, float]]]:
    """Trains undisturbed in `tmp_path / "whole"`, and stopped and taken up again in "resumed": both must be the same.

    `train(folder, score)` gives a state dict and a history, `score` is what validates; the first run of the second
    folder is interrupted after `num_done` validations. Returns the history.
    """
    import torch

    def check(train: Callable[..., Any], score: Callable[[Any], dict[str, float]], num_done: int) -> Any:
        def run(name: str, stops_after: float = np.inf) -> Any:
            calls: list[Any] = []

            def watch(outputs: Any) -> dict[str, float]:
                calls.append(outputs)
                if len(calls) > stops_after:
                    raise KeyboardInterrupt
                return score(outputs)

            (tmp_path / name).mkdir(exist_ok=True)
            return train(tmp_path / name, watch)

        expected, history = run("whole")
        with pytest.raises(KeyboardInterrupt):
            run("resumed", num_done)
        found, again = run("resumed")
        assert str(again) == str(history)  # a string: measures may be NaN
        assert found.keys() == expected.keys() and all(torch.equal(found[name], expected[name]) for name in found)
        lines = [(tmp_path / name / "metrics.csv").read_text() for name in ("whole", "resumed")]
        assert lines[0] == lines[1]
        return history

    return check
