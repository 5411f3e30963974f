"""Targets: attributes and categories, and what the network's outputs say of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from emotone.errors import EmotoneError

UNBOUNDED = (-math.inf, math.inf)


@dataclass(frozen=True)
class Target:
    """One output of the network: an attribute on a `range`, or categories with `labels`.

    An attribute's output [B] is z-normalised: score = output * std + mean, not clipped, so that a score may leave the
    raters' range. An attribute is *relative* where only the order of scores says something: its range is null in
    `bundle.json` and `UNBOUNDED` here. Categories have logits [B, K] and no range.
    """

    name: str
    kind: Literal["attribute", "category"]
    range: tuple[float, float] | None = None
    mean: float = 0.0
    std: float = 1.0
    labels: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, about: dict[str, Any], where: str) -> Target:
        """A target of plain data; raises EmotoneError, beginning with `where`, for missing keys and other types."""
        try:
            if about["kind"] == "attribute":
                low, high = UNBOUNDED if about["range"] is None else about["range"]
                limits = (float(low), float(high))
                return cls(about["name"], "attribute", limits, float(about["mean"]), float(about["std"]))
            if about["kind"] == "category":
                return cls(about["name"], "category", labels=tuple(map(str, about["labels"])))
        except (KeyError, TypeError, ValueError) as error:
            raise EmotoneError(f"{where}: target {about!r} is not complete ({error!r})") from None
        raise EmotoneError(f"{where}: target kind must be 'attribute' or 'category', not {about['kind']!r}")

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
