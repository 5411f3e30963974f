"""One fold of a run: features -> training -> bundle -> predictions of its test and validation parts, in one folder."""

from __future__ import annotations

import functools
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
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
from emotone.data import curriculum
from emotone.data import split as splits
from emotone.data import view as views
from emotone.data.normalise import SMALLEST_STD
from emotone.data.view import View, view_to_json
from emotone.dataset import Dataset, Selection, labelled
from emotone.difficulty import Difficulty
from emotone.errors import EmotoneError
from emotone.evaluate.protocol import test_bundle
from emotone.examples import StoreExamples
from emotone.export import load_weights, write_bundle
from emotone.files import replace_file
from emotone.recipe import Choice, Recipe, Training, Unlabelled
from emotone.system import System
from emotone.train import fit, predict_outputs

MOST_EXPLAINED = 5000
"""Utterances of each part whose clusters are kept for reports; of more than these, as many spread evenly."""


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
    device: str = "cpu"
    quiet: bool = False
    done: dict[str, Any] = field(default_factory=dict)

    def run(self) -> None:
        """Train, write the bundle, test it; what an earlier call finished is not done again."""
        started, recipe = time.process_time(), self.data.recipe
        self.train_system(recipe.system, recipe.training, self.folder, self._schedule())
        write_json(self.folder / "split.json", {part: list(getattr(self.split, part)) for part in splits.PARTS})
        bundle = Bundle.load(str(self.folder / "bundle"))
        for table, name in ((self.test, "predictions"), (self.validation, "validation")):
            if len(table):
                predictions = test_bundle(bundle, self.data.rows(table), table)
                with replace_file(self.folder / f"{name}.parquet") as path:
                    predictions.assign(repeat=self.repeat, fold=self.number).to_parquet(path, index=False)
        write_json(self.folder / "done.json", self.done | {"cpu_s": time.process_time() - started})

    def train_system(
        self,
        choice: Choice,
        training: Training,
        folder: Path,
        schedule: curriculum.Schedule | None = None,
        view: View | None = None,
    ) -> tuple[System, nn.Module, View]:
        """Train a system on this fold (resumed, or read back where it is done) and leave its bundle in `folder`.

        It sees utterances through a `view` of its own, unless one is given.
        """
        folder.mkdir(parents=True, exist_ok=True)
        system: System = plugins.create("systems", choice.name, choice.settings)
        is_step = folder != self.folder  # towards the fold's own system
        start = None if is_step else self._start
        view = view or (start.view if start else system.view(self.data.feature.hop_s, self._longest[1]))
        network_of = functools.partial(system.build, len(self.data.feature.names), self.targets, view)
        if is_step and (folder / "bundle" / "bundle.json").is_file():
            (folder / "checkpoint.pt").unlink(missing_ok=True)
            network = network_of()
            load_weights(network, folder / "bundle")
            return system, network.eval(), view
        train = self.examples(self.train, view)
        known = self.examples(self.validation, view) if len(self.validation) else None
        system.prepare(self, folder, train, known)
        torch.manual_seed(self.seed)  # after that, which draws numbers only where it is not done yet
        network = network_of()
        if start:
            self.done["init"] = load_weights(network, start.folder)
        if system.solves:
            arrays = known.arrays() if known else None
            self.done["chosen"] = system.solve(network, self.targets, train.arrays(), arrays, self.seed)
        else:
            scorer = system.scorer(self.targets, known) if known else None
            pool = self.examples(self.unlabelled, view) if system.takes_unlabelled and len(self.unlabelled) else None
            network, _ = fit(
                system, network, train, known, scorer, training, folder, self.seed, self.device, self.quiet, pool,
                schedule,
            )  # fmt: skip
        self._finish(system, network, view)
        self._explain(system, network, view, folder, training.batch_size)
        self._write_bundle(system, network, view, folder)
        if is_step:
            (folder / "checkpoint.pt").unlink(missing_ok=True)
        return system, network, view

    @cached_property
    def train(self) -> pd.DataFrame:
        """Training copies with a label, in the table's order."""
        copies = self.data.copies
        return labelled(copies[copies["utterance"].isin(self.split.train)], self.data.targets)

    @cached_property
    def validation(self) -> pd.DataFrame:
        """Validation utterances with a label."""
        return self._part(self.split.validation)

    @cached_property
    def test(self) -> pd.DataFrame:
        """Test utterances with a label."""
        return self._part(self.split.test)

    @cached_property
    def unlabelled(self) -> pd.DataFrame:
        """Speech set apart as unlabelled, by the split or (where that trains on everything) by its corpus."""
        table, split = self.data.table, self.split
        is_free = (table["split"] == "unlabelled") & ~table["id"].isin({*split.validation, *split.test})
        return table[table["id"].isin(split.unlabelled) | is_free].reset_index(drop=True)

    def _part(self, ids: Sequence[str]) -> pd.DataFrame:
        table = self.data.table
        return labelled(table[table["id"].isin(ids)], self.data.targets)

    @property
    def own_ids(self) -> pd.Series[Any]:
        """The id of each training row's utterance in its own corpus."""
        return self.data.own_ids(self.train)

    @cached_property
    def targets(self) -> list[Target]:
        """The recipe's targets, attributes with the moments of the training labels."""
        return [_with_moments(target, self.train) for target in self.data.targets]

    @property
    def seed(self) -> int:
        """Of everything random in this fold."""
        return (self.data.recipe.seed + self.repeat) * 1000 + self.number

    def examples(self, table: pd.DataFrame, view: View) -> StoreExamples:
        """Utterances of this fold as its networks see them."""
        normalise = self.data.recipe.normalise
        rows, labels = self.data.rows(table), _labels(table, self.targets)
        clip = math.inf if normalise.clip is None else normalise.clip
        if normalise.by == "training":
            return StoreExamples(rows, view, *self._moments, clip, labels)
        mean, std, speakers = rows.moments_of(table["speaker"])
        return StoreExamples(rows, view, mean, std, clip, labels, speakers)

    def outputs(
        self, network: nn.Module, table: pd.DataFrame, view: View, batch_size: int
    ) -> dict[str, NDArray[np.float32]]:
        """A network's outputs for utterances of this fold: {target: [N], [N, K] or as it gives them}."""
        return predict_outputs(network.to(self.device), self.examples(table, view), batch_size, self.device)

    def keep_table(self, path: Path, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """A table that training needs or leaves: read back where an earlier call made it."""
        if path.is_file():
            return pd.read_parquet(path)
        table = make()
        with replace_file(path) as temporary:
            table.to_parquet(temporary, index=False)
        return table

    @cached_property
    def _start(self) -> Bundle | None:
        """The bundle from which training starts, if there is one."""
        return Bundle.load(self.data.recipe.init) if self.data.recipe.init else None

    @cached_property
    def _longest(self) -> tuple[int, float]:
        """Frames and seconds of the longest training utterance."""
        frames = max(len(features) for features in self.data.rows(self.train).utterances)
        return frames, frames * (self.data.feature.hop_s or 0.0)

    @cached_property
    def _moments(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and deviation of the features: those of the bundle it starts from, or of the training part."""
        mean, std = self._start.feature_moments if self._start else self.data.moments(self.train)
        return mean, _blind_to_constants(mean, std) if self.data.recipe.normalise.clip is None else std

    def _schedule(self) -> curriculum.Schedule | None:
        """Which utterances come in which epoch, where the recipe has a curriculum; its scores are kept as a table."""
        plan = self.data.recipe.curriculum
        if plan.order == "none":
            return None
        scores = np.zeros(len(self.train))
        easy = plan.easy or "highest"
        if plan.order != "random":
            difficulty = plugins.create("difficulties", plan.score.name, plan.score.settings)
            scores, easy = difficulty(self), plan.easy or difficulty.easy
        growth = curriculum.Curriculum(plan.order, easy, plan.num_levels, plan.epochs_per_level)
        schedule = growth.schedule(scores, list(self.train["store_id"]), self.seed)
        place = np.argsort(schedule.ranking)
        table = self.train[["id", "store_id"]].assign(score=scores, place=place)
        with replace_file(self.folder / "curriculum.parquet") as path:
            table.to_parquet(path, index=False)
        return schedule

    def _finish(self, system: System, network: nn.Module, view: View) -> None:
        """The system's last change, given the outputs for the training speech without a category."""
        if type(system).finish is System.finish:  # which would throw them away
            return
        plain = self.train[
            self.train["emotion"].isna() & ~self.train["store_id"].str.contains(r"#(?!0\.0$)", regex=True)
        ]
        if len(plain):
            system.finish(network, self.targets, predict_outputs(network, self.examples(plain, view), 1, "cpu"))

    def _explain(self, system: System, network: nn.Module, view: View, folder: Path, batch_size: int) -> None:
        """Write `clusters.parquet`: where every utterance lies, for systems that cluster (`emotone.evaluate`)."""
        parts = {
            "train": self.train, "unlabelled": self.unlabelled, "validation": self.validation, "test": self.test,
        }  # fmt: skip
        columns = ["id", "corpus", "speaker", *[target.name for target in self.targets]]
        tables = []
        for part, table in parts.items():
            if len(table) > MOST_EXPLAINED and self.data.recipe.normalise.by == "training":  # a speaker needs all
                table = table.iloc[np.linspace(0, len(table) - 1, MOST_EXPLAINED).astype(int)]
            examples = self.examples(table, view) if len(table) else None
            found = system.find_clusters(network, examples, batch_size, self.device) if examples else {}
            for name, (embeddings, clusters) in found.items():
                about = {"network": name, "part": part, "cluster": clusters, "embedding": list(embeddings)}
                tables.append(table[columns].assign(**about))
        if tables:
            with replace_file(folder / "clusters.parquet") as path:
                pd.concat(tables, ignore_index=True).to_parquet(path, index=False)

    def _write_bundle(self, system: System, network: nn.Module, view: View, folder: Path) -> None:
        frames, _ = self._longest
        mean, std = self._moments
        about = self._about(system, view, folder)
        shape = views.apply(view, np.zeros((frames, len(mean)), np.float32)).shape
        write_bundle(folder / "bundle", network, about, shape, mean, std, trained_card(about))

    def _about(self, system: System, view: View, folder: Path) -> dict[str, Any]:
        """What `bundle.json` says."""
        data, recipe = self.data, self.data.recipe
        steps = [self.folder.name] * (not self.alone) + [folder.name] * (folder != self.folder)
        return {
            "name": "-".join([recipe.name, *steps]),
            "description": recipe.description or recipe.name,
            "max_utterance_s": system.utterance_limit_s(self._longest[1]),
            "feature": {"name": recipe.feature.name, "settings": plugins.settings_of(data.feature)},
            "normalise": recipe.to_json()["normalise"],
            "view": view_to_json(view),
            "targets": [target.to_json() for target in system.scored(self.targets)],
            **({"curves": True} if system.gives_curves else {}),
            "training": {
                "recipe": recipe.to_json(), "recipe_hash": recipe.hash, "corpora": data.fingerprints,
                "split_hash": self.split.fingerprint, "seed": recipe.seed, "repeat": self.repeat, "fold": self.number,
                "warnings": list(self.warnings),
            },
            "results": [],
            "licence": "; ".join(sorted(set(data.table["licence"]))),
            "citation": "; ".join(sorted(set(data.table["citation"]))),
        }  # fmt: skip


def check_system(recipe: Recipe) -> None:
    """Refuse settings of training, curriculum and unlabelled speech that the recipe's system cannot follow."""
    system: System = plugins.create("systems", recipe.system.name, recipe.system.settings)
    score, where = recipe.curriculum.score, f"recipe {recipe.name}: system {recipe.system.name}"
    difficulty: Difficulty = plugins.create("difficulties", score.name, score.settings)
    has_curriculum = recipe.curriculum.order != "none"
    if has_curriculum:
        difficulty.check_targets(recipe.targets)
        if system.solves:
            raise EmotoneError(f"{where} is solved at once, so it takes no curriculum")
    system.check_training(recipe.training, has_curriculum)
    if not (system.takes_unlabelled or difficulty.takes_unlabelled) and recipe.unlabelled != Unlabelled():
        remedy = "set unlabelled.corpora=[] unlabelled.num=null"
        raise EmotoneError(f"{where} does not learn from unlabelled speech; {remedy}")


def learns_from_unlabelled(recipe: Recipe) -> bool:
    """Whether anything in a run of the recipe does."""
    system: System = plugins.create("systems", recipe.system.name, recipe.system.settings)
    score = recipe.curriculum.score
    measures = recipe.curriculum.order in ("easy-first", "hard-first")
    return system.takes_unlabelled or (measures and plugins.find("difficulties", score.name).takes_unlabelled)  # type: ignore[attr-defined]


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
