"""What utterances cost beside windows, and a stream of three hours: `python benchmarks/bench_utterances.py`.

Ten minutes of EmoDB, FLAC, on one core in CPU time: `--utterances` beside the default windows (8 s every 4 s) and
beside windows that do not overlap. Then three hours of it are fed to a `Stream` in
blocks of 0.1 s; memory is what the process holds after ten minutes and at the end.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import itertools
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

import emotone
from emotone.audio.folder import list_audio
from emotone.audio.read import RATE_HZ, Samples, load_audio

TEN_MINUTES = 600 * RATE_HZ
BLOCK = RATE_HZ // 10


def speech() -> Samples:
    """EmoDB's files one after another, ten minutes."""
    folder = timing.SHARED / "data" / "emodb" / "wav"
    parts: list[Samples] = []
    for name in itertools.cycle(list_audio(folder)):
        parts.append(load_audio(folder / name))
        if sum(map(len, parts)) >= TEN_MINUTES:
            return np.concatenate(parts)[:TEN_MINUTES]
    raise AssertionError


def held_mb() -> float:
    """Memory of this process that no file lends."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def stream(samples: Samples) -> None:
    """Three hours fed block by block."""
    predictor = emotone.load("small", threads=1)
    feed = emotone.Stream(predictor)
    began, after_ten, num_rows, longest_s = time.process_time(), 0.0, 0, 0.0
    for _ in range(18):
        for start in range(0, len(samples), BLOCK):
            rows = feed.feed(samples[start : start + BLOCK])
            num_rows += len(rows)
            longest_s = max([longest_s, *(feed.duration_s - row["end_s"] for row in rows)])
        after_ten = after_ten or held_mb()
    num_rows += len(feed.close())
    print(
        f"stream of 3 h, small: {num_rows} rows, {10_800 / (time.process_time() - began):.0f} times real time (CPU), "
        f"a row at most {longest_s:.2f} s after its utterance, {after_ten:.0f} MB after 10 minutes, {held_mb():.0f} MB "
        "at the end   wanted: 0.5 s, or less than an utterance where it is cut; flat"
    )


def main() -> None:
    """Both."""
    samples = speech()
    predictor = emotone.load("default", threads=1)
    with tempfile.TemporaryDirectory() as folder:
        file = f"{folder}/ten.flac"
        soundfile.write(file, samples, RATE_HZ)

        def utterances() -> None:
            predictor.predict(file, parts=emotone.UtteranceRules())

        for title, window in (("8 s every 4 s", {}), ("8 s side by side", {"window_s": 8.0, "hop_s": 8.0})):
            timing.compare(
                f"utterances / windows of {title}",
                utterances,
                lambda window=window: predictor.predict(file, **window),
                "at most 1.3",
                time.process_time,
                3,
            )
    stream(samples)


if __name__ == "__main__":
    main()
