"""A bundle: a folder with all that is needed to go from audio to named scores.

    bundle.json           format, feature with its settings, view, targets, training, results, licence, citation;
                          may have `reliability`: by target one sentence on how far its scores may be relied on
    model.onnx            the network: "features" [B, ...view] -> one named output per target; with "curves": true in
                          bundle.json also NAME_curve [B, C] per attribute, a score of each chunk in time order. With
                          the view "word-chunks" its inputs are those of `emotone.bundle.view.streams.Streams`
    arrays.safetensors    feature_mean [D], feature_std [D]; with text_feature in bundle.json text_mean, text_std [D']
    weights.safetensors   the network's parameters, for fine-tuning (not read for prediction)
    README.md             the model card

Pretrained encoders are not in it: the settings of a feature name its encoder and hold the SHA-256 of its weights.
Evaluation and every kind of prediction run this code. Nothing in a bundle is ever executed or unpickled, paths are
fixed names within the folder, and `bundle.json` holds the SHA-256 of the other files.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotone.base import plugins
from emotone.base.files import sha256_of
from emotone.base.plugins import Choice
from emotone.base.processes import THREADS
from emotone.bundle.about import BundleAbout
from emotone.bundle.folder import available, locate, read_about
from emotone.bundle.onnx_network import OnnxNetwork, check_device
from emotone.bundle.target import Target
from emotone.bundle.view import view as views
from emotone.bundle.view.streams import NO_TEXT, StreamNormalisers, Streams, Utterance, stack
from emotone.bundle.view.temporal_pyramid import NUM_MEANS
from emotone.bundle.view.view import Normaliser
from emotone.errors import EmotoneError

LLD = "lld"
"""The feature whose extractor can be chosen when a bundle is loaded."""
MOST_VALUES = 2**26
"""Features of an utterance have no more, 268 MB."""
_LOADING: ContextVar[frozenset[Path]] = ContextVar("_LOADING", default=frozenset())
"""Bundles that are being loaded, one for a feature of the other."""


@dataclass
class Scores:
    """Scores of N inputs: `attributes` {name: [N]} on their ranges, `probabilities` {column: [N]}, the raw `outputs`.

    The columns of probabilities are those of `Target.columns`: for emotions the labels.

    `curves` {attribute: [N, C]} are the scores of every chunk in time order; empty for a bundle without curves.
    """

    attributes: dict[str, NDArray[np.float64]]
    probabilities: dict[str, NDArray[np.float64]]
    outputs: dict[str, NDArray[np.float32]]
    curves: dict[str, NDArray[np.float64]] = field(default_factory=dict)


@dataclass
class Bundle:
    """A loaded bundle: features, normalisers and network of one folder; its files: the module's docstring.

    >>> bundle = Bundle.load("default")
    >>> scores = bundle.score_samples([np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)])
    >>> {name: score.shape for name, score in scores.attributes.items()}
    {'arousal': (1,), 'dominance': (1,), 'valence': (1,)}
    """

    folder: Path
    about: BundleAbout
    feature: Any
    text_feature: Any
    stream_normalisers: StreamNormalisers
    threads: int = 0
    device: str = "cpu"
    lld: str | None = None

    @classmethod
    def load(cls, name: str, threads: int = 0, device: str = "cpu", lld: str | None = None) -> Bundle:
        """A bundle by name (bundled or pulled) or folder; raises EmotoneError when it is unknown, damaged or newer.

        `threads` = 0 lets onnxruntime use all cores; `device` is "cpu" or "cuda". `lld`: what computes low-level
        descriptors, "own" or "opensmile"; None: what the bundle was made with.
        """
        folder = locate(name)
        check_device(device)
        about = read_about(folder, ("model.onnx", "arrays.safetensors"))
        where = str(folder / "bundle.json")
        loading = _LOADING.get()
        if folder.resolve() in loading:
            raise EmotoneError(f"{where}: its feature {about.feature.name} needs the bundle itself")
        before = _LOADING.set(loading | {folder.resolve()})
        try:
            with _one_line(about.feature):
                bundle = cls._load(folder, _with_lld(about, lld), where, threads, device)
                return bundle if lld is None else replace(bundle, about=about, lld=lld)
        finally:
            _LOADING.reset(before)

    @classmethod
    def _load(cls, folder: Path, about: BundleAbout, where: str, threads: int, device: str) -> Bundle:
        feature = _create(about.feature, where)
        text_feature = None if about.text_feature is None else _create(about.text_feature, where)
        _check_text(text_feature, about.view, where)
        num_values = about.max_utterance_s / (feature.hop_s or about.max_utterance_s) * len(feature.names)
        if not num_values <= MOST_VALUES:
            raise EmotoneError(
                f"{where}: {num_values:.2g} values of an utterance of max_utterance_s are more than {MOST_VALUES}"
            )
        features = {"feature": feature} | ({} if text_feature is None else {"text": text_feature})
        found = _read_normalisers(folder / "arrays.safetensors", features, about.clip)
        normalisers = StreamNormalisers(found["feature"], found.get("text", NO_TEXT))
        return cls(folder, about, feature, text_feature, normalisers, threads, device)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled as a name or a folder, never as weights: it is loaded anew, and refused where it is another then."""
        names = {folder: name for name, folder in available().items()}
        source = names.get(self.folder, str(self.folder.resolve()))
        if not (self.folder / "bundle.json").is_file():
            raise EmotoneError(f"{self.folder}: the bundle has gone, so it cannot be pickled")
        return _load_again, (source, self.fingerprint, self.threads, self.device, self.lld)

    @property
    def name(self) -> str:
        """The name in bundle.json, which may differ from the folder's."""
        return self.about.name

    @property
    def note(self) -> str:
        """That its descriptors come from another extractor than those it was made with; "" where they do not."""
        if self.lld is None:
            return ""
        made = plugins.as_written("features", LLD, self.about.feature.settings).get("extractor", self.lld)
        return f"made with {LLD} by extractor={made}, run with extractor={self.lld}" if made != self.lld else ""

    @property
    def view(self) -> views.View:
        """How the network takes the frames of an utterance."""
        return self.about.view

    @property
    def targets(self) -> list[Target]:
        """The targets of the network's outputs, in order."""
        return self.about.targets

    @property
    def max_utterance_s(self) -> float:
        """Seconds of the longest utterance that is scored as a whole; the predictor cuts longer ones into windows."""
        return float(self.about.max_utterance_s)

    @property
    def has_curves(self) -> bool:
        """Whether attributes also have a score for each chunk."""
        return self.about.curves

    @property
    def fingerprint(self) -> str:
        """Hash of what decides the scores: the description and the hashes of all files in it."""
        return sha256_of(self.folder / "bundle.json")

    @property
    def takes_words(self) -> bool:
        """Whether the network takes word chunks and tokens (`emotone.bundle.view.streams`) rather than frames."""
        return isinstance(self.view, views.WordChunks)

    @property
    def takes_text(self) -> bool:
        """Whether the network takes features of transcripts."""
        return self.text_feature is not None

    def extract(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Features [T, D] of samples [N] at 16 kHz, not normalised; raises EmotoneError where they cannot be made."""
        return self._compute(self.feature, samples)

    def windows(self) -> Callable[[int, NDArray[np.float32]], NDArray[np.float32]]:
        """`extract` for windows of one recording: each its first sample and its samples; what they share is done once.

        The features are those of each window alone, exactly.
        """
        if not hasattr(self.feature, "windows"):
            return lambda start, samples: self.extract(samples)
        of_window = self.feature.windows()
        return lambda start, samples: self._compute(lambda given: of_window(start, given), samples)

    def _compute(self, feature: Callable[[NDArray[np.float32]], Any], samples: NDArray[np.float32]) -> Any:
        before = THREADS.set(self.threads or THREADS.get())
        try:
            with _one_line(self.about.feature):
                return feature(samples)
        finally:
            THREADS.reset(before)

    @property
    def listens(self) -> bool:
        """Whether its feature hears where somebody speaks (`emotone.features.feature.ListeningFeature`)."""
        return hasattr(self.feature, "listen")

    def listen(self, samples: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """`extract`, and in which frames of 20 ms somebody speaks; for a bundle that `listens`."""
        return self._compute(self.feature.listen, samples)

    def encode(self, text: str) -> tuple[NDArray[np.float32], str]:
        """Features [T', D'] of a text, and a note where they are of a part of it; raises EmotoneError as `extract`."""
        with _one_line(self.about.text_feature or self.about.feature):
            note = self.text_feature.check(text)
            [states] = self.text_feature.encode([text])
        return states, note

    def score_samples(self, batch: Sequence[NDArray[np.float32]]) -> Scores:
        """Scores of several utterances of audio, each float32 [N] at 16 kHz."""
        return self.score_features([self.extract(samples) for samples in batch])

    def score_features(
        self,
        batch: Sequence[NDArray[np.float32] | Utterance],
        speakers: Sequence[Normaliser] | None = None,
        only: tuple[str, ...] = (),
    ) -> Scores:
        """Scores of several utterances' features [T, D], as extracted (not normalised).

        A bundle that normalises by speaker needs `speakers`, the normaliser of each utterance's speaker. A bundle of
        speech and text (view "word-chunks") takes each as an `Utterance`, or features of speech alone. `only`: targets
        whose scores are wanted, without curves; the network of others is not run.
        """
        if isinstance(self.view, views.WordChunks):
            both = [one if isinstance(one, Utterance) else Utterance(one) for one in batch]
            return self.decode(self._network(only).run_padded(stack(both, self.view, self.stream_normalisers)))
        if not self.normalises_by_speaker:
            speakers = [self.normaliser] * len(batch)
        elif speakers is None:
            raise EmotoneError(
                f"bundle {self.name} normalises by speaker, with statistics of all of a speaker's utterances, so "
                "it cannot score single files; use it with: emotone evaluate"
            )
        inputs = []
        for one, normaliser in zip(batch, speakers, strict=True):
            features = one.speech if isinstance(one, Utterance) else one
            if features is None:
                raise EmotoneError(f"bundle {self.name} scores audio; it cannot score a transcript alone")
            inputs.append(views.apply(self.view, features, normaliser))
        return self.decode(self._network(only).run(inputs))

    @property
    def normaliser(self) -> Normaliser:
        """The normaliser of audio features [D], by the training speech."""
        return self.stream_normalisers.speech

    @property
    def normalises_by_speaker(self) -> bool:
        """Whether features are normalised by all utterances of their speaker, which single files do not have."""
        return self.about.normalises_by_speaker

    def decode(self, outputs: dict[str, NDArray[np.float32]]) -> Scores:
        """The scores that outputs {target: [N] or [N, K]} of the network mean: on ranges, and as probabilities."""
        scores = Scores({}, {}, outputs)
        for target in (target for target in self.targets if target.name in outputs):
            output = outputs[target.name].astype(np.float64)
            if target.kind == "attribute":
                scores.attributes[target.name] = output * target.std + target.mean
                if f"{target.name}_curve" in outputs:
                    curve = outputs[f"{target.name}_curve"].astype(np.float64)
                    scores.curves[target.name] = curve * target.std + target.mean
            else:
                odds = np.exp(output - output.max(axis=1, keepdims=True))
                shares = odds / odds.sum(axis=1, keepdims=True)
                scores.probabilities |= {column: shares[:, k] for k, column in enumerate(target.columns.values())}
        return scores

    @property
    def _output_shapes(self) -> dict[str, list[int]]:
        """Shapes of the network's outputs without the batch: {output: sizes}."""
        shapes = {target.name: [len(target.labels)] if target.kind == "category" else [] for target in self.targets}
        if self.has_curves and isinstance(self.view, views.Chunks):
            attributes = [target.name for target in self.targets if target.kind == "attribute"]
            shapes |= {f"{name}_curve": [self.view.num_chunks] for name in attributes}
        return shapes

    def _network(self, only: tuple[str, ...] = ()) -> OnnxNetwork:
        """The network, or the part of it that gives these targets."""
        if only not in self._networks:
            self._networks[only] = self._load_network(only)
        return self._networks[only]

    @cached_property
    def _networks(self) -> dict[tuple[str, ...], OnnxNetwork]:
        return {}

    def _load_network(self, only: tuple[str, ...]) -> OnnxNetwork:
        if isinstance(self.view, views.WordChunks):
            pooled = NUM_MEANS * len(self.feature.names)
            sizes: list[list[int | None]] = [[None, pooled], [None, self.view.num_text_features], [], []]
            inputs = dict(zip(Streams._fields, sizes, strict=True))
        else:
            rows = {views.Chunks: "chunk_frames", views.Segments: "segment_frames"}.get(type(self.view))
            several = [] if rows is None else [getattr(self.view, rows)]
            inputs = {"features": [None, *several, len(self.feature.names)]}
        path = self.folder / "model.onnx"
        return OnnxNetwork.load(path, inputs, self._output_shapes, self.threads, self.device, only)


@lru_cache(maxsize=1)
def _load_again(source: str, fingerprint: str, threads: int, device: str, lld: str | None = None) -> Bundle:
    """The bundle that was pickled; worker processes, which get it with every file, keep it."""
    bundle = Bundle.load(str(available().get(source, source)), threads, device, lld)
    if bundle.fingerprint != fingerprint:
        raise EmotoneError(f"{bundle.folder}: is another bundle than the one that was pickled; load it by its name")
    return bundle


@contextlib.contextmanager
def _one_line(choice: Choice) -> Iterator[None]:
    """Whatever a feature raises, with settings that anybody wrote, as an EmotoneError."""
    try:
        yield
    except EmotoneError:
        raise
    except Exception as error:
        raise EmotoneError(f"feature {choice.name} fails with its settings ({type(error).__name__}: {error})") from None


def _create(choice: Choice, where: str) -> Any:
    """The feature that a description names; raises EmotoneError, beginning with `where`, where it cannot be made."""
    try:
        return plugins.create("features", choice.name, plugins.as_written("features", choice.name, choice.settings))
    except EmotoneError as error:
        raise EmotoneError(f"{where}: its feature cannot be used: {error}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise EmotoneError(f"{where}: not a complete bundle description ({error!r})") from None


def _with_lld(about: BundleAbout, lld: str | None) -> BundleAbout:
    """The description with another extractor of descriptors; raises EmotoneError where its feature is of none."""
    if lld is None:
        return about
    if about.feature.name != LLD:
        raise EmotoneError(f"bundle {about.name} takes {about.feature.name}; --lld chooses who computes {LLD}")
    return replace(about, feature=Choice(LLD, {**about.feature.settings, "extractor": lld}))


def _check_text(feature: Any, view: views.View, where: str) -> None:
    """Raise EmotoneError unless a feature of transcripts is there just where the network takes tokens of its size."""
    is_taken = isinstance(view, views.WordChunks) and view.streams != "speech"
    if (feature is not None) != is_taken or (feature is not None and feature.input != "text"):
        raise EmotoneError(
            f"{where}: text_feature must be one of transcripts where the network takes text, and only there"
        )
    if isinstance(view, views.WordChunks) and feature is not None and len(feature.names) != view.num_text_features:
        raise EmotoneError(
            f"{where}: the network takes tokens of {view.num_text_features} features, not the {len(feature.names)} of "
            f"{feature.title}"
        )


def _read_normalisers(path: Path, features: dict[str, Any], clip: float | None) -> dict[str, Normaliser]:
    """The normalisers of `features` {NAME: feature}, from the arrays NAME_mean and NAME_std [D] of a file."""
    from safetensors.numpy import load_file

    try:
        arrays = {name: array.astype(np.float32) for name, array in load_file(path).items()}
    except Exception as error:  # types that numpy does not have raise anything
        raise EmotoneError(f"{path}: not readable ({error})") from None
    found = {}
    for name, feature in features.items():
        size = len(feature.names)
        for array in (f"{name}_mean", f"{name}_std"):
            if array not in arrays or arrays[array].shape != (size,):
                raise EmotoneError(f"{path}: {array} must be there with shape ({size},)")
        if not np.isfinite(arrays[f"{name}_mean"]).all() or not (arrays[f"{name}_std"] > 0).all():
            raise EmotoneError(f"{path}: {name}_mean must be finite, and {name}_std above 0")
        found[name] = Normaliser(arrays[f"{name}_mean"], arrays[f"{name}_std"], clip)
    return found
