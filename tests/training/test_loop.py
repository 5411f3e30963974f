"""The loop: when it validates, which weights it keeps, moving averages, and the same result when it is resumed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotone.bundle.target import Target
from emotone.bundle.view.view import Normaliser, Whole
from emotone.data.recipe import Training
from emotone.data.rows import Rows
from emotone.errors import EmotoneError
from emotone.models.networks.linear import Linear
from emotone.models.side_by_side import SeparateNetworks
from emotone.training.curriculum import Schedule
from emotone.training.examples import StoreExamples
from emotone.training.learners.learner import Lesson, PlainLearner
from emotone.training.loop import Validation, fit
from emotone.training.systems.curriculum_network import CurriculumNetwork

NUM, D = 11, 4
TARGETS = [Target(name, "attribute", (1.0, 7.0)) for name in ("arousal", "valence")]
Weights = dict[str, Tensor]


def examples(num: int = NUM) -> StoreExamples:
    """Vectors of which the first two features are the labels."""
    random = np.random.default_rng(0)
    vectors = [random.normal(0, 1, (1, D)).astype(np.float32) for _ in range(num)]
    labels = {target.name: torch.tensor([one[0, k] for one in vectors]) for k, target in enumerate(TARGETS)}
    return StoreExamples(Rows(vectors, D), Whole(), Normaliser(np.zeros(D), np.ones(D)), labels)


class Watched(CurriculumNetwork):
    """Linear networks, by mean squared error; keeps the weights after every step in `after`."""

    def build(self, num_features: int, targets: list[Target], view: Any = None) -> nn.Module:
        torch.manual_seed(1)
        return Linear(num_features, {target.name: 1 for target in targets})

    def loss(self, outputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        return sum(((output - labels[name]) ** 2).mean() for name, output in outputs.items())  # type: ignore[return-value]

    def learner(self, fabric: Any, network: nn.Module, lesson: Lesson) -> Any:
        after: list[Weights] = []
        object.__setattr__(self, "after", after)

        class Learner(PlainLearner):
            def round(self, number: int) -> Iterator[Tensor]:
                for loss in super().round(number):
                    after.append({name: value.clone() for name, value in network.state_dict().items()})
                    yield loss

        return Learner(self, fabric, network, lesson)


def train(folder: Path, training: Training, score: Any = None, network: nn.Module | None = None, **more: Any) -> Any:
    """(the system, the network with its best weights, the history); `score` gets the outputs of each validation."""
    system, seen = Watched(halve_every=None), []

    def scorer(outputs: dict[str, NDArray[np.float32]]) -> dict[str, float]:
        seen.append(outputs)
        return score(len(seen))

    validation = None if score is None else Validation(examples(5), scorer)
    network = network or system.build(D, TARGETS)
    network, history = fit(system, network, Lesson(examples(), training, folder, 3, **more), validation, quiet=True)
    return system, network, history


def equal(first: Weights, second: Weights) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


# ---- when it validates ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("training", "unit", "rounds"),
    [
        (Training(4, iterations=7, validate_every=3), "iteration", [3, 6, 7]),
        (Training(4, epochs=3), "epoch", [1, 2, 3]),
    ],
)
def test_validations_are_written_with_their_round(
    tmp_path: Path, training: Training, unit: str, rounds: list[int]
) -> None:
    _, _, history = train(tmp_path, training, lambda number: {"arousal": number / 10, "valence": 0.5})
    assert [row[unit] for row in history] == rounds and [row["arousal"] for row in history] == [0.1, 0.2, 0.3]
    head, *lines = (tmp_path / "metrics.csv").read_text().splitlines()
    assert head == f"{unit},loss,arousal,valence"
    assert lines == [",".join(str(value) for value in row.values()) for row in history]


def test_the_loss_is_the_mean_over_the_steps_since_the_last_validation(tmp_path: Path) -> None:
    _, _, single = train(tmp_path, Training(4, iterations=4, validate_every=1, best="last"))
    (tmp_path / "checkpoint.pt").unlink()
    _, _, pairs = train(tmp_path, Training(4, iterations=4, validate_every=2, best="last"))
    losses = [row["loss"] for row in single]
    assert [row["loss"] for row in pairs] == pytest.approx([np.mean(losses[:2]), np.mean(losses[2:])])


# ---- which weights it keeps -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("best", "scores", "kept"),
    [
        ("metric", [0.1, 0.3, 0.2, 0.3], 1),  # the first of equals
        ("metric", [np.nan, 0.1, np.nan, 0.0], 1),  # what is not known is never the best
        ("metric", [np.nan, np.nan], 1),  # but the last of such
        ("last", [0.1, 0.3, 0.2], 2),
    ],
)
def test_the_best_weights_are_kept_or_the_last(tmp_path: Path, best: Any, scores: list[float], kept: int) -> None:
    training = Training(NUM, epochs=len(scores), best=best)
    system, network, _ = train(tmp_path, training, lambda number: {"arousal": scores[number - 1]})
    assert equal(network.state_dict(), system.after[kept])
    assert not equal(system.after[kept], system.after[kept - 1]) and not network.training


def test_one_network_goes_by_the_mean_of_its_targets(tmp_path: Path) -> None:
    means = [(0.2, 0.2), (0.9, -0.1), (0.3, 0.2)]

    def score(number: int) -> dict[str, float]:
        return dict(zip(("arousal", "valence"), means[number - 1], strict=True))

    system, network, _ = train(tmp_path, Training(NUM, epochs=3), score)
    assert equal(network.state_dict(), system.after[1])


def test_networks_side_by_side_are_each_kept_at_their_own_best(tmp_path: Path) -> None:
    separate = SeparateNetworks({target.name: Linear(D, {target.name: 1}) for target in TARGETS})
    scores = [(0.2, 0.2), (0.9, 0.1), (0.3, 0.8)]

    def score(number: int) -> dict[str, float]:
        return dict(zip(("arousal", "valence"), scores[number - 1], strict=True))

    system, network, _ = train(tmp_path, Training(NUM, epochs=3), score, separate)
    for name, kept in (("arousal", 1), ("valence", 2)):
        for key, value in network.state_dict().items():
            if f".{name}." in key:
                assert torch.equal(value, system.after[kept][key])


def test_without_a_validation_part_only_the_last_weights_can_be_kept(tmp_path: Path) -> None:
    with pytest.raises(EmotoneError, match="nothing is validated, so training.best must be 'last', not 'metric'"):
        train(tmp_path, Training(4, epochs=2))


def test_the_published_loss_is_the_mean_over_validation_batches(tmp_path: Path) -> None:
    training = Training(2, epochs=1, best="published-loss")
    system, _, (row,) = train(tmp_path, training, lambda number: pytest.fail("no metric is asked for"))
    network = system.build(D, TARGETS)
    network.load_state_dict(system.after[-1])
    held, order = examples(5), np.random.default_rng(3).permutation(5)
    for name in ("arousal", "valence"):
        losses = []
        for rows in (order[:2], order[2:4], order[4:]):  # the last batch counts as much as the others
            inputs, labels = held.batch(rows)
            losses.append(((network(inputs)[name] - labels[name]) ** 2).mean().item())
        assert row[name] == pytest.approx(-np.mean(losses), rel=1e-5)


# ---- moving averages --------------------------------------------------------------------------------------------


def test_a_moving_average_of_the_weights_is_validated_and_returned(tmp_path: Path) -> None:
    training = Training(4, iterations=12, validate_every=12, average=0.75, best="last", learning_rate=0.1)
    system, network, _ = train(tmp_path, training)
    expected = system.after[2]  # from a quarter of the iterations on
    for weights in system.after[3:]:
        expected = {name: 0.75 * value + 0.25 * weights[name] for name, value in expected.items()}
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, expected[name])
    assert not equal(network.state_dict(), system.after[-1])


# ---- resumed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "training",
    [
        Training(4, epochs=6),
        Training(4, iterations=12, validate_every=2),
        Training(4, iterations=12, validate_every=2, average=0.5),
    ],
)
def test_a_resumed_run_equals_an_undisturbed_one(training: Training, check_resumption: Any) -> None:
    """With dropout and a rate that falls; with a curriculum where epochs are counted."""
    schedule = Schedule(np.arange(NUM)[::-1], 3, 1) if training.epochs else None

    def run(folder: Path, score: Any) -> tuple[Weights, Any]:
        system = CurriculumNetwork(hidden_size=6, halve_every=2 if training.epochs else None)
        torch.manual_seed(1)
        lesson = Lesson(examples(), training, folder, 3, schedule=schedule)
        network, history = fit(system, system.build(D, TARGETS), lesson, Validation(examples(5), score), quiet=True)
        return network.state_dict(), history

    assert len(check_resumption(run, lambda outputs: {"arousal": float(outputs["arousal"].sum())}, num_done=3)) == 6


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_what_is_no_checkpoint_of_the_run_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        torch.save({"network": {}}, tmp_path / "checkpoint.pt")
    else:
        (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(EmotoneError, match="checkpoint.pt: no checkpoint of this run .*; remove it to begin anew"):
        train(tmp_path, Training(4, epochs=2, best="last"))


def test_a_full_disk_is_one_line_that_names_the_checkpoint(tmp_path: Path, full_disk: Any) -> None:
    with full_disk(1_000), pytest.raises(EmotoneError) as caught:
        train(tmp_path, Training(4, epochs=2, best="last"))
    assert str(caught.value) == f"{tmp_path}/checkpoint.pt: cannot be written (File too large)"
