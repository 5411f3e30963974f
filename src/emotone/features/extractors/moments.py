"""Mean and deviation of another feature's frames: one vector per utterance, for probes of encoders and the like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from emotone.base import plugins
from emotone.errors import EmotoneError
from emotone.features.feature import BatchedFeature, Input


@dataclass(frozen=True)
class Moments:
    """Mean, then population standard deviation, over all frames of the feature `of` with its `settings`: [1, 2 D].

    Raises EmotoneError for a feature of text, and for one without frames.

    >>> Moments("mel", {"num_mels": 64})(np.zeros(16_000, np.float32)).shape
    (1, 128)
    """

    requires: ClassVar[tuple[str, ...]] = ()
    input: ClassVar[Input] = "audio"
    resolved: ClassVar[tuple[str, ...]] = ("settings",)

    of: str = "mel"
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        feature = self._feature
        if feature.input != "audio" or feature.hop_s is None:
            raise EmotoneError(f"feature moments: takes a feature of audio with frames, which {self.of} is not")
        object.__setattr__(self, "settings", plugins.settings_of(feature))  # an encoder's with the hash of its weights

    @property
    def names(self) -> list[str]:
        """Of the 2 D values."""
        return [f"{name}_{moment}" for moment in ("mean", "std") for name in self._feature.names]

    @property
    def hop_s(self) -> None:
        """None: one vector per utterance."""
        return None

    @property
    def min_duration_s(self) -> float:
        """Shortest input in seconds: the feature's own."""
        return self._feature.min_duration_s

    def __call__(self, source: NDArray[np.float32]) -> NDArray[np.float32]:
        """Samples [N] -> float32 [1, 2 D]."""
        return moments_of(self._feature(source))

    def check(self, source: NDArray[np.float32]) -> str:
        """What the feature says of an input (`emotone.features.feature.BatchedFeature`)."""
        return self._feature.check(source) if isinstance(self._feature, BatchedFeature) else ""

    def encode(self, sources: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
        """Many inputs at once, where the feature takes them so."""
        feature = self._feature
        found = feature.encode(sources) if isinstance(feature, BatchedFeature) else map(feature, sources)
        return [moments_of(frames) for frames in found]

    @cached_property
    def _feature(self) -> Any:
        return plugins.create("features", self.of, self.settings)


def moments_of(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Frames [T, D] -> float32 [1, 2 D].

    >>> moments_of(np.array([[1.0], [3.0]], np.float32)).tolist()
    [[2.0, 1.0]]
    """
    wide = frames.astype(np.float64)
    return np.concatenate([wide.mean(axis=0), wide.std(axis=0)])[None].astype(np.float32)
