"""Plugins by file name: `find("features", "mel")` is the one public class of `emotone.features.extractors.mel`.

There is no registry: a file in the package of its kind (`KINDS`) is a plugin. What users type has hyphens, modules have
underscores. The annotated parameters of its `__init__` (the fields of a dataclass) are its settings, whose names and
types `create` checks before anything is built.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import types
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emotone.base.settings import check_settings
from emotone.errors import unknown


@dataclass(frozen=True)
class Choice:
    """A plugin's name and its settings, as recipes and bundles name it."""

    name: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """A kind of plugin: what one is called in messages, and the package whose files are the plugins."""

    singular: str
    package: str

    def module_of(self, name: str) -> str:
        """The dotted name of the module of a plugin, as users type its name."""
        return f"{self.package}.{name.replace('-', '_')}"


KINDS = {
    "corpora": Kind("corpus", "emotone.corpora.readers"),
    "features": Kind("feature", "emotone.features.extractors"),
    "models": Kind("model", "emotone.models.networks"),
    "systems": Kind("system", "emotone.training.systems"),
    "difficulties": Kind("difficulty", "emotone.training.difficulties"),
}


def names(kind: str) -> list[str]:
    """Names of all plugins of a kind, as users type them.

    >>> "mel" in names("features")
    True
    """
    package = importlib.import_module(KINDS[kind].package)
    return sorted(
        module.name.replace("_", "-")
        for module in pkgutil.iter_modules(package.__path__)
        if not module.name.startswith("_")
    )


def find(kind: str, name: str) -> type[Any]:
    """The public class of the plugin `name`; raises EmotoneError naming the nearest match.

    >>> find("features", "mel").__name__
    'Mel'
    """
    if name.replace("_", "-") not in names(kind):
        raise unknown(KINDS[kind].singular, name, names(kind))
    module = importlib.import_module(KINDS[kind].module_of(name))
    return public_class(module)


def public_class(module: types.ModuleType) -> type[Any]:
    """The one public class defined in a plugin module."""
    classes = [
        value
        for key, value in vars(module).items()
        if inspect.isclass(value) and value.__module__ == module.__name__ and not key.startswith("_")
    ]
    if len(classes) != 1:
        raise TypeError(f"{module.__name__} must define exactly one public class, not {len(classes)}")
    return classes[0]


def settings_of(plugin: Any) -> dict[str, Any]:
    """All settings of a plugin instance, defaults included, as JSON types.

    >>> settings_of(create("features", "mel", {"num_mels": 64}))["num_mels"]
    64
    """
    return dataclasses.asdict(plugin)


def create(kind: str, name: str, settings: Mapping[str, Any] | None = None) -> Any:
    """An instance of a plugin with checked settings; raises EmotoneError for an unknown key or a wrong type.

    >>> create("features", "mel", {"num_mell": 64})
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: feature mel: unknown setting 'num_mell'; did you mean 'num_mels'? ...
    """
    plugin = find(kind, name)
    return plugin(**check_settings(plugin, settings or {}, where=f"{KINDS[kind].singular} {name}"))


def as_written(kind: str, name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that a bundle holds, with those that plugins have got since it was written, as they were then.

    >>> as_written("features", "lld", {"frame_step_ms": 16.0})
    {'extractor': 'opensmile', 'variant': 'published', 'frame_step_ms': 16.0}
    """
    found = {**getattr(find(kind, name), "written_before", {}), **settings}
    if isinstance(found.get("of"), str) and isinstance(found.get("settings"), dict):  # a feature of another feature
        found["settings"] = as_written(kind, found["of"], found["settings"])
    return found


def identity_of(plugin: Any) -> dict[str, Any]:
    """All settings of a plugin instance by which what it made is known, the same as before it got some of them.

    >>> identity_of(create("features", "lld", {"extractor": "opensmile"}))
    {'feature_set': 'IS13_ComParE', 'frame_size_ms': 32.0, 'frame_step_ms': 16.0}
    """
    return _without(plugin, settings_of(plugin), "features")


def as_before(kind: str, name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings without those that have the value of the time before there were any such, as `as_written` reads them.

    >>> as_before("features", "lld", {"extractor": "opensmile", "frame_step_ms": 16.0})
    {'frame_step_ms': 16.0}
    """
    return _without(find(kind, name), settings, kind)


def _without(plugin: Any, settings: Mapping[str, Any], kind: str) -> dict[str, Any]:
    before = getattr(plugin, "written_before", {})
    found = {key: value for key, value in settings.items() if key not in before or before[key] != value}
    if isinstance(found.get("of"), str) and isinstance(found.get("settings"), dict):
        found["settings"] = _without(find(kind, found["of"]), found["settings"], kind)
    return found
