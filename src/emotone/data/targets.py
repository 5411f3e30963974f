"""The targets of a recipe: any columns of its corpora, categories or attributes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from emotone.bundle.target import EMOTION, Target
from emotone.corpora.corpus import ATTRIBUTES, Corpus
from emotone.corpora.tables import word
from emotone.errors import EmotoneError, unknown

if TYPE_CHECKING:
    from emotone.data.recipe import Kind, Recipe
    from emotone.features.extractors.scores import Scores

NO_TARGETS = (
    *("id", "file", "own_id", "store_id", "voice_id", "utterance", "voice", "channel"),
    *("content", "split", "licence", "citation"),
)
"""Columns that name an utterance or a copy of it, or say what is done with it."""


def resolve_targets(
    table: pd.DataFrame, corpora: Mapping[str, Corpus], recipe: Recipe, teacher: Scores | None
) -> tuple[pd.DataFrame, list[Target]]:
    """The recipe's targets, and the table with their categories as text; raises EmotoneError for what cannot be one."""
    kinds = {name: _kind(name, table, recipe, teacher) for name in recipe.targets}
    for name in recipe.kinds:
        if name not in kinds:
            raise unknown("target", name, kinds, where=f"recipe {recipe.name}: kinds")
    classes = _classes(recipe, [name for name, kind in kinds.items() if kind == "category"])
    table = table.assign(**{name: _words(table[name]) for name, kind in kinds.items() if kind == "category"})
    targets = []
    for name, kind in kinds.items():
        if kind == "category":
            targets.append(_category(name, table, corpora, recipe, classes.get(name, [])))
        elif teacher and name in teacher.names:
            targets.append(Target(name, "attribute", teacher.ranges[name]))
        else:
            targets.append(_attribute(name, table, corpora, recipe))
    return table, targets


def _words(values: pd.Series) -> pd.Series:
    """Categories as text, unknown ones None."""
    words = values.map(word, na_action="ignore").astype("object")
    return words.where(words.notna(), None)


def _kind(name: str, table: pd.DataFrame, recipe: Recipe, teacher: Scores | None) -> Kind:
    """Whether a target is a category or an attribute: what the recipe says, else numbers are attributes."""
    where = f"recipe {recipe.name}"
    if teacher and name in teacher.names:
        return "attribute"
    own = [] if teacher else list(ATTRIBUTES)  # a teacher's scores stand for the raters'
    others = [
        column for column in table if column not in (*NO_TARGETS, *ATTRIBUTES, EMOTION) and table[column].notna().any()
    ]
    known = [*(teacher.names if teacher else own), EMOTION, *map(str, others)]
    if name not in known:
        raise unknown("target", name, known, where=where)
    is_number = table[name].dtype.kind in "iuf"
    kind = recipe.kinds.get(name) or ("attribute" if is_number else "category")
    if kind == "attribute" and not is_number:
        example = table[name].dropna().iloc[0]
        raise EmotoneError(f"{where}: {name} cannot be an attribute, for it holds what is no number, e.g. {example!r}")
    return kind


def _classes(recipe: Recipe, categories: list[str]) -> dict[str, list[str]]:
    """The classes that a recipe names, by target."""
    where = f"recipe {recipe.name}: classes"
    if isinstance(recipe.classes, dict):
        for name in recipe.classes:
            if name not in categories:
                raise unknown("target with categories", name, categories, where=where)
        return recipe.classes
    if not recipe.classes or not categories:
        return {}
    if len(categories) > 1 and EMOTION not in categories:
        raise EmotoneError(f"{where}: name the target of each list, {{target: [class, ..]}}: {', '.join(categories)}")
    return {EMOTION if EMOTION in categories else categories[0]: recipe.classes}


def _category(
    name: str, table: pd.DataFrame, corpora: Mapping[str, Corpus], recipe: Recipe, classes: list[str]
) -> Target:
    """A target whose labels are those of utterances that are not set apart as unlabelled."""
    where = f"recipe {recipe.name}"
    present = sorted(table.loc[table["split"] != "unlabelled", name].dropna().unique())
    for label in classes:
        if label not in present:
            raise unknown("class", label, present, where=where)
    labels = tuple(classes or present)
    if len(labels) < 2:
        raise EmotoneError(f"{where}: {name} needs two classes or more in {', '.join(corpora)}")
    return Target(name, "category", labels=labels)


def _attribute(name: str, table: pd.DataFrame, corpora: Mapping[str, Corpus], recipe: Recipe) -> Target:
    """A target with its range; raises EmotoneError where corpora differ and the recipe does not map them."""
    where = f"recipe {recipe.name}"
    for corpus in corpora:
        if table.loc[table["corpus"] == corpus, name].isna().all():
            raise EmotoneError(f"{where}: no utterance of {corpus} has a value for {name}")
    own = {corpus: tuple(about.meta.get("ranges", {}).get(name, ())) for corpus, about in corpora.items()}
    if name not in ATTRIBUTES and not any(own.values()):  # nobody rated it: a number with a unit, such as an age
        least, greatest = float(table[name].min()), float(table[name].max())
        if not least < greatest:
            raise EmotoneError(f"{where}: {name} is {least:g} of all utterances, so there is nothing to learn")
        low, high = recipe.ranges.get(name) or (least, greatest)
        return Target(name, "attribute", (float(low), float(high)))
    if () in own.values() or (len(set(own.values())) > 1 and name not in recipe.ranges):
        found = ", ".join(f"{corpus} {list(limits) or 'none'}" for corpus, limits in own.items())
        raise EmotoneError(
            f"{where}: {name} needs a range in all corpora, found {found}; where they differ, set ranges.{name} to the "
            "one to map them to"
        )
    low, high = recipe.ranges.get(name) or next(iter(own.values()))
    return Target(name, "attribute", (float(low), float(high)))
