"""The bundled default end to end, warm process, one core: `python benchmarks/bench_predict.py`.

Decoding to scores of a one-hour recording (FLAC of 16 and of 44.1 kHz; windows of 8 s every 4 s) and of EmoDB's files
one by one. Times are CPU seconds of the process, which one thread makes the same as wall time on a quiet machine; both
are shown.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
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


def write_hour(path: Path, files: list[str], rate_hz: int) -> None:
    """Speech one after another until an hour is full."""
    remaining = 3600 * rate_hz
    turns = itertools.cycle(files)
    with soundfile.SoundFile(path, "w", rate_hz, 1) as hour:
        while remaining:
            samples = soxr.resample(load_audio(next(turns)), RATE_HZ, rate_hz)[:remaining]
            hour.write(samples)
            remaining -= len(samples)


def main() -> None:
    predictor = emotone.load("default", threads=1)
    data = timing.SHARED / "data"
    speech, short = find_inputs([str(data / "librispeech")]), find_inputs([str(data / "emodb")])
    with tempfile.TemporaryDirectory() as folder:
        hour = Path(folder) / "hour.flac"
        for rate_hz, target in ((RATE_HZ, ">= 300"), (44_100, "(information)")):
            write_hour(hour, speech, rate_hz)
            report(f"1 hour, FLAC {rate_hz / 1000:g} kHz", 3600, lambda: predictor.predict(hour), target)
    duration_s = sum(soundfile.info(file).duration for file in short)
    report("EmoDB, 535 files one by one", duration_s, lambda: [predictor.predict(file) for file in short], ">= 150")


if __name__ == "__main__":
    main()
