"""The bundles that come along end to end, warm process, one core: `python benchmarks/bench_predict.py`.

Decoding to scores of EmoDB's files one by one, beside the mel network that was the default before, and of recordings
of ten minutes (FLAC of 16 and of 44.1 kHz; windows of 8 s every 4 s, so that each second is encoded twice). Times are
CPU seconds of the process, which one thread makes the same as wall time on a quiet machine; both are shown.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import functools
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import soundfile
import soxr

import emotone
from emotone.audio.folder import find_inputs
from emotone.audio.read import RATE_HZ, load_audio

LONG_S = 600
EARLIER = timing.SHARED / "cases" / "bundle-v1"


def report(title: str, duration_s: float, run: Callable[[], object], target: str) -> None:
    run()
    cpu_s, wall_s = [], []
    for _ in range(timing.NUM_RUNS):
        began_cpu, began = time.process_time(), time.perf_counter()
        run()
        cpu_s.append(time.process_time() - began_cpu)
        wall_s.append(time.perf_counter() - began)
    cpu, wall = statistics.median(cpu_s), statistics.median(wall_s)
    print(
        f"{title:<40} {cpu:7.2f} CPU s  {wall:7.2f} s   real time x {duration_s / cpu:6.0f} (CPU) "
        f"{duration_s / wall:6.0f} (wall)   wanted: {target}",
        flush=True,
    )


def write_long(path: Path, files: list[str], rate_hz: int) -> None:
    """Speech one after another until the recording is full."""
    remaining = LONG_S * rate_hz
    turns = itertools.cycle(files)
    with soundfile.SoundFile(path, "w", rate_hz, 1) as long:
        while remaining:
            samples = soxr.resample(load_audio(next(turns)), RATE_HZ, rate_hz)[:remaining]
            long.write(samples)
            remaining -= len(samples)


def main() -> None:
    data = timing.SHARED / "data"
    speech, short = find_inputs([str(data / "librispeech")]), find_inputs([str(data / "emodb")])
    duration_s = sum(soundfile.info(file).duration for file in short)
    models = {"default": (">= 180", ">= 80"), "small": (">= 450", ">= 200"), str(EARLIER): ("(information)",) * 2}
    with tempfile.TemporaryDirectory() as folder:
        recordings = [Path(folder) / f"{rate_hz}.flac" for rate_hz in (RATE_HZ, 44_100)]
        for recording in recordings:
            write_long(recording, speech, int(recording.stem))
        for model, (target, long_target) in models.items():
            predictor = emotone.load(model, threads=1)
            title = predictor.bundle.folder.name
            report(f"{title}, EmoDB", duration_s, functools.partial(predict_each, predictor, short), target)
            for recording in recordings:
                run = functools.partial(predictor.predict, recording)
                report(f"{title}, 10 minutes, {int(recording.stem) / 1000:g} kHz", LONG_S, run, long_target)


def predict_each(predictor: emotone.Predictor, files: list[str]) -> None:
    """One after the other."""
    for file in files:
        predictor.predict(file)


if __name__ == "__main__":
    main()
