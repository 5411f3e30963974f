"""A run: recipe -> features -> split -> training -> bundle -> test result, in one folder, resumable at every step.

recipe.yaml            resolved, with every default
files_read.json        identities of what it is made of: corpora, audio, splits, noise, .. (`emotone.training.made_of`)
test.json              the result: metrics with intervals over speakers (folds pooled, repeats averaged), warnings
[repeat-R/][fold-K/]   one folder per fold where the split has several (per repeat, where there are several), else the
                       run folder itself (`emotone.training.fold`):
  split.json           ids of each part
  metrics.csv, tensorboard/
  bundle/              the trained bundle
  predictions.parquet  scores of the test part, through the bundle; validation.parquet: of the validation part,
                       or where this trains too of all speech that trains, by networks that do not know its speaker
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from emotone.base.files import FILES_READ, LEDGER, RUNS, replace_file, write_json
from emotone.base.kept import read_object, read_rows
from emotone.base.lock import try_lock
from emotone.base.processes import OVER, map_ordered
from emotone.base.version import __version__
from emotone.bundle.target import Target
from emotone.data.dataset import Dataset
from emotone.data.recipe import Recipe
from emotone.data.recipe_yaml import from_json
from emotone.data.selection import Selection
from emotone.data.split import Split
from emotone.errors import EmotoneError
from emotone.evaluate import ledger
from emotone.evaluate.scores import score_predictions, summarise_folds
from emotone.training.experiment import Experiment
from emotone.training.fold import Fold
from emotone.training.fold_data import FoldData
from emotone.training.made_of import MadeOf, choose_folder, made_of
from emotone.training.preflight import (
    check_audio,
    check_data,
    check_experiment,
    check_init,
    check_leakage,
    check_ranks,
    check_split,
    check_training_device,
)
from emotone.training.ranks import Ranks, gathered


def train_recipe(
    recipe: Recipe, to: Path | None = None, device: str = "cpu", jobs: int = 1, quiet: bool = False
) -> Path:
    """Run a recipe, or the rest of an interrupted run; returns its folder, `to` or `runs/RECIPE/HASH`.

    Where that holds a run of other data (labels that were corrected since), the new one lies beside it; in a folder
    that is given it is refused. Its numbers also go to the ledger `results.parquet`, in `runs` or beside `to`.
    Processes that `torchrun` started train it together (`emotone.training.ranks`); the first of them writes.
    """
    check_training_device(device)
    with gathered(device) as ranks:
        quiet = quiet or not ranks.is_first
        with ranks.first_before_others():
            ready = _get_ready(recipe, to, ranks, jobs, quiet)
        # From here on the first process changes the folder, so that it says what the others go by.
        folder, left = ranks.agree((ready.folder, ready.left))
        with _claimed(ready) if ranks.is_first else contextlib.nullcontext():
            run_fold = functools.partial(_run_fold, ready, ranks.is_first, device, quiet)
            elsewhere = [dataclasses.replace(place, folder=place.folder.absolute()) for place in left]
            for _ in map_ordered(run_fold, left if OVER.get() is None else elsewhere):
                pass
            if ranks.is_first:
                result = _finish(ready)
        if ranks.is_first:
            ledger.record(result, folder, (to.parent if to else RUNS) / LEDGER)
    return folder


@dataclass(frozen=True)
class _Place:
    """The split of one fold of one repeat, and its folder: below that of the run, once this is known."""

    repeat: int
    number: int
    split: Split
    folder: Path


@dataclass(frozen=True)
class _Ready:
    """A run of which nothing is refused, with its features."""

    experiment: Experiment
    dataset: Dataset
    places: list[_Place]
    warnings: list[str]
    made_of: MadeOf
    folder: Path

    @property
    def left(self) -> list[_Place]:
        """The folds that are not done."""
        return [place for place in self.places if not (place.folder / "done.json").is_file()]


def _get_ready(recipe: Recipe, to: Path | None, ranks: Ranks, jobs: int, quiet: bool) -> _Ready:
    """All that comes before training; raises EmotoneError for what cannot be trained."""
    experiment = Experiment.resolve(recipe)
    recipe, system = experiment.recipe, experiment.system
    check_experiment(experiment)
    check_ranks(experiment, ranks)
    selection = Selection.read(recipe, jobs, quiet)
    check_data(experiment, selection)
    check_audio(selection)
    check_init(experiment, selection)
    places = list(_places(experiment, selection))
    splits = [place.split for place in places]
    warnings = check_leakage(experiment, selection, splits)
    for place in places:
        found = system.check_fold(selection, place.split, place.repeat, place.number)
        warnings += [line for line in found if line not in warnings]
    kinds = system.noise_kinds(recipe.seed)
    now = made_of(experiment, selection, splits, kinds)
    folder = choose_folder(recipe, to, now, quiet)
    places = [dataclasses.replace(place, folder=folder / place.folder) for place in places]
    word_view = system.view if system.takes_words else None
    features = experiment.feature, experiment.text_feature
    dataset = Dataset.extract(selection, *features, word_view, kinds, jobs, quiet)
    warnings += [note for words in dataset.words.values() for note in words.notes]
    return _Ready(experiment, dataset, places, warnings, now, folder)


def _run_fold(ready: _Ready, writes: bool, device: str, quiet: bool, place: _Place) -> None:
    """Train and test a fold, here or on another machine that sees the same folders."""
    place.folder.mkdir(parents=True, exist_ok=True)
    data = FoldData(ready.dataset, place.split, place.folder, place.repeat, place.number, device, quiet)
    Fold(ready.experiment, data, len(ready.places) == 1, ready.warnings, writes).run()


def _finish(ready: _Ready) -> dict[str, Any]:
    """Remove what only a run that is not done needs, and write its result."""
    for place in ready.places:
        (place.folder / "checkpoint.pt").unlink(missing_ok=True)
    dataset, system = ready.dataset, ready.experiment.system
    result = _result(dataset, system.scored(dataset.targets), ready.places, ready.warnings)
    write_json(ready.folder / "test.json", result)
    return result


def _places(experiment: Experiment, data: Selection) -> Iterator[_Place]:
    """All folds of all repeats; raises EmotoneError for a split that cannot be trained or tested."""
    repeats = data.recipe.split.repeats
    for repeat in range(repeats):
        folds = data.folds(repeat)
        above = Path(f"repeat-{repeat}") if repeats > 1 else Path()
        for number, split in folds.items():
            check_split(split, data, experiment)
            alone = len(folds) == 1 and repeats == 1
            yield _Place(repeat, number, split, Path() if alone else above / f"fold-{number}")


def _result(dataset: Dataset, targets: list[Target], places: list[_Place], warnings: list[str]) -> dict[str, Any]:
    """The content of `test.json`."""
    recipe = dataset.recipe
    done = [read_object(place.folder / "done.json", cpu_s=float) for place in places]
    tables = [read_rows(path) for place in places if (path := place.folder / "predictions.parquet").is_file()]
    result: dict[str, Any] = {
        "recipe": recipe.name,
        "hash": recipe.hash,
        "seed": recipe.seed,
        "corpora": dataset.fingerprints,
        "splits": [place.split.fingerprint for place in places],
        "protocol": _describe(recipe, places),
        "warnings": warnings,
        "left_out": dataset.left_out,
        "versions": {"emotone": __version__, "torch": torch.__version__, "numpy": np.__version__},
        "cpu_s": sum(one["cpu_s"] for one in done),
    }
    if "num_parameters" in done[0]:
        result["num_parameters"] = done[0]["num_parameters"]
    for key in ("chosen", "init", "start"):
        if any(key in one for one in done):
            result[key] = [one.get(key) for one in done]
    if tables:
        predictions = pd.concat(tables, ignore_index=True)
        result |= score_predictions(predictions, targets)
        if len(places) > 1:
            result["folds"] = summarise_folds(predictions, targets)
    return result


def _describe(recipe: Recipe, places: list[_Place]) -> str:
    """The protocol in words."""
    split = recipe.split
    num_folds = len(places) // split.repeats
    parts = [f"{', '.join(recipe.corpora)}: {split.name} by {split.group}"]
    parts += [f"fold {split.fold}"] if isinstance(split.fold, int) else []
    parts += [f"all {num_folds} folds pooled"] if num_folds > 1 else []
    parts += [f"mean of {split.repeats} repeats"] if split.repeats > 1 else []
    parts += [] if split.validate else ["validation part trains too"]
    parts += ["normalised per speaker (transductive)"] if recipe.normalise.by == "speaker" else []
    parts += ["LEAKAGE ALLOWED"] if recipe.allow_leakage else []
    return ", ".join(parts)


@contextlib.contextmanager
def _claimed(ready: _Ready) -> Iterator[None]:
    """Keep the resolved recipe and what the run is made of, and train in the folder alone.

    Raises EmotoneError where it holds another recipe, and where another process trains in it.
    """
    folder, recipe = ready.folder, ready.experiment.recipe
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recipe.yaml"
    if not path.is_file():
        write_json(folder / FILES_READ, ready.made_of)
        with replace_file(path) as temporary:
            temporary.write_text(yaml.safe_dump(recipe.to_json(), sort_keys=False), encoding="utf-8", newline="\n")
    try:
        is_same = from_json(yaml.safe_load(path.read_text(encoding="utf-8")), where=str(path)).hash == recipe.hash
    except (EmotoneError, ValueError, yaml.YAMLError):  # of a version whose recipes were others, or damaged
        is_same = False
    if not is_same:
        raise EmotoneError(f"{folder}: holds a run of another recipe or other settings; choose another --to")
    with open(path, "rb") as file:
        with contextlib.suppress(OSError):  # no locks here
            if not try_lock(file.fileno()):
                raise EmotoneError(f"{folder}: another process is training in it")
        yield
