"""The utterances of a recipe with their features: what a run trains and tests on."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from emotone.audio.change.augment import Augment, Copy
from emotone.bundle.target import EMOTION
from emotone.bundle.view.moments import Extremes, Moments
from emotone.bundle.view.streams import Utterance
from emotone.bundle.view.view import Normaliser
from emotone.corpora.corpus import Corpus
from emotone.data.noisy_copies import NoisyCopy
from emotone.data.recipe import Augmentation, Recipe
from emotone.data.rows import Rows
from emotone.data.selection import Selection, labelled, teacher_of
from emotone.data.store import FeatureStore, Transform, extract
from emotone.data.words_and_text import WordsAndText, words_of_recipe
from emotone.errors import EmotoneError
from emotone.features.extractors.scores import Scores
from emotone.features.feature import BatchedFeature, Feature

WordView = Callable[[float | None, float], Any]
"""`System.view` of a system of words: seconds between frames, longest utterance in seconds -> `WordChunks`."""
DROP = "; set bad_files=drop to leave them out"


@dataclass
class Dataset(Selection):
    """A selection with features: `stores` by the name in the column `store` of a row.

    `table` has a row per utterance; `copies` a row per training copy (the utterances themselves where the recipe
    augments nothing), whose `utterance` is the id in `table`. With a teacher, the attribute columns of both hold its
    scores: those of a copy are the scores of its voice. Of the labelled utterances there is also a store for each kind
    of noise in `noise`, named `STORE~KIND`. `words` are those of each corpus, by its own name.
    """

    copies: pd.DataFrame
    stores: dict[str, FeatureStore]
    feature: Feature
    text_feature: BatchedFeature | None = None
    words: dict[str, WordsAndText] = dataclasses.field(default_factory=dict)
    noise: Sequence[str] = ()

    @classmethod
    def extract(
        cls,
        selection: Selection,
        feature: Feature,
        text_feature: BatchedFeature | None = None,
        word_view: WordView | None = None,
        noise: Sequence[NoisyCopy] = (),
        jobs: int = 1,
        quiet: bool = False,
    ) -> Dataset:
        """The selection with its features, noisy copies too; those that are not in a store yet are extracted.

        Words and features of text are read only for a system that sees utterances by words, through `word_view`.
        """
        recipe, corpora = selection.recipe, selection.corpora
        selected = {name: selection.table[selection.table["corpus"] == corpora[name].name] for name in corpora}
        words = {}
        if word_view is not None:  # first of all: a corpus may have none
            view_of = functools.partial(word_view, feature.hop_s)
            words = words_of_recipe(recipe, corpora, selected, text_feature, view_of, jobs, quiet)
        categories = [target.name for target in selection.targets if target.labels] or [EMOTION]
        babble = _babble_files(recipe, corpora)
        extractor = _Extractor(recipe, feature, teacher_of(recipe), jobs, quiet, babble, categories)
        tables = [extractor.add(corpora[name], selected[name], name) for name in corpora]
        copies = tables
        if extractor.augments:
            known = [(name, table[table["split"] != "unlabelled"]) for name, table in selected.items()]
            copies = [extractor.add_copies(corpora[name], rows, f"{name}#") for name, rows in known if len(rows)]
        for kind in noise:
            for name, table in selected.items():
                extractor.add_noisy(corpora[name], labelled(table, selection.targets), name, kind)
        table = pd.concat(tables, ignore_index=True)
        if (selection.table["split"] == "unlabelled").any() and not (table["split"] == "unlabelled").any():
            reason = next(iter(extractor.lost))
            raise EmotoneError(f"recipe {recipe.name}: no unlabelled utterance has features: {reason}")
        return cls(
            recipe=recipe,
            corpora=corpora,
            table=table,
            targets=selection.targets,
            lost=selection.lost | extractor.lost,
            unreadable=selection.unreadable,
            copies=pd.concat(copies, ignore_index=True),
            stores=extractor.stores,
            feature=feature,
            text_feature=text_feature,
            words=words,
            noise=[kind.kind for kind in noise],
        )

    def rows(self, table: pd.DataFrame) -> Rows:
        """A reader of the features of these rows of `table` or `copies`, in their order."""
        parts: list[Any] = [None] * len(table)
        for store, group in table.reset_index(drop=True).groupby("store", sort=False):
            found = self.stores[str(store)].rows(list(group["store_id"])).utterances
            for position, features in zip(group.index, found, strict=True):
                parts[position] = features
        return Rows(parts, len(self.feature.names))

    def noisy_rows(self, table: pd.DataFrame) -> list[Rows]:
        """Readers of the noisy copies of these rows of `table`, one for each kind of noise."""
        return [self.rows(table.assign(store=_noisy(table["store"], kind))) for kind in self.noise]

    def utterances(self, table: pd.DataFrame) -> list[Utterance]:
        """Speech and text of these rows of `table` or `copies`, in their order; copies share the words."""
        found: list[Any] = [None] * len(table)
        speech, own = self.rows(table).utterances, list(table["own_id"])
        for name, group in table.reset_index(drop=True).groupby("corpus", sort=False):
            places = list(group.index)
            joined = self.words[str(name)].join([own[place] for place in places], [speech[place] for place in places])
            for place, utterance in zip(places, joined, strict=True):
                found[place] = utterance
        return found

    def normaliser(self, features: Iterable[NDArray[np.float32]]) -> Normaliser:
        """The normaliser of these utterances' features [T, D], as the recipe's `normalise` says; one streaming pass."""
        settings = self.recipe.normalise
        moments: Moments | Extremes = Moments() if settings.scale == "z-score" else Extremes()
        by_mean = settings.over == "utterance-means"
        for frames in features:
            moments.update(frames.mean(axis=0, keepdims=True, dtype=np.float64) if by_mean else frames)
        if settings.over == "segments":
            moments.update(np.zeros((1, frames.shape[1]), np.float32))
        return Normaliser.of(moments, settings.clip)


@dataclass
class _Extractor:
    """Extracts the features of a recipe, and the teacher's scores, corpus by corpus.

    `stores` and `lost` fill as it goes: stores by name, {reason: number} of unlabelled utterances without features.
    """

    recipe: Recipe
    feature: Any
    teacher: Scores | None
    jobs: int
    quiet: bool
    babble_files: tuple[str, ...]
    categories: Sequence[str]
    stores: dict[str, FeatureStore] = dataclasses.field(default_factory=dict)
    lost: dict[str, int] = dataclasses.field(default_factory=dict)

    @property
    def augments(self) -> bool:
        return self.recipe.augmentation.voices * self.recipe.augmentation.channels > 1

    def add(self, corpus: Corpus, table: pd.DataFrame, store: str) -> pd.DataFrame:
        """The rows that have features, with the name of their `store` and the teacher's scores as attributes."""
        return self._add(corpus, table, store, None, corpus)

    def add_copies(self, corpus: Corpus, table: pd.DataFrame, store: str) -> pd.DataFrame:
        """The same for the training copies of these rows."""
        settings, columns = self.recipe.augmentation, list(corpus.utterances.columns)
        copies = _copies(table, settings, self.categories)
        transform = Augment(settings.seed, settings.crop_share, settings.crop_s)
        rows = copies.assign(split=None)
        # A channel changes no emotion, so every channel of a voice has the score of the clean one.
        whole, voices = (
            Corpus(corpus.name, corpus.root, rows.assign(id=rows[name]).drop_duplicates("id")[columns])
            for name in ("store_id", "voice_id")
        )
        return self._add(whole, copies, store, transform, voices)

    def _add(
        self, corpus: Corpus, table: pd.DataFrame, store: str, transform: Augment | None, voices: Corpus
    ) -> pd.DataFrame:
        heard = None if transform is None else dataclasses.replace(transform, babble_files=self.babble_files)
        self.stores[store] = self._extract(corpus, heard)
        table = self._check_extracted(self.stores[store], table).assign(store=store)
        if self.teacher is None:
            return table
        scores = extract(voices, "scores", self.teacher, self.jobs, "float32", self.quiet, transform)
        table = table.loc[self._check_extracted(scores, table.assign(store_id=table["voice_id"])).index]
        values = np.concatenate(scores.rows(list(table["voice_id"])).utterances)
        return table.assign(**{name: values[:, place].astype(float) for place, name in enumerate(self.teacher.names)})

    def add_noisy(self, corpus: Corpus, table: pd.DataFrame, store: str, copy: NoisyCopy) -> None:
        """One kind of noise in these utterances of a corpus, and in no others: each kind is a copy of them on disk."""
        own = Corpus(corpus.name, corpus.root, corpus.utterances[corpus.utterances["id"].isin(table["store_id"])])
        noisy = self._extract(own, copy)
        self._check_extracted(noisy, table, all_needed=True)
        self.stores[_noisy(store, copy.kind)] = noisy

    def _extract(self, corpus: Corpus, transform: Transform | None) -> FeatureStore:
        name, dtype = self.recipe.feature.name, self.recipe.feature_dtype
        return extract(corpus, name, self.feature, self.jobs, dtype, self.quiet, transform)

    def _check_extracted(self, store: FeatureStore, table: pd.DataFrame, all_needed: bool = False) -> pd.DataFrame:
        """The rows with features; raises EmotoneError where a row without them is needed.

        Unlabelled speech is not, nor is what the recipe drops, where the copies of a row need not `all` be there.
        """
        there = table["store_id"].isin(store.ids)
        needed = ~there & (table["split"] != "unlabelled")
        if self.recipe.bad_files == "drop" and not all_needed:
            needed[:] = False
        for rows in (table[needed], table[~there]):
            if len(rows):
                first = rows["store_id"].iloc[0]
                line = f"e.g. {first}: {store.failed.get(first, 'not extracted')}"
                if needed.any():
                    raise EmotoneError(f"{store.folder}: {len(rows)} utterances have no features, {line}{DROP}")
                kind = "unlabelled and " if (rows["split"] == "unlabelled").all() else ""
                self.lost[f"{kind}without features, {line}"] = len(rows)
        return table[there]


def _noisy(store: Any, kind: str) -> Any:
    """The name of the noisy copy of a store; of a column of names, each."""
    return store + f"~{kind}"


def _copies(table: pd.DataFrame, settings: Augmentation, categories: Sequence[str]) -> pd.DataFrame:
    """A row for each training copy, with the columns of the table; several random crops of what has no category."""
    rows = []
    for row in table.to_dict("records"):
        crops = [None] if any(row[name] for name in categories) else range(settings.crops_of_unlabelled)
        for crop, voice, channel in itertools.product(crops, range(settings.voices), range(settings.channels)):
            copy = Copy(row["own_id"], voice, channel, crop)
            numbers = {"voice": voice, "channel": channel}
            rows.append({**row, **numbers, "store_id": copy.id, "voice_id": copy._replace(channel=None).id})
    return pd.DataFrame(rows)


def _babble_files(recipe: Recipe, corpora: dict[str, Corpus]) -> tuple[str, ...]:
    """Files of the corpora without any category, whose mixture is one of the noises."""
    return tuple(
        str(corpus.path_of(file))
        for corpus in corpora.values()
        if not corpus.utterances["emotion"].notna().any()
        for file in corpus.utterances["file"]
    )
