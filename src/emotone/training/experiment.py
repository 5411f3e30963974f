"""A recipe with its plugins, each looked up and made once, for a run, its checks and its folds."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from emotone.base import plugins
from emotone.base.plugins import Choice
from emotone.data.recipe import Recipe
from emotone.features.feature import BatchedFeature, Feature
from emotone.training.difficulty import Difficulty
from emotone.training.system import System


@dataclass(frozen=True)
class Experiment:
    """The plugins of a recipe; `difficulty` scores its curriculum, where that goes by scores.

    The recipe holds the identity of its encoders' weights, which its hash must cover.
    """

    recipe: Recipe
    feature: Feature
    text_feature: BatchedFeature | None
    system: System
    difficulty: Difficulty

    @classmethod
    def resolve(cls, recipe: Recipe) -> Experiment:
        """The plugins of a recipe; raises EmotoneError for settings that one of them refuses.

        So are the weights of an encoder that are not here, or others than the recipe asks for.
        """
        feature = _create("features", recipe.feature)
        text_feature = None if recipe.text_feature is None else _create("features", recipe.text_feature)
        pinned = dataclasses.replace(recipe, feature=_pin(recipe.feature, feature))
        if recipe.text_feature is not None:
            pinned = dataclasses.replace(pinned, text_feature=_pin(recipe.text_feature, text_feature))
        system, difficulty = _create("systems", recipe.system), _create("difficulties", recipe.curriculum.score)
        return cls(pinned, feature, text_feature, system, difficulty)

    @property
    def has_curriculum(self) -> bool:
        """Whether the recipe orders its training utterances."""
        return self.recipe.curriculum.order != "none"

    @property
    def learns_from_unlabelled(self) -> bool:
        """Whether the system does, or the difficulty that orders its curriculum."""
        measures = self.recipe.curriculum.order in ("easy-first", "hard-first")
        return self.system.takes_unlabelled or (measures and self.difficulty.takes_unlabelled)


def _create(kind: str, choice: Choice) -> Any:
    return plugins.create(kind, choice.name, choice.settings)


def _pin(choice: Choice, feature: Any) -> Choice:
    """The choice of a feature with the settings that were found when it was made, which name its encoder's weights."""
    settings = plugins.settings_of(feature)
    return Choice(choice.name, choice.settings | {key: settings[key] for key in feature.resolved})
