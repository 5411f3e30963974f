"""Recipes: a whole experiment as typed dataclasses.

`emotone.data.recipe_yaml` makes them of files. The resolved recipe is saved with the run, and its hash names the run.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from dataclasses import dataclass, field
from typing import Any, Literal

from emotone.base import plugins
from emotone.base.plugins import Choice
from emotone.corpora.opened import BadFiles
from emotone.errors import EmotoneError

Kind = Literal["category", "attribute"]
Alignment = Literal["transcript", "corpus", "whisper", "none"]


def _later(default: Any) -> Any:
    """A key that recipes did not always have: it enters the hash only where it is set, so that old hashes stay."""
    made = dict if default == {} else list if default == [] else None
    given = {"default": default} if made is None else {"default_factory": made}
    return field(**given, metadata={"later": True})


@dataclass(frozen=True)
class SplitSettings:
    """How utterances are divided: a function of `emotone.data.split` and its settings; `fold` "all" runs every fold.

    `validate` false lets the validation part train as well; `repeats` runs all folds as often, each time with the next
    seed (of training, and of the split where it takes one).
    """

    name: str = "official"
    num_folds: int | None = None
    fold: int | Literal["all"] = "all"
    group: str = "speaker"
    file: str | None = None
    folds: list[list[str]] = _later([])
    stratify: str | None = _later(None)
    test: list[str] = _later([])
    seed: int = _later(0)
    validate: bool = _later(True)
    repeats: int = _later(1)


@dataclass(frozen=True)
class Normalise:
    """Z-scores of features, clipped to +-`clip` (null: not at all).

    `by` training: mean and deviation of the training part. `by` speaker: of all utterances of each speaker, also of
    test speakers; no label is used, but a speaker must be known and have several utterances (transductive: results
    are better than on single unknown utterances, and every report says so). `over` utterance-means: statistics of the
    utterances' mean frames, by which single frames vary more, as published for states of large encoders. `scale`
    min-max: the least frame becomes 0, the greatest 1, as pictures are; `over` segments counts what fills up their
    last segments, 0 dB, among the frames, as published (then 0 dB is white in every bin). `terms`: a folder with
    `feat_norm_means.mat` and `feat_norm_stds.mat` (`emotone norms`), by which features are normalised instead.
    """

    by: Literal["training", "speaker"] = "training"
    clip: float | None = 3.0
    over: Literal["frames", "utterance-means", "segments"] = _later("frames")
    scale: Literal["z-score", "min-max"] = _later("z-score")
    terms: str | None = _later(None)

    def __post_init__(self) -> None:
        if self.terms is not None and (self.by, self.over, self.scale) != ("training", "frames", "z-score"):
            raise EmotoneError("normalise.terms are given means and deviations; leave by, over and scale out")


@dataclass(frozen=True)
class Training:
    """The loop: sizes and counts, `validate_every` in iterations, `learning_rate` of the system's optimiser.

    `best` weights are those of the best validation metric, of the published loss, or simply the last; `average` keeps
    an exponential moving average of the weights with this decay, and validates and returns that;
    `clip_norm` is the largest norm of a gradient. `epochs` counts passes over the training part instead of
    `iterations`; every one is then validated.
    """

    batch_size: int = 128
    iterations: int = 5000
    validate_every: int = 50
    learning_rate: float = 1e-4
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    best: Literal["metric", "published-loss", "last"] = "metric"
    average: float | None = None
    clip_norm: float | None = None
    epochs: int | None = _later(None)

    def __post_init__(self) -> None:
        for name in ("batch_size", "iterations", "validate_every", "epochs"):
            count = getattr(self, name)
            if count is not None and count < 1:
                raise EmotoneError(f"training.{name} must be at least 1, not {count}")
        for name, most in (("learning_rate", math.inf), ("clip_norm", math.inf), ("average", 1.0)):
            value = getattr(self, name)
            if value is not None and not 0 <= value < most:
                raise EmotoneError(f"training.{name} must be from 0 to below {most}, not {value}")

    @property
    def rounds(self) -> int:
        """Rounds of `emotone.training.loop.fit`."""
        return self.iterations if self.epochs is None else self.epochs

    @property
    def validate_rounds(self) -> int:
        """Rounds from one validation to the next."""
        return self.validate_every if self.epochs is None else 1


@dataclass(frozen=True)
class Augmentation:
    """Training copies of every utterance: changed voices (number 0 is unchanged), each through changed channels.

    `crop_share` of the labelled copies and all unlabelled ones are random parts of `crop_s` seconds;
    `crops_of_unlabelled` is their number per copy. See `emotone.audio.change.augment`.
    """

    voices: int = 1
    channels: int = 1
    crop_share: float = 0.0
    crop_s: tuple[float, float] = (1.5, 8.0)
    crops_of_unlabelled: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Unlabelled:
    """Speech without labels, for systems that learn from it: `num` utterances (null: all), drawn by `seed`.

    `corpora` are prepared corpora, whose labels are ignored. Of a corpus that the recipe trains on, only the utterances
    that its owner set apart as `unlabelled` count, named or not. They are drawn as evenly over the corpora as possible;
    a larger `num` keeps those of a smaller one.
    """

    corpora: list[str] = field(default_factory=list)
    num: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class CurriculumSettings:
    """Training on a growing part of the utterances (`emotone.training.curriculum`): needs `training.epochs`.

    order: "none" is no curriculum. score: what makes an utterance easy, a plugin of `emotone.training.difficulties`
    with its settings. easy: which of its values are easy, where not the usual ones. num_levels, epochs_per_level: how
    it grows.
    """

    order: Literal["easy-first", "hard-first", "random", "none"] = "none"
    score: Choice = Choice("duration")
    easy: Literal["highest", "lowest"] | None = None
    num_levels: int = 10
    epochs_per_level: int = 5


@dataclass(frozen=True)
class Recipe:
    """A whole experiment; the fields are the top-level keys of the YAML file.

    corpora: prepared corpora. targets: any columns of theirs, of which words are categories and numbers attributes.
    kinds: {target: category or attribute}, where that is to be otherwise. feature, system: plugins with their settings.
    split, training, normalise, augmentation: see there. teacher: bundles whose mean scores are the attribute labels.
    label_map: {corpus: {its category: the recipe's, or null to leave it out}}; must name every category of the corpus.
    They are emotions'; those of another column are a mapping of their own, {corpus: {column: {category: ..}}}.
    ranges: {attribute: [low, high]} to which each corpus's own range is mapped linearly; where a column has no range
    of its own it is said here, or the least and the greatest value are taken.
    unlabelled, curriculum: see there.
    text_feature: a plugin of transcripts, for systems of speech and text. alignment: where the words of an utterance
    come from (`emotone.data.words_and_text`).
    init: a bundle from whose weights training starts; it gives feature, system and their settings where the recipe
    does not.
    classes: the categories of `emotion`, or of the only target with categories; of several {target: categories}
    (default: all there are). where: keeps the utterances whose column has one of
    the values. feature_dtype: of the feature store. seed: of everything random in training.
    bad_files: "drop" leaves out utterances whose audio cannot be read, or is too short for the feature.
    allow_leakage: lets groups cross the train/test border. cpu_hours: the budget, set before results are seen.
    """

    name: str
    corpora: list[str]
    targets: list[str]
    feature: Choice
    system: Choice
    split: SplitSettings = SplitSettings()
    training: Training = Training()
    augmentation: Augmentation = Augmentation()
    teacher: list[str] = field(default_factory=list)
    classes: list[str] | dict[str, list[str]] = field(default_factory=list)
    where: dict[str, list[str]] = field(default_factory=dict)
    feature_dtype: Literal["float32", "float16"] = "float32"
    seed: int = 0
    allow_leakage: bool = False
    cpu_hours: float | None = None
    description: str = ""
    normalise: Normalise = _later(Normalise())
    label_map: dict[str, dict[str, str | None | dict[str, str | None]]] = _later({})
    ranges: dict[str, list[float]] = _later({})
    init: str = _later("")
    unlabelled: Unlabelled = _later(Unlabelled())
    curriculum: CurriculumSettings = _later(CurriculumSettings())
    text_feature: Choice | None = _later(None)
    alignment: Alignment = _later("transcript")
    bad_files: BadFiles = _later("refuse")
    kinds: dict[str, Kind] = _later({})

    @property
    def hash(self) -> str:
        """Identity of the experiment: a hash of all that decides its outcome, so not of name and description."""
        about = _without_later_defaults(self, self.to_json())
        about["feature"] = plugins.as_before("features", self.feature.name, about["feature"])
        about = {key: value for key, value in about.items() if key not in ("name", "description", "cpu_hours")}
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:12]

    def to_json(self) -> dict[str, Any]:
        """The recipe as plain data, with every default filled in."""
        about = json.loads(json.dumps(dataclasses.asdict(self)))  # tuples as lists
        plugin_keys = ((about, "feature"), (about, "text_feature"), (about, "system"), (about["curriculum"], "score"))
        for place, key in plugin_keys:
            if place[key] is not None:
                place[key] = {"name": place[key]["name"], **place[key]["settings"]}
        return about


def _without_later_defaults(part: Any, about: dict[str, Any]) -> dict[str, Any]:
    """The plain data of a recipe, or of a part of it, without the later keys that have their default."""
    kept = dict(about)
    for item in dataclasses.fields(part):
        value = getattr(part, item.name)
        default = item.default if item.default_factory is dataclasses.MISSING else item.default_factory()
        if item.metadata.get("later") and value == default:
            del kept[item.name]
        elif dataclasses.is_dataclass(value) and not isinstance(value, Choice):
            kept[item.name] = _without_later_defaults(value, about[item.name])
    return kept
