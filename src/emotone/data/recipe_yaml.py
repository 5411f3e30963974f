"""Recipes as plain data before they are checked: YAML files, `key=value` overrides, one merged into the other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from emotone.errors import EmotoneError


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
    except yaml.YAMLError:
        raise EmotoneError(f"{where}: {text!r} is not a value YAML can read") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; raises EmotoneError where it holds anything else."""
    try:
        about = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
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
