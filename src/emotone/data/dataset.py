"""The corpora of a recipe as one table with features: what a run trains and tests on.

`table` has a row per utterance; `copies` a row per training copy (the utterances themselves where the recipe augments
nothing), whose `utterance` is the id in `table`. Where there are several corpora, ids and speakers carry the corpus's
name. With a teacher, the attribute columns of both hold its scores: those of a copy are asked of the copy's voice.
"""

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
from emotone.bundle.view.normalise import Extremes, Moments, Normaliser
from emotone.bundle.view.streams import Utterance
from emotone.corpora.corpus import Corpus
from emotone.data.noisy_copies import NoisyCopy
from emotone.data.recipe import Augmentation, Recipe
from emotone.data.rows import Rows
from emotone.data.selection import Selection, labelled
from emotone.data.store import FeatureStore, extract
from emotone.data.words_and_text import WordsAndText, words_of_recipe
from emotone.errors import EmotoneError
from emotone.features.extractors.scores import Scores
from emotone.features.feature import BatchedFeature, Feature

WordView = Callable[[float | None, float], Any]
"""`System.view` of a system of words: seconds between frames, longest utterance in seconds -> `WordChunks`."""


@dataclass
class Dataset(Selection):
    """A selection with its features; `stores` are feature stores by the name in a row's `store` column.

    Of the labelled utterances there is also a store for each kind of noise in `noise`, named `STORE~KIND`.
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
        """The selection with features, of which those that are missing are extracted; of noisy copies too.

        Words, and the features of text, are there for systems that see utterances by words, through a `word_view`.
        """
        recipe, corpora = selection.recipe, selection.corpora
        teacher = Scores(tuple(recipe.teacher)) if recipe.teacher else None
        loader = _Loader(recipe, feature, teacher, jobs, quiet, _babble_files(recipe, corpora))
        selected = {name: selection.table[selection.table["corpus"] == corpora[name].name] for name in corpora}
        words = {}
        if word_view is not None:  # first of all: words may lack
            view_of = functools.partial(word_view, feature.hop_s)
            words = words_of_recipe(recipe, corpora, selected, text_feature, view_of, jobs, quiet)
        tables = [loader.add(corpora[name], selected[name], name) for name in corpora]
        copies = tables
        if loader.augments:
            labelled_rows = {name: table[table["split"] != "unlabelled"] for name, table in selected.items()}
            copies = [
                loader.add_copies(corpora[name], rows, f"{name}#") for name, rows in labelled_rows.items() if len(rows)
            ]
        for kind in noise:
            for name, table in selected.items():
                loader.add_noisy(corpora[name], labelled(table, selection.targets), name, kind)
        whole = pd.concat(tables, ignore_index=True), pd.concat(copies, ignore_index=True)
        lost = selection.lost | loader.lost
        if (selection.table["split"] == "unlabelled").any() and not (whole[0]["split"] == "unlabelled").any():
            raise EmotoneError(f"recipe {recipe.name}: no unlabelled utterance has features: {next(iter(loader.lost))}")
        return cls(
            recipe, corpora, whole[0], selection.targets, lost, whole[1], loader.stores, feature, text_feature, words,
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
        return Normaliser.of(moments, settings.clip)


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
        """Utterances of a corpus: the table with their `store`, and with the teacher's scores as attributes."""
        return self._add(corpus, table, store, None, corpus)

    def add_copies(self, corpus: Corpus, table: pd.DataFrame, store: str) -> pd.DataFrame:
        """The same of the training copies of utterances of a corpus."""
        settings, columns = self.recipe.augmentation, list(corpus.utterances.columns)
        copies = _copies(table, settings)
        transform = Augment(settings.seed, settings.crop_share, settings.crop_s)
        rows = copies.assign(split=None)
        # Only the voice counts for what is heard, so every channel of a voice gets the score of the clean one.
        whole, voices = (
            Corpus(corpus.name, corpus.root, rows.assign(id=rows[name]).drop_duplicates("id")[columns])
            for name in ("store_id", "voice_id")
        )
        return self._add(whole, copies, store, transform, voices)

    def _add(
        self, corpus: Corpus, table: pd.DataFrame, store: str, transform: Augment | None, voices: Corpus
    ) -> pd.DataFrame:
        recipe = self.recipe
        self.stores[store] = extract(
            corpus, recipe.feature.name, self.feature, self.jobs, recipe.feature_dtype, self.quiet,
            None if transform is None else dataclasses.replace(transform, babble_files=self.babble_files),
        )  # fmt: skip
        table = self._check_extracted(self.stores[store], table).assign(store=store)
        if self.teacher is None:
            return table
        scores = extract(voices, "scores", self.teacher, self.jobs, "float32", self.quiet, transform)
        self._check_extracted(scores, table.assign(store_id=table["voice_id"]))
        values = np.concatenate(scores.rows(list(table["voice_id"])).utterances)
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


def _copies(table: pd.DataFrame, settings: Augmentation) -> pd.DataFrame:
    """The training copies of utterances, as rows like the table's; several random parts of those without a category."""
    rows = []
    for row in table.to_dict("records"):
        parts = [None] if row["emotion"] else range(settings.crops_of_unlabelled)
        for part, voice, channel in itertools.product(parts, range(settings.voices), range(settings.channels)):
            copy = Copy(row["own_id"], voice, channel, part)
            numbers = {"voice": voice, "channel": channel}
            rows.append({**row, **numbers, "store_id": copy.id, "voice_id": copy._replace(channel=None).id})
    return pd.DataFrame(rows)


def _babble_files(recipe: Recipe, corpora: dict[str, Corpus]) -> tuple[str, ...]:
    """Speech without categories, whose mixture is one of the noises."""
    return tuple(
        str(corpus.path_of(file))
        for corpus in corpora.values()
        if not corpus.utterances["emotion"].notna().any()
        for file in corpus.utterances["file"]
    )
