"""Our own low-level descriptors against openSMILE's in one pass: `python benchmarks/bench_lld.py`.

CPU time of the process, on EmoDB and LibriSpeech: two minutes, short files, both at the set's own frames, too, windows
that overlap, and all of `retrieve` by the published attention network. Then the memory of a stream of three hours
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import resource
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from emotone.audio.folder import find_inputs
from emotone.audio.read import RATE_HZ, load_audio
from emotone.features.extractors.lld import Lld
from emotone.features.lld.stream import Stream
from emotone.models.pull import pull
from emotone.predict.retrieve.findings import Search
from emotone.predict.retrieve.moments import find_moments

Array = NDArray[np.float32]
OWN, LIBRARY = Lld(), Lld(extractor="opensmile")
SET_ITSELF = tuple(
    Lld(frame_size_ms=None, frame_step_ms=None, extractor=extractor) for extractor in ("own", "opensmile")
)
"""60 and 20 ms every 10 ms."""
HOURS = 3


def speech(duration_s: float, corpus: str = "librispeech") -> Array:
    """Utterances of a corpus, one after another."""
    parts: list[Array] = []
    for file in find_inputs([str(timing.SHARED / "data" / corpus)]):
        parts.append(load_audio(file))
        if sum(map(len, parts)) >= duration_s * RATE_HZ:
            break
    return np.concatenate(parts)[: round(duration_s * RATE_HZ)]


def bench_whole(title: str, inputs: list[Array], target: str, features: tuple[Lld, ...] = (OWN, LIBRARY)) -> None:
    own, library = features
    timing.compare(
        title,
        lambda: [own(samples) for samples in inputs],
        lambda: [library(samples) for samples in inputs],
        target,
        clock=time.process_time,
    )


def bench_windows(length_s: float, hop_s: float, recording: Array) -> None:
    length, hop = round(length_s * RATE_HZ), round(hop_s * RATE_HZ)
    starts = range(0, len(recording) - length, hop)

    def run(feature: Lld) -> None:
        of_window = feature.windows()
        for start in starts:
            of_window(start, recording[start : start + length])

    title = f"windows of {length_s:g} s every {hop_s:g} s, 2 minutes"
    timing.compare(title, lambda: run(OWN), lambda: run(LIBRARY), "", clock=time.process_time)


def bench_retrieve(folder: Path) -> None:
    """All of `retrieve`: reading, speech detection, descriptors, networks."""
    model = str(pull("chunk-attention-self", timing.SHARED / "published", folder / "bundle"))
    file = str(folder / "long.wav")
    soundfile.write(file, speech(300), RATE_HZ)

    def run(lld: str, hop_s: float) -> None:
        find_moments(file, Search("arousal", model=model, lld=lld, hop_s=hop_s))

    for hop_s in (1.0, 0.992):  # 62.5 frames, and 62
        title = f"retrieve by chunk-attention-self, 5 minutes, every {hop_s:g} s"
        own, library = partial(run, "own", hop_s), partial(run, "opensmile", hop_s)
        timing.compare(title, own, library, "", clock=time.process_time, num_runs=3)


def bench_memory() -> None:
    """Peak resident memory of a stream after ten minutes, and after hours."""
    minute, stream = speech(60), Stream()
    began_s = time.process_time()
    for number in range(1, 60 * HOURS + 1):
        stream.push(minute)
        if number in (10, 60 * HOURS):
            peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"a stream after {number} minutes: peak {peak_mb:.0f} MB, {time.process_time() - began_s:.0f} CPU s")


def main() -> None:
    bench_memory()
    files = find_inputs([str(timing.SHARED / "data" / "emodb")])[::27]
    one_by_one = [load_audio(file) for file in files]
    bench_whole("2 minutes of LibriSpeech", [speech(120)], "theirs/ours >= 2")
    bench_whole(f"{len(files)} files of EmoDB, one by one", one_by_one, "theirs/ours >= 2")
    bench_whole("2 minutes at 60 and 20 ms every 10 ms", [speech(120)], "theirs/ours >= 2", SET_ITSELF)
    bench_whole(f"{len(files)} files at 60 and 20 ms every 10 ms", one_by_one, "theirs/ours >= 2", SET_ITSELF)
    recording = speech(120)
    bench_windows(8.0, 4.0, recording)
    bench_windows(3.0, 1.0, recording)
    with tempfile.TemporaryDirectory() as folder:
        bench_retrieve(Path(folder))


if __name__ == "__main__":
    main()
