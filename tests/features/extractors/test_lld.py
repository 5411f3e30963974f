"""Low-level descriptors against the published reference outputs and openSMILE's own two levels."""

from __future__ import annotations

import multiprocessing
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import opensmile
import pytest
from numpy.typing import NDArray

from emotone.audio.read import load_audio
from emotone.base import plugins
from emotone.errors import EmotoneError
from emotone.features.extractors.lld import Lld
from emotone.features.feature import OverlappingFeature
from emotone.features.opensmile import FeatureSetName

BY_LIBRARY = partial(Lld, extractor="opensmile")

GOLDEN = ("03a01Fa", "08a07Ta", "12a02Wa", "14b09Wa", "2609-156975-0000", "DK_001_A_1")
INSTALLED = Path(opensmile.__file__).parent / "core" / "config"
DESCRIPTORS = "is09-13/IS13_ComParE_core.lld.conf.inc"


def noise(num_samples: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(-0.4, 0.4, num_samples).astype(np.float32)


def in_two_passes(
    samples: NDArray[np.float32], folder: Path, size_s: str | None, step_s: str | None
) -> tuple[NDArray[np.float32], list[str]]:
    """Levels `lld` and `lld_de` of a copy of the installed set, side by side, cut to the shorter; and their names."""
    shutil.copytree(INSTALLED, folder / "config")
    included = folder / "config" / DESCRIPTORS
    text = included.read_text()
    for own in ("0.060", "0.020") if size_s else ():
        text = text.replace(f"frameSize = {own}", f"frameSize = {size_s}")
    included.write_text(text.replace("frameStep = 0.010", f"frameStep = {step_s or '0.010'}"))
    both = [opensmile.Smile(str(folder / "config/is09-13/IS13_ComParE.conf"), level) for level in ("lld", "lld_de")]
    parts = [smile(np.clip(samples, -1, 32767 / 32768), 16_000)[0].T for smile in both]
    num_frames = min(map(len, parts))
    return np.hstack([part[:num_frames] for part in parts]), [name for smile in both for name in smile.feature_names]


@pytest.mark.parametrize("name", GOLDEN)
def test_descriptors_of_speech_equal_the_published_ones(shared: Path, name: str) -> None:
    golden = np.load(shared / f"golden/systems/{name}.npz")
    found = BY_LIBRARY()(load_audio(shared / str(golden["audio"])))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, golden["lld"], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("size_ms", "step_ms"), [(32, 16), (None, None), (25, 10), (33.3, None), (None, 12.5)])
def test_one_pass_equals_two(shared: Path, tmp_path: Path, size_ms: float | None, step_ms: float | None) -> None:
    samples = load_audio(shared / "data/emodb/wav/03a01Fa.flac")
    size_s, step_s = (None if ms is None else f"{ms / 1000:.4f}" for ms in (size_ms, step_ms))
    expected, names = in_two_passes(samples, tmp_path, size_s, step_s)
    feature = BY_LIBRARY(frame_size_ms=size_ms, frame_step_ms=step_ms)
    np.testing.assert_array_equal(feature(samples), expected)
    assert feature.names == names


def test_names_are_65_descriptors_then_their_deltas() -> None:
    names = BY_LIBRARY().names
    assert len(set(names)) == 130 and names[:2] == ["F0final_sma", "voicingFinalUnclipped_sma"]
    assert names[65:] == [name.replace("_sma", "_sma_de") for name in names[:65]]


@pytest.mark.parametrize(("size_ms", "num_samples_min"), [(None, 960), (32, 512), (20, 320), (33.3, 533), (20.01, 320)])
def test_shortest_input_has_one_frame(size_ms: float | None, num_samples_min: int) -> None:
    feature = BY_LIBRARY(frame_size_ms=size_ms)
    assert feature.min_duration_s == num_samples_min / 16_000
    for num_more in (0, 1, 100):
        assert np.isfinite(feature(noise(num_samples_min + num_more))).all()
    with pytest.raises(EmotoneError, match="ms are too short; IS13_ComParE needs"):
        feature(noise(num_samples_min - 1))


@pytest.mark.filterwarnings("ignore:Segment too short")
def test_openSMILE_itself_gives_a_row_of_nan_below_one_frame() -> None:  # noqa: N802
    smile = opensmile.Smile(str(INSTALLED / "is09-13/IS13_ComParE.conf"), "lld")
    assert np.isnan(smile(noise(959), 16_000)).all() and np.isfinite(smile(noise(960), 16_000)).all()


def test_full_scale_does_not_wrap() -> None:
    tone = np.sin(np.arange(8_000) / 10).astype(np.float32)
    loud = np.clip(4 * tone, -1.0, 1.0)
    just_below = np.clip(loud, -1.0, 32767 / 32768).astype(np.float32)
    assert loud.max() == 1.0
    for feature in (Lld(), BY_LIBRARY()):
        np.testing.assert_array_equal(feature(loud), feature(just_below))


@pytest.mark.parametrize("level", [0.0, 0.5, -1.0, 1e-6])
def test_constant_input_gives_finite_values(level: float) -> None:
    for feature in (Lld(), BY_LIBRARY()):
        assert np.isfinite(feature(np.full(8_000, level, np.float32))).all()


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(0, np.float32), "too short"),
        (np.zeros((2_000, 2), np.float32), "one channel"),
        (np.full(2_000, np.nan, np.float32), "NaN"),
    ],
)
def test_bad_samples_are_one_clear_error(samples: NDArray[np.float32], reason: str) -> None:
    for feature in (Lld(), BY_LIBRARY()):
        with pytest.raises(EmotoneError, match=reason):
            feature(samples)


@pytest.mark.parametrize(
    "wrong",
    [{"frame_size_ms": 16}, {"frame_size_ms": float("nan")}, {"frame_step_ms": 0}, {"feature_set": "IS13_Compare"}],
)
def test_impossible_settings_are_one_clear_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(EmotoneError, match=f"feature lld: .*{next(iter(wrong))}"):
        Lld(**wrong)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"feature_set": "eGeMAPSv02"}, "IS13_ComParE and ComParE_2016, not eGeMAPSv02"),
        ({"frame_size_ms": 33.3}, "whole numbers of samples, multiples of 1/16 ms, not frame_size_ms 33.3"),
        ({"frame_step_ms": 12.51}, "whole numbers of samples, multiples of 1/16 ms, not frame_step_ms 12.51"),
        ({"frame_size_ms": 150}, "frames up to 128 ms, not frame_size_ms 150"),
        ({"frame_step_ms": 40}, "frames without gaps between them, not 32 ms every 40 ms"),
        ({"frame_size_ms": None, "frame_step_ms": 61}, "frames without gaps between them, not 60 ms every 61 ms"),
    ],
)
def test_what_its_own_extractor_has_not_is_refused_in_words(other: dict[str, Any], words: str) -> None:
    with pytest.raises(EmotoneError, match=f"our own extractor has {words}, which openSMILE has: extractor=opensmile$"):
        Lld(**other)
    assert Lld(**other, extractor="opensmile").names


def test_a_variant_that_there_is_not_is_refused_in_words() -> None:
    with pytest.raises(EmotoneError, match="variant=corrected is our own alone: extractor=own"):
        BY_LIBRARY(variant="corrected")
    with pytest.raises(EmotoneError, match="variant must be published or corrected, not 'korrigiert'"):
        Lld(variant="korrigiert")  # type: ignore[arg-type]


def test_variants_are_known_apart_and_the_published_one_as_before() -> None:
    known = {"feature_set": "IS13_ComParE", "frame_size_ms": 32.0, "frame_step_ms": 16.0, "extractor": "own"}
    assert plugins.identity_of(Lld()) == known
    assert plugins.identity_of(Lld(variant="corrected")) == known | {"variant": "corrected"}


@pytest.mark.parametrize("feature_set", ["IS13_ComParE", "ComParE_2016"])
@pytest.mark.parametrize(("size_ms", "step_ms"), [(32.0, 16.0), (None, None), (None, 12.5), (25.0, 10.0)])
def test_its_own_are_those_of_the_library_to_rounding(
    shared: Path, feature_set: FeatureSetName, size_ms: float | None, step_ms: float | None
) -> None:
    samples = load_audio(shared / "data/emodb/wav/03a01Fa.flac")
    own, theirs = (kind(feature_set, size_ms, step_ms)(samples) for kind in (Lld, BY_LIBRARY))
    assert own.shape == theirs.shape and not np.array_equal(own, theirs)
    np.testing.assert_allclose(own, theirs, rtol=1e-2, atol=1e-3 * np.abs(theirs).mean(axis=0).max())
    assert np.median(np.abs(own - theirs) / np.maximum(np.abs(theirs), 1e-9)) < 1e-6


@pytest.mark.parametrize("feature", [Lld(), Lld(variant="corrected"), BY_LIBRARY()])
def test_windows_have_the_rows_of_each_alone(feature: Lld) -> None:
    samples, of_window = noise(40_000), feature.windows()
    assert isinstance(feature, OverlappingFeature)
    for start in (0, 4_000, 8_192, 12_288):
        window = samples[start : start + 16_384]
        np.testing.assert_array_equal(of_window(start, window), feature(window))
    with pytest.raises(EmotoneError, match="too short"):
        of_window(0, samples[:300])


def test_its_own_needs_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opensmile", None)
    assert Lld()(noise(2_000)).shape == (7, 130) and Lld.requires == ()


def test_its_own_loads_nothing_heavy() -> None:
    code = """
import sys
import numpy as np
from emotone.features.extractors.lld import Lld
Lld()(np.zeros(16_000, np.float32))
print({"scipy", "torch", "pandas", "opensmile", "yaml"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_missing_package_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(
        EmotoneError, match=r'feature lld needs .* pip install "emotone\[opensmile\]".*non-commercial.*--lld own'
    ):
        BY_LIBRARY(frame_step_ms=15)(noise(2_000))


def test_nothing_stays_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    BY_LIBRARY()(noise(2_000))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_openSMILE_cannot_name_is_one_clear_error(  # noqa: N802
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "für mich"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with pytest.raises(EmotoneError, match="ASCII"):
        BY_LIBRARY()(noise(2_000))


@pytest.mark.parametrize("made", [Lld(), BY_LIBRARY()])
def test_threads_and_processes_give_the_same(made: Lld) -> None:
    feature = pickle.loads(pickle.dumps(made))
    inputs = [noise(6_000 + 1_000 * seed, seed) for seed in range(6)]
    expected = [made(samples) for samples in inputs]
    spawned = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    with ThreadPoolExecutor(3) as threads, spawned as processes:
        for found in (threads.map(feature, inputs), processes.map(feature, inputs)):
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_array_equal(one, other)


def test_an_interrupt_stops_it_at_once() -> None:
    code = """
import os, signal, threading, time
import numpy as np
from emotone.features.extractors.lld import Lld
feature = Lld(extractor="opensmile")
feature(np.zeros(16_000, np.float32))
minutes = np.random.default_rng(0).uniform(-0.5, 0.5, 600 * 16_000).astype(np.float32)
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
start_s = time.process_time()
try:
    feature(minutes)
except KeyboardInterrupt:
    print("interrupted", time.process_time() - start_s < 1.5)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored below a shell's background
    )
    assert (done.stdout, done.stderr) == ("interrupted True\n", "")
