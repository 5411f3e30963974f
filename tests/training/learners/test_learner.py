"""Plain training in rounds: which rows a round takes, a curriculum's epochs, and the same result when resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from emotone.base import plugins
from emotone.bundle.target import Target
from emotone.bundle.view.view import Normaliser, Whole
from emotone.data.recipe import Training
from emotone.data.rows import Rows
from emotone.training.curriculum import Schedule
from emotone.training.examples import StoreExamples
from emotone.training.learners.learner import Lesson, PlainLearner

NUM, D = 11, 4
TARGET = Target("arousal", "attribute", (1.0, 7.0))


class Watched(StoreExamples):
    """Utterances that remember which rows were read."""

    def batch(self, rows: Any, *arguments: Any) -> Any:
        self.__dict__.setdefault("read", []).append(list(rows))
        return super().batch(rows, *arguments)


def examples(num: int = NUM) -> Any:
    random = np.random.default_rng(0)
    frames = [random.normal(0, 1, (1, D)).astype(np.float32) for _ in range(num)]
    labels = {"arousal": torch.tensor([frame[0, 0] for frame in frames])}
    return Watched(Rows(frames, D), Whole(), Normaliser(np.zeros(D), np.ones(D)), labels)


def system(**settings: Any) -> Any:
    return plugins.create("systems", "curriculum-network", {"hidden_size": 6, **settings})


def build(owner: Any) -> nn.Module:
    torch.manual_seed(1)
    return owner.build(D, [TARGET])


def learn(training: Training, rounds: range, seed: int = 3, schedule: Schedule | None = None, **settings: Any) -> Any:
    """(the examples, the network, the learner) after these rounds."""
    from lightning_fabric import Fabric

    owner, train = system(**settings), examples()
    network = build(owner)
    learner = PlainLearner(
        owner,
        Fabric(accelerator="cpu", devices=1),
        network,
        Lesson(train, training, Path(), seed, schedule=schedule),
    )
    for number in rounds:
        for _ in learner.round(number):
            pass
    return train, network, learner


def test_a_round_is_an_iteration_of_the_system_s_sampling() -> None:
    train, _, _ = learn(Training(batch_size=4, iterations=7), range(7))
    labels = {"arousal": np.zeros(NUM)}
    assert train.read == [system().sample(labels, 4, iteration, 3).tolist() for iteration in range(7)]


def test_a_round_is_an_epoch_where_epochs_are_counted() -> None:
    train, _, _ = learn(Training(batch_size=4, epochs=3), range(3))
    assert [len(rows) for rows in train.read] == [4, 4, 3] * 3
    epochs = [sum(train.read[start : start + 3], []) for start in (0, 3, 6)]
    assert all(sorted(rows) == list(range(NUM)) for rows in epochs) and epochs[0] != epochs[1] != epochs[2]


def test_epochs_learn_what_as_many_iterations_would() -> None:
    """The same rows in the same order; only the schedule of the rate goes by rounds."""
    _, epochs, _ = learn(Training(batch_size=4, epochs=2), range(2), halve_every=None)
    _, iterations, _ = learn(Training(batch_size=4, iterations=6), range(6), halve_every=None)
    for name, value in epochs.state_dict().items():
        assert torch.equal(value, iterations.state_dict()[name])


def test_an_epoch_takes_the_rows_of_its_level_and_no_others() -> None:
    schedule = Schedule(np.array([7, 2, 9, 0, 4, 1, 10, 3, 8, 6, 5]), num_levels=4, epochs_per_level=2)
    train, _, _ = learn(Training(batch_size=3, epochs=9), range(9), schedule=schedule)
    reads = iter(train.read)
    for epoch in range(9):
        rows = schedule.rows(epoch)
        seen = [next(reads) for _ in range(-(-len(rows) // 3))]
        assert sorted(sum(seen, [])) == sorted(rows)
    assert next(reads, None) is None


def test_seeds_decide_the_rows() -> None:
    first, again, other = (learn(Training(batch_size=4, epochs=1), range(1), seed)[0].read for seed in (3, 3, 4))
    assert first == again != other


def test_the_rate_changes_after_a_round() -> None:
    _, _, learner = learn(Training(batch_size=4, epochs=9, learning_rate=1e-3), range(4))
    assert learner.optimiser.param_groups[0]["lr"] == 5e-4  # that of the round to come, the fifth


def test_gradients_may_be_clipped() -> None:
    """With plain Adam a first step is of the rate's size whatever the gradient; the moments tell what was clipped."""
    norms = []
    for clip_norm in (None, 1e-3):
        _, network, learner = learn(Training(batch_size=4, iterations=1, clip_norm=clip_norm), range(1))
        moments = [learner.optimiser.state[value]["exp_avg"] for value in network.parameters()]
        norms.append(torch.sqrt(sum(value.square().sum() for value in moments)).item() / 0.1)
    assert norms[0] > 1e-3 and norms[1] == pytest.approx(1e-3, rel=1e-3)


def test_it_has_no_further_measures() -> None:
    assert learn(Training(epochs=1), range(1))[2].measures() == {}


@pytest.mark.parametrize("halve_every", [None, 2])
def test_the_rate_and_its_schedule_go_on_from_a_state(halve_every: int | None) -> None:
    training = Training(batch_size=4, iterations=8, learning_rate=0.5)
    _, _, first = learn(training, range(3), halve_every=halve_every)
    _, _, second = learn(training, range(0), halve_every=halve_every)
    assert (first.state_dict()["rate_schedule"] is None) == (halve_every is None)
    second.load_state_dict(first.state_dict())
    for learner in (first, second):
        for _ in learner.round(3):
            pass
    rates = [learner.optimiser.param_groups[0]["lr"] for learner in (first, second)]
    assert rates[0] == rates[1] == (0.5 if halve_every is None else 0.125)
