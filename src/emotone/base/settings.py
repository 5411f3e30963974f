"""Settings from YAML, JSON and the command line, checked against type annotations."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any

from emotone.errors import EmotoneError, unknown


def check_settings(plugin: type, settings: Mapping[str, Any], where: str, is_partial: bool = False) -> dict[str, Any]:
    """The settings, with lists as tuples where these are annotated, for the `__init__` of a plugin or another class.

    Raises EmotoneError, beginning with `where`, for a name that `__init__` does not have, a value that its annotation
    does not allow, and, unless `is_partial`, a missing one that has no default.
    """
    hints = typing.get_type_hints(plugin.__init__)  # type: ignore[misc]  # of the class itself
    parameters = inspect.signature(plugin).parameters
    for key, value in settings.items():
        if key not in parameters:
            raise unknown("setting", key, parameters, where=where)
        if key in hints and not fits(value, hints[key]):
            raise EmotoneError(f"{where}: {key} must be {describe(hints[key])}, not {value!r}")
    for name, parameter in parameters.items():
        if parameter.default is inspect.Parameter.empty and name not in settings and not is_partial:
            raise EmotoneError(f"{where}: setting {name!r} is missing")
    # YAML and JSON have lists where frozen settings are tuples.
    return {
        key: tuple(value) if typing.get_origin(hints.get(key)) is tuple else value for key, value in settings.items()
    }


def fits(value: Any, hint: Any) -> bool:
    """Whether a value from YAML or JSON is of the annotated type.

    An int serves as a float, a bool never as a number, a list as a tuple; annotations of no class are not checked.

    >>> fits(3, float), fits(True, int), fits([1, 2], tuple[int, ...]), fits("loud", typing.Literal["log", "power"])
    (True, False, True, False)
    """
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
        return "a mapping" if arguments[1] is Any else f"a mapping to {describe(arguments[1])}"
    return plain.get(hint, getattr(hint, "__name__", str(hint)))


def _size(origin: Any, arguments: tuple[Any, ...]) -> int | None:
    """The length of a value of this list or tuple type; None for any."""
    return None if origin is list or Ellipsis in arguments else len(arguments)
