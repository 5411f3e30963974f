"""A run: recipe -> features -> split -> training -> bundle -> test result, in one folder, resumable at every step.

recipe.yaml            resolved, with every default
test.json              the result: metrics with intervals over speakers (all folds pooled)
[fold-K/]              one folder per fold where the split has several, else the run folder itself:
  split.json           ids of each part
  metrics.csv, tensorboard/
  bundle/              the trained bundle
  predictions.parquet  scores of the test part, through the bundle
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor

from emotone import __version__, plugins
from emotone.bundle import Bundle, Target
from emotone.card import trained_card
from emotone.data import split as splits
from emotone.data import view as views
from emotone.data.view import Chunks, Crop, View, view_to_json
from emotone.dataset import Dataset
from emotone.errors import EmotoneError
from emotone.evaluate import metrics
from emotone.evaluate.protocol import labelled, score_predictions, test_bundle
from emotone.export import write_bundle
from emotone.files import replace_file
from emotone.recipe import Recipe
from emotone.store import Rows
from emotone.train import Scorer, check_device, fit, predict_outputs


def train_recipe(
    recipe: Recipe, to: Path | None = None, device: str = "cpu", jobs: int = 1, quiet: bool = False
) -> Path:
    """Run a recipe (or what is left of it); returns the run's folder."""
    check_device(device)
    folder = to or Path("runs") / recipe.name / recipe.hash
    data = Dataset.load(recipe, jobs, quiet)
    folds = data.folds()
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, recipe)
    places = [folder] if len(folds) == 1 else [folder / f"fold-{number}" for number in folds]
    for (number, split), place in zip(folds.items(), places, strict=True):
        if not (place / "done.json").is_file():
            place.mkdir(exist_ok=True)
            _Fold(data, split, number, place, alone=len(folds) == 1).run(device, quiet)
        (place / "checkpoint.pt").unlink(missing_ok=True)
    tables = [pd.read_parquet(path) for place in places if (path := place / "predictions.parquet").is_file()]
    result: dict[str, Any] = {
        "recipe": recipe.name, "hash": recipe.hash, "seed": recipe.seed, "corpora": data.fingerprints,
        "splits": [split.fingerprint for split in folds.values()], "protocol": _describe(recipe, len(folds)),
        "versions": {"emotone": __version__, "torch": torch.__version__, "numpy": np.__version__},
        "cpu_s": sum(json.loads((place / "done.json").read_text())["cpu_s"] for place in places),
    }  # fmt: skip
    if tables:
        result |= score_predictions(pd.concat(tables, ignore_index=True), data.targets)
    _write_json(folder / "test.json", result)
    return folder


@dataclass
class StoreExamples:
    """Rows of the store as batches of torch tensors (`emotone.train.Examples`)."""

    rows: Rows
    view: View
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    labels: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.rows)

    def groups(self, batch_size: int) -> list[NDArray[np.intp]]:
        """All rows, in batches of equal shape."""
        lengths = np.array([0 if isinstance(self.view, Chunks) else len(row) for row in self.rows.utterances])
        same = [np.flatnonzero(lengths == length) for length in np.unique(lengths)]
        return [rows[start : start + batch_size] for rows in same for start in range(0, len(rows), batch_size)]

    def batch(self, rows: NDArray[np.intp], crop: Sequence[Crop] | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Inputs [B, ...view, D] and the labels of these rows; utterances of unequal length only one at a time."""
        inputs = torch.from_numpy(self.rows.batch(list(rows), crop or self.view, self.mean, self.std))
        return inputs, {name: label[torch.from_numpy(rows)] for name, label in self.labels.items()}


@dataclass
class _Fold:
    """One fold of a run: train, write the bundle, test it."""

    data: Dataset
    split: splits.Split
    number: int
    folder: Path
    alone: bool

    def run(self, device: str, quiet: bool) -> None:
        """All of it; what an earlier call finished is not done again."""
        data, recipe, started = self.data, self.data.recipe, time.process_time()
        _check_split(self.split, data)
        train = labelled(data.copies[data.copies["utterance"].isin(self.split.train)], data.targets)
        validation, test = (
            labelled(data.table[data.table["id"].isin(part)], data.targets)
            for part in (self.split.validation, self.split.test)
        )
        targets = [_with_moments(target, train) for target in data.targets]
        system = plugins.create("systems", recipe.system.name, recipe.system.settings)
        frames = max(len(features) for features in data.rows(train).utterances)
        longest_s = frames * (data.feature.hop_s or 0.0)
        view = system.view(data.feature.hop_s, longest_s)
        moments = data.moments(train)
        mean, std = moments.mean.astype(np.float32), moments.std.astype(np.float32)

        def examples(table: pd.DataFrame) -> StoreExamples:
            return StoreExamples(data.rows(table), view, mean, std, _labels(table, targets))

        seed = recipe.seed * 1000 + self.number
        torch.manual_seed(seed)
        network = system.build(len(data.feature.names), targets)
        known = examples(validation) if len(validation) else None
        network, _ = fit(
            system, network, examples(train), known, _scorer(targets, known.labels) if known else None,
            recipe.training, self.folder, seed, device, quiet,
        )  # fmt: skip
        plain = train[train["emotion"].isna() & ~train["store_id"].str.contains(r"#(?!0\.0$)", regex=True)]
        if len(plain):
            system.finish(network, targets, predict_outputs(network, examples(plain), 1, "cpu"))
        _write_json(self.folder / "split.json", {part: list(getattr(self.split, part)) for part in splits.PARTS})
        about = self._about(targets, view, system.utterance_limit_s(longest_s))
        shape = views.apply(view, np.zeros((frames, len(mean)), np.float32)).shape
        write_bundle(self.folder / "bundle", network, about, shape, mean, std, trained_card(about))
        if len(test):
            predictions = test_bundle(Bundle.load(str(self.folder / "bundle")), data.rows(test), test)
            with replace_file(self.folder / "predictions.parquet") as path:
                predictions.to_parquet(path, index=False)
        _write_json(self.folder / "done.json", {"cpu_s": time.process_time() - started})

    def _about(self, targets: list[Target], view: View, limit_s: float) -> dict[str, Any]:
        """What `bundle.json` says."""
        data, recipe = self.data, self.data.recipe
        return {
            "name": recipe.name if self.alone else f"{recipe.name}-fold-{self.number}",
            "description": recipe.description or recipe.name,
            "max_utterance_s": limit_s,
            "feature": {"name": recipe.feature.name, "settings": plugins.settings_of(data.feature)},
            "view": view_to_json(view),
            "targets": [target.to_json() for target in targets],
            "training": {
                "recipe": recipe.to_json(), "recipe_hash": recipe.hash, "corpora": data.fingerprints,
                "split_hash": self.split.fingerprint, "seed": recipe.seed, "fold": self.number,
            },
            "results": [],
            "licence": "; ".join(sorted(set(data.table["licence"]))),
            "citation": "; ".join(sorted(set(data.table["citation"]))),
        }  # fmt: skip


def _with_moments(target: Target, train: pd.DataFrame) -> Target:
    """An attribute with the mean and population deviation of the training labels."""
    if target.kind == "category":
        return target
    labels = train[target.name].dropna()
    return Target(target.name, "attribute", target.range, float(labels.mean()), float(labels.std(ddof=0)) or 1.0)


def _labels(table: pd.DataFrame, targets: list[Target]) -> dict[str, Tensor]:
    """Labels as the losses take them: z-normalised attributes (NaN unknown), one-hot categories (zeros unknown)."""
    labels: dict[str, Tensor] = {}
    for target in targets:
        if target.kind == "category":
            hot = np.array([table["emotion"] == label for label in target.labels], dtype=np.float32).T
            labels[target.name] = torch.from_numpy(np.ascontiguousarray(hot))
        else:
            values = (table[target.name].to_numpy(float) - target.mean) / target.std
            labels[target.name] = torch.from_numpy(values.astype(np.float32))
    return labels


def _scorer(targets: list[Target], labels: dict[str, Tensor]) -> Scorer:
    """Validation scores: CCC of attributes, UAR of categories, over the rows that have the label."""

    def score(outputs: dict[str, NDArray[np.float32]]) -> dict[str, float]:
        scores = {}
        for target in targets:
            truth, output = labels[target.name].numpy(), outputs[target.name]
            if target.kind == "category":
                known = truth.any(axis=1)
                scores[target.name] = metrics.uar(output[known].argmax(axis=1), truth[known].argmax(axis=1))
            else:
                known = ~np.isnan(truth)
                scores[target.name] = metrics.ccc(output[known], truth[known])
        return scores

    return score


def _check_split(split: splits.Split, data: Dataset) -> None:
    """Refuse an empty part, and a group on both sides of the test border unless the recipe allows it."""
    recipe = data.recipe
    needed = ["train"] if recipe.split.name == "everything" else ["train", "validation", "test"]
    if recipe.split.name == "everything" and recipe.training.best != "last":
        raise EmotoneError(f"recipe {recipe.name}: split everything validates nothing, so training.best must be 'last'")
    for part in needed:
        if not getattr(split, part):
            raise EmotoneError(f"recipe {recipe.name}: the {part} part of split {recipe.split.name} is empty")
    groups = data.table.set_index("id")[recipe.split.group]
    fitted = set(groups.loc[[*split.train, *split.validation]].dropna())
    shared = sorted(fitted & set(groups.loc[list(split.test)].dropna()))
    if shared and not recipe.allow_leakage:
        raise EmotoneError(
            f"recipe {recipe.name}: {len(shared)} groups of the test part ({recipe.split.group} {shared[0]!r}, ...) "
            "also train; set allow_leakage=true if you mean it"
        )


def _describe(recipe: Recipe, num_folds: int) -> str:
    folds = "" if num_folds == 1 else f", all {num_folds} folds pooled"
    fold = f", fold {recipe.split.fold}" if isinstance(recipe.split.fold, int) else ""
    warning = ", LEAKAGE ALLOWED" if recipe.allow_leakage else ""
    return f"{', '.join(recipe.corpora)}: {recipe.split.name} by {recipe.split.group}{fold}{folds}{warning}"


def _claim(folder: Path, recipe: Recipe) -> None:
    """Save the resolved recipe; refuse a folder that holds another run."""
    path = folder / "recipe.yaml"
    if path.is_file():
        old = yaml.safe_load(path.read_text())
        if old != recipe.to_json():
            raise EmotoneError(f"{folder}: holds a run of another recipe or other settings; choose another --to")
        return
    with replace_file(path) as temporary:
        temporary.write_text(yaml.safe_dump(recipe.to_json(), sort_keys=False))


def _write_json(path: Path, about: dict[str, Any]) -> None:
    with replace_file(path) as temporary:
        temporary.write_text(json.dumps(about, indent=1))
