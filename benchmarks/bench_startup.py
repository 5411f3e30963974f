"""`emotone predict examples/jfk.wav`, start to end: `python benchmarks/bench_startup.py [--against FOLDER]`.

Against `import torch`; with `--against`, against another checkout too, and `import emotone` likewise.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

NUM_RUNS = 15
COMMAND_LINES = ("emotone.cli.main", "emotone.cli")
"""The module of the command line, in this checkout and in older ones."""


def run(checkout: Path, *command: str) -> None:
    """A process that finds the package in the checkout."""
    environment = os.environ | {"PYTHONPATH": str(checkout / "src")}
    subprocess.run([sys.executable, *command], env=environment, check=True, stdout=subprocess.DEVNULL)


def predict(checkout: Path) -> Callable[[], None]:
    """The prediction of a checkout, by its own command line."""
    module = next(name for name in COMMAND_LINES if (checkout / "src" / f"{name.replace('.', '/')}.py").is_file())
    return partial(run, checkout, "-m", module, "predict", str(timing.EXAMPLE))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout")
    other = parser.parse_args().against
    ours = predict(timing.CHECKOUT)
    theirs = partial(run, timing.CHECKOUT, "-c", "import torch")
    timing.compare("emotone predict jfk.wav, import torch", ours, theirs, "ours/theirs < 1")
    if other is not None:
        wanted = "ours/theirs about 1"
        title = f"emotone predict jfk.wav, {other}"
        timing.compare(title, ours, predict(other), wanted, num_runs=NUM_RUNS)
        imports = [partial(run, checkout, "-c", "import emotone") for checkout in (timing.CHECKOUT, other)]
        timing.compare(f"import emotone, {other}", *imports, wanted, num_runs=NUM_RUNS)


if __name__ == "__main__":
    main()
