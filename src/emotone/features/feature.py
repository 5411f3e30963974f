"""What a feature is, and what one that is computed in batches has beside: the interface of pretrained encoders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Feature(Protocol):
    """Samples or text -> float32 [T, D]; a frozen dataclass whose fields are its settings.

    `requires`: extras it needs. `names`: of the D columns. `hop_s`: seconds from one row to the next, None for one
    vector per utterance and for tokens. `min_duration_s`: of the shortest audio it takes.
    """

    requires: ClassVar[tuple[str, ...]]

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

    input: ClassVar[Literal["audio", "text"]]

    def check(self, source: Any, /) -> str: ...
    def encode(self, sources: Sequence[Any], /) -> list[NDArray[np.float32]]: ...


def takes_text(feature: Feature | type) -> bool:
    """Whether a feature is one of transcripts; those that do not say are of audio.

    >>> from emotone.features.extractors.mel import Mel
    >>> takes_text(Mel())
    False
    """
    return getattr(feature, "input", "audio") == "text"
