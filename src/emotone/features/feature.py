"""What a feature is, and what some have beside: a way to compute many at once, an ear for speech."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Input = Literal["audio", "text"]
"""Samples, float32 [N] at 16 kHz in [-1, 1], or the transcript of an utterance."""


class Feature(Protocol):
    """Samples or text -> float32 [T, D]; a frozen dataclass whose fields are its settings.

    requires: extras it needs. input: what it takes. resolved: settings whose values are found when it is made, such as
    the SHA-256 of an encoder's weights; a recipe's hash covers what is found. A feature that has got a setting may have
    `written_before`: {setting: its value in bundles and stores that do not name it}. names: of the D columns. hop_s:
    seconds from one row to the next; None for one vector per utterance and for tokens. min_duration_s: of the shortest
    audio; calling it raises EmotoneError for less.

    Settings are checked against their annotations, so what these name is imported at run time, not for type checking.
    """

    requires: ClassVar[tuple[str, ...]]
    input: ClassVar[Input]
    resolved: ClassVar[tuple[str, ...]]

    @property
    def names(self) -> list[str]: ...
    @property
    def hop_s(self) -> float | None: ...
    @property
    def min_duration_s(self) -> float: ...
    def __call__(self, source: Any, /) -> NDArray[np.float32]: ...


@runtime_checkable
class BatchedFeature(Feature, Protocol):
    """A feature of many inputs at once, which are samples or texts.

    `check` raises EmotoneError for an input that it cannot take, and returns a note on one that it takes in part
    ("" for all others); `encode` gives what calling it gives for each of inputs that were checked.
    """

    def check(self, source: Any, /) -> str: ...
    def encode(self, sources: Sequence[Any], /) -> list[NDArray[np.float32]]: ...


WindowFeature = Callable[[int, "NDArray[np.float32]"], "NDArray[np.float32]"]
"""A window's first sample and its samples [N] -> float32 [T, D]."""


@runtime_checkable
class OverlappingFeature(Feature, Protocol):
    """A feature of audio that has less to do where windows of one recording overlap.

    `windows` makes what gives each window of a recording, in the order of their starts, exactly what calling the
    feature on it gives.
    """

    def windows(self) -> WindowFeature: ...


@runtime_checkable
class ListeningFeature(Feature, Protocol):
    """A feature of audio that hears, on the way, where somebody speaks.

    `listen` gives what calling it gives, and in which frames of 20 ms there is speech, bool [ceil(N / 320)].
    """

    def listen(self, samples: NDArray[np.float32], /) -> tuple[NDArray[np.float32], NDArray[np.bool_]]: ...
