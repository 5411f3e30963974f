"""Which runs are one system, and short names that tell systems apart."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Any

from emotone.base import plugins

NOT_THE_SYSTEM = ("name", "description", "cpu_hours", "seed", "split.seed", "split.repeats")
"""Settings of a recipe in which runs of one system may differ."""


def system_hash(recipe: Mapping[str, Any]) -> str:
    """Identity of a system: of all of a recipe but its seeds, name and description.

    >>> system_hash({"seed": 0, "split": {"name": "a", "repeats": 3}}) == system_hash({"split": {"name": "a"}})
    True
    """
    settings = json.dumps(_settings(recipe), sort_keys=True)
    return hashlib.sha256(settings.encode()).hexdigest()[:12]


def system_labels(recipes: Sequence[Mapping[str, Any]]) -> list[str]:
    """A name for each of several systems: the recipe's, with the settings that differ among recipes of that name.

    A setting that only some recipes give is named where the others have the same plugin, there with its default, and
    where nothing else tells two systems apart.

    >>> recipes = [{"name": "chunks", "system": {"name": "a", "size": size}, "seed": 0} for size in (32, 64)]
    >>> system_labels([*recipes, {"name": "other", "seed": 0}])
    ['chunks size=32', 'chunks size=64', 'other']
    """
    labels = []
    for recipe in recipes:
        namesakes = [_settings(other) for other in recipes if other["name"] == recipe["name"]]
        keys = sorted({key for settings in namesakes for key in settings})
        differing = [key for key in keys if len({json.dumps(each.get(key)) for each in namesakes}) > 1]
        chosen = [
            key for key in differing if all(key in each or _has_default(key, each, namesakes) for each in namesakes)
        ]
        if len({json.dumps([each.get(key) for key in chosen]) for each in namesakes}) < len(namesakes):
            chosen = differing
        settings = _settings(recipe)
        words = [
            f"{_short(key, keys)}={_text(settings.get(key, _default(key, settings)))}"
            for key in chosen
            if key in settings or _has_default(key, settings, namesakes)
        ]
        labels.append(" ".join([str(recipe["name"]), *words]))
    return labels


def _has_default(key: str, settings: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> bool:
    """Whether settings leave a key out that others of the same plugin give."""
    parts = key.split(".")
    names = [".".join([*parts[:end], "name"]) for end in range(len(parts) - 1, 0, -1)]
    name = next((name for name in names if name in settings), None)
    return name is not None and all(each[name] == settings[name] for each in others if key in each and name in each)


def _default(key: str, settings: Mapping[str, Any]) -> Any:
    """The default of a setting in its plugin's `__init__`, or what it was before there was such a setting.

    "default" where the plugin no longer has it.
    """
    part, _, setting = key.rpartition(".")
    kind = {"system": "systems", "feature": "features", "text_feature": "features"}.get(part)
    name = settings.get(f"{part}.name")
    if kind is None or name not in plugins.names(kind):
        return "default"
    plugin = plugins.find(kind, str(name))
    parameter = inspect.signature(plugin).parameters.get(setting)
    default = "default" if parameter is None else parameter.default
    return getattr(plugin, "written_before", {}).get(setting, default)


def _settings(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that make a system, with dotted keys."""
    return {key: value for key, value in _flat(recipe).items() if key not in NOT_THE_SYSTEM}


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _short(key: str, keys: Sequence[str]) -> str:
    """`system` for system.name, and the last part of a key where no other one ends so."""
    key = key.removesuffix(".name")
    last = key.split(".")[-1]
    ends = [other.removesuffix(".name").split(".")[-1] for other in keys]
    return last if ends.count(last) == 1 else key


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return value if isinstance(value, str) else json.dumps(value)
