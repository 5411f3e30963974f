"""Results as plain JSON."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from emotone.evaluate.numbers.statistics import Interval


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
