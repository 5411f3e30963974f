"""Clips of a page: the right part of the file, no longer than they may be."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emotone.evaluate.report.clips import encode_clip


def test_clips_are_cut_to_length(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    tone = 0.5 * np.sin(2 * np.pi * np.repeat([200, 1000], [8000 * 10, 8000 * 10]) * np.arange(8000 * 20) / 8000)
    soundfile.write(path, tone, 8000)
    whole, is_cut = encode_clip(path, np.nan, np.nan)
    assert is_cut and soundfile.info(io.BytesIO(whole)).duration == 15
    part, is_cut = encode_clip(path, 11.0, 13.0)
    samples, rate_hz = soundfile.read(io.BytesIO(part))
    assert not is_cut and len(samples) / rate_hz == 2
    assert np.abs(np.fft.rfft(samples)).argmax() / 2 == pytest.approx(1000, abs=1)
    assert not encode_clip(path, 5.0, np.nan)[1]
