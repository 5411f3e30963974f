"""Every set that the installed openSMILE ships, against its own levels."""

from __future__ import annotations

import re
import shutil
import threading
import time
import typing
from functools import partial
from pathlib import Path

import numpy as np
import opensmile
import pytest
from numpy.typing import NDArray

from emotone.audio.read import load_audio
from emotone.errors import EmotoneError
from emotone.features.extractors.functionals import Functionals
from emotone.features.extractors.lld import Lld as EitherLld
from emotone.features.opensmile import FEATURE_SETS, FeatureSetName, OpenSmileFeature, derive
from emotone.features.opensmile import _run as run_to_its_end

Array = NDArray[np.float32]

Lld = partial(EitherLld, extractor="opensmile")
INSTALLED = Path(opensmile.__file__).parent / "core" / "config"
SPEECH = ("data/emodb/wav/03a01Fa.flac", "data/emotale-da/wav/DK_001_A_1.flac")
NUM_COLUMNS = {  # functionals as the papers count them; descriptors and deltas
    "IS09_emotion": (384, 32),
    "IS10_paraling_compat": (1582, 76),
    "IS11_speaker_state": (4368, 118),
    "IS12_speaker_trait_compat": (6125, 128),
    "IS13_ComParE": (6373, 130),
    "ComParE_2016": (6373, 130),
    "GeMAPSv01a": (62, 18),
    "GeMAPSv01b": (62, 18),
    "eGeMAPSv01a": (88, 23),
    "eGeMAPSv01b": (88, 23),
    "eGeMAPSv02": (88, 25),
    "emobase": (988, 52),
}
EVERY_SET = pytest.mark.parametrize("name", FEATURE_SETS)
BOTH_LEVELS = pytest.mark.parametrize("kind", [Functionals, Lld])


def shipped(name: FeatureSetName) -> str:
    """Text of a set's configuration and of what it includes."""
    path = INSTALLED / FEATURE_SETS[name].configuration
    included = re.findall(r"^\\\{([^\\{}]+)\}", path.read_text(encoding="latin-1"), re.MULTILINE)
    return "\n".join(file.read_text(encoding="latin-1") for file in (path, *(path.parent / part for part in included)))


def levels(feature: OpenSmileFeature) -> list[str]:
    """openSMILE's own levels that a feature has; the GeMAPS sets have no deltas."""
    if isinstance(feature, Functionals):
        return ["func"]
    return ["lld"] if "GeMAPS" in feature.feature_set else ["lld", "lld_de"]


def by_openSMILE(  # noqa: N802
    feature: OpenSmileFeature, samples: Array, folder: Path = INSTALLED
) -> tuple[Array, list[str]]:
    """openSMILE's own levels side by side, cut to the shorter, and their names."""
    path = folder / FEATURE_SETS[feature.feature_set].configuration
    smiles = [opensmile.Smile(str(path), level) for level in levels(feature)]
    parts = [smile(np.clip(samples, -1, 32767 / 32768), 16_000)[0].T for smile in smiles]
    num_frames = min(map(len, parts))
    return np.hstack([part[:num_frames] for part in parts]), [name for smile in smiles for name in smile.feature_names]


def test_sets_are_those_that_openSMILE_ships() -> None:  # noqa: N802
    assert typing.get_args(FeatureSetName) == tuple(FEATURE_SETS)
    assert {f"{member.value}.conf" for member in opensmile.FeatureSet} == {
        known.configuration for known in FEATURE_SETS.values()
    }
    assert all(Path(known.configuration).stem == name for name, known in FEATURE_SETS.items())


@EVERY_SET
def test_what_is_known_of_a_set_is_what_openSMILE_ships(name: FeatureSetName) -> None:  # noqa: N802
    text = shipped(name)
    sizes_ms, steps_ms = (
        {1000 * float(value) for value in re.findall(rf"^{key}\s*=\s*(\S+)", text, re.MULTILINE)} - {0}
        for key in ("frameSize", "frameStep")
    )
    assert max(sizes_ms) == FEATURE_SETS[name].frame_size_ms and steps_ms == {FEATURE_SETS[name].frame_step_ms}


@EVERY_SET
def test_numbers_of_columns_are_the_documented_ones(name: FeatureSetName) -> None:
    assert (len(Functionals(name).names), len(Lld(name).names)) == NUM_COLUMNS[name]


@BOTH_LEVELS
@EVERY_SET
def test_own_frames_equal_openSMILE_itself(  # noqa: N802
    shared: Path, name: FeatureSetName, kind: type[OpenSmileFeature]
) -> None:
    feature = kind(name, None, None)
    for file in SPEECH:
        samples = load_audio(shared / file)
        expected, names = by_openSMILE(feature, samples)
        np.testing.assert_array_equal(feature(samples), expected)
        assert feature.names == names and len(set(names)) == len(names)


@pytest.fixture(scope="module")
def frames_of_32_ms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed configurations with 32 ms in every framer, and 16 ms from one to the next."""
    folder = shutil.copytree(INSTALLED, tmp_path_factory.mktemp("installed") / "config")
    for path in (*folder.rglob("*.conf"), *folder.rglob("*.inc")):
        text = path.read_text(encoding="latin-1").replace("frameStep = 0.010", "frameStep = 0.016")
        for own in ("0.060", "0.040", "0.0250", "0.025", "0.020"):
            text = text.replace(f"frameSize = {own}", "frameSize = 0.032")
        path.write_text(text, encoding="latin-1")
    return folder


@BOTH_LEVELS
@EVERY_SET
def test_other_frames_equal_openSMILE_with_these(  # noqa: N802
    shared: Path, frames_of_32_ms: Path, name: FeatureSetName, kind: type[OpenSmileFeature]
) -> None:
    feature, samples = kind(name, 32.0, 16.0), load_audio(shared / SPEECH[0])
    expected, names = by_openSMILE(feature, samples, frames_of_32_ms)
    np.testing.assert_array_equal(feature(samples), expected)
    assert feature.names == names
    assert not np.array_equal(kind(name, None, None)(samples), expected)


@pytest.mark.filterwarnings("ignore:Segment too short")
@BOTH_LEVELS
@EVERY_SET
def test_shortest_input_is_the_shortest_of_openSMILE_itself(  # noqa: N802
    name: FeatureSetName, kind: type[OpenSmileFeature]
) -> None:
    feature = kind(name, None, None)
    least = round(feature.min_duration_s * 16_000)
    samples = np.random.default_rng(0).uniform(-0.4, 0.4, least + 1).astype(np.float32)
    assert np.isfinite(feature(samples)).all() and np.isfinite(feature(samples[:least])).all()
    given_ms, least_ms = (least - 1) / 16, 1000 * feature.min_duration_s
    with pytest.raises(EmotoneError, match=f": {given_ms:g} ms are too short; {name} needs {least_ms:g} ms$"):
        feature(samples[: least - 1])
    assert np.isnan(by_openSMILE(feature, samples[: least - 1])[0]).all()


@pytest.mark.parametrize(("size_ms", "step_ms"), [(33.3, 12.5), (20.03, 10.05), (20, 1)])
@EVERY_SET
def test_shortest_input_with_other_frames(name: FeatureSetName, size_ms: float, step_ms: float) -> None:
    feature = Lld(name, size_ms, step_ms)
    least = round(feature.min_duration_s * 16_000)
    samples = np.random.default_rng(0).uniform(-0.4, 0.4, least).astype(np.float32)
    assert np.isfinite(feature(samples)).all()


@BOTH_LEVELS
@EVERY_SET
def test_silence_gives_finite_values(name: FeatureSetName, kind: type[OpenSmileFeature]) -> None:
    assert np.isfinite(kind(name, None, None)(np.zeros(16_000, np.float32))).all()


@pytest.mark.parametrize(("given", "meant"), [("eGeMAPSv2", "eGeMAPSv02"), ("IS10_paraling", "IS10_paraling_compat")])
def test_a_misspelt_set_is_one_clear_error(given: FeatureSetName, meant: str) -> None:
    with pytest.raises(EmotoneError, match=f"unknown feature_set '{given}'; did you mean '{meant}'"):
        Functionals(given)


@EVERY_SET
def test_descriptors_are_computed_without_functionals(name: FeatureSetName) -> None:
    instances = r"^instance\[.*cFunctionals"
    assert not re.findall(instances, derive(Lld(name), INSTALLED), re.MULTILINE)
    assert re.findall(instances, derive(Functionals(name), INSTALLED), re.MULTILINE)


@BOTH_LEVELS
@EVERY_SET
def test_all_that_is_computed_goes_into_the_feature(name: FeatureSetName, kind: type[OpenSmileFeature]) -> None:
    feature = kind(name, None, None)
    text = derive(feature, INSTALLED)
    instances = re.findall(r"^instance\[(\w+)\]", text, re.MULTILINE)
    bodies = dict(re.findall(r"^\[(\w+):\w+\]\n((?:(?!\[\w+:).*\n)*)", text, re.MULTILINE))
    levels = [
        (way == "writer", level)
        for instance in instances
        for way, several in re.findall(r"^(\w+)\.dmLevel *= *(\S+)", bodies.get(instance, ""), re.MULTILINE)
        for level in several.strip(";").split(";")
    ]
    written = {level for is_written, level in levels if is_written}
    read = {level for is_written, level in levels if not is_written}
    assert written - read == {"func" if isinstance(feature, Functionals) else "lld_and_deltas"}
    assert read - written == {"wave"}


class Slow:
    """Stands for openSMILE: runs until it is told to end, a while after which it must not be freed yet."""

    def __init__(self) -> None:
        self.begun, self.told = threading.Event(), threading.Event()
        self.runs = False

    def run(self) -> None:
        self.runs = True
        self.begun.set()
        self.told.wait(10)
        time.sleep(0.05)
        self.runs = False

    def abort(self) -> None:
        self.told.set()


@pytest.mark.parametrize("begins", [True, False])
def test_an_interrupt_while_its_thread_starts_lets_it_end(begins: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    smile, start = Slow(), threading.Thread.start
    threads: list[threading.Thread] = []

    def interrupted(thread: threading.Thread) -> None:
        threads.append(thread)
        if begins:
            start(thread)
            smile.begun.wait(10)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_to_its_end(smile)
    assert smile.told.is_set() == begins and not smile.runs
    if not begins:  # it would not touch what is freed
        start(threads[0])
        threads[0].join(10)
        assert not smile.begun.is_set()
