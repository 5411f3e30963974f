"""Deltas of log spectrograms against librosa."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest

from emotone.audio.read import load_audio
from emotone.features.extractors.logdeltaspec import LogDeltaSpec
from emotone.features.extractors.logspec import LogSpec


@pytest.mark.parametrize("rate_hz", [16_000, 8_000])
@pytest.mark.parametrize("num_samples", [1_280, 1_600, 30_000])  # from 9 frames on
def test_channels_are_bins_delta_and_second_order_delta(shared: Path, num_samples: int, rate_hz: int) -> None:
    samples = load_audio(shared / "data/emodb/wav/03a01Fa.flac")[5_000:][:num_samples]
    bins = LogSpec(rate_hz=rate_hz)(samples)  # type: ignore[arg-type]
    deltas = [librosa.feature.delta(bins.astype(np.float64), order=order, axis=0) for order in (1, 2)]
    feature = LogDeltaSpec(rate_hz=rate_hz)  # type: ignore[arg-type]
    np.testing.assert_allclose(feature(samples), np.hstack([bins, *deltas]), rtol=0, atol=1e-4)
    assert feature.names[bins.shape[1]] == "delta_bin_0" and feature.names[-1].startswith("delta2_bin_")
