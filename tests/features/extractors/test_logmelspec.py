"""Log mel spectrograms against the published reference outputs and librosa."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest
import soxr

from emotone.audio.read import load_audio
from emotone.errors import EmotoneError
from emotone.features.extractors.logmelspec import LogMelSpec
from emotone.features.spectrogram import pre_emphasise


@pytest.mark.parametrize("name", ["03a01Fa", "15b03Tc"])
def test_speech_equals_the_published_one(shared: Path, name: str) -> None:
    golden = np.load(shared / "golden/spectrogram.npz")
    found = LogMelSpec()(load_audio(shared / f"data/emodb/wav/{name}.flac"))
    np.testing.assert_allclose(found.T, golden[f"{name}__logmelspec"], rtol=0, atol=1e-4)


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize(("rate_hz", "num_mels"), [(16_000, 40), (8_000, 128), (8_000, 64)])
def test_other_settings_equal_librosa(shared: Path, rate_hz: int, num_mels: int) -> None:
    samples = load_audio(shared / "data/emodb/wav/03a01Fa.flac")
    signal = pre_emphasise(soxr.resample(samples, 16_000, rate_hz))
    spectra = librosa.stft(
        signal.astype(np.float64),
        n_fft=800,
        win_length=rate_hz // 25,
        hop_length=rate_hz // 100,
        window="hamming",
        pad_mode="constant",
    )
    power = librosa.filters.mel(sr=rate_hz, n_fft=800, n_mels=num_mels) @ np.abs(spectra) ** 2
    expected = librosa.power_to_db(power, ref=np.max, amin=1e-30).T
    found = LogMelSpec(rate_hz=rate_hz, num_mels=num_mels)(samples)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_impossible_numbers_of_mels_are_refused() -> None:
    with pytest.raises(EmotoneError, match="feature logmelspec: num_mels must be at least 1, not 0"):
        LogMelSpec(num_mels=0)
