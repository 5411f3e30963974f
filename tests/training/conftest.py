"""Folds of tones, as systems and difficulties get them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from emotone.data.dataset import Dataset
from emotone.data.recipe import Recipe
from emotone.data.selection import Selection
from emotone.training.experiment import Experiment
from emotone.training.fold_data import FoldData

TonesFold = Callable[..., tuple[Experiment, FoldData]]


@pytest.fixture
def tones_fold(tones_recipe: Callable[..., Recipe], tmp_path: Path) -> TonesFold:
    """tones_fold(number=0, repeat=0, setting=value, ..): a recipe's experiment, and one of its folds in `tmp_path`.

    Of 12 tones three each test, validate and train twice: speaker `number` tests, the next one validates.
    """

    def load(number: int = 0, repeat: int = 0, **settings: Any) -> tuple[Experiment, FoldData]:
        experiment = Experiment.resolve(tones_recipe(**settings))
        selection = Selection.read(experiment.recipe, quiet=True)
        kinds = experiment.system.noise_kinds(0)
        dataset = Dataset.extract(selection, experiment.feature, noise=kinds, quiet=True)
        folder = tmp_path / f"fold-{number}"
        folder.mkdir(exist_ok=True)
        return experiment, FoldData(dataset, dataset.folds(repeat)[number], folder, repeat, number, quiet=True)

    return load
