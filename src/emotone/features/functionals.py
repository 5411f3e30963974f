"""Functionals of openSMILE's IS13 ComParE set: one vector for an utterance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from emotone.opensmile import OpenSmileFeature


@dataclass(frozen=True)
class Functionals(OpenSmileFeature):
    """6,373 functionals of the descriptors and deltas of the whole input, float32 [1, 6373].

    Schuller et al., "The INTERSPEECH 2013 computational paralinguistics challenge", whose frames are the default; the
    published DeepMI curriculum has frame_size_ms=32, frame_step_ms=16. What it raises: `OpenSmileFeature`.

    >>> import numpy as np
    >>> Functionals()(np.zeros(16_000, np.float32)).shape
    (1, 6373)
    """

    requires: ClassVar[tuple[str, ...]] = ("opensmile",)
    level: ClassVar = "functionals"

    feature_set: Literal["IS13_ComParE"] = "IS13_ComParE"
    frame_size_ms: float | None = None
    frame_step_ms: float | None = None

    @property
    def hop_s(self) -> None:
        """None: one vector for the whole input."""
        return None
