"""What one output of a bundle's network says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from emotone.errors import EmotoneError

UNBOUNDED = (-math.inf, math.inf)


@dataclass(frozen=True)
class Target:
    """What one output of the network says: an attribute on a `range`, or categories with `labels`.

    An attribute's output is z-normalised: score = output * std + mean, clipped to nothing (a score may leave the range
    its raters had). A range of null in `bundle.json` makes an attribute *relative*, with an unbounded range here: only
    which of two scores is higher says something. Categories come as logits [B, K].
    """

    name: str
    kind: str
    range: tuple[float, float] | None = None
    mean: float = 0.0
    std: float = 1.0
    labels: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, about: dict[str, Any], where: str) -> Target:
        """A target of `bundle.json`; raises EmotoneError for what does not fit."""
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
        """Whether only the order of the scores says something: there is no range to compare them with."""
        return self.range == UNBOUNDED

    def to_json(self) -> dict[str, Any]:
        """The JSON object that `from_json` reads."""
        if self.kind == "category":
            return {"name": self.name, "kind": "category", "labels": list(self.labels)}
        limits = None if self.range is None or self.is_relative else list(self.range)
        return {"name": self.name, "kind": "attribute", "range": limits, "mean": self.mean, "std": self.std}
