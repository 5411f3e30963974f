"""Low-level descriptors of IS13_ComParE and their deltas, our own; openSMILE's other sets by openSMILE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from emotone.audio.read import RATE_HZ
from emotone.errors import EmotoneError
from emotone.features.feature import WindowFeature
from emotone.features.lld.frames import SET_ITSELF, Frames
from emotone.features.lld.names import column_names
from emotone.features.lld.overlapping import Overlapping
from emotone.features.lld.stream import Stream
from emotone.features.lld.voice import Rules
from emotone.features.opensmile import FeatureSetName, OpenSmileFeature, num_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray

Extractor = Literal["own", "opensmile"]
Variant = Literal["published", "corrected"]
OWN_SETS: tuple[FeatureSetName, ...] = ("IS13_ComParE", "ComParE_2016")
LONGEST_MS = 128.0
"""Frames that our own descriptors were measured for."""
PIECE_SAMPLES = 2**20
"""Samples that are gone through together: a minute, so that memory beside the rows does not grow."""


@dataclass(frozen=True)
class Lld(OpenSmileFeature):
    """Low-level descriptors, then their deltas, float32 [T, D]; D is 130 for the default set.

    extractor: `own` computes them here (`emotone.features.lld`), for IS13_ComParE and ComParE_2016; they are
    openSMILE's to rounding (results/descriptors.md). `opensmile` has the library compute them, which is for
    non-commercial use.
    variant: `published` descriptors are those that the published systems were trained on, with openSMILE's defects;
    `corrected` ones, our own alone, are without those of voice quality and deltas (docs/low-level-descriptors.md), for
    new training. feature_set: one of `FeatureSetName`. frame_size_ms, frame_step_ms: of its frames, 32 and 16 those of
    the published chunk-level systems; None for a set's own. `own` has whole numbers of samples, up to 128 ms, and steps
    that leave no gaps.

    Schuller et al., "The INTERSPEECH 2013 computational paralinguistics challenge". openSMILE gives in one pass what
    its levels `lld` and `lld_de` give in two, cut to the shorter. D of the other sets: IS09_emotion 32,
    IS10_paraling_compat 76, IS11_speaker_state 118, IS12_speaker_trait_compat 128, ComParE_2016 130, emobase 52; of
    those without deltas: GeMAPSv01a and GeMAPSv01b 18, eGeMAPSv01a and eGeMAPSv01b 23, eGeMAPSv02 25. Raises
    EmotoneError for a set or frames that its own extractor does not have, and as `OpenSmileFeature`.

    >>> Lld()(np.zeros(16_000, np.float32)).shape
    (62, 130)
    >>> Lld(frame_size_ms=None, frame_step_ms=None)(np.zeros(16_000, np.float32)).shape
    (96, 130)
    >>> Lld("eGeMAPSv02")
    Traceback (most recent call last):
    ...
    emotone.errors.EmotoneError: feature lld: our own extractor has IS13_ComParE and ComParE_2016, not eGeMAPSv02, ...
    """

    requires: ClassVar[tuple[str, ...]] = ()
    resolved: ClassVar[tuple[str, ...]] = ("extractor",)
    written_before: ClassVar[dict[str, Any]] = {"extractor": "opensmile", "variant": "published"}
    level: ClassVar = "lld_and_deltas"
    missing_note: ClassVar[str] = ", or take our own (extractor=own, --lld own)"

    feature_set: FeatureSetName = "IS13_ComParE"
    frame_size_ms: float | None = 32.0
    frame_step_ms: float | None = 16.0
    extractor: Extractor = "own"
    variant: Variant = "published"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.extractor not in ("own", "opensmile"):
            raise EmotoneError(f"{self.title}: extractor must be own or opensmile, not {self.extractor!r}")
        if self.variant not in ("published", "corrected"):
            raise EmotoneError(f"{self.title}: variant must be published or corrected, not {self.variant!r}")
        if self.extractor == "opensmile" and self.corrected:
            raise EmotoneError(f"{self.title}: variant=corrected is our own alone: extractor=own")
        if self.extractor == "own" and (lacking := self._lacking()):
            raise EmotoneError(
                f"{self.title}: our own extractor has {lacking}, which openSMILE has: extractor=opensmile"
            )

    def _lacking(self) -> str:
        """What of this set and its frames openSMILE alone has, in words; nothing where nothing is."""
        if self.feature_set not in OWN_SETS:
            return f"{' and '.join(OWN_SETS)}, not {self.feature_set}"
        for name, value in (("frame_size_ms", self.frame_size_ms), ("frame_step_ms", self.frame_step_ms)):
            if value is not None and value * RATE_HZ % 1000:
                return f"whole numbers of samples, multiples of 1/16 ms, not {name} {value:g}"
        longest_ms, step_ms = (1000 * length / RATE_HZ for length in (self.frames.pitch_size, self.frames.hop))
        if longest_ms > LONGEST_MS:
            return f"frames up to {LONGEST_MS:g} ms, not frame_size_ms {longest_ms:g}"
        if step_ms > longest_ms:
            return f"frames without gaps between them, not {longest_ms:g} ms every {step_ms:g} ms"
        return ""

    @property
    def frames(self) -> Frames:
        """Sizes of frames and their step in samples."""
        hop = SET_ITSELF.hop if self.frame_step_ms is None else num_samples(self.frame_step_ms)
        if self.frame_size_ms is None:
            return Frames(SET_ITSELF.size, SET_ITSELF.pitch_size, hop)
        size = num_samples(self.frame_size_ms)
        return Frames(size, size, hop)

    @property
    def corrected(self) -> bool:
        """Whether descriptors are without openSMILE's defects of voice quality and deltas."""
        return self.variant == "corrected"

    @property
    def _rules(self) -> Rules:
        return Rules.CORRECTED if self.corrected else Rules(self.feature_set)

    @property
    def names(self) -> list[str]:
        """Names of the D columns, in openSMILE's order."""
        return column_names() if self.extractor == "own" else super().names

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Samples [N], 16 kHz -> float32 [T, D]; raises EmotoneError for too few of them and for NaN."""
        if self.extractor == "opensmile":
            return super().__call__(samples)
        self._check(samples)
        stream = Stream(self._rules, self.frames)
        starts = range(0, len(samples), PIECE_SAMPLES)
        rows = [stream.push(samples[start : start + PIECE_SAMPLES]) for start in starts]
        return np.concatenate([*rows, stream.end()])

    def windows(self) -> WindowFeature:
        """Rows of windows of one recording, whose common frames are measured once (`emotone.features.feature`)."""
        if self.extractor == "opensmile":
            return lambda start, samples: self(samples)
        overlapping = Overlapping(self._rules, self.frames)

        def rows(start: int, samples: NDArray[np.float32]) -> NDArray[np.float32]:
            self._check(samples)
            return overlapping(start, samples)

        return rows
