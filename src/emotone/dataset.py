"""The corpora of a recipe as one table with features: what a run trains and tests on.

`table` has a row per utterance; `copies` a row per training copy (the utterances themselves where the recipe augments
nothing), whose `utterance` is the id in `table`. Where there are several corpora, ids and speakers carry the corpus's
name. With a teacher, the attribute columns of both hold its scores: those of a copy are asked of the copy's voice.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from emotone import plugins
from emotone.bundle import Target
from emotone.corpus import ATTRIBUTES, Corpus
from emotone.data import split as splits
from emotone.data.augment import Augment
from emotone.data.normalise import Moments
from emotone.errors import EmotoneError, unknown
from emotone.features.scores import Scores
from emotone.recipe import Recipe
from emotone.store import FeatureStore, Rows, extract

SPLIT_WITH_FOLDS = ("leave_speakers_out", "leave_one_speaker_out")


@dataclass
class Dataset:
    """See the module's docstring; `stores` are feature stores by the name in a row's `store` column."""

    recipe: Recipe
    table: pd.DataFrame
    copies: pd.DataFrame
    stores: dict[str, FeatureStore]
    feature: Any
    targets: list[Target]
    fingerprints: dict[str, str]

    @classmethod
    def load(cls, recipe: Recipe, jobs: int = 1, quiet: bool = False, with_copies: bool = True) -> Dataset:
        """Load and check the corpora, extract what is missing; raises EmotoneError before any work starts.

        `with_copies` False leaves the training copies out (for testing a finished run).
        """
        corpora = {name: Corpus.load(name) for name in recipe.corpora}
        feature = plugins.create("features", recipe.feature.name, recipe.feature.settings)
        teacher = Scores(tuple(recipe.teacher)) if recipe.teacher else None
        selected = {name: _select(corpus, recipe) for name, corpus in corpora.items()}
        table = pd.concat(selected.values(), ignore_index=True)
        targets = [_target(name, table, corpora, recipe, teacher) for name in recipe.targets]
        _split_name(recipe)
        loader = _Loader(recipe, feature, teacher, jobs, quiet, _babble_files(recipe, corpora))
        tables = [loader.add(corpora[name], selected[name], name) for name in corpora]
        copies = tables
        if with_copies and loader.augments:
            copies = [loader.add(*_copies(corpora[name], selected[name], recipe), f"{name}#") for name in corpora]
        fingerprints = {name: corpus.fingerprint for name, corpus in corpora.items()}
        whole = pd.concat(tables, ignore_index=True), pd.concat(copies, ignore_index=True)
        return cls(recipe, *whole, loader.stores, feature, targets, fingerprints)

    def folds(self) -> dict[int, splits.Split]:
        """The splits to run, by fold number."""
        settings, name = self.recipe.split, _split_name(self.recipe)
        if name in ("official", "everything"):
            return {0: splits.SPLITS[name](self.table)}
        if name == "given":
            if settings.file is None:
                raise EmotoneError("split given needs split.file, the JSON file that lists the parts")
            return {0: splits.given(self.table, settings.file)}
        groups = splits.groups_of(self.table, settings.group)
        if name == "leave_one_speaker_out":
            folds = [[group] for group in groups]
        elif settings.num_folds is None:
            raise EmotoneError(f"split {settings.name} needs split.num_folds")
        elif not 3 <= settings.num_folds <= len(groups):
            raise EmotoneError(f"split.num_folds must be from 3 to the {len(groups)} groups, not {settings.num_folds}")
        else:
            folds = [groups[number :: settings.num_folds] for number in range(settings.num_folds)]
        wanted = range(len(folds)) if settings.fold == "all" else [settings.fold]
        return {fold: splits.speaker_folds(self.table, folds, fold, settings.group) for fold in wanted}

    def rows(self, table: pd.DataFrame) -> Rows:
        """A reader of the features of these rows of `table` or `copies`, in their order."""
        parts: list[Any] = [None] * len(table)
        for store, group in table.reset_index(drop=True).groupby("store", sort=False):
            found = self.stores[str(store)].rows(list(group["store_id"])).utterances
            for position, features in zip(group.index, found, strict=True):
                parts[position] = features
        return Rows(parts, len(self.feature.names))

    def moments(self, table: pd.DataFrame) -> Moments:
        """Feature statistics over the frames of these rows, in one streaming pass."""
        moments = Moments()
        for features in self.rows(table).utterances:
            moments.update(features)
        return moments


@dataclass
class _Loader:
    """Extracts features, and the teacher's scores, of tables that belong to corpora."""

    recipe: Recipe
    feature: Any
    teacher: Scores | None
    jobs: int
    quiet: bool
    babble_files: tuple[str, ...]
    stores: dict[str, FeatureStore] = dataclasses.field(default_factory=dict)

    @property
    def augments(self) -> bool:
        return self.recipe.augmentation.voices * self.recipe.augmentation.channels > 1

    def add(self, corpus: Corpus, table: pd.DataFrame, store: str) -> pd.DataFrame:
        """The table with its `store`, and with the teacher's scores as attributes."""
        recipe = self.recipe
        settings = recipe.augmentation
        transform = Augment(settings.seed, settings.crop_share, settings.crop_s) if "#" in store else None
        self.stores[store] = extract(
            corpus, recipe.feature.name, self.feature, self.jobs, recipe.feature_dtype, self.quiet,
            None if transform is None else dataclasses.replace(transform, babble_files=self.babble_files),
        )  # fmt: skip
        _check_extracted(self.stores[store], table)
        table = table.assign(store=store)
        if self.teacher is None:
            return table
        voices = corpus.utterances.assign(id=corpus.utterances["id"].str.replace(r"\.\d+$", "", regex=True))
        asked = Corpus(corpus.name, corpus.root, voices.drop_duplicates("id") if transform else corpus.utterances)
        # Only the voice counts for what is heard, so every channel of a voice gets the score of the clean one.
        scores = extract(asked, "scores", self.teacher, self.jobs, "float32", self.quiet, transform)
        voice_id = table["store_id"].str.replace(r"(#\d+)\.\d+$", r"\1", regex=True)
        _check_extracted(scores, table.assign(store_id=voice_id))
        values = np.concatenate(scores.rows(list(voice_id)).utterances)
        return table.assign(**{name: values[:, place].astype(float) for place, name in enumerate(self.teacher.names)})


def _copies(corpus: Corpus, table: pd.DataFrame, recipe: Recipe) -> tuple[Corpus, pd.DataFrame]:
    """The training copies of a corpus: as a corpus of parts of its files, and as rows like the table's."""
    settings = recipe.augmentation
    copies = pd.DataFrame(
        [
            {**row, "store_id": f"{name}#{voice}.{channel}"}
            for row in table.to_dict("records")
            for name in _copy_names(row, settings.crops_of_unlabelled)
            for voice in range(settings.voices)
            for channel in range(settings.channels)
        ]
    )
    own = copies.assign(id=copies["store_id"], split=None)[list(corpus.utterances.columns)]
    return Corpus(corpus.name, corpus.root, own, None, corpus.meta), copies


def _copy_names(row: dict[str, Any], num_crops: int) -> list[str]:
    """The utterance itself, or several random parts of it where it has no category (`emotone.data.augment.Augment`)."""
    return [row["store_id"]] if row["emotion"] else [f"{row['store_id']}~{crop}" for crop in range(num_crops)]


def _babble_files(recipe: Recipe, corpora: dict[str, Corpus]) -> tuple[str, ...]:
    """Speech without categories, whose mixture is one of the noises."""
    return tuple(
        str(corpus.path_of(file))
        for corpus in corpora.values()
        if not corpus.utterances["emotion"].notna().any()
        for file in corpus.utterances["file"]
    )


def _check_extracted(store: FeatureStore, table: pd.DataFrame) -> None:
    lost = [id_ for id_ in table["store_id"] if id_ not in store]
    if lost:
        reason = store.failed.get(lost[0], "not extracted")
        raise EmotoneError(f"{store.folder}: {len(lost)} utterances have no features, e.g. {lost[0]}: {reason}")


def _split_name(recipe: Recipe) -> str:
    name = recipe.split.name.replace("-", "_")
    known = [split for split in splits.SPLITS if split != "speaker_folds"]
    if name not in known:
        raise unknown("split", recipe.split.name, [split.replace("_", "-") for split in known], f"recipe {recipe.name}")
    return name


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
    if recipe.teacher:
        table["split"] = None  # a teacher labels all speech, so none of it is unlabelled
    if len(recipe.corpora) > 1:  # ids and speakers of two corpora may be the same words
        for column in ("id", "speaker", "session"):
            table[column] = (corpus.name + "/" + table[column]).where(table[column].notna(), None)
    return table.assign(utterance=table["id"])


def _target(
    name: str, table: pd.DataFrame, corpora: dict[str, Corpus], recipe: Recipe, teacher: Scores | None
) -> Target:
    """A target with its labels or range, the same in all corpora."""
    where = f"recipe {recipe.name}"
    if name == "emotion":
        present = sorted(table["emotion"].dropna().unique())
        for label in recipe.classes:
            if label not in present:
                raise unknown("class", label, present, where=where)
        labels = tuple(recipe.classes or present)
        if len(labels) < 2:
            raise EmotoneError(f"{where}: emotion needs two classes or more in {', '.join(corpora)}")
        return Target("emotion", "category", labels=labels)
    known = teacher.names if teacher else ATTRIBUTES
    if name not in known:
        raise unknown("target", name, [*known, "emotion"], where=where)
    if teacher:
        return Target(name, "attribute", teacher.ranges[name])
    ranges = {tuple(corpus.meta.get("ranges", {}).get(name, ())) for corpus in corpora.values()}
    if len(ranges) != 1 or () in ranges:
        raise EmotoneError(f"{where}: {name} needs one known range in all corpora, found {sorted(ranges)}")
    low, high = ranges.pop()
    return Target(name, "attribute", (float(low), float(high)))
