"""What a run refuses before it extracts features: settings that do not go together, splits that test nothing, leaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from emotone.bundle.folder import locate, read_about
from emotone.bundle.target import EMOTION
from emotone.corpora.opened import MOST_NAMED
from emotone.data import leakage
from emotone.data.recipe import Recipe, Unlabelled
from emotone.data.selection import Selection
from emotone.data.split import Split
from emotone.errors import EmotoneError, name_some, unknown
from emotone.models.export import fitting_weights
from emotone.training.experiment import Experiment
from emotone.training.learners.learner import LEAST_ROWS
from emotone.training.ranks import Ranks
from emotone.training.system import System


def check_training_device(device: str) -> None:
    """Raise EmotoneError for a device that is not there, before any work starts."""
    if device not in ("cpu", "cuda"):
        raise unknown("device", device, ("cpu", "cuda"))
    if device == "cuda" and not torch.cuda.is_available():
        raise EmotoneError("device 'cuda' is not available: no GPU, or a torch without CUDA; use --device cpu")


def check_experiment(experiment: Experiment) -> None:
    """Raise EmotoneError for settings of training, curriculum, text or unlabelled speech that the system cannot use."""
    recipe, system, difficulty = experiment.recipe, experiment.system, experiment.difficulty
    if recipe.split.repeats < 1:
        raise EmotoneError(f"recipe {recipe.name}: split.repeats must be at least 1, not {recipe.split.repeats}")
    _check_text(recipe, system)
    where = f"recipe {recipe.name}: system {recipe.system.name}"
    if recipe.normalise.over == "segments" and recipe.system.name != "spectrogram-image":
        raise EmotoneError(f"{where} sees no segments; set normalise.over=frames")
    if experiment.has_curriculum and system.solves:
        raise EmotoneError(f"{where} is solved at once, so it takes no curriculum")
    system.check_training(recipe.training, experiment.has_curriculum)
    if not (system.takes_unlabelled or difficulty.takes_unlabelled) and recipe.unlabelled != Unlabelled():
        remedy = "set unlabelled.corpora=[] unlabelled.num=null"
        raise EmotoneError(f"{where} does not learn from unlabelled speech; {remedy}")


def check_ranks(experiment: Experiment, ranks: Ranks) -> None:
    """Raise EmotoneError for a training that several processes cannot share."""
    recipe, system = experiment.recipe, experiment.system
    if ranks.size == 1:
        return
    size = recipe.training.batch_size
    where, remedy = f"recipe {recipe.name}: system {recipe.system.name}", "train without torchrun"
    if system.solves:
        raise EmotoneError(f"{where} is solved at once, in one process; {remedy}")
    if not system.distributes:
        raise EmotoneError(f"{where} does not learn from batches that can be divided; {remedy}")
    if experiment.has_curriculum:
        raise EmotoneError(f"recipe {recipe.name}: a curriculum is learned in one process; {remedy}")
    if size < LEAST_ROWS * ranks.size:
        raise EmotoneError(
            f"recipe {recipe.name}: training.batch_size {size} is of the whole batch, too few for {ranks.size} "
            f"processes; set at least {LEAST_ROWS * ranks.size}, or start fewer"
        )


def _check_text(recipe: Recipe, system: System) -> None:
    """Raise EmotoneError where text or words are set without a system that takes them, or the other way round."""
    where = f"recipe {recipe.name}: system {recipe.system.name}"
    if system.takes_text and recipe.text_feature is None:
        raise EmotoneError(f"{where} learns from transcripts too; set text_feature (e.g. minilm)")
    if recipe.text_feature is not None and not system.takes_text:
        raise EmotoneError(f"{where} as it is set takes no transcripts; set text_feature=null")
    if system.takes_words and recipe.normalise.by == "speaker":
        raise EmotoneError(f"{where} normalises by the training part only; set normalise.by=training")
    if not system.takes_words and recipe.alignment != "transcript":
        raise EmotoneError(f"{where} does not go by words; leave alignment out")


def check_data(experiment: Experiment, data: Selection) -> None:
    """Raise EmotoneError for targets and corpora that the system or the curriculum cannot learn from."""
    experiment.system.check_data(data, experiment.feature)
    if experiment.has_curriculum:
        experiment.difficulty.check_targets(data.targets)


def check_audio(data: Selection) -> None:
    """Raise EmotoneError for utterances whose audio cannot be read, all together."""
    if data.unreadable:
        lines = list(data.unreadable.values())
        raise EmotoneError(
            f"recipe {data.recipe.name}: {len(lines)} of {len(data.table)} utterances cannot be read: "
            f"{name_some(lines, MOST_NAMED)}; set bad_files=drop to leave them out"
        )


def check_split(split: Split, data: Selection, experiment: Experiment) -> None:
    """Raise EmotoneError for an empty part, and for a class without any training utterance."""
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
            remedy = "; set split.validate=false where nothing is chosen by it" if part == "validation" else ""
            raise EmotoneError(f"recipe {recipe.name}: the {part} part of split {recipe.split.name} is empty{remedy}")
    parts = data.table["id"].map(split.part_of)
    for target in data.targets:
        if target.kind == "category":
            labels = data.table.loc[data.table[target.name].isin(target.labels)].groupby(parts)[target.name]
            counts = labels.value_counts().unstack(0, fill_value=0).reindex(list(target.labels), fill_value=0)
            lost = [f"{label} ({row.sum()})" for label, row in counts.iterrows() if not row.get("train", 0)]
            if lost:
                category = "category" if target.name == EMOTION else target.name
                remedy = "name the wanted ones by classes, or map it by label_map"
                if target.name == recipe.split.group:
                    remedy = f"a split by {target.name} tests what never trains; set split.group to another column"
                raise EmotoneError(
                    f"recipe {recipe.name}: no training utterance has the {category} {', '.join(lost)}; {remedy}"
                )


def check_init(experiment: Experiment, data: Selection) -> None:
    """Raise EmotoneError for a bundle to start from of which the recipe's network can take nothing."""
    recipe = experiment.recipe
    if not recipe.init:
        return
    folder, where = locate(recipe.init), f"recipe {recipe.name}: init {recipe.init}"
    about = read_about(folder)
    if about.feature.name != recipe.feature.name:
        raise EmotoneError(
            f"{where} takes the feature {about.feature.name}, not {recipe.feature.name}; leave feature out"
        )
    if experiment.system.solves:
        raise EmotoneError(f"{where}: {recipe.system.name} is solved at once, from no weights; leave init out")
    network = experiment.system.build(len(experiment.feature.names), data.targets, about.view)
    if not fitting_weights(network, folder):
        theirs, ours = (", ".join(target.name for target in targets) for targets in (about.targets, data.targets))
        raise EmotoneError(
            f"{where} has no weights for the recipe's network, a {recipe.system.name} of {ours}: it is a "
            f"{about.training.trained_system.get('name', 'network')} of {theirs}"
        )


def refusals(recipe: Recipe, jobs: int = 1) -> list[str]:
    """What `emotone train` would refuse of a recipe besides the leaks that any system has (`emotone.data.check`)."""
    lines: dict[str, None] = {}

    def attempt(check: Callable[..., Any], *arguments: Any) -> None:
        try:
            check(*arguments)
        except EmotoneError as error:
            lines[str(error)] = None

    try:
        experiment = Experiment.resolve(recipe)
    except EmotoneError as error:
        return [str(error)]
    data = Selection.read(experiment.recipe, jobs, quiet=True)
    attempt(check_experiment, experiment)
    attempt(check_data, experiment, data)
    attempt(check_init, experiment, data)
    if recipe.init and not recipe.allow_leakage:
        attempt(leakage.through_bundle, recipe.init, data)
    for number, split in data.folds().items():
        attempt(check_split, split, data, experiment)
        attempt(experiment.system.check_fold, data, split, 0, number)
        if experiment.learns_from_unlabelled and not recipe.allow_leakage:
            crossings = leakage.find_crossings(data.table, split, None, True, recipe.targets)
            new = [crossing for crossing in crossings if crossing.border == ("test", "unlabelled")]
            attempt(leakage.refuse, new, f"recipe {recipe.name}")
    return list(lines)


def check_leakage(experiment: Experiment, data: Selection, splits: Sequence[Split]) -> list[str]:
    """Raise EmotoneError for a leak that the recipe does not allow; the warnings that every report must carry."""
    recipe, where = data.recipe, f"recipe {data.recipe.name}"
    warnings: dict[str, None] = {}
    for split in splits:
        from_unlabelled = experiment.learns_from_unlabelled
        crossings = leakage.find_crossings(data.table, split, None, from_unlabelled, recipe.targets)
        leaks = [crossing for crossing in crossings if crossing.is_leak]
        if not recipe.allow_leakage:
            leakage.refuse(leaks, where)
        warnings |= dict.fromkeys(f"LEAKAGE ALLOWED: {line}" for line in leakage.describe(leaks))
    if recipe.normalise.by == "speaker":
        warnings["transductive: features are normalised by statistics of all utterances of each test speaker"] = None
    if recipe.init:
        warnings |= dict.fromkeys(leakage.through_bundle(recipe.init, data))
    return list(warnings)
