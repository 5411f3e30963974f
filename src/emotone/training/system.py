"""The base of systems: all that training asks of one, with a default for most; a system overrides what differs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pathlib import Path

    import torch
    from lightning_fabric import Fabric
    from torch import Tensor, nn

    from emotone.base.plugins import Choice
    from emotone.bundle.target import Target
    from emotone.bundle.view.view import View
    from emotone.data.noisy_copies import NoisyCopy
    from emotone.data.recipe import Training
    from emotone.data.selection import Selection
    from emotone.data.split import Split
    from emotone.features.feature import Feature
    from emotone.training.examples import Examples
    from emotone.training.fold_data import FoldData
    from emotone.training.learners.learner import Learner, Lesson

Arrays = tuple["NDArray[np.float32]", dict[str, "NDArray[np.float32]"]]
"""Inputs [N, ...view, D] as the network sees them, and labels {target: [N] z-normalised (NaN unknown), or [N, K]}."""

FoundClusters = tuple["NDArray[np.float32]", "NDArray[np.intp]"]
"""Embeddings [N, H] and clusters [N] of utterances."""

Scorer = Callable[[dict[str, "NDArray[np.float32]"]], dict[str, float]]
"""Validation outputs {target: [N], [N, K] or as the network gives them} -> a score per target, higher is better."""


class Trained(NamedTuple):
    """A system trained on a fold: its network with the best weights, and the view of an utterance that this takes."""

    system: System
    network: nn.Module
    view: View


class Solved(NamedTuple):
    """What `System.solve` says: settings it chose, for the result, and `held_out` where the validation part trains too.

    `held_out` are outputs {target: [N] or [N, K]} for the rows of the training and then the validation part, each by a
    network that was fitted without its speaker, NaN where there was none; None where the network itself does not know
    the validation part.
    """

    chosen: dict[str, Any]
    held_out: dict[str, NDArray[np.float32]] | None = None


TrainStep = Callable[["Choice", "Training", "Path", "View | None"], Trained]
"""(system, its loop, folder for its bundle, view or None for its own) -> the system trained on the same fold."""


def num_outputs(targets: Sequence[Target]) -> dict[str, int]:
    """The size of a network's output for each target: one per category, one for an attribute."""
    return {target.name: max(1, len(target.labels)) for target in targets}


class System(ABC):
    """Base of all systems (`training.systems`): how a network is built and fitted, never where data comes from."""

    requires: ClassVar[tuple[str, ...]] = ("train",)
    solves: ClassVar[bool] = False
    """Whether `solve` finds the weights at once; the training loop is for all others."""
    distributes: ClassVar[bool] = True
    """Whether several processes may share its batches: those of the plain learner, with no training before it."""
    gives_curves: ClassVar[bool] = False
    """Whether its network also says how attributes move over the chunks of an utterance (`curves`)."""

    @property
    def takes_words(self) -> bool:
        """Whether it sees utterances as `emotone.bundle.view.streams.Utterance`: chunks of words, and text."""
        return False

    @property
    def takes_text(self) -> bool:
        """Whether it learns from transcripts too."""
        return False

    @property
    def takes_unlabelled(self) -> bool:
        """Whether it learns from speech without labels."""
        return False

    @abstractmethod
    def view(self, hop_s: float | None, longest_s: float) -> View:
        """The view of an utterance that the network takes.

        `hop_s` is the feature's (None for one vector per utterance), `longest_s` the longest training utterance.
        """

    @abstractmethod
    def build(self, num_features: int, targets: list[Target], view: View | None = None) -> nn.Module:
        """The untrained network: inputs of the view -> {target: [B] or [B, K]}; few systems need the `view` for it."""

    def loss(self, outputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        """The loss of a batch, for systems that the loop fits."""
        raise NotImplementedError

    def solve(
        self, network: nn.Module, targets: list[Target], train: Arrays, validation: Arrays | None, seed: int
    ) -> Solved:
        """Set the network's weights at once (`solves`)."""
        raise NotImplementedError

    def check_training(self, training: Training, has_curriculum: bool) -> None:  # noqa: B027 - most take any
        """Raise EmotoneError for settings of the loop that the system cannot follow."""

    def check_data(self, data: Selection, feature: Feature) -> None:  # noqa: B027 - most take any
        """Raise EmotoneError for targets and corpora that the system cannot learn from; before any feature is made."""

    def check_fold(self, data: Selection, split: Split, repeat: int, number: int) -> list[str]:
        """Raise EmotoneError for a fold for which it lacks something, or of whose test part it may know.

        Returns warnings that every report must carry. Before any feature is made.
        """
        return []

    def prepare(
        self, fold: FoldData, folder: Path, train: Examples, validation: Examples | None, train_step: TrainStep
    ) -> dict[str, Any]:
        """Add pairs or further labels to the examples, or change these, before the network is built.

        Tables and systems (trained by `train_step`) that this needs are kept in `folder` and read back by a later call.
        Returns entries for the run's result.
        """
        return {}

    def files_read(self) -> dict[str, str]:
        """Identities of files that it learns from besides the corpora: a run that goes on must find the same."""
        return {}

    def noise_kinds(self, seed: int) -> Sequence[NoisyCopy]:
        """Noisy copies of the training part that it learns from besides: a transform of the audio for each kind."""
        return ()

    def validated(self, examples: Examples) -> Examples:
        """What of the validation part decides the best weights: its utterances, unless a system says otherwise."""
        return examples

    def scorer(self, targets: list[Target], validation: Examples) -> Scorer:
        """Validation scores: CCC of attributes, UAR of categories, over the rows that have the label."""
        from emotone.evaluate.numbers import metrics

        def score(outputs: dict[str, NDArray[np.float32]]) -> dict[str, float]:
            scores = {}
            for target in targets:
                truth, output = validation.labels[target.name].numpy(), outputs[target.name]
                if target.kind == "category":
                    known = truth.any(axis=1)
                    scores[target.name] = metrics.uar(output[known].argmax(axis=1), truth[known].argmax(axis=1))
                else:
                    known = ~np.isnan(truth)
                    scores[target.name] = metrics.ccc(output[known], truth[known])
            return scores

        return score

    def scored(self, targets: list[Target]) -> list[Target]:
        """The targets as the bundle scores them."""
        return targets

    def utterance_limit_s(self, longest_s: float) -> float:
        """Longest recording that is scored as one utterance."""
        return longest_s

    def crop(self, random: np.random.Generator) -> int | None:
        """Frames of this batch's random crops, where the view allows any length; None for whole utterances."""
        return None

    def sample(self, labels: dict[str, NDArray[Any]], batch_size: int, iteration: int, seed: int) -> NDArray[np.intp]:
        """Rows of a batch: every epoch a new permutation of all rows; its last batch may be smaller."""
        num_rows = len(next(iter(labels.values())))
        epoch, place = divmod(iteration, -(-num_rows // batch_size))
        order = np.random.default_rng([seed, 0, epoch]).permutation(num_rows)
        return order[place * batch_size : (place + 1) * batch_size]

    def augment(
        self, inputs: Tensor, labels: dict[str, Tensor], random: np.random.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Changes to a training batch, on the training device."""
        return inputs, labels

    def finish(  # noqa: B027 - most systems have nothing left to do
        self, network: nn.Module, targets: list[Target], unlabelled: dict[str, NDArray[np.float32]]
    ) -> None:
        """A last change of the trained network, given its outputs for the training speech without a category."""

    def learner(self, fabric: Fabric, network: nn.Module, lesson: Lesson) -> Learner:
        """How the network learns."""
        from emotone.training.learners.learner import PlainLearner

        return PlainLearner(self, fabric, network, lesson)

    def find_clusters(
        self, network: nn.Module, examples: Examples, batch_size: int, device: str = "cpu"
    ) -> dict[str, FoundClusters]:
        """Embedding and cluster of every utterance, for each part of the network that has clusters (by its target)."""
        return {}

    def optimiser(self, network: nn.Module, settings: Training) -> tuple[torch.optim.Optimizer, Any]:
        """The optimiser, and a schedule with a step per round (or None)."""
        import torch

        return torch.optim.Adam(network.parameters(), lr=settings.learning_rate), None
