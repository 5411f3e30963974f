"""Low-level descriptors of openSMILE's sets, with their deltas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from emotone.features.opensmile import FeatureSetName, OpenSmileFeature


@dataclass(frozen=True)
class Lld(OpenSmileFeature):
    """Low-level descriptors, then their deltas, float32 [T, D], in one pass of openSMILE; D is 130 for the default set.

    Schuller et al., "The INTERSPEECH 2013 computational paralinguistics challenge". The default frames are those of the
    published chunk-level systems; for a set's own give None for both. One pass gives what openSMILE's levels `lld` and
    `lld_de` give in two, cut to the shorter. D of the other sets: IS09_emotion 32, IS10_paraling_compat 76,
    IS11_speaker_state 118, IS12_speaker_trait_compat 128, ComParE_2016 130, emobase 52; of those without deltas:
    GeMAPSv01a and GeMAPSv01b 18, eGeMAPSv01a and eGeMAPSv01b 23, eGeMAPSv02 25. What it raises: `OpenSmileFeature`.

    >>> import numpy as np
    >>> Lld()(np.zeros(16_000, np.float32)).shape
    (62, 130)
    >>> len(Lld("eGeMAPSv02").names)
    25
    """

    requires: ClassVar[tuple[str, ...]] = ("opensmile",)
    level: ClassVar = "lld_and_deltas"

    feature_set: FeatureSetName = "IS13_ComParE"
    frame_size_ms: float | None = 32.0
    frame_step_ms: float | None = 16.0
