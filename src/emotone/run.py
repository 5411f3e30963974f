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
from emotone.corpus import ATTRIBUTES, Corpus
from emotone.data import split as splits
from emotone.data.normalise import Moments
from emotone.data.view import View, view_to_json
from emotone.errors import EmotoneError, unknown
from emotone.evaluate import metrics
from emotone.evaluate.protocol import score_predictions, test_bundle
from emotone.export import write_bundle
from emotone.files import replace_file
from emotone.recipe import Recipe
from emotone.store import FeatureStore, Rows, extract
from emotone.train import Scorer, fit


def train_recipe(
    recipe: Recipe, to: Path | None = None, device: str = "cpu", jobs: int = 1, quiet: bool = False
) -> Path:
    """Run a recipe (or what is left of it); returns the run's folder."""
    folder = to or Path("runs") / recipe.name / recipe.hash
    data = Data.load(recipe, jobs, quiet)
    folds = data.folds()
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, recipe)
    places = [folder] if len(folds) == 1 else [folder / f"fold-{number}" for number in folds]
    for (number, split), place in zip(folds.items(), places, strict=True):
        if not (place / "predictions.parquet").is_file():
            place.mkdir(exist_ok=True)
            _run_fold(data, split, number, place, device, quiet)
    tables = [pd.read_parquet(place / "predictions.parquet") for place in places]
    result = {
        "recipe": recipe.name, "hash": recipe.hash, "seed": recipe.seed, "corpora": data.fingerprints,
        "protocol": _describe(recipe, len(folds)), "emotone": __version__, "torch": torch.__version__,
        "cpu_s": sum(json.loads((place / "time.json").read_text())["cpu_s"] for place in places),
        **score_predictions(pd.concat(tables, ignore_index=True), data.targets),
    }  # fmt: skip
    with replace_file(folder / "test.json") as path:
        path.write_text(json.dumps(result, indent=1))
    return folder


@dataclass
class Data:
    """The corpora of a recipe as one table with features: ids carry the corpus's name where there are several."""

    recipe: Recipe
    table: pd.DataFrame
    store: dict[str, FeatureStore]
    feature: Any
    targets: list[Target]
    fingerprints: dict[str, str]

    @classmethod
    def load(cls, recipe: Recipe, jobs: int, quiet: bool) -> Data:
        """Load and check the corpora, extract what is missing; raises EmotoneError before any work starts."""
        corpora = [Corpus.load(name) for name in recipe.corpora]
        feature = plugins.create("features", recipe.feature.name, recipe.feature.settings)
        tables = [_select(corpus, recipe) for corpus in corpora]
        table = pd.concat(tables, ignore_index=True)
        targets = [_target(name, table, corpora, recipe) for name in recipe.targets]
        splits_known = splits.SPLITS
        if recipe.split.name.replace("-", "_") not in splits_known:
            raise unknown("split", recipe.split.name, splits_known)
        store = {
            corpus.name: extract(corpus, recipe.feature.name, feature, jobs, recipe.feature_dtype, quiet)
            for corpus in corpora
        }
        failed = {f"{name}/{id_}": error for name, one in store.items() for id_, error in one.failed.items()}
        wanted = set(table["corpus"] + "/" + table["store_id"])
        lost = sorted(wanted & set(failed))
        if lost:
            raise EmotoneError(f"{len(lost)} utterances have no features, e.g. {lost[0]}: {failed[lost[0]]}")
        return cls(recipe, table, store, feature, targets, {corpus.name: corpus.fingerprint for corpus in corpora})

    def folds(self) -> dict[int, splits.Split]:
        """The splits to run, by fold number."""
        settings = self.recipe.split
        name = settings.name.replace("-", "_")
        if name == "official":
            return {0: splits.official(self.table)}
        if name == "given":
            if settings.file is None:
                raise EmotoneError("split given needs split.file, the JSON file that lists the parts")
            return {0: splits.given(self.table, settings.file)}
        groups = splits.groups_of(self.table, settings.group)
        num_folds = len(groups) if name == "leave_one_speaker_out" else settings.num_folds
        if num_folds is None:
            raise EmotoneError(f"split {settings.name} needs split.num_folds")
        wanted = range(num_folds) if settings.fold == "all" else [settings.fold]
        if name == "leave_one_speaker_out":
            return {fold: splits.leave_one_speaker_out(self.table, fold, settings.group) for fold in wanted}
        return {fold: splits.leave_speakers_out(self.table, num_folds, fold, settings.group) for fold in wanted}

    def rows(self, ids: list[str]) -> Rows:
        """A reader of these utterances' features."""
        table = self.table.set_index("id").loc[ids]
        parts = [self.store[row.corpus].rows([row.store_id]).utterances[0] for row in table.itertuples()]
        return Rows(parts, len(self.feature.names))

    def moments(self, ids: list[str]) -> Moments:
        """Streaming feature statistics over these utterances."""
        moments = Moments()
        for features in self.rows(ids).utterances:
            moments.update(features)
        return moments


@dataclass
class StoreExamples:
    """Utterances of the store as batches of torch tensors (`emotone.train.Examples`)."""

    rows: Rows
    view: View
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    labels: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: NDArray[np.intp], random: np.random.Generator | None) -> tuple[Tensor, dict[str, Tensor]]:
        """Inputs [B, ...view, D] and the labels of these rows."""
        inputs = torch.from_numpy(self.rows.batch(list(rows), self.view, self.mean, self.std))
        return inputs, {name: label[torch.from_numpy(rows)] for name, label in self.labels.items()}


def _run_fold(data: Data, split: splits.Split, number: int, folder: Path, device: str, quiet: bool) -> None:
    """Train, write and test one fold."""
    recipe, started = data.recipe, time.process_time()
    _check_split(split, data)
    table = data.table.set_index("id")
    train_ids, validation_ids, test_ids = (_labelled(part, table, data.targets) for part in (split.train, split.validation, split.test))
    targets = [_with_moments(target, table.loc[train_ids]) for target in data.targets]
    hop_s = data.feature.hop_s
    frames = [len(features) for features in data.rows(train_ids).utterances]
    system = plugins.create("systems", recipe.system.name, recipe.system.settings)
    view = system.view(hop_s, max(frames) * (hop_s or 0.0))
    moments = data.moments(train_ids)
    mean, std = moments.mean.astype(np.float32), moments.std.astype(np.float32)

    def examples(ids: list[str]) -> StoreExamples:
        return StoreExamples(data.rows(ids), view, mean, std, _labels(table.loc[ids], targets))

    torch.manual_seed(recipe.seed * 1000 + number)
    network = system.build(len(data.feature.names), targets)
    validation = examples(validation_ids)
    network, history = fit(
        system, network, examples(train_ids), validation, _scorer(targets, validation.labels), recipe.training, folder,
        seed=recipe.seed * 1000 + number, device=device, quiet=quiet,
    )  # fmt: skip
    with replace_file(folder / "split.json") as path:
        parts = {part: list(getattr(split, part)) for part in splits.PARTS}
        path.write_text(json.dumps(parts))
    about = {
        "name": recipe.name if len(data.folds()) == 1 else f"{recipe.name}-fold-{number}",
        "description": recipe.description or recipe.name,
        "max_utterance_s": max(frames) * (hop_s or 0.0) if recipe.system.settings.get("max_utterance_s") is None else recipe.system.settings["max_utterance_s"],
        "feature": {"name": recipe.feature.name, "settings": plugins.settings_of(data.feature)},
        "view": view_to_json(view),
        "targets": [target.to_json() for target in targets],
        "training": {
            "recipe": recipe.to_json(), "recipe_hash": recipe.hash, "corpora": data.fingerprints,
            "split_hash": split.fingerprint, "seed": recipe.seed, "fold": number, "best": history[-1] if history else {},
        },
        "results": [],
        "licence": "; ".join(sorted(set(data.table["licence"]))),
        "citation": "; ".join(sorted(set(data.table["citation"]))),
    }  # fmt: skip
    shape = validation.batch(np.arange(1), None)[0].shape[1:]
    write_bundle(folder / "bundle", network, about, tuple(shape), mean, std, trained_card(about))
    bundle = Bundle.load(str(folder / "bundle"))
    predictions = test_bundle(bundle, data.rows(test_ids), table.loc[test_ids].reset_index())
    (folder / "time.json").write_text(json.dumps({"cpu_s": time.process_time() - started}))
    with replace_file(folder / "predictions.parquet") as path:
        predictions.to_parquet(path, index=False)
    (folder / "checkpoint.pt").unlink()


def _select(corpus: Corpus, recipe: Recipe) -> pd.DataFrame:
    """The recipe's rows of one corpus, with its name, licence and citation."""
    table = corpus.utterances.copy()
    for column, values in recipe.where.items():
        if column not in table:
            raise unknown("column", column, table.columns, where=f"recipe {recipe.name}: where")
        table = table[table[column].isin(values)]
    if not len(table):
        raise EmotoneError(f"recipe {recipe.name}: no utterance of {corpus.name} fits where {recipe.where}")
    table["store_id"], table["corpus"] = table["id"], corpus.name
    table["licence"], table["citation"] = corpus.meta.get("licence", ""), corpus.meta.get("citation", "")
    if len(recipe.corpora) > 1:  # ids and speakers of two corpora may be the same words
        for column in ("id", "speaker", "session"):
            table[column] = (corpus.name + "/" + table[column]).where(table[column].notna(), None)
    return table


def _target(name: str, table: pd.DataFrame, corpora: list[Corpus], recipe: Recipe) -> Target:
    if name == "emotion":
        present = sorted(table["emotion"].dropna().unique())
        for label in recipe.classes:
            if label not in present:
                raise unknown("class", label, present, where=f"recipe {recipe.name}")
        labels = tuple(recipe.classes or present)
        if len(labels) < 2:
            raise EmotoneError(f"recipe {recipe.name}: emotion needs two classes or more in {', '.join(recipe.corpora)}")
        return Target("emotion", "category", labels=labels)
    if name not in ATTRIBUTES:
        raise unknown("target", name, [*ATTRIBUTES, "emotion"], where=f"recipe {recipe.name}")
    ranges = {tuple(corpus.meta.get("ranges", {}).get(name, ())) for corpus in corpora}
    if len(ranges) != 1 or () in ranges:
        raise EmotoneError(f"recipe {recipe.name}: {name} needs one known range in all corpora, found {sorted(ranges)}")
    low, high = ranges.pop()
    return Target(name, "attribute", (float(low), float(high)))


def _labelled(ids: tuple[str, ...], table: pd.DataFrame, targets: list[Target]) -> list[str]:
    """The ids that have a label for at least one target."""
    part = table.loc[list(ids)]
    known = np.zeros(len(part), dtype=bool)
    for target in targets:
        known |= part[target.name].isin(target.labels) if target.kind == "category" else part[target.name].notna()
    return list(part.index[known])


def _with_moments(target: Target, train: pd.DataFrame) -> Target:
    """An attribute with the mean and population deviation of the training labels."""
    if target.kind == "category":
        return target
    labels = train[target.name].dropna()
    return Target(target.name, "attribute", target.range, float(labels.mean()), float(labels.std(ddof=0)) or 1.0)


def _labels(table: pd.DataFrame, targets: list[Target]) -> dict[str, Tensor]:
    """Labels as the losses take them: z-normalised attributes (NaN unknown), class numbers (-1 unknown)."""
    labels: dict[str, Tensor] = {}
    for target in targets:
        if target.kind == "category":
            codes = pd.Categorical(table["emotion"], categories=list(target.labels)).codes
            labels[target.name] = torch.from_numpy(codes.astype(np.int64))
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
                known = truth >= 0
                scores[target.name] = metrics.uar(output[known].argmax(axis=1), truth[known])
            else:
                known = ~np.isnan(truth)
                scores[target.name] = metrics.ccc(output[known], truth[known])
        return scores

    return score


def _check_split(split: splits.Split, data: Data) -> None:
    """Refuse an empty part, and a group on both sides of the test border unless the recipe allows it."""
    for part in ("train", "validation", "test"):
        if not getattr(split, part):
            raise EmotoneError(f"recipe {data.recipe.name}: the {part} part of split {data.recipe.split.name} is empty")
    groups = data.table.set_index("id")[data.recipe.split.group]
    fitted = set(groups.loc[[*split.train, *split.validation]].dropna())
    shared = sorted(fitted & set(groups.loc[list(split.test)].dropna()))
    if shared and not data.recipe.allow_leakage:
        raise EmotoneError(
            f"recipe {data.recipe.name}: {len(shared)} of the test part's groups ({data.recipe.split.group} {shared[0]!r}, ...) "
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
