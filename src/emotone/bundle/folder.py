"""The folder of a bundle: where it lies, what is in it, how it is written."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.base.files import cache_folder, replace_file, sha256_of, writing
from emotone.bundle.about import FORMAT, BundleAbout
from emotone.errors import EmotoneError, unknown

FILES = ("model.onnx", "arrays.safetensors", "weights.safetensors")
LARGEST_JSON_BYTES = 4_000_000
BUNDLED = Path(__file__).parent / "bundles"
PULLABLE = (
    "chunk-attention-rnn",
    "chunk-attention-self",
    "deep-emo-clusters",
    "deep-mi",
    "emotion-ranker",
    "emotion-seq2seq",
    "spectrogram-iemocap",
)
"""The published systems that `emotone pull` turns into bundles; a contract test holds them equal to those there are."""


def bundles_folder() -> Path:
    """Where pulled bundles are kept."""
    return cache_folder() / "bundles"


def available() -> dict[str, Path]:
    """All bundles that can be used by name: the bundled ones and the pulled ones."""
    folders = sorted(BUNDLED.glob("*/bundle.json")) + sorted(bundles_folder().glob("*/bundle.json"))
    return {path.parent.name: path.parent for path in folders}


def locate(name: str) -> Path:
    """The folder of a bundle: a name from `available`, a bundle's folder, or a run's folder that holds `bundle/`."""
    given = Path(name)
    for folder in (given, given / "bundle"):
        if (folder / "bundle.json").is_file():
            return folder
    known = available()
    if name not in known:
        folds = sorted(path for place in ("", "repeat-*/") for path in given.glob(f"{place}fold-*/bundle/bundle.json"))
        if folds:
            raise EmotoneError(
                f"{name}: a run of {len(folds)} folds, each with a bundle of its own; name one, e.g. "
                f"{folds[0].parents[1]}, or train one on all of it (split.name=everything)"
            )
        if given.is_dir():
            raise EmotoneError(f"{name}: no bundle in this folder (bundle.json is missing)")
        if name in PULLABLE:
            raise EmotoneError(f"bundle '{name}' is not here yet; get it with: emotone pull {name}")
        if Path(name).name != name:  # a path, of which names are no neighbours
            raise EmotoneError(f"{name}: does not exist (a bundle's folder, or a run's)")
        raise unknown("bundle", name, {*known, *PULLABLE})
    return known[name]


def read_json(folder: Path) -> dict[str, Any]:
    """`bundle.json` as plain data; raises EmotoneError when it is damaged or of a newer format."""
    path = folder / "bundle.json"
    try:
        if path.stat().st_size > LARGEST_JSON_BYTES:
            raise EmotoneError(f"{path}: larger than {LARGEST_JSON_BYTES} bytes")
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise EmotoneError(f"{path}: not a readable bundle description ({error})") from None
    version = about.get("format") if isinstance(about, dict) else None
    if not isinstance(version, int):
        raise EmotoneError(f"{path}: not a bundle description (no 'format')")
    if version > FORMAT:
        raise EmotoneError(
            f"{path}: bundle format {version} is newer than this Emotone reads ({FORMAT}); update Emotone"
        )
    return about


def read_about(folder: Path, files: Sequence[str] = ()) -> BundleAbout:
    """The description of a bundle, checked.

    Raises EmotoneError when it is damaged, incomplete or newer, and when one of `files`, which the caller will read, is
    missing or not the one it was written for.
    """
    about, where = read_json(folder), str(folder / "bundle.json")
    hashes = about.get("sha256", {})
    if not isinstance(hashes, dict):
        raise EmotoneError(f"{where}: not a complete bundle description (sha256 is no mapping)")
    for name in files:
        path = folder / name
        if not path.is_file():
            raise EmotoneError(f"{path}: missing from the bundle")
        if sha256_of(path) != hashes.get(name):
            raise EmotoneError(f"{path}: damaged (its SHA-256 is not the one in bundle.json)")
    return BundleAbout.from_json(about, where)


def write(
    folder: Path,
    about: BundleAbout,
    onnx_model: bytes,
    arrays: dict[str, NDArray[np.float32]],
    weights: dict[str, NDArray[Any]],
    card: str,
) -> Path:
    """Write a bundle; `bundle.json` goes last, so that a folder without it is no bundle. Returns the folder."""
    from safetensors.numpy import save

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bundle.json").unlink(missing_ok=True)
    contents = {
        "model.onnx": onnx_model,
        "arrays.safetensors": save(arrays),
        "weights.safetensors": save(weights),
        "README.md": card.encode(),
    }
    for name, content in contents.items():
        with writing(folder / name):
            (folder / name).write_bytes(content)
    write_about(folder, dataclasses.replace(about, sha256={name: sha256_of(folder / name) for name in FILES}))
    return folder


def write_about(folder: Path, about: BundleAbout) -> None:
    """Write `bundle.json`, whole or not at all."""
    with replace_file(folder / "bundle.json") as temporary:
        temporary.write_text(json.dumps(about.to_json(), indent=1, ensure_ascii=False), encoding="utf-8", newline="\n")
