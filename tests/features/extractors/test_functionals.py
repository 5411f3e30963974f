"""Functionals against the published reference outputs and openSMILE's own level."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import opensmile
import pytest

from emotone.audio.read import load_audio
from emotone.errors import EmotoneError
from emotone.features.extractors.functionals import Functionals

CONFIGURATION = Path(opensmile.__file__).parent / "core/config/is09-13/IS13_ComParE.conf"
DEEP_MI = Functionals(frame_size_ms=32, frame_step_ms=16)


@pytest.mark.parametrize(("variant", "feature"), [("own_frames", Functionals()), ("frame32_hop16", DEEP_MI)])
def test_functionals_of_speech_equal_the_published_ones(shared: Path, variant: str, feature: Functionals) -> None:
    golden = np.load(shared / "golden/functionals.npz")
    assert feature.names == golden["name"].tolist()
    for path, expected in zip(golden["audio"], golden[variant], strict=True):
        found = feature(load_audio(shared / str(path)))
        assert (found.shape, found.dtype) == ((1, 6373), np.float32)
        np.testing.assert_allclose(found[0], expected, rtol=1e-6, atol=1e-6)


def test_own_frames_equal_openSMILE_itself(shared: Path) -> None:  # noqa: N802
    samples = load_audio(shared / "data/emodb/wav/03a01Fa.flac")
    smile = opensmile.Smile(str(CONFIGURATION), "func")
    np.testing.assert_array_equal(Functionals()(samples)[0], smile(np.clip(samples, -1, 32767 / 32768), 16_000).ravel())
    assert Functionals().names == smile.feature_names


@pytest.mark.parametrize(("feature", "num_samples_min"), [(Functionals(), 960), (DEEP_MI, 512)])
def test_shortest_input_has_one_frame(feature: Functionals, num_samples_min: int) -> None:
    samples = np.random.default_rng(0).uniform(-0.4, 0.4, num_samples_min).astype(np.float32)
    assert feature.min_duration_s == num_samples_min / 16_000
    assert np.isfinite(feature(samples)).all()
    with pytest.raises(EmotoneError, match="feature functionals: .* too short"):
        feature(samples[:-1])


def test_silence_gives_finite_values() -> None:
    assert np.isfinite(Functionals()(np.zeros(8_000, np.float32))).all()


def test_what_a_feature_says_of_itself() -> None:
    assert Functionals().hop_s is None and Functionals().requires == ("opensmile",)
    assert pickle.loads(pickle.dumps(DEEP_MI)) == DEEP_MI != Functionals()
