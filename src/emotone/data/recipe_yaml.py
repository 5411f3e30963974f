"""Recipes from YAML: files found by name, what one inherits, `key=value` overrides; every key and setting checked.

A recipe is one YAML file, found by name (`emotone/data/recipes/NAME.yaml`) or path. `base: other` starts from another
recipe (one level). Overrides are `key=value`, nested with dots. Unknown keys and wrong types are errors that name the
nearest match.
"""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from emotone.base import plugins
from emotone.base.plugins import Choice
from emotone.base.settings import check_settings, describe, fits
from emotone.data.recipe import Recipe, Training
from emotone.errors import EmotoneError, unknown

RECIPES = Path(__file__).parent / "recipes"


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
    if recipe.text_feature and plugins.find("features", recipe.text_feature.name).input != "text":
        raise EmotoneError(f"{where}: text_feature must be one of transcripts, which {recipe.text_feature.name} is not")
    if recipe.curriculum.order != "none" and recipe.training.epochs is None:
        raise EmotoneError(f"{where}: a curriculum goes by epochs; set training.epochs")
    return recipe


def training_from_json(about: Any, where: str) -> Training:
    """The settings of a loop within another part of a recipe; raises EmotoneError as for the recipe's own."""
    return typing.cast(Training, _build(Training, about, where))


def _with_init(about: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """The data with feature and system of the bundle `init`, where it does not say them itself."""
    if not about.get("init"):
        return about
    from emotone.bundle.folder import locate as locate_bundle
    from emotone.bundle.folder import read_about

    bundle = read_about(locate_bundle(str(about["init"])))
    feature = bundle.feature
    given = {"feature": {"name": feature.name, **plugins.as_written("features", feature.name, feature.settings)}}
    system = bundle.training.trained_system
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


# ---- as plain data ----------------------------------------------------------------------------------------------


def parse_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    """`key=value` texts as nested data; values are read as YAML.

    >>> parse_overrides(["seed=1", "training.learning_rate=1e-3", "targets=[arousal]"])
    {'seed': 1, 'training': {'learning_rate': 0.001}, 'targets': ['arousal']}
    """
    about: dict[str, Any] = {}
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not all(key.split(".")):
            raise EmotoneError(f"override {override!r} is not of the form key=value")
        place = about
        *parents, last = key.split(".")
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise EmotoneError(f"override {override!r} sets a part of what another override set as a whole")
        place[last] = _parse_value(text, override)
    return about


class _Loader(yaml.SafeLoader):
    """YAML whose numbers may be written 1e-4 as well, which YAML 1.1 takes for text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def _parse_value(text: str, where: str) -> Any:
    try:
        return yaml.load(text, _Loader)
    except RecursionError:
        raise EmotoneError(f"override {where[:60]!r} is nested too deeply") from None
    except (yaml.YAMLError, ValueError, OverflowError):  # also a date or number that there is not
        if len(text) == 1:  # such as the comma of decimal=,
            return text
        raise EmotoneError(f"{where}: {text!r} is not a value YAML can read") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; raises EmotoneError where it holds anything else."""
    try:
        about = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except RecursionError:
        raise EmotoneError(f"{path}: not readable as YAML (nested too deeply)") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # also text that is no UTF-8, a date that there is not
        raise EmotoneError(f"{path}: not readable as YAML ({error})") from None
    if not isinstance(about, dict):
        raise EmotoneError(f"{path}: a recipe is a mapping of keys to values")
    return about


def merge(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `change` on top; mappings merge, but an empty one and a plugin of another name replace."""
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        if isinstance(old, str) and isinstance(value, dict):  # a plugin given by its bare name
            old = {"name": old}
        merged[key] = value
        if isinstance(old, dict) and isinstance(value, dict) and value and (old | value).get("name") == old.get("name"):
            merged[key] = merge(old, value)
    return merged
