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
