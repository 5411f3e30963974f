"""Settings from YAML, JSON and the command line, checked against type annotations."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any

from emotone.errors import EmotoneError, unknown


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
