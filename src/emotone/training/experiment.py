"""A recipe with its plugins made: what a run, its checks and its folds ask, so that none is looked up twice."""

from __future__ import annotations

from dataclasses import dataclass

from emotone.base import plugins
from emotone.data.recipe import Recipe
from emotone.features.feature import BatchedFeature, Feature
from emotone.training.difficulty import Difficulty
from emotone.training.system import System


@dataclass(frozen=True)
class Experiment:
    """What a recipe names, made once; `difficulty` scores its curriculum, where it has one that goes by scores."""

    recipe: Recipe
    feature: Feature
    text_feature: BatchedFeature | None
    system: System
    difficulty: Difficulty

    @classmethod
    def resolve(cls, recipe: Recipe) -> Experiment:
        """The plugins of a recipe; raises EmotoneError for settings that one of them refuses."""
        feature, text, system, score = recipe.feature, recipe.text_feature, recipe.system, recipe.curriculum.score
        return cls(
            recipe,
            plugins.create("features", feature.name, feature.settings),
            None if text is None else plugins.create("features", text.name, text.settings),
            plugins.create("systems", system.name, system.settings),
            plugins.create("difficulties", score.name, score.settings),
        )

    @property
    def has_curriculum(self) -> bool:
        """Whether utterances come in an order."""
        return self.recipe.curriculum.order != "none"

    @property
    def learns_from_unlabelled(self) -> bool:
        """Whether anything in a run of the recipe does."""
        measures = self.recipe.curriculum.order in ("easy-first", "hard-first")
        return self.system.takes_unlabelled or (measures and self.difficulty.takes_unlabelled)
