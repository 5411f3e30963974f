"""The reference of what users import: signatures and docstrings of `emotone.__all__` and of `emotone.sklearn`.

Rooms have no `__init__.py`, through which static readers of packages do not see; this looks at what is imported.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from typing import Any

import emotone
import emotone.sklearn
from site_text import fence, join, prose

INTRODUCTION = (
    "What users may import; all else is internal and may move ([what is promised](../promises.md)). `import emotone` "
    "costs nothing: a name is loaded when it is first used."
)
WIDTH = 88


def api_page() -> str:
    """The page of the Python interface.

    >>> "### Predictor.predict_files" in api_page()
    True
    """
    parts = ["# Python", INTRODUCTION]
    names = sorted((name for name in emotone.__all__ if not name.startswith("_")), key=str.lower)
    found = {f"emotone.{name}": getattr(emotone, name) for name in names}
    for path, value in (found | {"emotone.sklearn.Features": emotone.sklearn.Features}).items():
        parts += [f"## {path}", fence("python", signature(path.rpartition(".")[2], value)), prose(doc_of(value))]
        if inspect.isclass(value):
            for name, member in members(value):
                parts += [
                    f"### {value.__name__}.{name}",
                    fence("python", signature(name, member)),
                    prose(doc_of(member)),
                ]
    return join(parts)


def members(group: type[Any]) -> Iterator[tuple[str, Any]]:
    """Public methods and properties of a class that it defines itself, in the order of its source."""
    for name, member in vars(group).items():
        kinds = (property, classmethod, staticmethod, functools.cached_property)
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, kinds)):
            yield name, member


def signature(name: str, value: Any) -> str:
    """How it is called, on lines of their own where it is long.

    >>> signature("load", emotone.load)
    "load(name: str = 'default', **options: Any) -> Predictor"
    """
    if isinstance(value, property | functools.cached_property):
        return f"{name}: {_text(inspect.signature(_function(value)).return_annotation)}"
    if inspect.isclass(value) and issubclass(value, Exception):
        return f"{name}(message: object)"
    found = inspect.signature(_function(value))
    words = [_parameter(one) for key, one in found.parameters.items() if key not in ("self", "cls")]
    is_made = inspect.isclass(value) or found.return_annotation is inspect.Signature.empty
    end = "" if is_made else f" -> {_text(found.return_annotation)}"
    line = f"{name}({', '.join(words)}){end}"
    return line if len(line) <= WIDTH else f"{name}(\n    " + ",\n    ".join(words) + f",\n){end}"


def doc_of(value: Any) -> str:
    """Its docstring."""
    return inspect.getdoc(_function(value)) or ""


def _function(value: Any) -> Any:
    """What a property, a class method or a cached property wraps; anything else as it is."""
    for name in ("fget", "func", "__func__"):
        if hasattr(value, name) and not inspect.isclass(value):
            return getattr(value, name)
    return value


def _parameter(one: inspect.Parameter) -> str:
    stars = "*" * ((one.kind is one.VAR_POSITIONAL) + 2 * (one.kind is one.VAR_KEYWORD))
    default = "" if one.default is one.empty else f" = {one.default!r}"
    return f"{stars}{one.name}: {_text(one.annotation)}{default}"


def _text(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
