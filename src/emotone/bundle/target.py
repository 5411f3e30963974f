"""Targets: attributes and categories, and what the network's outputs say of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from emotone.errors import EmotoneError

T = TypeVar("T")
UNBOUNDED = (-math.inf, math.inf)
LARGEST = 1e6
"""No score, mean or standard deviation lies beyond."""
MOST_LABELS = 1_000
LONGEST_NAME = 64
PUBLISHED_NAMES = {"arousal": "Act", "dominance": "Dom", "valence": "Val"}
"""How published files name attributes."""
EMOTION = "emotion"
"""The column of the most probable category; a target of categories may have this name, which is no column's then."""
COLUMNS = ("file", "start_s", "end_s", "inputs", EMOTION, "speech_share", "note", "error")
"""Columns of tables beside the scores, which are named as attributes and labels."""


@dataclass(frozen=True)
class Target:
    """One output of the network: an attribute on a `range`, or categories with `labels`.

    An attribute's output [B] is z-normalised: score = output * std + mean, not clipped, so that a score may leave the
    raters' range. An attribute is *relative* where only the order of scores says something: its range is null in
    `bundle.json` and `UNBOUNDED` here. Categories have logits [B, K] and no range. Names of targets and labels name
    columns of tables, tiers and tracks: one line of text, without double quotes, and no other column's. Raises
    EmotoneError for other names, and for numbers without bounds.

    >>> Target("gender", "category", labels=("female", "male")).columns
    {'female': 'gender_female', 'male': 'gender_male'}
    """

    name: str
    kind: Literal["attribute", "category"]
    range: tuple[float, float] | None = None
    mean: float = 0.0
    std: float = 1.0
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (self.name, *self.labels):
            if name != EMOTION or self.kind == "attribute" or name in self.labels:
                check_name(name)
        if self.kind == "category":
            if not 1 <= len(self.labels) <= MOST_LABELS or len(set(self.labels)) < len(self.labels):
                raise EmotoneError(f"{self.name} must have from 1 to {MOST_LABELS} labels, each once")
            return
        limits = () if self.range is None or self.is_relative else self.range
        if not all(-LARGEST <= number <= LARGEST for number in (self.mean, self.std, *limits)):
            raise EmotoneError(f"range, mean and std of {self.name} must lie within -{LARGEST:g} and {LARGEST:g}")
        if self.std < 0 or (limits and not limits[0] < limits[1]):
            raise EmotoneError(f"std of {self.name} must not be negative, and its range must rise")

    @classmethod
    def from_json(cls, about: dict[str, Any], where: str) -> Target:
        """A target of plain data; raises EmotoneError, beginning with `where`, for missing keys and other types."""
        try:
            if about["kind"] == "attribute":
                low, high = UNBOUNDED if about["range"] is None else about["range"]
                limits = (float(low), float(high))
                return cls(about["name"], "attribute", limits, float(about["mean"]), float(about["std"]))
            if about["kind"] == "category":
                if not isinstance(about["labels"], list):
                    raise TypeError("labels must be a list")
                return cls(about["name"], "category", labels=tuple(map(str, about["labels"])))
        except EmotoneError as error:
            raise EmotoneError(f"{where}: {error}") from None
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise EmotoneError(f"{where}: target {about!r} is not complete ({error!r})") from None
        raise EmotoneError(f"{where}: target kind must be 'attribute' or 'category', not {about['kind']!r}")

    @property
    def columns(self) -> dict[str, str]:
        """{label: the column of its probability}: the label where it is an emotion's, else TARGET_LABEL."""
        return {label: label if self.name == EMOTION else f"{self.name}_{label}" for label in self.labels}

    @property
    def is_relative(self) -> bool:
        """Whether only the order of the scores says something."""
        return self.range == UNBOUNDED

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads."""
        if self.kind == "category":
            return {"name": self.name, "kind": "category", "labels": list(self.labels)}
        limits = None if self.range is None or self.is_relative else list(self.range)
        return {"name": self.name, "kind": "attribute", "range": limits, "mean": self.mean, "std": self.std}


def one_or_each(by_target: Mapping[str, T]) -> T | dict[str, T]:
    """What is said of a single target by itself, of several {target: what is said}.

    >>> one_or_each({"emotion": 3}), one_or_each({"emotion": 3, "gender": 0})
    (3, {'emotion': 3, 'gender': 0})
    """
    return next(iter(by_target.values())) if len(by_target) == 1 else dict(by_target)


def check_name(name: object) -> None:
    """Raise EmotoneError for what cannot name a target or a label.

    >>> check_name("file")
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: 'file' cannot name a target or a label: tables have another column of that name
    """
    problem = ""
    if not isinstance(name, str):
        problem = "it is no text"
    elif not 1 <= len(name) <= LONGEST_NAME:
        problem = f"it must have from 1 to {LONGEST_NAME} characters"
    elif name in COLUMNS:
        problem = "tables have another column of that name"
    elif not name.isprintable() or '"' in name or name != name.strip() or name[0] in "=+-@":
        problem = "it must be one line of text that begins with no sign, without double quotes"
    if problem:
        raise EmotoneError(f"{name!r:.80} cannot name a target or a label: {problem}")
