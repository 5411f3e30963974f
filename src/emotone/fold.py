"""One fold of a run: features -> training -> bundle -> predictions of its test and validation parts, in one folder."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotone import plugins
from emotone.bundle import Bundle, Target
from emotone.card import trained_card
from emotone.data import split as splits
from emotone.data import view as views
from emotone.data.normalise import SMALLEST_STD
from emotone.data.view import Chunks, Crop, View, view_to_json
from emotone.dataset import Dataset, Selection, labelled
from emotone.errors import EmotoneError
from emotone.evaluate import metrics
from emotone.evaluate.protocol import test_bundle
from emotone.export import load_weights, write_bundle
from emotone.files import replace_file
from emotone.store import Rows
from emotone.system import Arrays, System
from emotone.train import Scorer, fit, predict_outputs


@dataclass
class StoreExamples:
    """Rows of the store as batches of torch tensors (`emotone.train.Examples`).

    `mean` and `std` are [D], or [S, D] with `speakers` [N] saying which of them is a row's.
    """

    rows: Rows
    view: View
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    clip: float
    labels: dict[str, Tensor]
    speakers: NDArray[np.intp] | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def groups(self, batch_size: int) -> list[NDArray[np.intp]]:
        """All rows, in batches of equal shape."""
        lengths = np.array([0 if isinstance(self.view, Chunks) else len(row) for row in self.rows.utterances])
        same = [np.flatnonzero(lengths == length) for length in np.unique(lengths)]
        return [rows[start : start + batch_size] for rows in same for start in range(0, len(rows), batch_size)]

    def batch(self, rows: NDArray[np.intp], crop: Sequence[Crop] | None = None) -> tuple[Tensor, dict[str, Tensor]]:
        """Inputs [B, ...view, D] and the labels of these rows; utterances of unequal length only one at a time."""
        mean, std = self.mean, self.std
        if self.speakers is not None:
            mean, std = mean[self.speakers[rows]], std[self.speakers[rows]]
        inputs = torch.from_numpy(self.rows.batch(list(rows), crop or self.view, mean, std, self.clip))
        return inputs, {name: label[torch.from_numpy(rows)] for name, label in self.labels.items()}

    def arrays(self) -> Arrays:
        """All of it at once, for systems that solve."""
        inputs, labels = self.batch(np.arange(len(self)))
        return inputs.numpy(), {name: label.numpy() for name, label in labels.items()}


@dataclass
class Fold:
    """One fold of one repeat of a run; `alone` where the run has no other. The bundle's card carries the `warnings`."""

    data: Dataset
    split: splits.Split
    repeat: int
    number: int
    folder: Path
    alone: bool
    warnings: Sequence[str] = ()

    def run(self, device: str, quiet: bool) -> None:
        """Train, write the bundle, test it; what an earlier call finished is not done again."""
        data, recipe, started = self.data, self.data.recipe, time.process_time()
        train = labelled(data.copies[data.copies["utterance"].isin(self.split.train)], data.targets)
        validation, test = self._part("validation"), self._part("test")
        targets = [_with_moments(target, train) for target in data.targets]
        system = plugins.create("systems", recipe.system.name, recipe.system.settings)
        frames = max(len(features) for features in data.rows(train).utterances)
        longest_s = frames * (data.feature.hop_s or 0.0)
        start = Bundle.load(recipe.init) if recipe.init else None
        view = start.view if start else system.view(data.feature.hop_s, longest_s)
        mean, std = start.feature_moments if start else data.moments(train)
        if recipe.normalise.clip is None:
            std = _blind_to_constants(mean, std)

        def examples(table: pd.DataFrame) -> StoreExamples:
            rows, labels = data.rows(table), _labels(table, targets)
            clip = math.inf if recipe.normalise.clip is None else recipe.normalise.clip
            if recipe.normalise.by == "training":
                return StoreExamples(rows, view, mean, std, clip, labels)
            own_mean, own_std, speakers = rows.moments_of(table["speaker"])
            return StoreExamples(rows, view, own_mean, own_std, clip, labels, speakers)

        seed = (recipe.seed + self.repeat) * 1000 + self.number
        torch.manual_seed(seed)
        network = system.build(len(data.feature.names), targets)
        done: dict[str, Any] = {}
        if start:
            done["init"] = load_weights(network, start.folder)
        known = examples(validation) if len(validation) else None
        if system.solves:
            arrays = known.arrays() if known else None
            done["chosen"] = system.solve(network, targets, examples(train).arrays(), arrays, seed)
        else:
            scorer = _scorer(targets, known.labels) if known else None
            settings = recipe.training
            network, _ = fit(
                system, network, examples(train), known, scorer, settings, self.folder, seed, device, quiet
            )
        self._finish(system, network, targets, train, examples)
        write_json(self.folder / "split.json", {part: list(getattr(self.split, part)) for part in splits.PARTS})
        about = self._about(targets, view, system.utterance_limit_s(longest_s))
        shape = views.apply(view, np.zeros((frames, len(mean)), np.float32)).shape
        write_bundle(self.folder / "bundle", network, about, shape, mean, std, trained_card(about))
        bundle = Bundle.load(str(self.folder / "bundle"))
        for table, name in ((test, "predictions"), (validation, "validation")):
            if len(table):
                predictions = test_bundle(bundle, data.rows(table), table)
                with replace_file(self.folder / f"{name}.parquet") as path:
                    predictions.assign(repeat=self.repeat, fold=self.number).to_parquet(path, index=False)
        write_json(self.folder / "done.json", done | {"cpu_s": time.process_time() - started})

    def _part(self, part: str) -> pd.DataFrame:
        table = self.data.table
        return labelled(table[table["id"].isin(getattr(self.split, part))], self.data.targets)

    def _finish(
        self, system: System, network: nn.Module, targets: list[Target], train: pd.DataFrame, examples: Any
    ) -> None:
        """The system's last change, given the outputs for the training speech without a category."""
        plain = train[train["emotion"].isna() & ~train["store_id"].str.contains(r"#(?!0\.0$)", regex=True)]
        if len(plain):
            system.finish(network, targets, predict_outputs(network, examples(plain), 1, "cpu"))

    def _about(self, targets: list[Target], view: View, limit_s: float) -> dict[str, Any]:
        """What `bundle.json` says."""
        data, recipe = self.data, self.data.recipe
        return {
            "name": recipe.name if self.alone else f"{recipe.name}-{self.folder.name}",
            "description": recipe.description or recipe.name,
            "max_utterance_s": limit_s,
            "feature": {"name": recipe.feature.name, "settings": plugins.settings_of(data.feature)},
            "normalise": recipe.to_json()["normalise"],
            "view": view_to_json(view),
            "targets": [target.to_json() for target in targets],
            "training": {
                "recipe": recipe.to_json(), "recipe_hash": recipe.hash, "corpora": data.fingerprints,
                "split_hash": self.split.fingerprint, "seed": recipe.seed, "repeat": self.repeat, "fold": self.number,
                "warnings": list(self.warnings),
            },
            "results": [],
            "licence": "; ".join(sorted(set(data.table["licence"]))),
            "citation": "; ".join(sorted(set(data.table["citation"]))),
        }  # fmt: skip


def check_split(split: splits.Split, data: Selection) -> None:
    """Refuse an empty part, and a class to be tested that nothing trains."""
    recipe = data.recipe
    solves = plugins.find("systems", recipe.system.name).solves  # type: ignore[attr-defined]
    if recipe.split.name == "everything":
        needed = ["train"]
    else:
        needed = ["train", "test", *(["validation"] if recipe.split.validate else [])]
    if "validation" not in needed and not solves and recipe.training.best != "last":
        raise EmotoneError(
            f"recipe {recipe.name}: this split validates nothing, so training.best must be 'last', not "
            f"{recipe.training.best!r}"
        )
    for part in needed:
        if not getattr(split, part):
            raise EmotoneError(f"recipe {recipe.name}: the {part} part of split {recipe.split.name} is empty")
    parts = data.table["id"].map(split.part_of)
    for target in data.targets:
        if target.kind == "category":
            labels = data.table.loc[data.table["emotion"].isin(target.labels)].groupby(parts)["emotion"]
            counts = labels.value_counts().unstack(0, fill_value=0).reindex(list(target.labels), fill_value=0)
            lost = [f"{label} ({row.sum()})" for label, row in counts.iterrows() if not row.get("train", 0)]
            if lost:
                raise EmotoneError(
                    f"recipe {recipe.name}: no training utterance has the category {', '.join(lost)}; name the wanted "
                    "ones by classes, or map it by label_map"
                )


def write_json(path: Path, about: dict[str, Any]) -> None:
    """A JSON file, by atomic rename."""
    with replace_file(path) as temporary:
        temporary.write_text(json.dumps(about, indent=1))


def _with_moments(target: Target, train: pd.DataFrame) -> Target:
    """An attribute with the mean and population deviation of the training labels."""
    if target.kind == "category":
        return target
    labels = train[target.name].dropna()
    return Target(target.name, "attribute", target.range, float(labels.mean()), float(labels.std(ddof=0)) or 1.0)


def _blind_to_constants(mean: NDArray[np.float32], std: NDArray[np.float32]) -> NDArray[np.float32]:
    """Deviations that make 0 of features that are constant in training, to the precision of float32.

    Nothing can be learned of them, and where they are not constant later, unclipped z-scores would be in the millions.
    """
    return np.where(std > 1e-6 * np.abs(mean) + SMALLEST_STD, std, np.float32(np.inf))


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
