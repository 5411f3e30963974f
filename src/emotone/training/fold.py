"""One fold of a run: features -> training -> bundle -> predictions of its test and validation parts, in one folder."""

from __future__ import annotations

import dataclasses
import functools
import itertools
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

from emotone.base import plugins
from emotone.base.files import replace_file
from emotone.bundle.bundle import Bundle, Target
from emotone.bundle.card import trained_card
from emotone.bundle.view import view as views
from emotone.bundle.view.normalise import SMALLEST_STD
from emotone.bundle.view.streams import Scale, Utterance, stack
from emotone.bundle.view.view import View, WordChunks, view_to_json
from emotone.data import split as splits
from emotone.data.dataset import Dataset, labelled
from emotone.data.recipe import Choice, Training
from emotone.data.rows import Rows
from emotone.errors import EmotoneError
from emotone.evaluate.protocol import predict_table
from emotone.models.export import load_weights, write_bundle, write_network
from emotone.training import curriculum
from emotone.training.examples import StoreExamples, StreamExamples
from emotone.training.loop import fit, predict_outputs
from emotone.training.system import System

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
                inputs = self.data.utterances(table) if bundle.takes_words else self.data.rows(table)
                predictions = predict_table(bundle, inputs, table)
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
        view = view or self._view(system, start)
        network_of = functools.partial(system.build, len(self.data.feature.names), self.targets, view)
        if is_step and (folder / "bundle" / "bundle.json").is_file():
            (folder / "checkpoint.pt").unlink(missing_ok=True)
            network = network_of()
            load_weights(network, folder / "bundle")
            return system, network.eval(), view
        train = self.examples(self.train, view)
        if isinstance(train, StoreExamples):
            train.noisy = self.noisy
        known = self.examples(self.validation, view) if len(self.validation) else None
        system.prepare(self, folder, train, known)
        torch.manual_seed(self.seed)  # after that, which draws numbers only where it is not done yet
        network = network_of()
        self.done["num_parameters"] = sum(value.numel() for value in network.parameters())
        if start:
            self.done["init"] = load_weights(network, start.folder)
        if system.solves:
            assert isinstance(train, StoreExamples) and not isinstance(known, StreamExamples)
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

    def examples(self, table: pd.DataFrame, view: View) -> StoreExamples | StreamExamples:
        """Utterances of this fold as its networks see them."""
        normalise = self.data.recipe.normalise
        labels = _labels(table, self.targets)
        clip = math.inf if normalise.clip is None else normalise.clip
        if isinstance(view, WordChunks):
            scale = Scale(*self._moments, *self._text_moments, clip)
            return StreamExamples(self.data.utterances(table), view, scale, labels)
        rows = self.data.rows(table)
        if normalise.by == "training":
            return StoreExamples(rows, view, *self._moments, clip, labels)
        mean, std, speakers = rows.moments_of(table["speaker"])
        return StoreExamples(rows, view, mean, std, clip, labels, speakers)

    def outputs(
        self, network: nn.Module, table: pd.DataFrame, view: View, batch_size: int
    ) -> dict[str, NDArray[np.float32]]:
        """A network's outputs for utterances of this fold: {target: [N], [N, K] or as it gives them}."""
        return predict_outputs(network.to(self.device), self.examples(table, view), batch_size, self.device)

    @cached_property
    def noisy(self) -> list[Rows]:
        """The training part with noise, a reader for each kind that the recipe's system learns from."""
        return self.data.noisy_rows(self.train)

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

    def _view(self, system: System, start: Bundle | None) -> View:
        """What a system sees of an utterance: what the bundle it starts from does, where it starts from one."""
        view = system.view(self.data.feature.hop_s, self._longest[1])
        if isinstance(view, views.Segments):
            view = dataclasses.replace(view, num_channels=getattr(self.data.feature, "num_channels", 1))
        if isinstance(view, WordChunks) and self.data.text_feature is not None:
            view = dataclasses.replace(view, num_text_features=len(self.data.text_feature.names))
        if start is None:
            return view
        own, given = (
            (one.streams, one.num_text_features) if isinstance(one, WordChunks) else None for one in (view, start.view)
        )
        if own != given:
            raise EmotoneError(
                f"recipe {self.data.recipe.name}: init {start.name} does not take the streams and tokens that the "
                "recipe has; set system.streams and text_feature as it was trained"
            )
        return start.view

    @cached_property
    def _longest(self) -> tuple[int, float]:
        """Frames and seconds of the longest training utterance."""
        frames = max(len(features) for features in self.data.rows(self.train).utterances)
        return frames, frames * (self.data.feature.hop_s or 0.0)

    @cached_property
    def _moments(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and deviation of the features: those of the bundle it starts from, or of the training part."""
        own = itertools.chain.from_iterable(rows.utterances for rows in (self.data.rows(self.train), *self.noisy))
        mean, std = self._start.feature_moments if self._start else self.data.moments(own)
        return mean, _blind_to_constants(mean, std) if self.data.recipe.normalise.clip is None else std

    @cached_property
    def _text_moments(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and deviation of the features of text, likewise; of one feature where there is no text."""
        if self.data.text_feature is None:
            return np.zeros(1, np.float32), np.ones(1, np.float32)
        if self._start:
            return self._start.scale.text_mean, self._start.scale.text_std
        found = [one.text for one in self.data.utterances(self.train) if one.text is not None]
        if not found:
            raise EmotoneError(
                f"recipe {self.data.recipe.name}: no training utterance has a transcript that can be read"
            )
        return self.data.moments(found)

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
        if not isinstance(view, WordChunks):
            shape = views.shape_of(view, frames, len(mean))
            write_bundle(folder / "bundle", network, about, shape, mean, std, trained_card(about))
            return
        text_mean, text_std = self._text_moments
        example = stack(
            [Utterance(np.zeros((frames, len(mean)), np.float32))] * 2, view, Scale(mean, std, text_mean, text_std)
        )
        arrays = {"feature_mean": mean, "feature_std": std}
        if self.data.text_feature is not None:
            arrays |= {"text_mean": text_mean, "text_std": text_std}
        write_network(folder / "bundle", network, about, example._asdict(), arrays, trained_card(about))

    def _about(self, system: System, view: View, folder: Path) -> dict[str, Any]:
        """What `bundle.json` says."""
        data, recipe = self.data, self.data.recipe
        steps = [self.folder.name] * (not self.alone) + [folder.name] * (folder != self.folder)
        return {
            "name": "-".join([recipe.name, *steps]),
            "description": recipe.description or recipe.name,
            "max_utterance_s": system.utterance_limit_s(self._longest[1]),
            "feature": {"name": recipe.feature.name, "settings": plugins.settings_of(data.feature)},
            **self._about_text(),
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

    def _about_text(self) -> dict[str, Any]:
        """The feature of transcripts, where the bundle has one."""
        choice, feature = self.data.recipe.text_feature, self.data.text_feature
        if choice is None or feature is None:
            return {}
        return {"text_feature": {"name": choice.name, "settings": plugins.settings_of(feature)}}


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
