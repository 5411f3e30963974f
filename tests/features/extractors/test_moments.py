"""Moments of another feature: against numpy, in batches, with encoders of all layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotone.audio.read import load_audio
from emotone.errors import EmotoneError
from emotone.features.extractors.mel import Mel
from emotone.features.extractors.moments import Moments

SPEECH = "emodb/wav/03a01Fa.flac"


def test_mean_and_deviation_of_mel(shared: Path) -> None:
    samples = load_audio(shared / "data" / SPEECH)
    frames = Mel(num_mels=64)(samples).astype(np.float64)
    found = Moments("mel", {"num_mels": 64})(samples)
    assert found.shape == (1, 128) and found.dtype == np.float32
    np.testing.assert_allclose(found[0], [*frames.mean(axis=0), *frames.std(axis=0)], rtol=1e-6)


def test_names_say_of_what() -> None:
    assert Moments("mel", {"num_mels": 2}).names == [f"mel_{n}_{moment}" for moment in ("mean", "std") for n in (0, 1)]


def test_batches_give_the_same(shared: Path) -> None:
    feature = Moments("mel")
    parts = [load_audio(shared / "data" / SPEECH)[start : start + 9_000] for start in (0, 4_000)]
    for one, batched in zip(map(feature, parts), feature.encode(parts), strict=True):
        np.testing.assert_array_equal(one, batched)
    assert feature.check(parts[0]) == ""


@pytest.mark.parametrize("of", ["functionals", "minilm"])
def test_only_audio_with_frames(of: str) -> None:
    with pytest.raises(EmotoneError, match=f"feature of audio with frames, which {of} is not"):
        Moments(of)


def test_all_layers_of_whisper_lie_side_by_side(shared: Path) -> None:
    from emotone.features.extractors.whisper import Whisper

    samples = load_audio(shared / "data" / SPEECH)[:8_000]
    every = Whisper(layer="all", full_window=False)
    states = every(samples)
    assert states.shape == (25, 7 * 512) and len(every.names) == 7 * 512
    np.testing.assert_allclose(states[:, -512:], Whisper(full_window=False)(samples), atol=1e-5)
    np.testing.assert_allclose(states[:, 1024:1536], Whisper(layer=2, full_window=False)(samples), atol=1e-5)
    np.testing.assert_allclose(
        Moments("whisper", {"layer": "all", "full_window": False})(samples)[0, :3584], states.mean(axis=0), atol=1e-5
    )
