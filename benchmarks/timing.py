"""What all benchmarks share: one thread, both sides in turns, medians, the ratio of medians. Import it first."""

from __future__ import annotations

import os

os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))

import statistics  # noqa: E402 - numpy reads the number of threads when it is imported
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402

CHECKOUT = Path(__file__).resolve().parents[1]
EXAMPLE = CHECKOUT / "examples" / "jfk.wav"
SHARED = Path(os.environ.get("EMOTONE_SHARED", CHECKOUT.parent / "shared"))
NUM_RUNS = 7


def compare(
    title: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    target: str,
    clock: Callable[[], float] = time.perf_counter,
    num_runs: int = NUM_RUNS,
) -> None:
    """Run both in turns and print their medians and the ratio of these; the first turn of each is not counted."""
    durations_s: tuple[list[float], list[float]] = ([], [])
    for turn in range(num_runs + 1):
        for run, taken_s in zip((ours, theirs), durations_s, strict=True):
            began_s = clock()
            run()
            if turn:
                taken_s.append(clock() - began_s)
    our_s, their_s = map(statistics.median, durations_s)
    print(
        f"{title:<48} {our_s * 1e3:10.2f} ms {their_s * 1e3:10.2f} ms   ours/theirs {our_s / their_s:5.2f}   "
        f"theirs/ours {their_s / our_s:6.2f}   wanted: {target}",
        flush=True,
    )
