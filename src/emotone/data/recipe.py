"""Recipes: a whole experiment as typed dataclasses, checked before any work starts.

A recipe is one YAML file, found by name (`emotone/recipes/<name>.yaml`) or path. `base: other` starts from another
recipe (one level). Overrides are `key=value`, nested with dots. Unknown keys and wrong types are errors that name the
nearest match; the resolved recipe is saved with the run and its hash names the run.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
import math
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from emotone.base import plugins
from emotone.base.settings import check_settings, describe, fits
from emotone.data.recipe_yaml import merge, parse_overrides, read_yaml
from emotone.errors import EmotoneError, unknown
from emotone.features.feature import takes_text

Alignment = Literal["transcript", "corpus", "whisper", "none"]
RECIPES = Path(__file__).parent / "recipes"


def _later(default: Any) -> Any:
    """A key that recipes did not always have: it enters the hash only where it is set, so that old hashes stay."""
    made = dict if default == {} else list if default == [] else None
    given = {"default": default} if made is None else {"default_factory": made}
    return field(**given, metadata={"later": True})


@dataclass(frozen=True)
class Choice:
    """A plugin and its settings: in YAML one mapping, `{name: lld, frame_size_ms: 32}`."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Split:
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
    min-max: the least frame becomes 0, the greatest 1, as pictures are.
    """

    by: Literal["training", "speaker"] = "training"
    clip: float | None = 3.0
    over: Literal["frames", "utterance-means"] = _later("frames")
    scale: Literal["z-score", "min-max"] = _later("z-score")


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

    `corpora` are prepared corpora, whose labels are not looked at; of one that the recipe trains on, only the
    utterances that its owner set apart as `unlabelled`, which need not be named. They are drawn as evenly over the
    corpora as these allow, and the first ones of a larger `num` are those of a smaller.
    """

    corpora: list[str] = field(default_factory=list)
    num: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Curriculum:
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

    corpora: prepared corpora. targets: attributes or `emotion`. feature, system: plugins with their settings.
    split, training, normalise, augmentation: see there. teacher: bundles whose mean scores are the attribute labels.
    label_map: {corpus: {its category: the recipe's, or null to leave it out}}; must name every category of the corpus.
    ranges: {attribute: [low, high]} to which each corpus's own range is mapped linearly.
    unlabelled, curriculum: see there.
    text_feature: a plugin of transcripts, for systems of speech and text. alignment: where the words of an utterance
    come from (`emotone.data.words_and_text`).
    init: a bundle from whose weights training starts; it gives feature, system and their settings where the recipe
    does not.
    classes: the categories of `emotion` (default: all there are). where: keeps the utterances whose column has one of
    the values. feature_dtype: of the feature store. seed: of everything random in training.
    allow_leakage: lets groups cross the train/test border. cpu_hours: the budget, set before results are seen.
    """

    name: str
    corpora: list[str]
    targets: list[str]
    feature: Choice
    system: Choice
    split: Split = Split()
    training: Training = Training()
    augmentation: Augmentation = Augmentation()
    teacher: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    where: dict[str, list[str]] = field(default_factory=dict)
    feature_dtype: Literal["float32", "float16"] = "float32"
    seed: int = 0
    allow_leakage: bool = False
    cpu_hours: float | None = None
    description: str = ""
    normalise: Normalise = _later(Normalise())
    label_map: dict[str, dict[str, str | None]] = _later({})
    ranges: dict[str, list[float]] = _later({})
    init: str = _later("")
    unlabelled: Unlabelled = _later(Unlabelled())
    curriculum: Curriculum = _later(Curriculum())
    text_feature: Choice | None = _later(None)
    alignment: Alignment = _later("transcript")

    @property
    def hash(self) -> str:
        """Identity of the experiment: of everything that decides its outcome, not of its name and description."""
        about = _without_later_defaults(self, self.to_json())
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
    """The data of a recipe or a part of it without the later keys that are not set."""
    kept = dict(about)
    for item in dataclasses.fields(part):
        value = getattr(part, item.name)
        default = item.default if item.default_factory is dataclasses.MISSING else item.default_factory()
        if item.metadata.get("later") and value == default:
            del kept[item.name]
        elif dataclasses.is_dataclass(value) and not isinstance(value, Choice):
            kept[item.name] = _without_later_defaults(value, about[item.name])
    return kept


def available() -> list[str]:
    """Names of the recipes that come with Emotone.

    >>> "emodb-chunk-attention" in available()
    True
    """
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def load_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """A recipe by name or YAML file, with `key=value` overrides; raises EmotoneError with one clear line.

    >>> load_recipe("emodb-chunk-attention", ["training.batch_size=64"]).training.batch_size
    64
    """
    path = locate(name)
    about = read_yaml(path)
    if "base" in about:
        base = read_yaml(locate(str(about.pop("base"))))
        if "base" in base:
            raise EmotoneError(f"{path}: its base has a base itself; a recipe inherits from one other at most")
        about = merge(base, about)
    about = merge(about, parse_overrides(overrides))
    about.setdefault("name", path.stem)
    return from_json(about, where=str(path))


def locate(name: str) -> Path:
    """The YAML file of a recipe's name or path."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise EmotoneError(f"{name}: no such recipe file")
        return path
    if name not in available():
        raise unknown("recipe", name, available())
    return RECIPES / f"{name}.yaml"


def from_json(about: Mapping[str, Any], where: str) -> Recipe:
    """The recipe of plain data: all names and types are checked, the plugins' own settings too."""
    recipe = _build(Recipe, _with_init(about, where), where)
    score = recipe.curriculum.score
    chosen = [("features", recipe.feature), ("systems", recipe.system), ("difficulties", score)]
    chosen += [("features", recipe.text_feature)] if recipe.text_feature else []
    for kind, choice in chosen:
        plugin = plugins.find(kind, choice.name)
        check_settings(plugin, choice.settings, where=f"{where}: {plugins.KINDS[kind].singular} {choice.name}")
    if recipe.text_feature and not takes_text(plugins.find("features", recipe.text_feature.name)):
        raise EmotoneError(f"{where}: text_feature must be one of transcripts, which {recipe.text_feature.name} is not")
    if recipe.curriculum.order != "none" and recipe.training.epochs is None:
        raise EmotoneError(f"{where}: a curriculum goes by epochs; set training.epochs")
    return recipe


def pin_encoders(recipe: Recipe) -> Recipe:
    """The recipe with the identity of its encoders' weights, which its hash must hold.

    Raises EmotoneError where they are not here, or others than it asks for.
    """

    def pin(choice: Choice | None) -> Choice | None:
        takes = () if choice is None else inspect.signature(plugins.find("features", choice.name)).parameters
        if choice is None or not {"sha256", "settings"} & set(takes):  # of an encoder, or of a feature of another one
            return choice
        settings = plugins.settings_of(plugins.create("features", choice.name, choice.settings))
        found = {key: settings[key] for key in ("sha256", "settings") if key in takes}
        return Choice(choice.name, choice.settings | found)

    pinned = typing.cast(Choice, pin(recipe.feature))
    return dataclasses.replace(recipe, feature=pinned, text_feature=pin(recipe.text_feature))


def check_training(about: Any, where: str) -> Training:
    """The settings of a loop within another part of a recipe; raises EmotoneError as for the recipe's own."""
    return typing.cast(Training, _build(Training, about, where))


def _with_init(about: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The data with feature and system of the bundle `init`, where it does not say them itself."""
    if not about.get("init"):
        return about
    from emotone.bundle.folder import locate as locate_bundle
    from emotone.bundle.folder import read_about

    bundle = read_about(locate_bundle(str(about["init"])))
    feature = bundle.get("feature", {})
    given = {"feature": {"name": feature.get("name"), **feature.get("settings", {})}}
    training = bundle.get("training", {})
    system = training.get("system") or training.get("recipe", {}).get("system")
    if "system" not in about and not system:
        raise EmotoneError(f"{where}: the bundle {about['init']} does not say which system trained it; set system")
    return merge(given | {"system": system}, about)


def _build(cls: type, about: Mapping[str, Any], where: str) -> Any:
    """A recipe dataclass from plain data, checked key by key."""
    hints = typing.get_type_hints(cls)
    fields = {item.name: item for item in dataclasses.fields(cls)}
    values: dict[str, Any] = {}
    for key, value in about.items():
        if key not in fields:
            raise unknown("recipe key", str(key), fields, where=where)
        values[key] = _build_value(hints[key], key, value, where)
    missing = [
        name
        for name, item in fields.items()
        if name not in values and item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise EmotoneError(f"{where}: recipe key '{missing[0]}' is missing")
    return cls(**values)


def _build_value(hint: Any, key: str, value: Any, where: str) -> Any:
    if hint in (Choice, Choice | None):
        if value is None and hint is not Choice:
            return None
        if isinstance(value, str):
            return Choice(value)
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            raise EmotoneError(f"{where}: {key} must be a name, or a mapping with a name, not {value!r}")
        return Choice(value["name"], {name: item for name, item in value.items() if name != "name"})
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise EmotoneError(f"{where}: {key} must be a mapping, not {value!r}")
        return _build(typing.cast(type, hint), value, f"{where}: {key}")
    if not fits(value, hint):
        raise EmotoneError(f"{where}: {key} must be {describe(hint)}, not {value!r}")
    if typing.get_origin(hint) is tuple:
        return tuple(value)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if is_number and (hint is float or float in typing.get_args(hint)) else value
