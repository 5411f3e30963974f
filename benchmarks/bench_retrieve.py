"""Retrieval from long recordings: `python benchmarks/bench_retrieve.py`.

One hour of LibriSpeech, one core: CPU seconds of each stage as they run inside one another, with the bundled default
and windows of 3 s every second. Then peak anonymous memory of `emotone retrieve` on 10 minutes and on 5 hours (Linux).
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import itertools
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import soundfile

from emotone.audio.folder import find_inputs
from emotone.audio.read import RATE_HZ, load_audio, read_blocks
from emotone.audio.speech import SpeechTrack
from emotone.predict.predictor import Predictor
from emotone.predict.retrieve.findings import Search
from emotone.predict.retrieve.moments import search_recording
from emotone.predict.windows import BATCH_S, cut_windows

Item = TypeVar("Item")
HOUR_S = 3600.0
NUM_TURNS = 3


def write_speech(path: Path, duration_s: float) -> Path:
    """LibriSpeech, one utterance after another."""
    remaining = round(duration_s * RATE_HZ)
    with soundfile.SoundFile(path, "w", RATE_HZ, 1) as file:
        for source in itertools.cycle(find_inputs([str(timing.SHARED / "data" / "librispeech")])):
            samples = load_audio(source)[:remaining]
            file.write(samples)
            remaining -= len(samples)
            if not remaining:
                return path
    raise AssertionError


def clocked(items: Iterable[Item], spent_s: Counter[str], stage: str) -> Iterator[Item]:
    """The items; what making them costs is added to a stage."""
    remaining = iter(items)
    while True:
        began_s = time.process_time()
        item = next(remaining, None)
        spent_s[stage] += time.process_time() - began_s
        if item is None:
            return
        yield item


def measure_stages(path: Path, search: Search, predictor: Predictor) -> Counter[str]:
    """The work of `search_recording`, stage by stage."""
    spent_s: Counter[str] = Counter()
    heard = SpeechTrack()
    blocks = clocked(heard.listen(clocked(read_blocks(path), spent_s, "read")), spent_s, "read and listen")
    windows = cut_windows(blocks, search.length_s, search.step_s, 0.0)
    spoken = (part for start, part in windows if heard.share(start, start + len(part)) >= search.min_speech)
    size = int(BATCH_S / search.length_s)
    while batch := list(itertools.islice(spoken, size)):
        features = list(clocked(map(predictor.bundle.extract, batch), spent_s, "features"))
        spent_s["network"] -= time.process_time()
        predictor.bundle.score_features(features)
        spent_s["network"] += time.process_time()
    spent_s["voice activity"] = spent_s.pop("read and listen") - spent_s["read"]
    return spent_s


def peak_memory_mb(path: Path) -> float:
    """Highest anonymous resident memory of the command."""
    command = [
        sys.executable,
        "-m",
        "emotone.cli.main",
        "retrieve",
        str(path),
        "--attribute",
        "arousal",
        "--highest",
        "20",
    ]
    peak_kb = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status").read_text()
            peak_kb = max(peak_kb, *map(int, re.findall(r"RssAnon:\s+(\d+)", status)), 0)
            time.sleep(0.02)
    assert process.returncode == 0
    return peak_kb / 1024


def main() -> None:
    predictor, search = Predictor.load("default", threads=1), Search("arousal", 20)
    with tempfile.TemporaryDirectory() as folder:
        hour = write_speech(Path(folder) / "hour.flac", HOUR_S)
        measured = [measure_stages(hour, search, predictor) for _ in range(NUM_TURNS)]
        for stage in ("read", "voice activity", "features", "network"):
            spent_s = sorted(spent[stage] for spent in measured)[NUM_TURNS // 2]
            print(f"1 hour, {stage:<16} {spent_s:7.2f} CPU s   real time x {HOUR_S / spent_s:6.0f}", flush=True)
        began_s = time.process_time()
        search_recording(str(hour), search, predictor)
        spent_s = time.process_time() - began_s
        print(f"1 hour, all of it        {spent_s:7.2f} CPU s   real time x {HOUR_S / spent_s:6.0f}")
        short = peak_memory_mb(write_speech(Path(folder) / "short.flac", 600))
        long = peak_memory_mb(write_speech(Path(folder) / "long.flac", 5 * HOUR_S))
        print(f"peak anonymous memory: 10 minutes {short:.0f} MB, 5 hours {long:.0f} MB   wanted: at most 1.1 times")


if __name__ == "__main__":
    main()
