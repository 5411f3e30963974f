"""`emotone predict examples/jfk.wav` as a process against `import torch`: `python benchmarks/bench_startup.py`."""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import subprocess
import sys


def main() -> None:
    def run(*command: str) -> None:
        subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)

    timing.compare(
        "emotone predict jfk.wav, import torch",
        lambda: run("-m", "emotone.cli.main", "predict", str(timing.EXAMPLE)),
        lambda: run("-c", "import torch"),
        "ours/theirs < 1",
    )


if __name__ == "__main__":
    main()
