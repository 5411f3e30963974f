"""The corpora of a recipe as one table with features: what a run trains and tests on.

`table` has a row per utterance; `copies` a row per training copy (the utterances themselves where the recipe augments
nothing), whose `utterance` is the id in `table`. Where there are several corpora, ids and speakers carry the corpus's
name. With a teacher, the attribute columns of both hold its scores: those of a copy are asked of the copy's voice.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.audio.change.augment import Augment
from emotone.base import plugins
from emotone.bundle.bundle import Target
from emotone.bundle.view.normalise import Extremes, Moments
from emotone.bundle.view.streams import Utterance
from emotone.corpora.corpus import ATTRIBUTES, Corpus
from emotone.corpora.scan import scan
from emotone.data import split as splits
from emotone.data import unlabelled
from emotone.data.noisy_copies import NoisyCopy
from emotone.data.recipe import Recipe
from emotone.data.rows import Rows
from emotone.data.store import FeatureStore, extract
from emotone.data.words_and_text import Told, tell
from emotone.errors import EmotoneError, unknown
from emotone.features.extractors.scores import Scores


@dataclass
class Selection:
    """What a recipe is about, before any feature: its corpora, its utterances as one table, its targets.

    `lost` {reason: number} are unlabelled utterances that cannot be used; a labelled one would be an error.
    """

    recipe: Recipe
    corpora: dict[str, Corpus]
    table: pd.DataFrame
    targets: list[Target]
    lost: dict[str, int]

    @classmethod
    def read(cls, recipe: Recipe, jobs: int = 1, quiet: bool = False) -> Selection:
        """Load the corpora, look through their audio, map and check labels and settings; raises EmotoneError."""
        _check_maps(recipe)
        _split_name(recipe)
        corpora = {name: Corpus.load(name) for name in dict.fromkeys((*recipe.corpora, *recipe.unlabelled.corpora))}
        scans = {name: scan(corpus, jobs, quiet) for name, corpus in corpora.items()}
        table = pd.concat([_select(corpora[name], recipe, scans[name]) for name in recipe.corpora], ignore_index=True)
        table, lost = unlabelled.add(table, recipe, corpora, scans)
        teacher = Scores(tuple(recipe.teacher)) if recipe.teacher else None
        own = {name: corpora[name] for name in recipe.corpora}
        targets = [_target(name, table, own, recipe, teacher) for name in recipe.targets]
        return cls(recipe, corpora, table, targets, lost)

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Of every corpus, by name."""
        return {name: corpus.fingerprint for name, corpus in self.corpora.items()}

    def own_ids(self, table: pd.DataFrame) -> pd.Series[Any]:
        """The id, in its own corpus, of the utterance that each row of `table` or of its copies is of."""
        return table["utterance"].map(self.table.set_index("id")["store_id"])

    def folds(self, repeat: int = 0) -> dict[int, splits.Split]:
        """The splits to run in one repeat, by fold number; raises EmotoneError for settings that do not fit."""
        settings = self.recipe.split
        folds = splits.SPLITS[_split_name(self.recipe)](self.table, **_split_settings(self.recipe, repeat))
        if settings.fold != "all" and not 0 <= settings.fold < len(folds):
            raise EmotoneError(f"split.fold must be from 0 to {len(folds) - 1}, or all, not {settings.fold}")
        wanted = range(len(folds)) if settings.fold == "all" else [settings.fold]
        chosen: dict[int, splits.Split] = {number: folds[number] for number in wanted}
        if not settings.validate:
            chosen = {number: splits.without_validation(split) for number, split in chosen.items()}
        return chosen

    @property
    def left_out(self) -> dict[str, int]:
        """Utterances without a label for any target, counted by what they have instead; a teacher leaves none out."""
        if self.recipe.teacher:
            return dict(self.lost)
        known = labelled(self.table, self.targets)["id"]
        lost = self.table[~self.table["id"].isin(known) & (self.table["split"] != "unlabelled")]
        reasons = lost["emotion"].map("emotion {}".format, na_action="ignore").fillna("no label")
        return {str(reason): int(count) for reason, count in reasons.value_counts().items()} | self.lost


@dataclass
class Dataset(Selection):
    """A selection with its features; `stores` are feature stores by the name in a row's `store` column.

    Of the labelled utterances there is also a store for each kind of noise in `noise`, named `STORE~KIND`.
    """

    copies: pd.DataFrame
    stores: dict[str, FeatureStore]
    feature: Any
    text_feature: Any = None
    told: dict[str, Told] = dataclasses.field(default_factory=dict)
    noise: Sequence[str] = ()

    @classmethod
    def extract(
        cls, selection: Selection, jobs: int = 1, quiet: bool = False, noise: Sequence[NoisyCopy] = ()
    ) -> Dataset:
        """The selection with features, of which those that are missing are extracted; of noisy copies too."""
        recipe, corpora = selection.recipe, selection.corpora
        feature = plugins.create("features", recipe.feature.name, recipe.feature.settings)
        teacher = Scores(tuple(recipe.teacher)) if recipe.teacher else None
        loader = _Loader(recipe, feature, teacher, jobs, quiet, _babble_files(recipe, corpora))
        selected = {name: selection.table[selection.table["corpus"] == corpora[name].name] for name in corpora}
        text_feature, about = tell(recipe, corpora, selected, feature.hop_s, jobs, quiet)  # first: words may lack
        tables = [loader.add(corpora[name], selected[name], name) for name in corpora]
        copies = tables
        if loader.augments:
            labelled_rows = {name: table[table["split"] != "unlabelled"] for name, table in selected.items()}
            copies = [
                loader.add(*_copies(corpora[name], rows, recipe), f"{name}#")
                for name, rows in labelled_rows.items()
                if len(rows)
            ]
        for kind in noise:
            for name, table in selected.items():
                loader.add_noisy(corpora[name], labelled(table, selection.targets), name, kind)
        whole = pd.concat(tables, ignore_index=True), pd.concat(copies, ignore_index=True)
        lost = selection.lost | loader.lost
        if (selection.table["split"] == "unlabelled").any() and not (whole[0]["split"] == "unlabelled").any():
            raise EmotoneError(f"recipe {recipe.name}: no unlabelled utterance has features: {next(iter(loader.lost))}")
        return cls(
            recipe, corpora, whole[0], selection.targets, lost, whole[1], loader.stores, feature, text_feature, about,
            [kind.kind for kind in noise],
        )  # fmt: skip

    def rows(self, table: pd.DataFrame) -> Rows:
        """A reader of the features of these rows of `table` or `copies`, in their order."""
        parts: list[Any] = [None] * len(table)
        for store, group in table.reset_index(drop=True).groupby("store", sort=False):
            found = self.stores[str(store)].rows(list(group["store_id"])).utterances
            for position, features in zip(group.index, found, strict=True):
                parts[position] = features
        return Rows(parts, len(self.feature.names))

    def noisy_rows(self, table: pd.DataFrame) -> list[Rows]:
        """The same of these rows of `table` with noise, a reader for each kind."""
        return [self.rows(table.assign(store=_noisy(table["store"], kind))) for kind in self.noise]

    def utterances(self, table: pd.DataFrame) -> list[Utterance]:
        """Both streams of these rows of `table` or `copies`, in their order; a copy says what its utterance says."""
        found: list[Any] = [None] * len(table)
        speech, own = self.rows(table).utterances, list(self.own_ids(table))
        for name, group in table.reset_index(drop=True).groupby("corpus", sort=False):
            places = list(group.index)
            joined = self.told[str(name)].join([own[place] for place in places], [speech[place] for place in places])
            for place, utterance in zip(places, joined, strict=True):
                found[place] = utterance
        return found

    def moments(self, features: Iterable[NDArray[np.float32]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What normalises features [D]: mean and deviation over utterances' frames (or means), or least and range.

        In one streaming pass.
        """
        settings = self.recipe.normalise
        moments: Moments | Extremes = Moments() if settings.scale == "z-score" else Extremes()
        by_mean = settings.over == "utterance-means"
        for frames in features:
            moments.update(frames.mean(axis=0, keepdims=True, dtype=np.float64) if by_mean else frames)
        return moments.mean.astype(np.float32), moments.std.astype(np.float32)


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
    lost: dict[str, int] = dataclasses.field(default_factory=dict)

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
        table = self._check_extracted(self.stores[store], table).assign(store=store)
        if self.teacher is None:
            return table
        voices = corpus.utterances.assign(id=corpus.utterances["id"].str.replace(r"\.\d+$", "", regex=True))
        asked = Corpus(corpus.name, corpus.root, voices.drop_duplicates("id") if transform else corpus.utterances)
        # Only the voice counts for what is heard, so every channel of a voice gets the score of the clean one.
        scores = extract(asked, "scores", self.teacher, self.jobs, "float32", self.quiet, transform)
        voice_id = table["store_id"].str.replace(r"(#\d+)\.\d+$", r"\1", regex=True)
        self._check_extracted(scores, table.assign(store_id=voice_id))
        values = np.concatenate(scores.rows(list(voice_id)).utterances)
        return table.assign(**{name: values[:, place].astype(float) for place, name in enumerate(self.teacher.names)})

    def add_noisy(self, corpus: Corpus, table: pd.DataFrame, store: str, copy: NoisyCopy) -> None:
        """One kind of noise in these utterances of a corpus, and in no others: each kind is a copy of them on disk."""
        own = Corpus(corpus.name, corpus.root, corpus.utterances[corpus.utterances["id"].isin(table["store_id"])])
        feature, dtype = self.recipe.feature.name, self.recipe.feature_dtype
        noisy = extract(own, feature, self.feature, self.jobs, dtype, self.quiet, copy)
        self._check_extracted(noisy, table)
        self.stores[_noisy(store, copy.kind)] = noisy

    def _check_extracted(self, store: FeatureStore, table: pd.DataFrame) -> pd.DataFrame:
        """The rows with features; raises EmotoneError where a row without them is not merely unlabelled speech."""
        there = table["store_id"].isin(store.index.index)
        needed = ~there & (table["split"] != "unlabelled")
        for rows in (table[needed], table[~there]):
            if len(rows):
                first = rows["store_id"].iloc[0]
                line = f"e.g. {first}: {store.failed.get(first, 'not extracted')}"
                if needed.any():
                    raise EmotoneError(f"{store.folder}: {len(rows)} utterances have no features, {line}")
                self.lost[f"unlabelled and without features, {line}"] = len(rows)
        return table[there]


def _noisy(store: Any, kind: str) -> Any:
    """The name of a store, or of a column of them, with noise."""
    return store + f"~{kind}"


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
    return Corpus(corpus.name, corpus.root, own), copies


def _copy_names(row: dict[str, Any], num_crops: int) -> list[str]:
    """The utterance itself, or several random parts of it where it has no category (`augment.Augment`)."""
    return [row["store_id"]] if row["emotion"] else [f"{row['store_id']}~{crop}" for crop in range(num_crops)]


def _babble_files(recipe: Recipe, corpora: dict[str, Corpus]) -> tuple[str, ...]:
    """Speech without categories, whose mixture is one of the noises."""
    return tuple(
        str(corpus.path_of(file))
        for corpus in corpora.values()
        if not corpus.utterances["emotion"].notna().any()
        for file in corpus.utterances["file"]
    )


def labelled(table: pd.DataFrame, targets: Sequence[Target]) -> pd.DataFrame:
    """The rows that have a label for at least one target."""
    known = np.zeros(len(table), dtype=bool)
    for target in targets:
        known |= table[target.name].isin(target.labels) if target.kind == "category" else table[target.name].notna()
    return table[known].reset_index(drop=True)


def _split_name(recipe: Recipe) -> str:
    name = recipe.split.name.replace("_", "-")
    if name not in splits.SPLITS:
        raise unknown("split", recipe.split.name, splits.SPLITS, f"recipe {recipe.name}")
    return name


def _split_settings(recipe: Recipe, repeat: int) -> dict[str, Any]:
    """The settings that the recipe's split function takes; raises EmotoneError for others, and for one it lacks."""
    name = _split_name(recipe)
    takes = inspect.signature(splits.SPLITS[name]).parameters
    settings: dict[str, Any] = {}
    for key in ("num_folds", "group", "file", "folds", "stratify", "test", "seed"):
        value = getattr(recipe.split, key)
        is_set = value not in (None, [], 0) and not (key == "group" and value == "speaker")
        if key not in takes and is_set:
            allowed = ", ".join(other for other in takes if other != "utterances") or "no settings"
            raise EmotoneError(f"recipe {recipe.name}: split {name} has no {key} (it takes {allowed})")
        if key in takes and not is_set and takes[key].default is inspect.Parameter.empty:
            raise EmotoneError(f"recipe {recipe.name}: split {name} needs split.{key}")
        if key in takes and is_set:
            settings[key] = value
    return settings | ({"seed": recipe.split.seed + repeat} if "seed" in takes else {})


def _select(corpus: Corpus, recipe: Recipe, scanned: pd.DataFrame) -> pd.DataFrame:
    """The recipe's rows of one corpus, with its name, licence and citation, and what is known of the audio."""
    table = _map_labels(corpus.utterances.join(scanned[["duration_s", "content"]], on="id"), corpus, recipe)
    for column, values in recipe.where.items():
        if column not in table:
            raise unknown("column", column, table.columns, where=f"recipe {recipe.name}: where")
        table = table[table[column].isin(values)]
    if not len(table):
        raise EmotoneError(
            f"recipe {recipe.name}: no utterance of {corpus.name} fits where {recipe.where}; where={{}} takes all"
        )
    table["store_id"], table["corpus"] = table["id"], corpus.name
    table["licence"], table["citation"] = corpus.meta.get("licence", ""), corpus.meta.get("citation", "")
    if recipe.teacher:
        table["split"] = None  # a teacher labels all speech, so none of it is unlabelled
    if len(recipe.corpora) > 1:  # ids and speakers of two corpora may be the same words
        for column in ("id", "speaker", "session"):
            table[column] = (corpus.name + "/" + table[column]).where(table[column].notna(), None)
    return table.assign(utterance=table["id"])


def _map_labels(table: pd.DataFrame, corpus: Corpus, recipe: Recipe) -> pd.DataFrame:
    """The recipe's categories and ranges instead of the corpus's own; a label that is not mapped is an error."""
    for attribute, (low, high) in recipe.ranges.items():
        own = corpus.meta.get("ranges", {}).get(attribute)
        if own is not None:
            table[attribute] = low + (table[attribute] - own[0]) / (own[1] - own[0]) * (high - low)
    mapping = recipe.label_map.get(corpus.name)
    if mapping is None:
        return table
    where = f"recipe {recipe.name}: label_map of {corpus.name}"
    counts = table["emotion"].value_counts()
    for label in mapping:
        if label not in counts:
            raise unknown("category", label, map(str, counts.index), where=where)
    missing = [f"{label} ({count})" for label, count in counts.items() if label not in mapping]
    if missing:
        raise EmotoneError(
            f"{where} leaves out {', '.join(missing)}; map each to a category, or to null to leave it out"
        )
    table["emotion"] = table["emotion"].map(mapping, na_action="ignore").astype("object")
    return table.assign(emotion=table["emotion"].where(table["emotion"].notna(), None))


def _check_maps(recipe: Recipe) -> None:
    """Maps must be of the recipe's corpora and of attributes with a range."""
    for name in recipe.label_map:
        if name not in recipe.corpora:
            raise unknown("corpus", name, recipe.corpora, where=f"recipe {recipe.name}: label_map")
    for attribute, limits in recipe.ranges.items():
        if attribute not in ATTRIBUTES:
            raise unknown("attribute", attribute, ATTRIBUTES, where=f"recipe {recipe.name}: ranges")
        if len(limits) != 2 or not limits[0] < limits[1]:
            raise EmotoneError(f"recipe {recipe.name}: ranges.{attribute} must be [lowest, highest], not {limits}")


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
    own = {corpus: tuple(about.meta.get("ranges", {}).get(name, ())) for corpus, about in corpora.items()}
    if () in own.values() or (len(set(own.values())) > 1 and name not in recipe.ranges):
        found = ", ".join(f"{corpus} {list(limits) or 'none'}" for corpus, limits in own.items())
        raise EmotoneError(
            f"{where}: {name} needs a range in all corpora, found {found}; where they differ, set ranges.{name} to the "
            "one to map them to"
        )
    low, high = recipe.ranges.get(name) or next(iter(own.values()))
    return Target(name, "attribute", (float(low), float(high)))
