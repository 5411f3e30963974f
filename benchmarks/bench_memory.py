"""Peak memory of `emotone predict` as files get longer: `python benchmarks/bench_memory.py` (wanted: under 500 MB).

Ten minutes, an hour and three hours of speech, one file after another in processes of their own, by the bundled default
and by linear heads on whisper-light, whose encoder every window of 8 s goes through.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from emotone.audio.read import RATE_HZ, load_audio
from emotone.base.plugins import Choice, create, settings_of
from emotone.bundle.about import BundleAbout
from emotone.bundle.target import Target
from emotone.bundle.view.streams import StreamNormalisers
from emotone.bundle.view.view import Normaliser, Whole
from emotone.models.export import write_bundle
from emotone.models.networks.linear import Linear

MINUTES = (10, 60, 180)
PREDICT = """
import sys, time
from pathlib import Path
from emotone.cli.main import main
code = main(["predict", *sys.argv[1:]])
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(int(peak.split()[1]) / 1024, time.process_time())
sys.exit(code)
"""
"""A process that predicts, then prints the most memory that it held, in MB, and its CPU seconds."""


def write_speech(path: Path, minutes: int) -> None:
    """The example, over and over."""
    speech = load_audio(timing.EXAMPLE)
    remaining = minutes * 60 * RATE_HZ
    with soundfile.SoundFile(path, "w", RATE_HZ, 1) as file:
        while remaining > 0:
            file.write(speech[:remaining])
            remaining -= len(speech)


def write_light(folder: Path) -> Path:
    """A bundle of random linear heads on the means of whisper-light's states."""
    feature = create("features", "whisper-light", {"pooled": "mean"})
    width = len(feature.names)
    about = BundleAbout(
        name="light",
        max_utterance_s=30.0,
        feature=Choice("whisper-light", settings_of(feature)),
        view=Whole(),
        targets=[Target("arousal", "attribute", (1, 7)), Target("emotion", "category", labels=("calm", "tense"))],
    )
    normalisers = StreamNormalisers(Normaliser(np.zeros(width), np.ones(width)))
    return write_bundle(folder, Linear(width, {"arousal": 1, "emotion": 2}).eval(), about, normalisers, "# light\n")


def report(file: Path, model: str, minutes: int) -> None:
    """Predict a file and print what that took."""
    began = time.perf_counter()
    command = [sys.executable, "-c", PREDICT, str(file), "--model", model]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    *_, scores, last = done.stdout.splitlines()
    peak_mb, cpu_s = map(float, last.split())
    print(
        f"{Path(model).name:<10} {minutes:>4} min {peak_mb:6.0f} MB at most   {cpu_s:6.1f} CPU s "
        f"{time.perf_counter() - began:6.1f} s   wanted: < 500 MB   {' '.join(scores.split()[1:])}",
        flush=True,
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        light = write_light(Path(folder) / "light")
        for minutes in MINUTES:
            path = Path(folder) / f"{minutes}-minutes.flac"
            write_speech(path, minutes)
            for model in ("default", str(light)):
                report(path, model, minutes)


if __name__ == "__main__":
    main()
