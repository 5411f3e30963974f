"""Peak memory of `emotone predict` on a three-hour file: `python benchmarks/bench_memory.py` (wanted: under 500 MB)."""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from emotone.audio.read import RATE_HZ, load_audio


def main() -> None:
    speech = load_audio(timing.EXAMPLE)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "three-hours.flac"
        with soundfile.SoundFile(path, "w", RATE_HZ, 1) as file:
            for _ in range(np.ceil(3 * 3600 * RATE_HZ / len(speech)).astype(int)):
                file.write(speech)
        subprocess.run([sys.executable, "-m", "emotone.cli.main", "predict", str(path)], check=True)
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak resident memory: {peak_mb:.0f} MB   wanted: < 500 MB")


if __name__ == "__main__":
    main()
