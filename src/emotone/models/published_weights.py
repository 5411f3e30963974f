"""What published systems share: their repositories, their three attributes, and how their files are read.

All were trained on MSP-Podcast 1.6, with one network per attribute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from emotone.base.plugins import Choice
from emotone.bundle.about import Provenance
from emotone.bundle.target import PUBLISHED_NAMES, Target
from emotone.bundle.view.streams import StreamNormalisers
from emotone.bundle.view.view import Normaliser
from emotone.data.norm_terms import read_norm
from emotone.errors import EmotoneError

if TYPE_CHECKING:
    from torch import Tensor, nn

    Network = TypeVar("Network", bound=nn.Module)

OWNER = "winston-lin-wei-cheng"
CORPUS = "MSP-Podcast 1.6"
PARTS = ["train", "validation"]
"""Of the corpus: the first gave the weights, by the second they were chosen."""
ATTRIBUTES = PUBLISHED_NAMES
"""Our names and those in the names of files."""
RANGE = (1.0, 7.0)
DESCRIPTORS = Choice("lld", {"frame_size_ms": 32.0, "frame_step_ms": 16.0, "extractor": "own"})
"""Features of networks on chunks; they were trained on openSMILE's, from which ours differ by rounding."""


@dataclass(frozen=True)
class Published:
    """One published system: where its files are, at which commit, with which hashes, and how they become a bundle.

    files: {path in the repository: SHA-256}. build: makes the bundle of {path: local file} in a folder, and returns
    that. needs: the extras for making and using it. find: looks in a folder for files that have no known hashes, and
    gives them to `build`; such a system is never downloaded.
    """

    repository: str
    commit: str
    about: str
    files: dict[str, str]
    build: Callable[[dict[str, Path], Path], Path]
    needs: tuple[str, ...] = ("train",)
    find: Callable[[Path], dict[str, Path]] | None = None

    def provenance(self, system: dict[str, Any]) -> Provenance:
        """What the bundle says of its making; `system` {name, settings...} as it was trained."""
        repository = f"{OWNER}/{self.repository}"
        return Provenance(system, CORPUS, PARTS, repository, self.commit, self.files)


def published_result(ccc: Mapping[str, float]) -> dict[str, Any]:
    """The published CCC of each attribute as a result of a bundle."""
    return {"protocol": f"{CORPUS} test, as published (not measured by Emotone)", "metric": "CCC", **ccc}


def read_normalisers(files: Mapping[str, Path]) -> StreamNormalisers:
    """The normaliser of a repository's speech features; none takes text."""
    return StreamNormalisers(Normaliser(*_read_moments(files, "feat")))


def attribute_targets(files: Mapping[str, Path]) -> list[Target]:
    """Targets with the mean and deviation of the labels that the published networks were trained on."""
    moments = {name: _read_moments(files, short.lower()) for name, short in ATTRIBUTES.items()}
    return [Target(name, "attribute", RANGE, float(mean[0]), float(std[0])) for name, (mean, std) in moments.items()]


def _read_moments(files: Mapping[str, Path], of: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean, std = (read_norm(files[f"NormTerm/{of}_norm_{which}.mat"]) for which in ("means", "stds"))
    return mean, std


def with_weights(
    network: Network, weights: Mapping[str, Tensor], names: Mapping[str, str], path: Path, system: str
) -> Network:
    """The network with published weights in evaluation mode; raises EmotoneError for those of another network.

    `names` are beginnings of parameters' names, there and here: the first that fits is replaced. `path` and `system`
    are named in the error.
    """
    renamed = {}
    for name, value in weights.items():
        prefix = next((prefix for prefix in names if name.startswith(prefix)), "")
        renamed[names.get(prefix, "") + name.removeprefix(prefix)] = value
    try:
        network.load_state_dict(renamed)
    except RuntimeError as error:
        raise EmotoneError(f"{path}: not the weights of a published {system} network ({error})") from None
    return network.eval()
