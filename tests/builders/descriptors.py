"""Low-level descriptors by openSMILE, raw and as its set has them: an oracle, and speech to ask it about."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from emotone.audio.read import load_audio
from emotone.features import opensmile
from emotone.features.extractors.lld import Lld
from emotone.features.lld.frames import Frames
from emotone.features.opensmile import FeatureSetName

Array = NDArray[np.float32]
FramesMs = tuple[float | None, float | None]
"""Frame size and step; None for the set's own."""
PUBLISHED_MS: FramesMs = (32.0, 16.0)
OTHER_MS: tuple[FramesMs, ...] = ((None, None), (25.0, 10.0), (40.0, 20.0))
ALL_MS = (PUBLISHED_MS, *OTHER_MS)
SPEECH = (
    "emodb/wav/16b10Wb.flac",
    "emotale-da/wav/DK_017_H_5.flac",
    "ravdess/Actor_11/03-01-05-02-01-02-11.flac",
    "nemo/samples/WR0_surprised_88.flac",
)
"""Files that were not looked at while the descriptors were measured."""


def speech(shared: Path) -> list[Array]:
    """Four short recordings of four corpora, float32 [N] at 16 kHz."""
    return [load_audio(shared / "data" / file) for file in SPEECH]


def by_opensmile(samples: Array, ms: FramesMs = PUBLISHED_MS, feature_set: FeatureSetName = "IS13_ComParE") -> Array:
    """The 130 columns as the library gives them, [K + 1, 130]."""
    return Lld(feature_set, *ms, extractor="opensmile")(samples)


def frames_for(ms: FramesMs) -> Frames:
    """Frames of this size and step in samples."""
    return Lld("IS13_ComParE", *ms).frames


@pytest.fixture
def raw_by_opensmile(monkeypatch: pytest.MonkeyPatch) -> object:
    """The first 65 columns before smoothing: a function of samples and frames, [K, 65] for K frames."""
    derive = opensmile.derive
    monkeypatch.setattr(opensmile, "derive", lambda *given: re.sub(r"smaWin\s*=\s*3", "smaWin = 1", derive(*given)))
    opensmile._configuration.cache_clear()
    yield lambda samples, ms=PUBLISHED_MS: by_opensmile(samples, ms)[: frames_for(ms).count(len(samples)), :65]
    opensmile._configuration.cache_clear()
