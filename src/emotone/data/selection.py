"""The corpora, utterances (as one table) and targets of a recipe, before any feature is extracted."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from emotone.bundle.target import EMOTION, Target
from emotone.corpora.corpus import ATTRIBUTES, Corpus
from emotone.corpora.opened import MOST_NAMED
from emotone.corpora.scan import scan
from emotone.corpora.tables import word
from emotone.data import split as splits
from emotone.data import unlabelled
from emotone.data.recipe import Recipe
from emotone.data.table import table_rows
from emotone.data.targets import resolve_targets
from emotone.errors import EmotoneError, name_some, unknown
from emotone.features.extractors.scores import Scores


@dataclass
class Selection:
    """The corpora of a recipe by name, a table with a row per utterance (`emotone.data.table`), and the targets.

    `lost` {reason: number} counts utterances that cannot be used: unlabelled ones, or any where the recipe drops bad
    files. `unreadable` {id: line} are those besides whose audio cannot be read, which nothing can be trained with.
    """

    recipe: Recipe
    corpora: dict[str, Corpus]
    table: pd.DataFrame
    targets: list[Target]
    lost: dict[str, int]
    unreadable: dict[str, str]

    @classmethod
    def read(cls, recipe: Recipe, jobs: int = 1, quiet: bool = False) -> Selection:
        """Load the corpora, scan their audio, map and check labels and settings; raises EmotoneError."""
        _check_maps(recipe)
        _split_name(recipe)
        corpora = {name: Corpus.load(name) for name in dict.fromkeys((*recipe.corpora, *recipe.unlabelled.corpora))}
        scans = {name: scan(corpus, jobs, quiet) for name, corpus in corpora.items()}
        table = pd.concat([_select(corpora[name], recipe, scans[name]) for name in recipe.corpora], ignore_index=True)
        table, lost = unlabelled.add(table, recipe, corpora, scans)
        unreadable = _unreadable(table, {corpora[name].name: scans[name]["error"] for name in corpora})
        if recipe.bad_files == "drop" and unreadable:
            lost |= {f"cannot be read: {name_some(list(unreadable.values()), MOST_NAMED)}": len(unreadable)}
            table, unreadable = table[~table["id"].isin(unreadable)].reset_index(drop=True), {}
        own = {name: corpora[name] for name in recipe.corpora}
        table, targets = resolve_targets(table, own, recipe, teacher_of(recipe))
        return cls(recipe, corpora, table, targets, lost, unreadable)

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of every corpus, by name."""
        return {name: corpus.fingerprint for name, corpus in self.corpora.items()}

    @cached_property
    def audio(self) -> dict[str, str]:
        """A hash of the audio of the utterances of every corpus, by name; times of files do not count."""
        table = self.table.reindex(columns=["own_id", "content", "duration_s", "corpus"]).astype(str)
        lines = table["own_id"] + "\t" + table["content"] + "\t" + table["duration_s"]
        return {
            name: hashlib.sha256(
                "\n".join(sorted(lines[table["corpus"] == corpus.name])).encode("utf-8", "surrogateescape")
            ).hexdigest()[:16]
            for name, corpus in self.corpora.items()
        }

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
        name = next((target.name for target in self.targets if target.labels), EMOTION)
        reasons = lost[name].map(f"{name} {{}}".format, na_action="ignore").fillna("no label")
        return {str(reason): int(count) for reason, count in reasons.value_counts().items()} | self.lost


def teacher_of(recipe: Recipe) -> Scores | None:
    """The bundles whose scores are the attribute labels, where the recipe names any."""
    return Scores(tuple(recipe.teacher)) if recipe.teacher else None


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
    """The recipe's rows of one corpus, with `duration_s` and content hash of the audio."""
    whole = corpus.utterances[~corpus.further_tests]  # which evaluation takes, and no recipe
    table = _map_labels(whole.join(scanned[["duration_s", "content"]], on="id"), corpus, recipe)
    for column, values in recipe.where.items():
        if column not in table:
            raise unknown("column", column, table.columns, where=f"recipe {recipe.name}: where")
        table = table[table[column].map(word, na_action="ignore").isin(values)]
    if not len(table):
        raise EmotoneError(
            f"recipe {recipe.name}: no utterance of {corpus.name} fits where {recipe.where}; where={{}} takes all"
        )
    if recipe.teacher:
        table = table.assign(split=None)  # a teacher labels all speech, so none of it is unlabelled
    return table_rows(corpus, table, several=len(recipe.corpora) > 1)


def _unreadable(table: pd.DataFrame, errors: Mapping[str, pd.Series]) -> dict[str, str]:
    """The rows, but for unlabelled speech, whose audio cannot be read: {id: why}; `errors` by corpus and own id."""
    needed = table[table["split"] != "unlabelled"]
    keys = zip(needed["id"], needed["corpus"], needed["own_id"], strict=True)
    return {id_: line for id_, corpus, own_id in keys if (line := errors[corpus][own_id])}


def _map_labels(table: pd.DataFrame, corpus: Corpus, recipe: Recipe) -> pd.DataFrame:
    """The recipe's categories and ranges instead of the corpus's own; a label that is not mapped is an error."""
    for attribute, (low, high) in recipe.ranges.items():
        own = corpus.meta.get("ranges", {}).get(attribute)
        if own is not None:
            table[attribute] = low + (table[attribute] - own[0]) / (own[1] - own[0]) * (high - low)
    given = recipe.label_map.get(corpus.name)
    if given is None:
        return table
    where = f"recipe {recipe.name}: label_map of {corpus.name}"
    columns = {key: mapping for key, mapping in given.items() if isinstance(mapping, dict)}
    emotions = {key: label for key, label in given.items() if not isinstance(label, dict)}
    for column, mapping in (columns | ({EMOTION: emotions} if emotions or not columns else {})).items():
        if column not in table:
            raise unknown("column", column, map(str, table.columns), where=where)
        table = _map_column(table, column, mapping, where if column == EMOTION else f"{where}: {column}")
    return table


def _map_column(table: pd.DataFrame, column: str, mapping: Mapping[str, Any], where: str) -> pd.DataFrame:
    """The categories of one column as the mapping has them; raises EmotoneError where it leaves one out."""
    labels = table[column].map(word, na_action="ignore")
    counts = labels.value_counts()
    for label in mapping:
        if label not in counts:
            raise unknown("category", label, map(str, counts.index), where=where)
    missing = [f"{label} ({count})" for label, count in counts.items() if label not in mapping]
    if missing:
        raise EmotoneError(
            f"{where} leaves out {', '.join(missing)}; map each to a category, or to null to leave it out"
        )
    mapped = labels.map(mapping, na_action="ignore").astype("object")
    return table.assign(**{column: mapped.where(mapped.notna(), None)})


def _check_maps(recipe: Recipe) -> None:
    """Raise EmotoneError for a `label_map` of other corpora, and for `ranges` of no attribute or without extent."""
    for name in recipe.label_map:
        if name not in recipe.corpora:
            raise unknown("corpus", name, recipe.corpora, where=f"recipe {recipe.name}: label_map")
    for attribute, limits in recipe.ranges.items():
        if attribute not in (*ATTRIBUTES, *recipe.targets):
            raise unknown("attribute", attribute, [*ATTRIBUTES, *recipe.targets], where=f"recipe {recipe.name}: ranges")
        if len(limits) != 2 or not limits[0] < limits[1]:
            raise EmotoneError(f"recipe {recipe.name}: ranges.{attribute} must be [lowest, highest], not {limits}")
