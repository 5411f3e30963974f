"""Learners: the rounds that `emotone.training.loop.fit` repeats, validates and resumes.

A round is one iteration, or one epoch where the recipe counts `training.epochs`. The plain learner below serves every
system with one loss and one optimiser; a system that learns otherwise brings its own (`System.learner`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from emotone.bundle.view.view import Crop
from emotone.training.curriculum import Schedule
from emotone.training.examples import Examples, outputs_of
from emotone.training.whole_batch import whole_outputs

if TYPE_CHECKING:
    import torch
    from lightning_fabric import Fabric

    from emotone.data.recipe import Training

LEAST_ROWS = 2
"""Rows of a batch for each process, or it is not divided: networks may treat a single row in another way."""


@dataclass(frozen=True)
class Lesson:
    """The examples that a network learns from, the loop's settings, and a `folder` for files of training itself.

    `unlabelled` is speech without labels, for systems that use it; a `schedule` says which rows an epoch takes.
    """

    train: Examples
    settings: Training
    folder: Path
    seed: int
    unlabelled: Examples | None = None
    schedule: Schedule | None = None


class Learner(Protocol):
    """A network in training. All that it draws at random follows from the seed and the number of the round."""

    def round(self, number: int) -> Iterator[Tensor]:
        """Learn for one round, counted from 0; yields the loss after every step."""
        ...

    def measures(self) -> dict[str, float]:
        """Further numbers of the last round for the history, by name."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Tensors and plain data that a resumed run needs besides the network's weights."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class OneOptimiser:
    """Base of learners with one loss and one optimiser: their step, and their state."""

    def __init__(self, fabric: Fabric, network: nn.Module, optimiser: torch.optim.Optimizer, lesson: Lesson) -> None:
        self.fabric, self.train, self.settings, self.seed = fabric, lesson.train, lesson.settings, lesson.seed
        self.model, self.optimiser = fabric.setup(network, optimiser)

    def descend(self, loss: Tensor) -> Tensor:
        """One step down the loss, which is returned as a number."""
        self.optimiser.zero_grad()
        self.fabric.backward(loss)
        if self.settings.clip_norm is not None:
            self.fabric.clip_gradients(self.model, self.optimiser, max_norm=self.settings.clip_norm)
        self.optimiser.step()
        return loss.detach()

    def measures(self) -> dict[str, float]:
        """Nothing besides the loss."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """The state of the optimiser."""
        return {"optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.optimiser.load_state_dict(state["optimiser"])


class OneLoss(Protocol):
    """The methods of a system (`emotone.training.system.System`) that the plain learner calls."""

    def loss(self, outputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor: ...
    def crop(self, random: np.random.Generator) -> int | None: ...
    def sample(
        self, labels: dict[str, NDArray[Any]], batch_size: int, iteration: int, seed: int
    ) -> NDArray[np.intp]: ...
    def augment(
        self, inputs: Tensor, labels: dict[str, Tensor], random: np.random.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]: ...
    def optimiser(self, network: nn.Module, settings: Training) -> tuple[torch.optim.Optimizer, Any]: ...


class PlainLearner(OneOptimiser):
    """One loss, one optimiser, rows as the system samples them: a `Learner`.

    With a schedule an epoch takes the rows that it makes available, and no others.
    """

    def __init__(self, system: OneLoss, fabric: Fabric, network: nn.Module, lesson: Lesson) -> None:
        optimiser, self.rate_schedule = system.optimiser(network, lesson.settings)
        super().__init__(fabric, network, optimiser, lesson)
        self.system, self.schedule = system, lesson.schedule
        self.known = {name: label.numpy() for name, label in self.train.labels.items()}

    def round(self, number: int) -> Iterator[Tensor]:
        """One iteration, or all of an epoch's; then a step of the schedule of the learning rate."""
        self.model.train()
        for key, rows in self._batches(number):
            yield self._step(rows, np.random.default_rng([self.seed, 1, *key, 0]))
        if self.rate_schedule is not None:
            self.rate_schedule.step()

    def _batches(self, number: int) -> Iterator[tuple[list[int], NDArray[np.intp]]]:
        """(key that seeds it, rows) of every batch of a round."""
        size = self.settings.batch_size
        if self.settings.epochs is None:
            yield [number], self.system.sample(self.known, size, number, self.seed)
            return
        rows = np.arange(len(self.train)) if self.schedule is None else self.schedule.rows(number)
        known = {name: label[rows] for name, label in self.known.items()}
        num_batches = -(-len(rows) // size)
        for place in range(num_batches):
            chosen = self.system.sample(known, size, number * num_batches + place, self.seed)
            yield [number, place], rows[chosen]

    def _step(self, rows: NDArray[np.intp], random: np.random.Generator) -> Tensor:
        """One step of a batch, which every process reads and changes whole, and of which it learns its share.

        A batch of few rows is learned by each of them as a whole.
        """
        fabric = self.fabric
        length = self.system.crop(random)
        crops = None if length is None else [Crop(length, place) for place in random.random(len(rows))]
        inputs, labels = self.train.batch(rows, crops, random)
        labels = {name: label.to(fabric.device) for name, label in labels.items()}
        inputs, labels = self.system.augment(inputs.to(fabric.device), labels, random)
        size = fabric.world_size
        if size == 1 or len(rows) < LEAST_ROWS * size:
            return self.descend(self.system.loss(outputs_of(self.model, inputs), labels))
        # Gradients are averaged over processes, but those of the batch are the sum.
        return self.descend(self.system.loss(whole_outputs(fabric, self.model, inputs), labels) * size) / size

    def state_dict(self) -> dict[str, Any]:
        """The state of the optimiser and of the schedule of its rate."""
        schedule = None if self.rate_schedule is None else self.rate_schedule.state_dict()
        return super().state_dict() | {"rate_schedule": schedule}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        super().load_state_dict(state)
        if self.rate_schedule is not None:
            self.rate_schedule.load_state_dict(state["rate_schedule"])
