"""Intervals as people and as JSON have them."""

from __future__ import annotations

import json
import math

import numpy as np

from emotone.evaluate.numbers.interval import Interval, to_json


def test_intervals_are_written_as_papers_do() -> None:
    assert str(Interval(-0.05, 0.6584, 1.0)) == ".658 [-.050, 1.000]"
    assert str(Interval(9.5, 10.5, 20.25)) == "10.500 [9.500, 20.250]"
    assert str(Interval(float("nan"), 0.5, float("nan"))) == ".500 [nan, nan]"


def test_values_become_those_of_json() -> None:
    values = {"a": Interval(np.float64(0.5), 1.0, float("inf")), "b": [np.int64(3), None, "x"], 4: True}
    assert to_json(values) == {"a": {"low": 0.5, "value": 1.0, "high": None}, "b": [3, None, "x"], "4": True}
    json.dumps(to_json({"c": (np.float32("nan"), np.bool_(True), {"d": -math.inf})}), allow_nan=False)


def test_an_interval_survives_json() -> None:
    interval = Interval(0.25, 0.5, 0.75)
    assert Interval.from_json(json.loads(json.dumps(to_json(interval)))) == interval
