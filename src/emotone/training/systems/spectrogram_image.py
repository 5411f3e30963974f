"""Spectrogram image classifiers: segments of a spectrogram as pictures, a network for images, stability training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from emotone.bundle.view.view import Padding, Segments
from emotone.data.noisy_copies import NoisyCopy, kinds_in
from emotone.errors import EmotoneError
from emotone.training.system import System

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from lightning_fabric import Fabric
    from torch import nn

    from emotone.bundle.target import Target
    from emotone.bundle.view.view import View
    from emotone.data.recipe import Training
    from emotone.data.selection import Selection
    from emotone.features.feature import Feature
    from emotone.training.examples import Examples
    from emotone.training.fold_data import FoldData
    from emotone.training.learners.learner import Learner, Lesson
    from emotone.training.system import Scorer, TrainStep


@dataclass(frozen=True)
class SpectrogramImage(System):
    """How a network for images is fitted to the segments of categorical corpora; an utterance is the mean of its own.

    network: which. weights: where it starts: null at random, "imagenet" (found in the torch hub's cache or by
    torchvision), or a file. short_side: of the pictures in pixels. segment_frames, padding: see `Segments`.
    weight_decay: of AdamW. oversample, mixup: see `SegmentLearner`; 2 and 0.4 as published, by default off.
    stability: "corrected" or "published" loss over noisy copies, or "none". noise: a folder of recordings, each kind
    at its own ratio (`emotone.data.noisy_copies`), besides a room and Gaussian noise; speech: a folder of recordings of
    speakers who are not in the corpus, for babble. noise_snr_db: ratios by kind, where not the published ones.
    """

    distributes: ClassVar[bool] = False

    network: Literal["alexnet", "alexnet-gap", "resnet18", "vgg11"] = "alexnet-gap"
    weights: str | None = None
    short_side: int = 256
    segment_frames: int = 300
    padding: Padding = "white"
    weight_decay: float = 0.01
    oversample: int = 0
    mixup: float | None = None
    stability: Literal["none", "corrected", "published"] = "none"
    noise: str | None = None
    speech: str | None = None
    noise_snr_db: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, least in (("short_side", 63), ("segment_frames", 10), ("oversample", 0), ("weight_decay", 0)):
            if not getattr(self, name) >= least:
                raise EmotoneError(f"spectrogram-image: {name} must be at least {least}, not {getattr(self, name)}")
        if self.mixup is not None and not self.mixup > 0:
            raise EmotoneError(f"spectrogram-image: mixup must be above 0, or nothing (null), not {self.mixup}")
        if self.stability == "none" and (self.noise or self.speech or self.noise_snr_db):
            raise EmotoneError(
                "spectrogram-image: noise, speech and noise_snr_db are of stability training; set stability"
            )

    @property
    def has_maps(self) -> bool:
        """Whether the network says which region of a picture speaks for each class."""
        from emotone.base import plugins

        return hasattr(plugins.find("models", self.network), "activation")

    def check_training(self, training: Training, has_curriculum: bool) -> None:
        """Raise EmotoneError for iterations and for a curriculum: all segments are seen in every epoch."""
        if training.epochs is None:
            raise EmotoneError("spectrogram-image goes by epochs; set training.epochs")
        if training.best == "published-loss":
            raise EmotoneError("spectrogram-image: training.best must be 'metric', as published, or 'last'")
        if has_curriculum:
            raise EmotoneError("spectrogram-image takes no curriculum; set curriculum.order=none")

    def check_data(self, data: Selection, feature: Feature) -> None:
        """Raise EmotoneError for attributes, features that make no pictures, and weights that do not fit."""
        where = f"recipe {data.recipe.name}: spectrogram-image"
        self.view(feature.hop_s, 0.0)
        if [target.kind for target in data.targets] != ["category"]:
            raise EmotoneError(f"{where} learns one target with categories alone; set targets=[emotion]")
        scale = data.recipe.normalise
        if (scale.scale, scale.by) != ("min-max", "training") or scale.over == "utterance-means":
            raise EmotoneError(
                f"{where} takes pictures; set normalise.scale=min-max, by=training and over=frames (or segments)"
            )
        if scale.over == "segments" and self.padding != "white":
            raise EmotoneError(f"{where}: normalise.over=segments is of padding=white, as published; set over=frames")
        if self.stability != "none" and data.recipe.augmentation.voices * data.recipe.augmentation.channels > 1:
            raise EmotoneError(f"{where}: noisy copies are of the audio as it is; leave stability or augmentation out")
        if self.weights is not None:
            self._image_network(len(data.targets[0].labels), 3)

    def view(self, hop_s: float | None, longest_s: float) -> Segments:
        """Segments of an utterance; how many channels they have is the feature's to say."""
        if hop_s is None:
            raise EmotoneError("spectrogram-image needs a feature with frames; this one gives one vector per utterance")
        return Segments(self.segment_frames, padding=self.padding)

    def build(self, num_features: int, targets: list[Target], view: View | None = None) -> nn.Module:
        """The network, at its start: segments [B, S, m, D] -> {target: [B, K]}, mean log-probabilities."""
        from emotone.models.networks.spectrogram_classifier import SpectrogramClassifier, num_image_channels

        assert isinstance(view, Segments)
        network = self._image_network(len(targets[0].labels), num_image_channels(view.num_channels))
        num_bins = num_features // view.num_channels
        sizes = num_bins, view.num_channels, view.segment_frames, self.short_side
        return SpectrogramClassifier(network, *sizes, target=targets[0].name)

    def files_read(self) -> dict[str, str]:
        """The weights it starts from."""
        found = self._find_weights()
        return {} if found is None else {"weights": found[1]}

    def noise_kinds(self, seed: int) -> Sequence[NoisyCopy]:
        """The noisy copies of the training part that stability training draws from."""
        if self.stability == "none":
            return ()
        return kinds_in(self.noise, self.speech, self.noise_snr_db, seed)

    def prepare(
        self, fold: FoldData, folder: Path, train: Examples, validation: Examples | None, train_step: TrainStep
    ) -> dict[str, Any]:
        """Say where the network starts."""
        return {} if fold.dataset.recipe.init else {"start": self.files_read().get("weights", "at random")}

    def scorer(self, targets: list[Target], validation: Examples) -> Scorer:
        """Weighted accuracy of utterances, as published."""
        from emotone.evaluate.numbers import metrics

        name = targets[0].name
        truth = validation.labels[name].numpy()
        known = truth.any(axis=1)

        def score(outputs: dict[str, NDArray[np.float32]]) -> dict[str, float]:
            return {name: metrics.accuracy(outputs[name][known].argmax(axis=1), truth[known].argmax(axis=1))}

        return score

    def optimiser(self, network: nn.Module, settings: Training) -> tuple[torch.optim.Optimizer, Any]:
        """AdamW."""
        import torch

        decay = self.weight_decay
        return torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=decay), None

    def learner(self, fabric: Fabric, network: nn.Module, lesson: Lesson) -> Learner:
        """Epochs of single segments."""
        from emotone.training.learners.segments import SegmentLearner

        optimiser, _ = self.optimiser(network, lesson.settings)
        return SegmentLearner(fabric, network, optimiser, lesson, self.oversample, self.mixup, self.stability)

    def _image_network(self, num_classes: int, num_channels: int) -> Any:
        """A network for images at its start; raises EmotoneError for weights that are not its own."""
        from emotone.base import plugins
        from emotone.models.image_weights import load_image_weights

        kind: Any = plugins.find("models", self.network)
        network, found = kind(num_classes, num_channels), self._find_weights()
        if found is not None:
            load_image_weights(network, found[0], where=found[1])
        return network

    def _find_weights(self) -> tuple[dict[str, torch.Tensor], str] | None:
        from emotone.models.image_weights import find_image_weights

        return find_image_weights(self.network.removesuffix("-gap"), self.weights)
