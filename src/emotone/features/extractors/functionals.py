"""Functionals of openSMILE's sets: one vector for an utterance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from emotone.features.opensmile import FeatureSetName, OpenSmileFeature


@dataclass(frozen=True)
class Functionals(OpenSmileFeature):
    """Functionals of the descriptors of the whole input, float32 [1, D]; D is 6373 for the default set.

    Schuller et al., "The INTERSPEECH 2013 computational paralinguistics challenge", whose frames are the default; the
    published DeepMI curriculum has frame_size_ms=32, frame_step_ms=16. D of the other sets: IS09_emotion 384,
    IS10_paraling_compat 1582, IS11_speaker_state 4368, IS12_speaker_trait_compat 6125, ComParE_2016 6373, emobase 988,
    GeMAPSv01a and GeMAPSv01b 62, eGeMAPSv01a, eGeMAPSv01b and eGeMAPSv02 88 (Eyben et al., "The Geneva minimalistic
    acoustic parameter set"). What it raises: `OpenSmileFeature`.

    >>> import numpy as np
    >>> Functionals()(np.zeros(16_000, np.float32)).shape
    (1, 6373)
    >>> len(Functionals("eGeMAPSv02").names)
    88
    """

    requires: ClassVar[tuple[str, ...]] = ("opensmile",)
    level: ClassVar = "functionals"

    feature_set: FeatureSetName = "IS13_ComParE"
    frame_size_ms: float | None = None
    frame_step_ms: float | None = None

    @property
    def hop_s(self) -> None:
        """None: one vector for the whole input."""
        return None
