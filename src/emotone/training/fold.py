"""One fold of a run: training -> bundle -> predictions of its test and validation parts, in one folder."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from emotone.base import plugins
from emotone.base.files import replace_file, write_json
from emotone.base.plugins import Choice
from emotone.bundle.about import BundleAbout, Provenance
from emotone.bundle.bundle import Bundle
from emotone.bundle.card import trained_card
from emotone.bundle.target import EMOTION
from emotone.bundle.view.view import Segments, View, WordChunks
from emotone.data import split as splits
from emotone.data.recipe import Training
from emotone.errors import EmotoneError
from emotone.evaluate.prediction_table import predict_table, table_of_scores
from emotone.models.export import load_weights, write_bundle
from emotone.training.curriculum import Curriculum, Schedule
from emotone.training.examples import StoreExamples, StreamExamples, predict_outputs
from emotone.training.experiment import Experiment
from emotone.training.fold_data import FoldData
from emotone.training.learners.learner import Lesson
from emotone.training.loop import Validation, fit
from emotone.training.system import System, Trained

HeldOut = dict[str, NDArray[np.float32]]
"""As of `emotone.training.system.Solved`."""
MOST_CLUSTERED = 5000
"""Utterances of each part whose clusters are kept for reports; of more than these, as many spread evenly."""


@dataclass
class Fold:
    """Trains and tests one fold, in the folder of its `data`.

    alone: whether the run has no other. warnings: for the card of the bundle. writes: false for the processes that
    train with the one that does (`emotone.training.ranks`), and then leave the rest to it. `done.json` keeps what the
    run's result says of the fold besides its predictions (parameters, weights it started from, choices of a system that
    solves).
    """

    experiment: Experiment
    data: FoldData
    alone: bool = True
    warnings: Sequence[str] = ()
    writes: bool = True

    def run(self) -> None:
        """Train, write the bundle, test it; an earlier call that was interrupted is resumed."""
        started, data, recipe = time.process_time(), self.data, self.experiment.recipe
        schedule = self._schedule()
        view = self._view(self.experiment.system, data.start)
        _, done, held_out = self._train(
            self.experiment.system, view, recipe.training, data.folder, schedule, data.start
        )
        if not self.writes:
            return
        write_json(data.folder / "split.json", {part: list(getattr(data.split, part)) for part in splits.PARTS})
        bundle = Bundle.load(str(data.folder / "bundle"))
        validation = self._predict(bundle, data.validation) if held_out is None else self._held_out(bundle, held_out)
        for name, predictions in {"predictions": self._predict(bundle, data.test), "validation": validation}.items():
            if len(predictions):
                with replace_file(data.folder / f"{name}.parquet") as path:
                    predictions.assign(repeat=data.repeat, fold=data.number).to_parquet(path, index=False)
        write_json(data.folder / "done.json", done | {"cpu_s": time.process_time() - started})

    def _predict(self, bundle: Bundle, table: pd.DataFrame) -> pd.DataFrame:
        """What the bundle says of utterances of this fold."""
        if not len(table):
            return table
        dataset = self.data.dataset
        return predict_table(bundle, dataset.utterances(table) if bundle.takes_words else dataset.rows(table), table)

    def _held_out(self, bundle: Bundle, outputs: HeldOut) -> pd.DataFrame:
        """What networks without its speaker said of speech that trains: of each utterance, not of its copies.

        The column `held_out` says of these rows that the bundle itself knows them.
        """
        train, validation = self.data.train, self.data.validation
        is_plain = (train["voice"] == 0) & (train["channel"] == 0) if "voice" in train else np.ones(len(train), bool)
        kept = train[is_plain]
        places = np.concatenate([np.flatnonzero(is_plain), len(train) + np.arange(len(validation))])
        table = pd.concat([kept.assign(id=kept["utterance"]), validation], ignore_index=True)
        is_scored = [np.isfinite(found[places]).reshape(len(places), -1).all(axis=1) for found in outputs.values()]
        scored = np.all(is_scored, axis=0)
        scores = bundle.decode({name: found[places[scored]] for name, found in outputs.items()})
        return table_of_scores(bundle, [scores], table[scored]).assign(held_out=True)

    def train_step(self, choice: Choice, training: Training, folder: Path, view: View | None = None) -> Trained:
        """Train another system on this fold, as a step towards the recipe's own, and leave its bundle in `folder`.

        What an earlier call did is read back or resumed. Without a `view` it has its own.
        """
        system: System = plugins.create("systems", choice.name, choice.settings)
        view = view or self._view(system)
        if (folder / "bundle" / "bundle.json").is_file():
            network = self._build(system, view)
            load_weights(network, folder / "bundle")
            trained = Trained(system, network.eval(), view)
        else:
            trained, _, _ = self._train(system, view, training, folder)
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
    ) -> tuple[Trained, dict[str, Any], HeldOut | None]:
        """Train a system on this fold and leave its bundle in `folder`; what a result says of it comes beside.

        Last come outputs for speech that trains by networks that do not know it, where the validation part does.
        """
        folder.mkdir(parents=True, exist_ok=True)
        data = self.data
        train = data.train_examples(view)
        known = data.examples(data.validation, view) if len(data.validation) else None
        done = {**system.prepare(data, folder, train, known, self.train_step)}
        held_out: HeldOut | None = None
        torch.manual_seed(data.seed)  # after `prepare`, which draws random numbers only where it is not done yet
        network = self._build(system, view)
        done["num_parameters"] = sum(value.numel() for value in network.parameters())
        if start:
            done["init"] = load_weights(network, start.folder)
        if system.solves:
            assert isinstance(train, StoreExamples) and not isinstance(known, StreamExamples)
            arrays = known.arrays() if known else None
            done["chosen"], held_out = system.solve(network, data.targets, train.arrays(), arrays, data.seed)
        else:
            tested = system.validated(known) if known else None
            validation = Validation(tested, system.scorer(data.targets, tested)) if tested else None
            learns_from_it = system.takes_unlabelled and len(data.unlabelled)
            unlabelled = data.examples(data.unlabelled, view) if learns_from_it else None
            lesson = Lesson(train, training, folder, data.seed, unlabelled, schedule)
            network, _ = fit(system, network, lesson, validation, data.device, data.quiet)
        trained = Trained(system, network, view)
        if self.writes:
            self._finish(trained)
            self._write_clusters(trained, folder, training.batch_size)
            self._write_bundle(trained, folder)
        return trained, done, held_out

    def _build(self, system: System, view: View) -> nn.Module:
        return system.build(len(self.data.dataset.feature.names), self.data.targets, view)

    def _view(self, system: System, start: Bundle | None = None) -> View:
        """A system's view, with the sizes of the features; where training starts from a bundle, the bundle's."""
        dataset = self.data.dataset
        view = system.view(dataset.feature.hop_s, self.data.longest[1])
        if isinstance(view, Segments):
            view = dataclasses.replace(view, num_channels=getattr(dataset.feature, "num_channels", 1))
        if isinstance(view, WordChunks) and dataset.text_feature is not None:
            view = dataclasses.replace(view, num_text_features=len(dataset.text_feature.names))
        if start is None:
            return view
        if _streams(start.view) != _streams(view):
            raise EmotoneError(
                f"recipe {dataset.recipe.name}: init {start.name} does not take the streams and tokens that the recipe "
                "has; set system.streams and text_feature as it was trained"
            )
        return start.view

    def _schedule(self) -> Schedule | None:
        """The recipe's curriculum on the training part, if it has one; `curriculum.parquet` keeps scores and order."""
        if not self.experiment.has_curriculum:
            return None
        data, settings, difficulty = self.data, self.experiment.recipe.curriculum, self.experiment.difficulty
        scores, easy = np.zeros(len(data.train)), settings.easy or difficulty.easy
        if settings.order != "random":
            scores = difficulty(data, self.train_step)
        curriculum = Curriculum(settings.order, easy, settings.num_levels, settings.epochs_per_level)
        schedule = curriculum.schedule(scores, list(data.train["store_id"]), data.seed)
        place = np.argsort(schedule.ranking)
        table = data.train[["id", "store_id"]].assign(score=scores, place=place)
        with replace_file(data.folder / "curriculum.parquet") as path:
            table.to_parquet(path, index=False)
        return schedule

    def _finish(self, trained: Trained) -> None:
        """The system's last change of the network, by its outputs for the training speech without a category."""
        if type(trained.system).finish is System.finish:  # which does not use them
            return
        train = self.data.train
        names = [target.name for target in self.data.targets if target.labels] or [EMOTION]
        plain = train[train[names].isna().all(axis=1) & (train["voice"] == 0) & (train["channel"] == 0)]
        if len(plain):
            outputs = predict_outputs(trained.network, self.data.examples(plain, trained.view), 1, "cpu")
            trained.system.finish(trained.network, self.data.targets, outputs)

    def _write_clusters(self, trained: Trained, folder: Path, batch_size: int) -> None:
        """Write embedding and cluster of every utterance to `clusters.parquet`, for systems that find clusters."""
        if type(trained.system).find_clusters is System.find_clusters:  # which finds none
            return
        data = self.data
        columns = ["id", "corpus", "speaker", *[target.name for target in data.targets]]
        tables = []
        for part in ("train", "unlabelled", "validation", "test"):
            table = getattr(data, part)
            if len(table) > MOST_CLUSTERED and self.experiment.recipe.normalise.by == "training":  # a speaker needs all
                table = table.iloc[np.linspace(0, len(table) - 1, MOST_CLUSTERED).astype(int)]
            if not len(table):
                continue
            examples = data.examples(table, trained.view)
            found = trained.system.find_clusters(trained.network, examples, batch_size, data.device)
            for name, (embeddings, clusters) in found.items():
                about = {"network": name, "part": part, "cluster": clusters, "embedding": list(embeddings)}
                tables.append(table[columns].assign(**about))
        if tables:
            with replace_file(folder / "clusters.parquet") as path:
                pd.concat(tables, ignore_index=True).to_parquet(path, index=False)

    def _write_bundle(self, trained: Trained, folder: Path) -> None:
        data, about = self.data, self._about(trained, folder)
        num_frames, _ = data.longest
        card = trained_card(about)
        write_bundle(folder / "bundle", trained.network, about, data.stream_normalisers, card, num_frames)

    def _about(self, trained: Trained, folder: Path) -> BundleAbout:
        """The content of `bundle.json`."""
        data, dataset, recipe, system = self.data, self.data.dataset, self.experiment.recipe, trained.system
        steps = [data.folder.name] * (not self.alone) + [folder.name] * (folder != data.folder)
        text_feature = None
        if recipe.text_feature is not None:
            text_feature = Choice(recipe.text_feature.name, plugins.settings_of(self.experiment.text_feature))
        return BundleAbout(
            normalise=recipe.to_json()["normalise"],
            name="-".join([recipe.name, *steps]),
            description=recipe.description or recipe.name,
            max_utterance_s=system.utterance_limit_s(data.longest[1]),
            feature=Choice(recipe.feature.name, plugins.settings_of(dataset.feature)),
            text_feature=text_feature,
            view=trained.view,
            targets=system.scored(data.targets),
            curves=system.gives_curves,
            training=Provenance(
                system={} if system is self.experiment.system else _name_and_settings(system),
                recipe=recipe.to_json(),
                recipe_hash=recipe.hash,
                corpora=dataset.fingerprints,
                split_hash=data.split.fingerprint,
                seed=recipe.seed,
                repeat=data.repeat,
                fold=data.number,
                warnings=list(self.warnings),
            ),
            licence="; ".join(sorted(set(dataset.table["licence"]))),
            citation="; ".join(sorted(set(dataset.table["citation"]))),
        )


def _name_and_settings(system: System) -> dict[str, Any]:
    """A system that is not the recipe's own, but a step towards it."""
    name = type(system).__module__.rpartition(".")[2].replace("_", "-")
    return {"name": name, **plugins.settings_of(system)}


def _streams(view: View) -> tuple[str, int] | None:
    """The streams and the size of tokens that a view of words takes; None of any other view."""
    return (view.streams, view.num_text_features) if isinstance(view, WordChunks) else None
