"""Plugins by file name: `find("features", "mel")` is the one public class of `emotone.features.extractors.mel`.

There is no registry: a file in the package of its kind (`KINDS`) is a plugin. What users type has hyphens, modules have
underscores. A plugin's settings are its dataclass fields (or the annotated parameters of `__init__`); `create` checks
names and types before anything is built.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emotone.errors import EmotoneError, unknown


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


def check_settings(plugin: type, settings: Mapping[str, Any], where: str, is_whole: bool = True) -> dict[str, Any]:
    """Settings whose names and types fit the annotations of the plugin's `__init__`; none missing where `is_whole`."""
    hints = typing.get_type_hints(plugin.__init__)  # type: ignore[misc]  # of the class itself
    allowed = [name for name in inspect.signature(plugin).parameters]
    for key, value in settings.items():
        if key not in allowed:
            raise unknown("setting", key, allowed, where=where)
        if key in hints and not fits(value, hints[key]):
            raise EmotoneError(f"{where}: {key} must be {describe(hints[key])}, not {value!r}")
    for name, parameter in inspect.signature(plugin).parameters.items():
        if parameter.default is inspect.Parameter.empty and name not in settings and is_whole:
            raise EmotoneError(f"{where}: setting {name!r} is missing")
    # YAML and JSON have lists where frozen settings are tuples.
    return {
        key: tuple(value) if typing.get_origin(hints.get(key)) is tuple else value for key, value in settings.items()
    }


def fits(value: Any, hint: Any) -> bool:
    """Whether a value from YAML or JSON is of the annotated type (an int serves as a float, a bool never as an int)."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, argument) for argument in arguments)
    if origin is typing.Literal:
        return value in arguments and type(value) in {type(argument) for argument in arguments}
    if origin in (list, tuple):
        size = _size(origin, arguments)
        is_list = isinstance(value, list | tuple) and size in (None, len(value))
        return is_list and all(fits(item, arguments[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(fits(item, arguments[1]) for item in value.values())
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint) if inspect.isclass(hint) else True


def describe(hint: Any) -> str:
    """A type annotation in a user's words.

    >>> describe(typing.Literal["power", "log"]), describe(float | None)
    ("one of 'power', 'log'", 'a number or nothing (null)')
    """
    plain = {float: "a number", int: "a whole number", str: "text", bool: "true or false", type(None): "nothing (null)"}
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return "one of " + ", ".join(repr(argument) for argument in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(describe(argument) for argument in arguments)
    if origin in (list, tuple):
        size = _size(origin, arguments)
        return f"a list{'' if size is None else f' of {size}'} ({describe(arguments[0])})"
    if origin is dict:
        return "a mapping"
    return plain.get(hint, getattr(hint, "__name__", str(hint)))


def _size(origin: Any, arguments: tuple[Any, ...]) -> int | None:
    """How long a value of this list or tuple type is; None for any length."""
    return None if origin is list or Ellipsis in arguments else len(arguments)
