"""A bundle as others take it: a folder for the Hugging Face hub, or an ONNX network that says what goes in and out.

Either folder is a bundle again: `--model FOLDER` reads it, checks the hashes and gives the same scores. What decides
them is copied byte by byte, but for the network, whose ONNX file gets metadata; nothing is pickled.

    model.onnx            with metadata (`describe`): names of features and classes, normalisation, view, targets
    bundle.json           as in any bundle, with the SHA-256 of these files and the result of the run
    arrays.safetensors    mean and deviation of the features
    weights.safetensors   for fine-tuning; for the hub alone
    README.md             the model card, with preprocessing and use; for the hub with its metadata in front
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any, Literal, get_args

from emotone.base.files import new_folder, sha256_of
from emotone.base.kept import read_object
from emotone.base.version import __version__
from emotone.bundle.bundle import Bundle
from emotone.bundle.exported_card import exported_card
from emotone.bundle.folder import FILES, read_about, write_about
from emotone.bundle.view.view import view_to_json
from emotone.errors import EmotoneError, missing_extra, unknown

Form = Literal["hugging-face", "onnx"]
FORMS: tuple[Form, ...] = get_args(Form)
COPIED = {"hugging-face": FILES[1:], "onnx": FILES[1:2]}
"""Files besides the network, by form."""
KEY = "emotone:"
"""What every key of the metadata begins with."""


def export_bundle(name: str, folder: Path, form: Form) -> Path:
    """Write a bundle (a name, a folder or a run) to a new folder, in a form of `FORMS`; returns the folder.

    Raises EmotoneError for a bundle that cannot be used, a folder with something in it, and without onnx and yaml.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     folder = export_bundle("small", Path(place) / "out", "onnx")
    ...     print(*sorted(path.name for path in folder.iterdir()))
    README.md arrays.safetensors bundle.json model.onnx
    """
    if form not in FORMS:
        raise unknown("form", str(form), FORMS)
    bundle = Bundle.load(name)
    read_about(bundle.folder, ("model.onnx", *COPIED[form]))  # weights, too, are those it was written with
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise EmotoneError(f"{folder}: is there already and not an empty folder; name a new one")
    about = dataclasses.replace(bundle.about, results=bundle.about.results or _result_of_run(bundle))
    network = with_metadata((bundle.folder / "model.onnx").read_bytes(), describe(bundle))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with new_folder(folder) as temporary:
        (temporary / "model.onnx").write_bytes(network)
        for file in COPIED[form]:
            shutil.copyfile(bundle.folder / file, temporary / file)
        card = exported_card(about, bundle, _read_card(bundle.folder), for_hub=form == "hugging-face")
        (temporary / "README.md").write_text(card, encoding="utf-8", newline="\n")
        hashes = {file: sha256_of(temporary / file) for file in ("model.onnx", *COPIED[form])}
        write_about(temporary, dataclasses.replace(about, sha256=hashes))
    return folder


def describe(bundle: Bundle) -> dict[str, str]:
    """The metadata of an exported network, {key: text or JSON}, by which it can be used without Emotone.

    `emotone:features`: names of the D features; `emotone:classes`: {target: labels}; `emotone:targets`: outputs as in
    bundle.json; `emotone:preprocessing`: rate_hz, feature and settings, mean [D], std [D], clip, view.

    >>> describe(Bundle.load("small"))["emotone:name"]
    'small'
    """
    about = bundle.about
    normaliser = bundle.normaliser
    preprocessing = {
        "rate_hz": 16_000,
        "feature": dataclasses.asdict(about.feature),
        "text_feature": None if about.text_feature is None else dataclasses.asdict(about.text_feature),
        "hop_s": bundle.feature.hop_s,
        "normalise": about.normalise,
        "mean": normaliser.mean.astype(float).tolist(),
        "std": normaliser.std.astype(float).tolist(),
        "clip": about.clip,
        **_text_moments(bundle),
        "view": view_to_json(about.view),
        "max_utterance_s": about.max_utterance_s,
    }
    values: dict[str, Any] = {
        "version": __version__,
        "name": about.name,
        "description": about.description,
        "licence": about.licence,
        "citation": about.citation,
        "features": list(bundle.feature.names),
        "classes": {target.name: list(target.labels) for target in about.targets if target.labels},
        "targets": [target.to_json() for target in about.targets],
        "preprocessing": preprocessing,
    }
    return {
        KEY + key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in values.items()
    }


def _text_moments(bundle: Bundle) -> dict[str, list[float]]:
    """Mean and deviation [D'] of tokens; nothing where the bundle takes no text."""
    if not bundle.takes_text:
        return {}
    text = bundle.stream_normalisers.text
    return {"text_mean": text.mean.astype(float).tolist(), "text_std": text.std.astype(float).tolist()}


def with_metadata(network: bytes, metadata: dict[str, str]) -> bytes:
    """An ONNX file with these entries in its metadata, in place of those of the same key; its graph stays as it is."""
    try:
        import onnx
    except ImportError:
        raise missing_extra("onnx", "train", "exporting a bundle") from None
    model = onnx.load_from_string(network)
    kept = {entry.key: entry.value for entry in model.metadata_props} | metadata
    onnx.helper.set_model_props(model, kept)
    return model.SerializeToString(deterministic=True)


def _result_of_run(bundle: Bundle) -> list[dict[str, Any]]:
    """The test result of the run in whose folder a bundle lies, if it is of the bundle's recipe."""
    hashed = bundle.about.training.recipe_hash
    for folder in bundle.folder.resolve().parents[:3]:  # RUN/bundle, RUN/fold-0/bundle, RUN/repeat-0/fold-0/bundle
        if hashed is not None and (folder / "test.json").is_file():
            result = read_object(folder / "test.json")
            if result.get("hash") == hashed and isinstance(result.get("metrics"), dict):
                kept = ("protocol", "corpora", "num_speakers", "num_utterances", "classes", "warnings", "metrics")
                return [{key: result[key] for key in kept if key in result}]
    return []


def _read_card(folder: Path) -> str:
    """The bundle's own card; "" where there is none that can be read."""
    try:
        return (folder / "README.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
