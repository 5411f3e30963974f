"""Scores of other bundles as a feature: one vector for an utterance, e.g. as a teacher's targets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from emotone.errors import EmotoneError
from emotone.features.feature import Input

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotone.bundle.bundle import Bundle


@dataclass(frozen=True)
class Scores:
    """Attribute scores of one or several bundles, their mean, float32 [1, D]: the utterance is taken as a whole.

    bundles: names or folders (`emotone list bundles`); all must give the same attributes on the same range. Relative
    scores, which have none, are refused.

    >>> Scores().names
    ['arousal', 'dominance', 'valence']
    """

    requires: ClassVar[tuple[str, ...]] = ()
    input: ClassVar[Input] = "audio"
    resolved: ClassVar[tuple[str, ...]] = ()

    bundles: tuple[str, ...] = ("default",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bundles", tuple(self.bundles))
        if not self.bundles:
            raise EmotoneError("feature scores needs at least one bundle")

    @property
    def names(self) -> list[str]:
        """The attributes, in alphabetical order."""
        return sorted(self.ranges)

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Attributes and the range of their scores; raises EmotoneError when the bundles disagree, or have none."""
        found = []
        for name, bundle in zip(self.bundles, self._loaded, strict=True):
            relative = [target.name for target in bundle.targets if target.is_relative]
            if relative:
                raise EmotoneError(
                    f"{name}: its scores of {', '.join(relative)} are relative (only their order says something), so "
                    "they are no feature and no teacher's labels; use a bundle whose scores have a range"
                )
            found.append({target.name: target.range for target in bundle.targets if target.range is not None})
        if any(ranges != found[0] for ranges in found):
            raise EmotoneError(
                f"feature scores: {', '.join(self.bundles)} do not give the same attributes on the same range"
            )
        return found[0]

    @property
    def made_with(self) -> tuple[str, ...]:
        """Fingerprints of the bundles, whose names say little: the scores of another one are other scores."""
        return tuple(bundle.fingerprint for bundle in self._loaded)

    @property
    def hop_s(self) -> None:
        """No frames: one vector for an utterance."""
        return None

    @property
    def min_duration_s(self) -> float:
        """Shortest input in seconds: that of the most demanding bundle."""
        return max(bundle.feature.min_duration_s for bundle in self._loaded)

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Samples [N], 16 kHz -> mean scores [1, D]."""
        scores = [bundle.score_samples([samples]).attributes for bundle in self._loaded]
        mean = np.mean([[score[name] for name in self.names] for score in scores], axis=0)  # [D, 1]
        return np.array(mean.T, dtype=np.float32, ndmin=2)

    @property
    def _loaded(self) -> list[Bundle]:
        return [_load(name) for name in self.bundles]


@lru_cache(maxsize=8)
def _load(name: str) -> Bundle:
    from emotone.bundle.bundle import Bundle

    return Bundle.load(name, threads=1)
