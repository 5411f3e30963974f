"""Spectrogram images as published (IEMOCAP, 16 kHz), of files that somebody has: nothing is downloaded.

Weights of these networks came with a fork of the published programs, without a list of hashes, so they are known by
their shape: a file of plain tensors that is all of AlexNet, AlexNet with global average pooling, ResNet-18 or VGG-11
for four categories, in the published order. What white and black were is not in such a file. It follows from how they
were made: the least value is the floor, 80 dB below an utterance's maximum, which some training frame reaches in each
bin, and the greatest the 0 dB that fill up last segments.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emotone.base import plugins
from emotone.base.files import sha256_of
from emotone.base.plugins import Choice
from emotone.bundle.about import BundleAbout, Provenance
from emotone.bundle.card import USE
from emotone.bundle.target import Target
from emotone.bundle.view.streams import StreamNormalisers
from emotone.bundle.view.view import Normaliser, Segments
from emotone.errors import EmotoneError, name_some
from emotone.models.image_weights import COUNTER
from emotone.models.published_weights import Published
from emotone.models.torch_file import read_safetensors, read_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

NAME = "spectrogram-iemocap"
REPOSITORY = "samsudinng/speech_emo_recognition, or a fork of it"
LABELS = ("anger", "sadness", "happiness", "neutral")
"""In the order of the published networks' outputs."""
FLOOR_DB = -80.0
LONGEST_S = 35.0
"""IEMOCAP's longest turn."""
PUBLISHED = {"alexnet": (74.0, 64.4), "alexnet-gap": (73.2, 62.6), "resnet18": (71.6, 59.8)}
"""Published WA and UA in per cent, by the network."""
NETWORKS = ("alexnet", "alexnet-gap", "resnet18", "vgg11")
PARAMETER_NAMES = {"classifier.0.": "classifier."}
"""How the one convolution of `alexnet-gap`'s head is called there and here."""
SUFFIXES = (".pth", ".pt", ".safetensors")
CITATION = (
    "S. Ng, Speech Emotion Recognition with Pre-trained Image Classifier, github.com/samsudinng/speech_emo_recognition"
)


def find(source: Path) -> dict[str, Path]:
    """The one file of weights in a folder (or the file itself), by the name of its network.

    Raises EmotoneError where none or several are of a published network.
    """
    if not source.exists():
        raise EmotoneError(f"{source}: not found")
    paths = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.suffix in SUFFIXES)
    found = {path: kind for path in paths if (kind := _kind_of(path)) is not None}
    if len(found) == 1:
        return {kind: path for path, kind in found.items()}
    if found:
        files = name_some([f"{path} ({kind})" for path, kind in found.items()])
        raise EmotoneError(f"{source}: {len(found)} files of published networks; name one of them: {files}")
    raise EmotoneError(
        f"{source}: no plain weights of {', '.join(NETWORKS)} for {len(LABELS)} categories among {len(paths)} files "
        f"({', '.join(SUFFIXES)})"
    )


def _kind_of(path: Path) -> str | None:
    """The network whose weights a file holds, all of them and no others; None for any other file."""
    try:
        weights = _read(path)
    except EmotoneError:
        return None
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    return next((kind for kind, wanted in _wanted() if set(wanted) <= set(shapes.items()) <= set(wanted)), None)


def _wanted() -> Iterator[tuple[str, list[tuple[str, tuple[int, ...]]]]]:
    """Each network with the names and shapes of its weights."""
    import torch

    for kind in NETWORKS:
        with torch.device("meta"):  # shapes without memory
            own = plugins.find("models", kind)(len(LABELS)).state_dict()
        yield kind, [(name, tuple(value.shape)) for name, value in own.items() if not name.endswith(COUNTER)]


def _read(path: Path) -> dict[str, Tensor]:
    """Weights by our names, without counters of batches."""
    weights = read_safetensors(path) if path.suffix == ".safetensors" else read_weights(path)
    is_gap = weights.get("classifier.0.weight") is not None and weights["classifier.0.weight"].dim() == 4
    names = PARAMETER_NAMES if is_gap else {}
    renamed = {}
    for name, value in weights.items():
        prefix = next((prefix for prefix in names if name.startswith(prefix)), "")
        renamed[names.get(prefix, "") + name.removeprefix(prefix)] = value
    return {name: value for name, value in renamed.items() if not name.endswith(COUNTER)}


def load_network(path: Path, kind: str) -> nn.Module:
    """A published network with its weights, in evaluation mode."""
    network = plugins.find("models", kind)(len(LABELS))
    network.load_state_dict(network.state_dict() | _read(path))
    return network.eval()


def build(files: dict[str, Path], to: Path) -> Path:
    """The bundle of the one file {network: path}."""
    from emotone.models.export import write_bundle
    from emotone.models.networks.spectrogram_classifier import SpectrogramClassifier

    [(kind, path)] = files.items()
    feature: Any = plugins.create("features", "logspec", {})
    num_bins = len(feature.names)
    network: Any = SpectrogramClassifier(load_network(path, kind), num_bins)  # type: ignore[arg-type]
    about = BundleAbout(
        name=NAME,
        description=f"A published {kind} on spectrogram images of IEMOCAP, four categories",
        max_utterance_s=LONGEST_S,
        feature=Choice("logspec", plugins.settings_of(feature)),
        view=Segments(300),
        targets=[Target("emotion", "category", labels=LABELS)],
        training=Provenance(
            system={"name": "spectrogram-image", "network": kind},
            corpus="IEMOCAP",
            repository=REPOSITORY,
            files={path.name: sha256_of(path)},
        ),
        results=_results(kind),
        licence="not stated",
        citation=CITATION,
    )
    normaliser = Normaliser(np.full(num_bins, FLOOR_DB), np.full(num_bins, -FLOOR_DB))
    return write_bundle(to, network.eval(), about, StreamNormalisers(normaliser), _card(about), num_frames=300)


def _results(kind: str) -> list[dict[str, Any]]:
    if kind not in PUBLISHED:
        return []
    wa, ua = PUBLISHED[kind]
    protocol = "IEMOCAP improvised, five folds, as published (not measured by Emotone, nor of this file alone)"
    return [{"protocol": protocol, "metric": "WA and UA in per cent", "WA": wa, "UA": ua}]


def _card(about: BundleAbout) -> str:
    [(name, digest)] = about.training.files.items()
    results = "".join(f"- {one['protocol']}: WA {one['WA']}, UA {one['UA']} per cent.\n" for one in about.results)
    return (
        f"# {about.name}\n\n{about.description}: {', '.join(LABELS)}.\n\n"
        f"- Weights: {name} (SHA-256 {digest}), known by its shape alone; nobody says which speakers trained it.\n"
        f"- White and black are 0 and {FLOOR_DB:g} dB, as the published training has them.\n{results}"
        f"- Licence: {about.licence}.\n- Cite: {about.citation}.\n\n{USE}"
    )


SYSTEMS = {
    NAME: Published(
        REPOSITORY,
        "",
        "spectrogram images of IEMOCAP, four categories, from weights that you have (--from FOLDER)",
        {},
        build,
        find=find,
    )
}
