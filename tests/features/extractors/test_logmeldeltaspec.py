"""Deltas of log mel spectrograms against librosa."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest

from emotone.audio.read import load_audio
from emotone.features.extractors.logmeldeltaspec import LogMelDeltaSpec
from emotone.features.extractors.logmelspec import LogMelSpec


@pytest.mark.parametrize("num_samples", [1, 400, 900, 30_000])  # from 1 frame on
def test_channels_are_mels_delta_and_its_delta(shared: Path, num_samples: int) -> None:
    samples = load_audio(shared / "data/emodb/wav/03a01Fa.flac")[5_000:][:num_samples]
    mels = LogMelSpec()(samples)
    delta = librosa.feature.delta(mels.astype(np.float64), width=5, mode="nearest", axis=0)
    expected = np.hstack([mels, delta, librosa.feature.delta(delta, width=5, mode="nearest", axis=0)])
    feature = LogMelDeltaSpec()
    np.testing.assert_allclose(feature(samples), expected, rtol=0, atol=1e-4)
    assert feature.names[127:130] == ["mel_127", "delta_mel_0", "delta_mel_1"]
