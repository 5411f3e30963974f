"""Learning from pairs against the published way, two passes and the cross-entropy of f(x1) - f(x2); what is read."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotone.base import plugins
from emotone.bundle.target import Target
from emotone.bundle.view.view import Chunks, Normaliser
from emotone.data.labels.preferences import Preferences
from emotone.data.recipe import Training
from emotone.data.rows import Rows
from emotone.errors import EmotoneError
from emotone.training.examples import StoreExamples
from emotone.training.learners.learner import Lesson
from emotone.training.learners.pairs import PairLearner, draw_pairs
from emotone.training.loop import Validation, fit

NUM, C, M, D = 17, 4, 3, 5
AROUSAL, VALENCE = (Target(name, "attribute", (1.0, 7.0)) for name in ("arousal", "valence"))
TRAINING = Training(batch_size=8, epochs=2, learning_rate=1e-2)


class Watched(StoreExamples):
    """Utterances, in double precision, that remember which rows were read."""

    def batch(self, rows: Any, *arguments: Any) -> Any:
        self.__dict__.setdefault("read", []).append(list(rows))
        inputs, labels = super().batch(rows, *arguments)
        return inputs.double(), labels


def random_pairs(num: int, seed: int) -> Preferences:
    random = np.random.default_rng(seed)
    first, step = random.integers(NUM, size=num), random.integers(1, NUM, size=num)
    second = (first + step) % NUM
    return Preferences(
        first.astype(np.int32), second.astype(np.int32), random.integers(2, size=num, dtype=np.int8), 0, 0
    )


def examples(num_pairs: dict[str, int]) -> Any:
    random = np.random.default_rng(0)
    frames = [random.normal(0, 1, (random.integers(3, 20), D)).astype(np.float32) for _ in range(NUM)]
    pairs = {name: random_pairs(num, place) for place, (name, num) in enumerate(num_pairs.items())}
    rows = Rows(frames, D)
    return Watched(rows, Chunks(M, C), Normaliser(np.zeros(D), np.ones(D), clip=9.0), {}, pairs=pairs)


def build(targets: list[Target], networks: str) -> nn.Module:
    torch.manual_seed(1)
    settings = {"hidden_size": 6, "dropout": 0.0, "networks": networks}
    return cast(nn.Module, plugins.create("systems", "emotion-ranker", settings).build(D, targets)).double()


def learner_of(network: nn.Module, train: Any, pairing: Any, training: Training, num_pairs: int = 10**6) -> PairLearner:
    from lightning_fabric import Fabric

    fabric = Fabric(accelerator="cpu", devices=1)
    optimiser = torch.optim.Adam(network.parameters(), lr=training.learning_rate)
    return PairLearner(fabric, network, optimiser, Lesson(train, training, Path(), 3), pairing, num_pairs)


def outputs_as_published(network: Any, chunks: Tensor, place: int) -> Tensor:
    """f [N, 2] of chunks [N, m, D]: the two outputs of one attribute."""
    _, (state, _) = network.lstm(chunks)
    return cast(Tensor, network.output(torch.relu(network.hidden(state[-1])))[:, 2 * place : 2 * place + 2])


def loss_as_published(network: nn.Module, train: Any, name: str, chosen: Any, place: int) -> Tensor:
    """Every pair by itself, every chunk pair a row: cross-entropy of f(x1) - f(x2), class 1 where x1 is higher."""
    logits, labels = [], []
    for pair in chosen:
        first, second = (train.batch(np.array([side[pair]]))[0][0] for side in train.pairs[name][:2])
        logits.append(outputs_as_published(network, first, place) - outputs_as_published(network, second, place))
        labels += [int(train.pairs[name].label[pair])] * C
    return F.cross_entropy(torch.cat(logits), torch.tensor(labels))


@pytest.mark.parametrize("clip_norm", [None, 0.01])
@pytest.mark.parametrize("networks", ["separate", "joint"])
def test_steps_are_those_of_the_published_ranker(networks: str, clip_norm: float | None) -> None:
    targets, train = [AROUSAL, VALENCE], examples({"arousal": 30, "valence": 30})
    training = Training(batch_size=12, epochs=1, learning_rate=1e-2, clip_norm=clip_norm)
    network = build(targets, networks)
    published: Any = copy.deepcopy(network)
    losses = [loss.item() for loss in learner_of(network, train, "drawn", training).round(0)]
    optimiser = torch.optim.Adam(published.parameters(), lr=1e-2)
    random = np.random.default_rng([3, 2, 0])
    orders = {name: draw_pairs(pairs, 10**6, random) for name, pairs in train.pairs.items()}
    for step, start in enumerate(range(0, 30, 12)):
        parts = [
            loss_as_published(
                published.networks[name] if networks == "separate" else published,
                train,
                name,
                order[start : start + 12],
                0 if networks == "separate" else place,
            )
            for place, (name, order) in enumerate(orders.items())
        ]
        loss = parts[0] + parts[1]
        assert losses[step] == pytest.approx(loss.item(), abs=1e-10)
        optimiser.zero_grad()
        loss.backward()
        if clip_norm is not None:
            nn.utils.clip_grad_norm_(published.parameters(), clip_norm)
        optimiser.step()
    assert len(losses) == 3
    for name, value in published.state_dict().items():
        torch.testing.assert_close(network.state_dict()[name], value, atol=1e-6, rtol=0)


@pytest.mark.parametrize("batch_size", [2, 5, 17, 100])
def test_within_a_batch_all_its_pairs_count(batch_size: int) -> None:
    """Nothing is learned at a rate of 0, so the losses of an epoch are those of one network."""
    train = examples({"arousal": 90, "valence": 60})
    network = build([AROUSAL, VALENCE], "joint")
    training = Training(batch_size=batch_size, epochs=1, learning_rate=0.0)
    losses = [loss.item() for loss in learner_of(network, train, "within", training).round(0)]
    read = [set(rows) for rows in train.read]
    assert sum(map(len, read)) == len(set().union(*read)) and max(map(len, read)) <= batch_size
    assert len(read) == len(losses) <= -(-NUM // batch_size)
    for loss, rows in zip(losses, read, strict=True):
        expected = 0.0
        for place, (name, pairs) in enumerate(train.pairs.items()):
            inside = [p for p in range(len(pairs.label)) if {pairs.first[p], pairs.second[p]} <= rows]
            if inside:
                expected += loss_as_published(network, train, name, inside, place).item()
        assert loss == pytest.approx(expected, abs=1e-10)
    if batch_size >= NUM:
        assert read == [set(range(NUM))]


def test_batches_within_are_even_and_differ_from_epoch_to_epoch() -> None:
    pairs = [(a, b) for a in range(NUM) for b in range(NUM) if a != b]
    train = examples({"arousal": 1})
    first, second = np.array(pairs, np.int32).T
    train.pairs["arousal"] = Preferences(first, second, (first > second).astype(np.int8), 0, 0)
    learner = learner_of(build([AROUSAL], "joint"), train, "within", TRAINING)
    epochs = []
    for number in (0, 1, 0):
        train.read = []
        list(learner.round(number))
        assert sorted(map(len, train.read)) == [5, 6, 6] and sorted(sum(train.read, [])) == list(range(NUM))
        epochs.append(train.read)
    assert epochs[0] == epochs[2] != epochs[1]


def test_an_utterance_is_read_once_a_step_however_many_pairs_it_is_in() -> None:
    train = examples({"arousal": 64})
    list(learner_of(build([AROUSAL], "joint"), train, "drawn", Training(batch_size=64, epochs=1)).round(0))
    pairs = train.pairs["arousal"]
    assert train.read == [sorted({*pairs.first.tolist(), *pairs.second.tolist()})]


@pytest.mark.parametrize(("num_pairs", "num_steps"), [(1, 1), (8, 1), (20, 3), (10**6, 4)])
def test_an_epoch_draws_pairs_of_each_target_or_takes_all(num_pairs: int, num_steps: int) -> None:
    """The target with fewer pairs is done sooner, and its own network then rests."""
    train = examples({"arousal": 30, "valence": 9})
    learner = learner_of(build([AROUSAL, VALENCE], "separate"), train, "drawn", TRAINING, num_pairs)
    assert len(list(learner.round(0))) == num_steps
    steps = {
        name: {int(learner.optimiser.state[value]["step"]) for value in network.parameters()}
        for name, network in learner.parts.items()
    }
    assert steps == {"arousal": {num_steps}, "valence": {-(-min(num_pairs, 9) // 8)}}


def test_pairs_are_drawn_once_in_random_order() -> None:
    pairs = random_pairs(50, 0)
    drawn = draw_pairs(pairs, 20, np.random.default_rng(0))
    assert len(drawn) == len(set(drawn)) == 20 and sorted(drawn) != list(drawn)
    everything = draw_pairs(pairs, 50, np.random.default_rng(0))
    assert sorted(everything) == list(range(50)) and list(everything) != list(range(50))


def test_batches_in_which_nothing_can_be_learned_are_refused() -> None:
    training = Training(batch_size=1, epochs=1)
    with pytest.raises(
        EmotoneError, match="no two utterances of any batch of 1 have a clear order; set a larger batch"
    ):
        list(learner_of(build([AROUSAL], "joint"), examples({"arousal": 30}), "within", training).round(0))


@pytest.mark.parametrize("networks", ["separate", "joint"])
@pytest.mark.parametrize("pairing", ["drawn", "within"])
def test_what_was_interrupted_goes_on_as_if_nothing_had_been(
    check_resumption: Any, pairing: str, networks: str
) -> None:
    """Dropout and the moving average of the weights included."""
    settings = {"hidden_size": 6, "dropout": 0.5, "networks": networks, "pairing": pairing, "num_pairs": 20}
    system = plugins.create("systems", "emotion-ranker", settings)
    data = examples({"arousal": 60, "valence": 40})

    def train(folder: Path, score: Any) -> tuple[dict[str, Tensor], Any]:
        torch.manual_seed(2)
        network = system.build(D, [AROUSAL, VALENCE]).double()
        loop = Training(batch_size=6, epochs=4, learning_rate=1e-2, average=0.5)
        network, history = fit(system, network, Lesson(data, loop, folder, 3), Validation(data, score), quiet=True)
        return network.state_dict(), history

    check_resumption(train, system.scorer([AROUSAL, VALENCE], data), num_done=2)
