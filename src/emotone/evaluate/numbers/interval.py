"""A metric's value with its confidence interval, and results that hold such values as JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A metric's value and the ends of its confidence interval.

    >>> print(Interval(0.612, 0.658, 0.7))
    .658 [.612, .700]
    """

    low: float
    value: float
    high: float

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Interval:
        """Of an object with these three keys, as results hold it; others are left.

        >>> Interval.from_json({"low": 0.1, "value": 0.2, "high": 0.3, "change": {}})
        Interval(low=0.1, value=0.2, high=0.3)
        """
        return cls(*(values[end] for end in cls._fields))

    def __str__(self) -> str:
        low, value, high = (re.sub(r"^(-?)0\.", r"\1.", f"{number:.3f}") for number in self)
        return f"{value} [{low}, {high}]"


def to_json(value: Any) -> Any:
    """The value in types of JSON: intervals as objects, numbers that are not defined as null.

    >>> to_json({"ccc": Interval(float("nan"), 0.5, float("nan"))})
    {'ccc': {'low': None, 'value': 0.5, 'high': None}}
    """
    if isinstance(value, Interval):
        return to_json(value._asdict())
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item) for item in value]
    if isinstance(value, np.generic):
        return to_json(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value
