"""One fold of a run: features -> training -> bundle -> predictions of its test and validation parts, in one folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from emotone.base import plugins
from emotone.base.files import replace_file, write_json
from emotone.bundle.bundle import Bundle
from emotone.bundle.card import trained_card
from emotone.bundle.view import view as views
from emotone.bundle.view.streams import Utterance, stack
from emotone.bundle.view.view import View, WordChunks, view_to_json
from emotone.data import split as splits
from emotone.data.recipe import Choice, Training
from emotone.evaluate.prediction_table import predict_table
from emotone.models.export import load_weights, write_bundle, write_network
from emotone.training.curriculum import Curriculum, Schedule
from emotone.training.examples import StoreExamples, StreamExamples, predict_outputs
from emotone.training.experiment import Experiment
from emotone.training.fold_data import FoldData
from emotone.training.learners.learner import Lesson
from emotone.training.loop import Validation, fit
from emotone.training.system import System, Trained

MOST_EXPLAINED = 5000
"""Utterances of each part whose clusters are kept for reports; of more than these, as many spread evenly."""


@dataclass
class Fold:
    """Trains and tests one fold; `alone` where the run has no other. The bundle's card carries the `warnings`.

    `done` is what the run's result shall say of the fold besides its predictions.
    """

    experiment: Experiment
    data: FoldData
    alone: bool = True
    warnings: Sequence[str] = ()
    done: dict[str, Any] = field(default_factory=dict)

    def run(self) -> None:
        """Train, write the bundle, test it; what an earlier call finished is not done again."""
        started, data, recipe = time.process_time(), self.data, self.experiment.recipe
        schedule = self._schedule()
        view = self._view(self.experiment.system, data.start)
        self._train(self.experiment.system, view, recipe.training, data.folder, schedule, data.start)
        write_json(data.folder / "split.json", {part: list(getattr(data.split, part)) for part in splits.PARTS})
        bundle = Bundle.load(str(data.folder / "bundle"))
        for table, name in ((data.test, "predictions"), (data.validation, "validation")):
            if len(table):
                inputs = data.data.utterances(table) if bundle.takes_words else data.data.rows(table)
                predictions = predict_table(bundle, inputs, table)
                with replace_file(data.folder / f"{name}.parquet") as path:
                    predictions.assign(repeat=data.repeat, fold=data.number).to_parquet(path, index=False)
        write_json(data.folder / "done.json", self.done | {"cpu_s": time.process_time() - started})

    def train_step(self, choice: Choice, training: Training, folder: Path, view: View | None = None) -> Trained:
        """Train another system on this fold, as a step towards its own, and leave its bundle in `folder`.

        Resumed, or read back where it is done. It sees utterances through a `view` of its own, unless one is given.
        """
        system: System = plugins.create("systems", choice.name, choice.settings)
        view = view or self._view(system, None)
        if (folder / "bundle" / "bundle.json").is_file():
            network = self._build(system, view)
            load_weights(network, folder / "bundle")
            trained = Trained(system, network.eval(), view)
        else:
            trained = self._train(system, view, training, folder)
        (folder / "checkpoint.pt").unlink(missing_ok=True)
        return trained

    def _train(
        self,
        system: System,
        view: View,
        training: Training,
        folder: Path,
        schedule: Schedule | None = None,
        start: Bundle | None = None,
    ) -> Trained:
        """Train a system on this fold, resumed where that was interrupted, and leave its bundle in `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        data = self.data
        train = data.train_examples(view)
        known = data.examples(data.validation, view) if len(data.validation) else None
        self.done |= system.prepare(data, folder, train, known, self.train_step)
        torch.manual_seed(data.seed)  # after that, which draws numbers only where it is not done yet
        network = self._build(system, view)
        self.done["num_parameters"] = sum(value.numel() for value in network.parameters())
        if start:
            self.done["init"] = load_weights(network, start.folder)
        if system.solves:
            assert isinstance(train, StoreExamples) and not isinstance(known, StreamExamples)
            arrays = known.arrays() if known else None
            self.done["chosen"] = system.solve(network, data.targets, train.arrays(), arrays, data.seed)
        else:
            validation = Validation(known, system.scorer(data.targets, known)) if known else None
            takes_pool = system.takes_unlabelled and len(data.unlabelled)
            pool = data.examples(data.unlabelled, view) if takes_pool else None
            lesson = Lesson(train, training, folder, data.seed, pool, schedule)
            network, _ = fit(system, network, lesson, validation, data.device, data.quiet)
        trained = Trained(system, network, view)
        self._finish(trained)
        self._explain(trained, folder, training.batch_size)
        self._write_bundle(trained, folder)
        return trained

    def _build(self, system: System, view: View) -> nn.Module:
        return system.build(len(self.data.data.feature.names), self.data.targets, view)

    def _view(self, system: System, start: Bundle | None) -> View:
        """What a system sees of an utterance: what the bundle it starts from does, where it starts from one."""
        return self.data.complete_view(system.view(self.data.data.feature.hop_s, self.data.longest[1]), start)

    def _schedule(self) -> Schedule | None:
        """Which utterances come in which epoch, where the recipe has a curriculum; its scores are kept as a table."""
        data, plan = self.data, self.experiment.recipe.curriculum
        if not self.experiment.has_curriculum:
            return None
        scores = np.zeros(len(data.train))
        easy = plan.easy or "highest"
        if plan.order != "random":
            difficulty = self.experiment.difficulty
            scores, easy = difficulty(data, self.train_step), plan.easy or difficulty.easy
        growth = Curriculum(plan.order, easy, plan.num_levels, plan.epochs_per_level)
        schedule = growth.schedule(scores, list(data.train["store_id"]), data.seed)
        place = np.argsort(schedule.ranking)
        table = data.train[["id", "store_id"]].assign(score=scores, place=place)
        with replace_file(data.folder / "curriculum.parquet") as path:
            table.to_parquet(path, index=False)
        return schedule

    def _finish(self, trained: Trained) -> None:
        """The system's last change, given the outputs for the training speech without a category."""
        if type(trained.system).finish is System.finish:  # which would throw them away
            return
        train = self.data.train
        plain = train[train["emotion"].isna() & (train["voice"] == 0) & (train["channel"] == 0)]
        if len(plain):
            outputs = predict_outputs(trained.network, self.data.examples(plain, trained.view), 1, "cpu")
            trained.system.finish(trained.network, self.data.targets, outputs)

    def _explain(self, trained: Trained, folder: Path, batch_size: int) -> None:
        """Write `clusters.parquet`: where every utterance lies, for systems that cluster (`emotone.evaluate`)."""
        data = self.data
        parts = {
            "train": data.train, "unlabelled": data.unlabelled, "validation": data.validation, "test": data.test,
        }  # fmt: skip
        columns = ["id", "corpus", "speaker", *[target.name for target in data.targets]]
        tables = []
        for part, table in parts.items():
            if len(table) > MOST_EXPLAINED and self.experiment.recipe.normalise.by == "training":  # a speaker needs all
                table = table.iloc[np.linspace(0, len(table) - 1, MOST_EXPLAINED).astype(int)]
            examples = data.examples(table, trained.view) if len(table) else None
            found = trained.system.find_clusters(trained.network, examples, batch_size, data.device) if examples else {}
            for name, (embeddings, clusters) in found.items():
                about = {"network": name, "part": part, "cluster": clusters, "embedding": list(embeddings)}
                tables.append(table[columns].assign(**about))
        if tables:
            with replace_file(folder / "clusters.parquet") as path:
                pd.concat(tables, ignore_index=True).to_parquet(path, index=False)

    def _write_bundle(self, trained: Trained, folder: Path) -> None:
        data, view = self.data, trained.view
        (frames, _), num_features = data.longest, len(data.data.feature.names)
        about = self._about(trained, folder)
        if not isinstance(view, WordChunks):
            shape = views.shape_of(view, frames, num_features)
            write_bundle(folder / "bundle", trained.network, about, shape, data.normaliser, trained_card(about))
            return
        normalisers = data.stream_normalisers
        example = stack([Utterance(np.zeros((frames, num_features), np.float32))] * 2, view, normalisers)
        named = {"feature": normalisers.speech}
        if self.experiment.text_feature is not None:
            named["text"] = normalisers.text
        write_network(folder / "bundle", trained.network, about, example._asdict(), named, trained_card(about))

    def _about(self, trained: Trained, folder: Path) -> dict[str, Any]:
        """What `bundle.json` says."""
        fold, data, recipe, system = self.data, self.data.data, self.experiment.recipe, trained.system
        steps = [fold.folder.name] * (not self.alone) + [folder.name] * (folder != fold.folder)
        return {
            "name": "-".join([recipe.name, *steps]),
            "description": recipe.description or recipe.name,
            "max_utterance_s": system.utterance_limit_s(fold.longest[1]),
            "feature": {"name": recipe.feature.name, "settings": plugins.settings_of(data.feature)},
            **self._about_text(),
            "normalise": recipe.to_json()["normalise"],
            "view": view_to_json(trained.view),
            "targets": [target.to_json() for target in system.scored(fold.targets)],
            **({"curves": True} if system.gives_curves else {}),
            "training": {
                "recipe": recipe.to_json(), "recipe_hash": recipe.hash, "corpora": data.fingerprints,
                "split_hash": fold.split.fingerprint, "seed": recipe.seed, "repeat": fold.repeat, "fold": fold.number,
                "warnings": list(self.warnings),
            },
            "results": [],
            "licence": "; ".join(sorted(set(data.table["licence"]))),
            "citation": "; ".join(sorted(set(data.table["citation"]))),
        }  # fmt: skip

    def _about_text(self) -> dict[str, Any]:
        """The feature of transcripts, where the bundle has one."""
        choice, feature = self.experiment.recipe.text_feature, self.experiment.text_feature
        if choice is None or feature is None:
            return {}
        return {"text_feature": {"name": choice.name, "settings": plugins.settings_of(feature)}}
