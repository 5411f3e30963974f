"""A bundle: a folder with all that is needed to go from audio to named scores.

    bundle.json           format, feature with its settings, view, targets, training, results, licence, citation
    model.onnx            the network: "features" [B, ...view] -> one named output per target; with "curves": true in
                          bundle.json also NAME_curve [B, C] per attribute, a score of each chunk in time order. With
                          the view "word-chunks" its inputs are those of `emotone.bundle.view.streams.Streams`
    arrays.safetensors    feature_mean [D], feature_std [D]; with text_feature in bundle.json text_mean, text_std [D']
    weights.safetensors   the network's parameters, for fine-tuning (not read for prediction)
    README.md             the model card

Pretrained encoders are not in it: the settings of a feature name theirs and hold its SHA-256. Evaluation and every kind
of prediction run this code. Nothing in a bundle is ever executed or unpickled, paths are
fixed names within the folder, and `bundle.json` holds the SHA-256 of the other files.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.base import plugins
from emotone.base.files import cache_folder, sha256_of
from emotone.bundle.onnx_network import OnnxNetwork, check_device
from emotone.bundle.view import view as views
from emotone.bundle.view.normalise import CLIP
from emotone.bundle.view.streams import Scale, Streams, Utterance, stack
from emotone.bundle.view.temporal_pyramid import NUM_MEANS
from emotone.errors import EmotoneError, unknown
from emotone.features.feature import takes_text

FORMAT = 1
FILES = ("model.onnx", "arrays.safetensors", "weights.safetensors")
LARGEST_JSON_BYTES = 4_000_000
UNBOUNDED = (-math.inf, math.inf)
BUNDLED = Path(__file__).parent / "bundles"


@dataclass(frozen=True)
class Target:
    """What one output of the network says: an attribute on a `range`, or categories with `labels`.

    An attribute's output is z-normalised: score = output * std + mean, clipped to nothing (a score may leave the range
    its raters had). A range of null in `bundle.json` makes an attribute *relative*, with an unbounded range here: only
    which of two scores is higher says something. Categories come as logits [B, K].
    """

    name: str
    kind: str
    range: tuple[float, float] | None = None
    mean: float = 0.0
    std: float = 1.0
    labels: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, about: dict[str, Any], where: str) -> Target:
        """A target of `bundle.json`; raises EmotoneError for what does not fit."""
        try:
            if about["kind"] == "attribute":
                low, high = UNBOUNDED if about["range"] is None else about["range"]
                limits = (float(low), float(high))
                return cls(about["name"], "attribute", limits, float(about["mean"]), float(about["std"]))
            if about["kind"] == "category":
                return cls(about["name"], "category", labels=tuple(map(str, about["labels"])))
        except (KeyError, TypeError, ValueError) as error:
            raise EmotoneError(f"{where}: target {about!r} is not complete ({error!r})") from None
        raise EmotoneError(f"{where}: target kind must be 'attribute' or 'category', not {about['kind']!r}")

    @property
    def is_relative(self) -> bool:
        """Whether only the order of the scores says something: there is no range to compare them with."""
        return self.range == UNBOUNDED

    def to_json(self) -> dict[str, Any]:
        """The JSON object that `from_json` reads."""
        if self.kind == "category":
            return {"name": self.name, "kind": "category", "labels": list(self.labels)}
        limits = None if self.range is None or self.is_relative else list(self.range)
        return {"name": self.name, "kind": "attribute", "range": limits, "mean": self.mean, "std": self.std}


Clip = float | None
SpeakerMoments = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Mean and standard deviation of features, [N, D] each."""


@dataclass
class Scores:
    """Scores of N inputs: `attributes` {name: [N]} on their ranges, `probabilities` {label: [N]}, the raw `outputs`.

    `curves` {attribute: [N, C]} are the scores of every chunk in time order; empty for a bundle without curves.
    """

    attributes: dict[str, NDArray[np.float64]]
    probabilities: dict[str, NDArray[np.float64]]
    outputs: dict[str, NDArray[np.float32]]
    curves: dict[str, NDArray[np.float64]] = field(default_factory=dict)


@dataclass
class Bundle:
    """A loaded bundle; see the module's docstring for its files.

    >>> bundle = Bundle.load("default")
    >>> scores = bundle.score_samples([np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)])
    >>> {name: score.shape for name, score in scores.attributes.items()}
    {'arousal': (1,), 'dominance': (1,), 'valence': (1,)}
    """

    folder: Path
    about: dict[str, Any]
    feature: Any
    view: views.View
    targets: list[Target]
    threads: int = 0
    device: str = "cpu"
    text_feature: Any = None
    _arrays: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    @classmethod
    def load(cls, name: str, threads: int = 0, device: str = "cpu") -> Bundle:
        """A bundle by name (bundled or pulled) or folder; raises EmotoneError when it is unknown, damaged or newer.

        `threads` = 0 lets onnxruntime use all cores; `device` is "cpu" or "cuda".
        """
        folder = locate(name)
        about = read_about(folder)
        check_device(device)
        where = str(folder / "bundle.json")
        try:
            check_files(folder, about, ("model.onnx", "arrays.safetensors"))
            feature = plugins.create("features", about["feature"]["name"], about["feature"]["settings"])
            text = about.get("text_feature")
            text_feature = plugins.create("features", text["name"], text["settings"]) if text else None
            view = views.view_from_json(about["view"], where)
            targets = [Target.from_json(target, where) for target in about["targets"]]
            numbers = plugins.fits(about["max_utterance_s"], float) and plugins.fits(about["normalise"]["clip"], Clip)
        except (KeyError, TypeError, AttributeError) as error:
            raise EmotoneError(f"{where}: not a complete bundle description ({error!r})") from None
        if not targets or "name" not in about or not numbers:
            raise EmotoneError(f"{where}: name, targets, max_utterance_s and normalise.clip must be there")
        if about.get("curves", False) not in ([False, True] if isinstance(view, views.Chunks) else [False]):
            raise EmotoneError(f"{where}: curves must be true or false, and true needs the view 'chunks'")
        _check_text(text_feature, view, where)
        features = {"feature": feature} | ({} if text_feature is None else {"text": text_feature})
        arrays = _read_arrays(folder, {name: len(one.names) for name, one in features.items()})
        return cls(folder, about, feature, view, targets, threads, device, text_feature, arrays)

    @property
    def name(self) -> str:
        """The bundle's own name."""
        return str(self.about["name"])

    @property
    def max_utterance_s(self) -> float:
        """Longest utterance that is scored as a whole; longer recordings are windowed by the predictor."""
        return float(self.about["max_utterance_s"])

    @property
    def has_curves(self) -> bool:
        """Whether scores come with their curve over the chunks."""
        return bool(self.about.get("curves"))

    @property
    def fingerprint(self) -> str:
        """Hash of what decides the scores: the description and the hashes of all files in it."""
        return sha256_of(self.folder / "bundle.json")

    @property
    def takes_words(self) -> bool:
        """Whether it scores utterances of speech and text, or of chunks of words (`emotone.bundle.view.streams`)."""
        return isinstance(self.view, views.WordChunks)

    @property
    def takes_text(self) -> bool:
        """Whether scores can also be of what is said, or of that alone."""
        return self.text_feature is not None

    def extract(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features [T, D] of samples [N], not normalised; raises EmotoneError when they are too short."""
        return self.feature(samples)

    def score_samples(self, batch: Sequence[NDArray[np.float32]]) -> Scores:
        """Scores of several pieces of audio, each float32 [N], 16 kHz."""
        return self.score_features([self.extract(samples) for samples in batch])

    def score_features(
        self, batch: Sequence[NDArray[np.float32] | Utterance], speaker: SpeakerMoments | None = None
    ) -> Scores:
        """Scores of several utterances' features [T, D], as extracted (not normalised).

        A bundle that normalises by speaker needs `speaker`: mean and deviation [N, D] of each utterance's speaker. One
        of speech and text (view "word-chunks") takes each as an `Utterance`, or features of speech alone.
        """
        if isinstance(self.view, views.WordChunks):
            both = [one if isinstance(one, Utterance) else Utterance(one) for one in batch]
            return self._decode(self._network.run_padded(stack(both, self.view, self.scale)))
        mean, std = self._moments(len(batch), speaker)
        inputs = []
        for one, own_mean, own_std in zip(batch, mean, std, strict=True):
            features = one.speech if isinstance(one, Utterance) else one
            if features is None:
                raise EmotoneError(f"bundle {self.name} scores audio; it cannot score a transcript alone")
            inputs.append(views.apply(self.view, features, own_mean, own_std, self._clip))
        return self._decode(self._network.run(inputs))

    @property
    def feature_moments(self) -> SpeakerMoments:
        """Mean and deviation of the training speech: [D] each."""
        return self._arrays["feature_mean"], self._arrays["feature_std"]

    @property
    def scale(self) -> Scale:
        """What the streams of speech and text are normalised by."""
        speech_mean, speech_std = self.feature_moments
        nothing = np.zeros(1, np.float32), np.ones(1, np.float32)  # where the network takes no text
        text = (self._arrays["text_mean"], self._arrays["text_std"]) if self.takes_text else nothing
        return Scale(speech_mean, speech_std, *text, self._clip)

    @property
    def _clip(self) -> float:
        clip = self.about["normalise"]["clip"]
        return math.inf if clip is None else float(clip)

    @property
    def normalises_by_speaker(self) -> bool:
        """Whether scores need statistics of a speaker's other utterances, which single files do not have."""
        return self.about["normalise"].get("by") == "speaker"

    def _moments(self, size: int, speaker: SpeakerMoments | None) -> SpeakerMoments:
        """Mean and deviation of each of `size` utterances: [size, D]."""
        if self.normalises_by_speaker:
            if speaker is None:
                raise EmotoneError(
                    f"bundle {self.name} normalises by speaker, with statistics of all of a speaker's utterances, so "
                    "it cannot score single files; use it with: emotone evaluate"
                )
            return speaker
        shape = (size, len(self._arrays["feature_mean"]))
        mean, std = (np.broadcast_to(self._arrays[name], shape) for name in ("feature_mean", "feature_std"))
        return mean, std

    def _decode(self, outputs: dict[str, NDArray[np.float32]]) -> Scores:
        scores = Scores({}, {}, outputs)
        for target in self.targets:
            output = outputs[target.name].astype(np.float64)
            if target.kind == "attribute":
                scores.attributes[target.name] = output * target.std + target.mean
                if self.has_curves:
                    curve = outputs[f"{target.name}_curve"].astype(np.float64)
                    scores.curves[target.name] = curve * target.std + target.mean
            else:
                odds = np.exp(output - output.max(axis=1, keepdims=True))
                shares = odds / odds.sum(axis=1, keepdims=True)
                scores.probabilities.update({label: shares[:, k] for k, label in enumerate(target.labels)})
        return scores

    @property
    def _output_shapes(self) -> dict[str, list[int]]:
        """The network's outputs and their shapes without the batch."""
        shapes = {target.name: [len(target.labels)] if target.kind == "category" else [] for target in self.targets}
        if self.has_curves and isinstance(self.view, views.Chunks):
            attributes = [target.name for target in self.targets if target.kind == "attribute"]
            shapes |= {f"{name}_curve": [self.view.num_chunks] for name in attributes}
        return shapes

    @cached_property
    def _network(self) -> OnnxNetwork:
        if isinstance(self.view, views.WordChunks):
            pooled = NUM_MEANS * len(self.feature.names)
            inputs = dict(zip(Streams._fields, ([pooled], [self.view.num_text_features], [], []), strict=True))
        else:
            width = len(self.feature.names)
            rows = {views.Chunks: "chunk_frames", views.Segments: "segment_frames"}.get(type(self.view))
            inputs = {"features": [width] if rows is None else [getattr(self.view, rows), width]}
        return OnnxNetwork.load(self.folder / "model.onnx", inputs, self._output_shapes, self.threads, self.device)


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
        if given.is_dir():
            raise EmotoneError(f"{name}: no bundle in this folder (bundle.json is missing)")
        from emotone.models.pull import published_systems

        if name in published_systems():
            raise EmotoneError(f"bundle '{name}' is not here yet; get it with: emotone pull {name}")
        raise unknown("bundle", name, {*known, *published_systems()})
    return known[name]


def read_about(folder: Path) -> dict[str, Any]:
    """`bundle.json` as a dict; raises EmotoneError when it is damaged or of a newer format."""
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


def check_files(folder: Path, about: dict[str, Any], names: Sequence[str]) -> None:
    """Raise EmotoneError when a file of the bundle is missing or not the one its description was written for."""
    for name in names:
        path = folder / name
        if not path.is_file():
            raise EmotoneError(f"{path}: missing from the bundle")
        if sha256_of(path) != about.get("sha256", {}).get(name):
            raise EmotoneError(f"{path}: damaged (its SHA-256 is not the one in bundle.json)")


def _check_text(feature: Any, view: views.View, where: str) -> None:
    """Raise EmotoneError where the feature of transcripts is not the one whose tokens the network takes."""
    is_taken = isinstance(view, views.WordChunks) and view.streams != "speech"
    if (feature is not None) != is_taken or (feature is not None and not takes_text(feature)):
        raise EmotoneError(
            f"{where}: text_feature must be one of transcripts where the network takes text, and only there"
        )
    if isinstance(view, views.WordChunks) and feature is not None and len(feature.names) != view.num_text_features:
        raise EmotoneError(
            f"{where}: the network takes tokens of {view.num_text_features} features, not the {len(feature.names)} of "
            f"{feature.title}"
        )


def _read_arrays(folder: Path, sizes: dict[str, int]) -> dict[str, NDArray[np.float32]]:
    """The normaliser's arrays {NAME_mean, NAME_std} of as many features as `sizes` {NAME} says."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / "arrays.safetensors"
    try:
        arrays = {name: array.astype(np.float32) for name, array in load_file(path).items()}
    except SafetensorError as error:
        raise EmotoneError(f"{path}: not readable ({error})") from None
    for name, size in sizes.items():
        for array in (f"{name}_mean", f"{name}_std"):
            if array not in arrays or arrays[array].shape != (size,):
                raise EmotoneError(f"{path}: {array} must be there with shape ({size},)")
    return arrays


def write(
    folder: Path,
    about: dict[str, Any],
    onnx_model: bytes,
    arrays: dict[str, NDArray[np.float32]],
    weights: dict[str, NDArray[Any]],
    card: str,
) -> Path:
    """Write a bundle; `bundle.json` goes last, so that a folder without it is no bundle. Returns the folder."""
    from safetensors.numpy import save

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bundle.json").unlink(missing_ok=True)
    (folder / "model.onnx").write_bytes(onnx_model)
    (folder / "arrays.safetensors").write_bytes(save(arrays))
    (folder / "weights.safetensors").write_bytes(save(weights))
    (folder / "README.md").write_text(card, encoding="utf-8")
    about = {
        "format": FORMAT, "normalise": {"clip": CLIP}, **about,
        "sha256": {name: sha256_of(folder / name) for name in FILES},
    }  # fmt: skip
    temporary = folder / ".bundle.json.tmp"
    temporary.write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")
    temporary.replace(folder / "bundle.json")
    return folder
