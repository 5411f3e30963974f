"""Learning from single segments of utterances: epochs of them, oversampled, mixed up, with noisy copies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotone.models.losses import StabilityVariant, soft_cross_entropy, stability_loss
from emotone.training.examples import StoreExamples
from emotone.training.learners.learner import OneOptimiser

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from emotone.training.learners.learner import Lesson

Stability = Literal["none"] | StabilityVariant


class SegmentLearner(OneOptimiser):
    """Epochs over all segments of the training part for a `SpectrogramClassifier`: an `learner.Learner`.

    oversample: how often random copies raise the then smallest class to the largest; twice as published. mixup: alpha
    of Beta(alpha, alpha), from which the share l of every sample is drawn, max(l, 1 - l); None: without. stability: the
    loss of `emotone.models.losses.stability_loss` with one noisy copy of every segment, of a kind drawn anew at every
    step.
    """

    def __init__(
        self,
        fabric: Fabric,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        lesson: Lesson,
        oversample: int,
        mixup: float | None,
        stability: Stability,
    ) -> None:
        super().__init__(fabric, network, optimiser, lesson)
        assert isinstance(lesson.train, StoreExamples)
        self.network, self.segments = network, lesson.train
        self.oversample, self.mixup, self.stability = oversample, mixup, stability
        self.rows = np.repeat(np.arange(len(self.segments)), self.segments.num_segments)
        self.places = np.concatenate([np.arange(count) for count in self.segments.num_segments])
        [labels] = self.segments.labels.values()
        self.labels = labels.numpy()[self.rows]

    def round(self, number: int) -> Iterator[Tensor]:
        """One epoch; yields the loss of each step."""
        self.model.train()
        random = np.random.default_rng([self.seed, 3, number])
        order = raise_smallest(self.labels.argmax(axis=1), self.oversample, random)
        random.shuffle(order)
        for start in range(0, len(order), self.settings.batch_size):
            yield self._step(order[start : start + self.settings.batch_size], random)

    def _step(self, chosen: NDArray[np.intp], random: np.random.Generator) -> Tensor:
        device = self.fabric.device
        rows, places = self.rows[chosen], self.places[chosen]
        labels = torch.from_numpy(self.labels[chosen]).to(device)
        batches = [self.segments.segments(rows, places)]
        if self.stability != "none":
            kinds = random.integers(len(self.segments.noisy), size=len(rows))
            batches.append(self.segments.noisy_segments(rows, places, kinds))
        mixing = None if self.mixup is None else draw_mixing(len(rows), self.mixup, random)
        with self.fabric.autocast():
            logits = [self._logits(batch.to(device), mixing) for batch in batches]
            if mixing is not None:
                labels = mix(labels, *mixing)
            if self.stability == "none":
                loss = soft_cross_entropy(logits[0], labels)
            else:
                loss = stability_loss(logits[0], logits[1], labels, self.stability)
        return self.descend(loss)

    def _logits(self, segments: Tensor, mixing: tuple[Tensor, Tensor] | None) -> Tensor:
        """Logits [N, K] of segments [N, m, D], whose pictures are mixed."""
        network: Any = self.network
        if mixing is None:
            return network.segment_logits(segments)
        return network.network(mix(network.images(segments), *mixing))


def raise_smallest(classes: NDArray[np.intp], times: int, random: np.random.Generator) -> NDArray[np.intp]:
    """Places of all samples [N] and of random copies: `times` over, the then smallest class is raised to the largest.

    >>> classes = np.array([0, 0, 0, 1, 2, 2])
    >>> np.bincount(classes[raise_smallest(classes, 2, np.random.default_rng(0))]).tolist()
    [3, 3, 3]
    """
    places = np.arange(len(classes))
    for _ in range(times):
        present, counts = np.unique(classes[places], return_counts=True)
        smallest = np.flatnonzero(classes == present[counts.argmin()])
        copies = random.choice(smallest, int(counts.max() - counts.min()))
        places = np.concatenate([places, copies])
    return places


def draw_mixing(size: int, alpha: float, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Each sample's own share [N], at least a half, and its partner [N] (Zhang et al., "mixup", ICLR 2018)."""
    share = random.beta(alpha, alpha, size).astype(np.float32)
    return torch.from_numpy(np.maximum(share, 1 - share)), torch.from_numpy(random.permutation(size))


def mix(samples: Tensor, share: Tensor, partner: Tensor) -> Tensor:
    """Samples [N, ...] mixed with their partners.

    >>> mix(torch.tensor([[0.0], [1.0]]), torch.tensor([0.75, 1.0]), torch.tensor([1, 0])).tolist()
    [[0.25], [1.0]]
    """
    own = share.to(samples.device).view(-1, *[1] * (samples.ndim - 1))
    return own * samples + (1 - own) * samples[partner.to(samples.device)]
