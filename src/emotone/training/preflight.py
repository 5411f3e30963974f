"""What a run refuses before it makes any feature: settings that its system cannot follow, splits that test nothing."""

from __future__ import annotations

from emotone.data import split as splits
from emotone.data.recipe import Recipe, Unlabelled
from emotone.data.selection import Selection
from emotone.errors import EmotoneError
from emotone.training.experiment import Experiment
from emotone.training.system import System


def check_system(experiment: Experiment) -> None:
    """Refuse settings of training, curriculum, text and unlabelled speech that the recipe's system cannot follow."""
    recipe, system, difficulty = experiment.recipe, experiment.system, experiment.difficulty
    _check_text(recipe, system)
    where = f"recipe {recipe.name}: system {recipe.system.name}"
    if experiment.has_curriculum:
        difficulty.check_targets(recipe.targets)
        if system.solves:
            raise EmotoneError(f"{where} is solved at once, so it takes no curriculum")
    system.check_training(recipe.training, experiment.has_curriculum)
    if not (system.takes_unlabelled or difficulty.takes_unlabelled) and recipe.unlabelled != Unlabelled():
        remedy = "set unlabelled.corpora=[] unlabelled.num=null"
        raise EmotoneError(f"{where} does not learn from unlabelled speech; {remedy}")


def _check_text(recipe: Recipe, system: System) -> None:
    """Text where the system takes it, and only there; what the systems of words do not work with."""
    where = f"recipe {recipe.name}: system {recipe.system.name}"
    if system.takes_text and recipe.text_feature is None:
        raise EmotoneError(f"{where} learns from transcripts too; set text_feature (e.g. minilm)")
    if recipe.text_feature is not None and not system.takes_text:
        raise EmotoneError(f"{where} as it is set takes no transcripts; set text_feature=null")
    if system.takes_words and recipe.normalise.by == "speaker":
        raise EmotoneError(f"{where} normalises by the training part only; set normalise.by=training")
    if not system.takes_words and recipe.alignment != "transcript":
        raise EmotoneError(f"{where} does not go by words; leave alignment out")


def check_split(split: splits.Split, data: Selection, experiment: Experiment) -> None:
    """Refuse an empty part, and a class to be tested that nothing trains."""
    recipe = experiment.recipe
    if recipe.split.name == "everything":
        needed = ["train"]
    else:
        needed = ["train", "test", *(["validation"] if recipe.split.validate else [])]
    if "validation" not in needed and not experiment.system.solves and recipe.training.best != "last":
        raise EmotoneError(
            f"recipe {recipe.name}: this split validates nothing, so training.best must be 'last', not "
            f"{recipe.training.best!r}"
        )
    for part in needed:
        if not getattr(split, part):
            raise EmotoneError(f"recipe {recipe.name}: the {part} part of split {recipe.split.name} is empty")
    parts = data.table["id"].map(split.part_of)
    for target in data.targets:
        if target.kind == "category":
            labels = data.table.loc[data.table["emotion"].isin(target.labels)].groupby(parts)["emotion"]
            counts = labels.value_counts().unstack(0, fill_value=0).reindex(list(target.labels), fill_value=0)
            lost = [f"{label} ({row.sum()})" for label, row in counts.iterrows() if not row.get("train", 0)]
            if lost:
                raise EmotoneError(
                    f"recipe {recipe.name}: no training utterance has the category {', '.join(lost)}; name the wanted "
                    "ones by classes, or map it by label_map"
                )
