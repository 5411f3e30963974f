"""Low-level descriptors of openSMILE's IS13 ComParE set, with their deltas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from emotone.opensmile import OpenSmileFeature


@dataclass(frozen=True)
class Lld(OpenSmileFeature):
    """65 low-level descriptors, then their 65 deltas, float32 [T, 130], in one pass of openSMILE.

    Schuller et al., "The INTERSPEECH 2013 computational paralinguistics challenge". The default frames are those of the
    published chunk-level systems. One pass gives what openSMILE's levels `lld` and `lld_de` give in two, cut to the
    shorter. The other settings, and what it raises: `OpenSmileFeature`.

    >>> import numpy as np
    >>> Lld()(np.zeros(16_000, np.float32)).shape
    (62, 130)
    """

    requires: ClassVar[tuple[str, ...]] = ("opensmile",)
    level: ClassVar = "lld_and_deltas"

    feature_set: Literal["IS13_ComParE"] = "IS13_ComParE"
    frame_size_ms: float | None = 32.0
    frame_step_ms: float | None = 16.0
