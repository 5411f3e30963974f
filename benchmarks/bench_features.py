"""Features against what they replace: `python benchmarks/bench_features.py` (needs `emotone[dev]`).

Both sides run on one thread, in turns, on the same speech; their outputs are compared first. A ratio is that of the
medians. Descriptors by openSMILE: CPU time, one pass against its levels `lld` and `lld_de` with the same frames. Mel:
wall time, against librosa.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import opensmile
from example import speech
from numpy.typing import NDArray

from emotone.audio.read import RATE_HZ
from emotone.features.extractors.lld import Lld
from emotone.features.extractors.mel import Mel

Array = NDArray[np.float32]


def librosa_mel(samples: Array) -> Array:
    scaled = samples / max(np.abs(samples).max(), 1e-3)
    return librosa.feature.melspectrogram(
        y=scaled, sr=RATE_HZ, n_fft=512, hop_length=256, n_mels=128, pad_mode="constant"
    ).T


def bench_mel(title: str, inputs: list[Array], target: str) -> None:
    feature = Mel()
    for samples in inputs:
        found, expected = feature(samples), librosa_mel(samples)
        loudest = expected.max(axis=1, keepdims=True)
        np.testing.assert_allclose(found / loudest, expected / loudest, rtol=1e-5, atol=1e-6)

    timing.compare(
        title,
        lambda: [feature(samples) for samples in inputs],
        lambda: [librosa_mel(samples) for samples in inputs],
        target,
    )


def two_passes(folder: Path, feature: Lld) -> Callable[[Array], Array]:
    """openSMILE's two levels, from a copy of the installed set with the feature's frames."""
    shutil.copytree(Path(opensmile.__file__).parent / "core" / "config", folder, dirs_exist_ok=True)
    descriptors = folder / "is09-13" / "IS13_ComParE_core.lld.conf.inc"
    text = descriptors.read_text()
    for key, value_ms in (("frameSize", feature.frame_size_ms), ("frameStep", feature.frame_step_ms)):
        if value_ms is not None:
            text = re.sub(rf"{key} = [\d.]+", f"{key} = {value_ms / 1000}", text)
    descriptors.write_text(text)
    configuration = str(folder / "is09-13" / "IS13_ComParE.conf")
    smiles = [opensmile.Smile(configuration, level) for level in ("lld", "lld_de")]

    def extract(samples: Array) -> Array:
        levels = [smile(samples, RATE_HZ)[0].T for smile in smiles]
        num_frames = min(map(len, levels))
        return np.hstack([level[:num_frames] for level in levels])

    return extract


def bench_lld(title: str, feature: Lld, inputs: list[Array], target: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        extract = two_passes(Path(folder), feature)
        for samples in inputs:
            np.testing.assert_array_equal(feature(samples), extract(samples))
        timing.compare(
            title,
            lambda: [feature(samples) for samples in inputs],
            lambda: [extract(samples) for samples in inputs],
            target,
            clock=time.process_time,
        )


def main() -> None:
    short = [speech(3 * RATE_HZ, seed) for seed in range(20)]
    bench_mel("mel, 20 files of 3 s", short, "theirs/ours >= 3")
    bench_mel("mel, 10 minutes", [speech(600 * RATE_HZ, 0)], "theirs/ours >= 1.5")
    some = short[:6] + [speech(11 * RATE_HZ, 0)]
    bench_lld("lld 32/16 ms, 6 x 3 s and 11 s", Lld(extractor="opensmile"), some, "ours/theirs <= 0.6")
    own_frames = Lld(frame_size_ms=None, frame_step_ms=None, extractor="opensmile")
    bench_lld("lld of the set's own frames, 6 x 3 s and 11 s", own_frames, some, "ours/theirs <= 0.6")


if __name__ == "__main__":
    main()
