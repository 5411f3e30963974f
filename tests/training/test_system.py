"""What systems answer unless they say otherwise: sampling, scores of a validation, sizes of outputs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from emotone.bundle.target import Target
from emotone.bundle.view.view import Whole
from emotone.data.recipe import Training
from emotone.training.system import System, num_outputs

AROUSAL = Target("arousal", "attribute", (1.0, 7.0))
EMOTION = Target("emotion", "category", labels=("anger", "joy", "sadness"))
NAN = float("nan")


class Plain(System):
    """Only what a system must say."""

    def view(self, hop_s: float | None, longest_s: float) -> Whole:
        return Whole()

    def build(self, num_features: int, targets: list[Target], view: Any = None) -> nn.Module:
        return nn.Linear(num_features, 1)


def test_an_attribute_has_one_output_a_category_one_per_class() -> None:
    assert num_outputs([AROUSAL, EMOTION]) == {"arousal": 1, "emotion": 3}


# ---- sampling ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("num_rows", "batch_size"), [(10, 4), (8, 4), (3, 4), (1, 1)])
def test_every_epoch_takes_every_row_once(num_rows: int, batch_size: int) -> None:
    labels = {"arousal": np.zeros(num_rows)}
    num_batches = -(-num_rows // batch_size)
    epochs = []
    for epoch in range(2):
        batches = [Plain().sample(labels, batch_size, epoch * num_batches + k, 5) for k in range(num_batches)]
        assert [len(rows) for rows in batches[:-1]] == [batch_size] * (num_batches - 1)
        epochs.append(np.concatenate(batches).tolist())
        assert sorted(epochs[-1]) == list(range(num_rows))
    assert num_rows < 4 or epochs[0] != epochs[1]
    np.testing.assert_array_equal(Plain().sample(labels, batch_size, 0, 5), epochs[0][:batch_size])


# ---- validation -------------------------------------------------------------------------------------------------


def test_attributes_are_scored_by_ccc_categories_by_uar_of_the_rows_with_a_label() -> None:
    labels = {
        "arousal": torch.tensor([1.0, 2.0, NAN, 4.0]),
        "emotion": torch.tensor([[1.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0]]),  # the last one is unknown
    }
    outputs = {
        "arousal": np.float32([1.0, 3.0, 99.0, 5.0]),
        "emotion": np.float32([[5, 1, 1], [1, 5, 1], [1, 5, 1], [1, 1, 5]]),
    }
    held: Any = SimpleNamespace(labels=labels)
    found = Plain().scorer([AROUSAL, EMOTION], held)(outputs)
    truth, output = np.array([1.0, 2, 4]), np.array([1.0, 3, 5])
    covariance = ((truth - truth.mean()) * (output - output.mean())).mean()
    ccc = 2 * covariance / (truth.var() + output.var() + (truth.mean() - output.mean()) ** 2)
    assert found == {"arousal": pytest.approx(ccc), "emotion": pytest.approx(0.75)}  # recalls 1/2 and 1


# ---- the rest ---------------------------------------------------------------------------------------------------


def test_most_systems_take_nothing_special() -> None:
    system = Plain()
    assert not any((system.takes_words, system.takes_text, system.takes_unlabelled, system.solves, system.gives_curves))
    assert system.distributes and system.noise_kinds(0) == () and system.files_read() == {}
    assert system.utterance_limit_s(8.5) == 8.5 and system.scored([AROUSAL]) == [AROUSAL]
    assert system.crop(np.random.default_rng(0)) is None
    inputs, labels = torch.ones(2, 3), {"arousal": torch.zeros(2)}
    assert system.augment(inputs, labels, np.random.default_rng(0)) == (inputs, labels)


def test_adam_at_the_recipe_s_rate() -> None:
    optimiser, schedule = Plain().optimiser(nn.Linear(2, 1), Training(learning_rate=0.02))
    assert isinstance(optimiser, torch.optim.Adam) and optimiser.param_groups[0]["lr"] == 0.02 and schedule is None
