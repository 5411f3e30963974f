"""openSMILE's feature sets with other frames, and with low-level descriptors and deltas in one pass.

Configurations are derived from those that the installed `opensmile` package ships, and lie on disk only while openSMILE
reads them. To add a set, name it in `FeatureSetName` and in `FEATURE_SETS`.
"""

from __future__ import annotations

import contextlib
import math
import re
import tempfile
import threading
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from emotone.audio.read import RATE_HZ
from emotone.errors import EmotoneError, missing_extra, unknown
from emotone.features.feature import Input

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float32]

LOUDEST = 32767 / 32768
"""openSMILE takes 16-bit samples, and what is above this would wrap around to -1."""
FRAME_SIZES_MS = (20.0, 1000.0)
"""Sizes that openSMILE takes; its pitch tracker ends the process where a frame has 256 samples or fewer."""
FRAME_STEPS_MS = (1.0, 1000.0)

FeatureSetName = Literal[
    "IS09_emotion",
    "IS10_paraling_compat",
    "IS11_speaker_state",
    "IS12_speaker_trait_compat",
    "IS13_ComParE",
    "ComParE_2016",
    "GeMAPSv01a",
    "GeMAPSv01b",
    "eGeMAPSv01a",
    "eGeMAPSv01b",
    "eGeMAPSv02",
    "emobase",
]
"""The sets that `opensmile` 2.6 ships, named like their configurations."""


@dataclass(frozen=True)
class FeatureSet:
    """A set that openSMILE ships: its configuration, and what must be known of it where openSMILE is not installed.

    frame_size_ms: its longest frame. frame_step_ms: from one of its frames to the next.
    num_frames_min: frames that it needs for a first row; 2 where the pitch is smoothed over the next frame.
    """

    configuration: str
    frame_size_ms: float = 60.0
    frame_step_ms: float = 10.0
    num_frames_min: int = 1


FEATURE_SETS: dict[FeatureSetName, FeatureSet] = {
    "IS09_emotion": FeatureSet("is09-13/IS09_emotion.conf", frame_size_ms=25.0),
    "IS10_paraling_compat": FeatureSet("is09-13/IS10_paraling_compat.conf", num_frames_min=2),
    "IS11_speaker_state": FeatureSet("is09-13/IS11_speaker_state.conf", num_frames_min=2),
    "IS12_speaker_trait_compat": FeatureSet("is09-13/IS12_speaker_trait_compat.conf", num_frames_min=2),
    "IS13_ComParE": FeatureSet("is09-13/IS13_ComParE.conf"),
    "ComParE_2016": FeatureSet("compare/ComParE_2016.conf"),
    "GeMAPSv01a": FeatureSet("gemaps/v01a/GeMAPSv01a.conf"),
    "GeMAPSv01b": FeatureSet("gemaps/v01b/GeMAPSv01b.conf"),
    "eGeMAPSv01a": FeatureSet("egemaps/v01a/eGeMAPSv01a.conf"),
    "eGeMAPSv01b": FeatureSet("egemaps/v01b/eGeMAPSv01b.conf"),
    "eGeMAPSv02": FeatureSet("egemaps/v02/eGeMAPSv02.conf"),
    "emobase": FeatureSet("emobase/emobase.conf", frame_size_ms=40.0),
}


@dataclass(frozen=True)
class OpenSmileFeature:
    """What the features computed by openSMILE share; each has its own default set and frames.

    feature_set: one of `FeatureSetName`. frame_size_ms: of every frame in the set, 20..1000; None: the set's own (IS13:
    60 ms for voice and pitch, 20 ms for the spectrum). frame_step_ms: from one frame to the next, 1..1000; None: the
    set's own (10 ms). Calling it raises EmotoneError for too few samples, NaN, and where openSMILE is missing.
    """

    requires: ClassVar[tuple[str, ...]] = ("opensmile",)
    input: ClassVar[Input] = "audio"
    resolved: ClassVar[tuple[str, ...]] = ()
    missing_note: ClassVar[str] = ""
    level: ClassVar[Literal["lld_and_deltas", "functionals"]]

    feature_set: FeatureSetName
    frame_size_ms: float | None
    frame_step_ms: float | None

    def __post_init__(self) -> None:
        if self.feature_set not in FEATURE_SETS:
            raise unknown("feature_set", self.feature_set, FEATURE_SETS, where=self.title)
        for name, (least, most) in (("frame_size_ms", FRAME_SIZES_MS), ("frame_step_ms", FRAME_STEPS_MS)):
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                allowed = f"{least:g}..{most:g}, or nothing (null) for the set's own"
                raise EmotoneError(f"{self.title}: {name} must lie in {allowed}, not {value:g}")

    @property
    def title(self) -> str:
        """Name of the feature in errors."""
        return f"feature {type(self).__name__.lower()}"

    @property
    def names(self) -> list[str]:
        """Names of the D columns as openSMILE gives them, in its order."""
        return list(_names(self))

    @property
    def hop_s(self) -> float | None:
        """Seconds from one frame to the next."""
        return self._step_ms / 1000

    @property
    def min_duration_s(self) -> float:
        """Shortest input in seconds: the longest frame, or the first two where the set needs them."""
        return self._num_samples_min / RATE_HZ

    @property
    def _step_ms(self) -> float:
        return self.frame_step_ms or FEATURE_SETS[self.feature_set].frame_step_ms

    @property
    def _num_samples_min(self) -> int:
        known = FEATURE_SETS[self.feature_set]
        num_more = (known.num_frames_min - 1) * num_samples(self._step_ms)
        return num_samples(self.frame_size_ms or known.frame_size_ms) + num_more

    def __call__(self, samples: Array) -> Array:
        """Samples [N], 16 kHz -> float32 [T, D]; raises EmotoneError for too few of them and for NaN."""
        self._check(samples)
        rows: list[Array] = []
        smile = _open(self)
        try:
            smile.external_sink_set_callback_ex(_SINK, lambda row, _: rows.append(row.copy()))
            smile.external_audio_source_write_data(_SOURCE, _pcm(samples))
            smile.external_audio_source_set_eoi(_SOURCE)
            _run(smile)
        finally:
            smile.free()
        table = np.concatenate(rows) if rows else np.empty((0, 0), np.float32)
        if not table.size or not np.isfinite(table).all():
            raise EmotoneError(f"{self.title}: openSMILE gives no finite values for these {len(samples)} samples")
        return table

    def _check(self, samples: Array) -> None:
        if samples.ndim != 1:
            raise EmotoneError(f"{self.title} needs samples of one channel, not of shape {samples.shape}")
        if len(samples) < self._num_samples_min:
            given_ms, least_ms = 1000 * len(samples) / RATE_HZ, 1000 * self.min_duration_s
            raise EmotoneError(f"{self.title}: {given_ms:g} ms are too short; {self.feature_set} needs {least_ms:g} ms")
        if not np.isfinite(samples).all():
            raise EmotoneError(f"{self.title}: the samples hold NaN or infinite values")


def num_samples(duration_ms: float) -> int:
    """Samples of a frame or a step, rounded as openSMILE does."""
    return math.floor(duration_ms * RATE_HZ / 1000 + 0.5)


_SOURCE, _SINK = "extsource", "extsink"
"""Components of the source and the sink that openSMILE ships for use from other programs."""

_CONCATENATION = """
[componentInstances:cComponentManager]
instance[emotone].type=cVectorConcat
[emotone:cVectorConcat]
reader.dmLevel = %s
writer.dmLevel = lld_and_deltas
includeSingleElementFields = 1
"""
"""Reads descriptors and deltas together, so that no frame is computed twice."""


def derive(feature: OpenSmileFeature, folder: Path) -> str:
    """The text of a feature's configuration, from the set's own in openSMILE's configuration `folder`."""
    path = folder / FEATURE_SETS[feature.feature_set].configuration
    text = _read(path)
    for name in re.findall(r"^\\\{([^\\{}]+)\}", text, re.MULTILINE):
        text = text.replace(rf"\{{{name}}}", _read(path.parent / name))
    text = _set_frames(text, feature)
    if feature.level != "functionals":
        levels = re.findall(r"^writer\.dmLevel\s*=\s*(lld|lld_de)$", text, re.MULTILINE)
        if not levels:
            raise EmotoneError(f"{path}: has no level 'lld'; use opensmile 2.6")
        text += _CONCATENATION % ";".join(levels)
    return _without_unread(text, _sink_level(feature))


def _sink_level(feature: OpenSmileFeature) -> str:
    """The level of openSMILE's data memory that holds a feature."""
    return "func" if feature.level == "functionals" else feature.level


def _set_frames(text: str, feature: OpenSmileFeature) -> str:
    """Configuration text with the feature's frame size and step in every framer."""
    for key, value_ms in (("frameSize", feature.frame_size_ms), ("frameStep", feature.frame_step_ms)):
        if value_ms is not None:  # functionals keep their 0, which stands for the whole input
            text = re.sub(rf"^({key}\s*=\s*)0\.\d+", rf"\g<1>{value_ms / 1000:.9f}", text, flags=re.MULTILINE)
    return text


def _without_unread(text: str, sink_level: str) -> str:
    """Configuration text without the instances of components that compute nothing of what goes into a level."""
    _, *parts = re.split(r"^\[(\w+):\w+\]", text, flags=re.MULTILINE)
    components: dict[str, set[tuple[str, str]]] = {}  # what it reads or writes, and the level
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        for way, levels in re.findall(r"^\s*(\w+)\.dmLevel\s*=\s*(\S+)", body, re.MULTILINE):
            components.setdefault(name, set()).update((way, level) for level in levels.split(";"))
    written = {name: {level for way, level in used if way == "writer"} for name, used in components.items()}
    needed: set[str] = set()
    more = {sink_level}
    while more - needed:
        needed |= more
        more = {level for name, used in components.items() if written[name] & needed for _, level in used}
    unread = "|".join(name for name in components if written[name] and not written[name] & needed)
    return re.sub(rf"^instance\[({unread})\].*$", "", text, flags=re.MULTILINE)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="latin-1")
    except FileNotFoundError:
        raise EmotoneError(f"{path}: missing; the installed openSMILE does not ship it: use opensmile 2.6") from None


def _configuration_folder(feature: OpenSmileFeature) -> Path:
    """Where the installed package keeps its configurations."""
    try:
        import opensmile
    except ImportError:
        note = f" (openSMILE's licence allows non-commercial research only){feature.missing_note}"
        raise missing_extra("opensmile", "opensmile", feature.title, note) from None
    return Path(opensmile.__file__).parent / "core" / opensmile.config.CONFIG_ROOT


@lru_cache(maxsize=32)
def _configuration(feature: OpenSmileFeature) -> tuple[str, dict[str, Any]]:
    """Text and options with which openSMILE computes a feature."""
    folder = _configuration_folder(feature)
    text = derive(feature, folder)
    # The text moves to another folder: what it includes relative to its own place is named by absolute paths.
    place = (folder / FEATURE_SETS[feature.feature_set].configuration).parent
    included = dict(re.findall(r"\\\{\\cm\[(\w+)\{(\.\.?/[^{}]+)\}", text))
    options: dict[str, Any] = {name: (place / path).resolve() for name, path in included.items()}
    options["source"] = folder / "shared" / "standard_external_wave_input.conf.inc"
    options["sink"] = folder / "shared" / "standard_external_data_output_single.conf.inc"
    options["sinkLevel"] = _sink_level(feature)
    return text, options | {"sampleRate": RATE_HZ, "nBits": 16}


def _open(feature: OpenSmileFeature) -> Any:
    """A new openSMILE, ready for the samples; it serves one input, since resetting it costs as much."""
    text, options = _configuration(feature)
    from opensmile.core.lib import OpenSMILE, OpenSmileException

    smile = OpenSMILE()
    with tempfile.TemporaryDirectory(prefix="emotone-") as folder:
        path = Path(folder) / "feature.conf"
        path.write_text(text, encoding="latin-1", newline="\n")
        try:
            smile.initialize(str(path), options)
        except OpenSmileException as error:
            smile.free()
            raise EmotoneError(f"{feature.title}: openSMILE refuses its configuration: {error}") from None
        except UnicodeEncodeError as error:
            smile.free()
            raise EmotoneError(f"{error.object}: openSMILE takes ASCII paths only (TMPDIR sets another)") from None
    return smile


def _run(smile: Any) -> None:
    """Run openSMILE to its end, or stop it when the user interrupts."""
    # In a thread of its own: an interrupt in this one would end in the callback, which loses it and a row with it.
    # When an interrupt meets the start of a thread, nobody else says whether it runs; openSMILE must not be freed then.
    running: Future[None] = Future()

    def run() -> None:
        if running.set_running_or_notify_cancel():
            try:
                running.set_result(smile.run())
            except Exception as error:
                running.set_exception(error)

    try:
        threading.Thread(target=run).start()
        running.result()
    except BaseException:
        while not (running.cancel() or running.done()):
            with contextlib.suppress(KeyboardInterrupt):
                smile.abort()
                wait([running], 0.1)
        raise


def _pcm(samples: Array) -> bytes:
    """Samples as openSMILE reads them: 16 bits, truncated, at most 32767."""
    return (np.clip(samples, -1.0, LOUDEST) * 32768).astype(np.int16).tobytes()


@lru_cache(maxsize=32)
def _names(feature: OpenSmileFeature) -> tuple[str, ...]:
    smile = _open(feature)
    try:
        num_names = smile.external_sink_get_num_elements(_SINK)
        return tuple(smile.external_sink_get_element_name(_SINK, index) for index in range(num_names))
    finally:
        smile.free()
