"""Going on with a table of 100,000 files, all but one done: `python benchmarks/bench_resume.py`.

Processor time of what an interruption costs (reading what is done, looking whether files have changed; wanted: 2 s) and
of writing the table, which an undisturbed run does, too.
"""

from __future__ import annotations

import timing  # noqa: F401 - first: it sets the number of threads

# isort: split
import tempfile
import time
from pathlib import Path

from emotone.base.result_table import ResultFile

NUM_FILES = 100_000
SCORES = ("arousal", "dominance", "valence", *(f"category{number}" for number in range(7)))
COLUMNS = ("file", "start_s", "end_s", *SCORES, "error")


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "in").mkdir()
        files = [str(folder / "in" / f"{number:06d}.wav") for number in range(NUM_FILES)]
        for file in files:
            Path(file).touch()

        def row(number: int) -> dict[str, object]:
            scores = {name: round(0.123456 + number / 1e6, 6) for name in SCORES}
            return {"file": files[number], "start_s": 0.0, "end_s": 3.21, **scores, "error": ""}

        with ResultFile(folder / "scores.csv", COLUMNS, {}) as results:
            results.remaining(files)
            for number, file in enumerate(files[:-1]):
                results.add(file, [row(number)])
        began_s = time.process_time()
        with ResultFile(folder / "scores.csv", COLUMNS, {}) as results:
            assert results.remaining(files) == files[-1:]
            resumed_s = time.process_time()
            results.add(files[-1], [row(NUM_FILES - 1)])
            results.finish(files, lambda rows: not rows)
        written_s = time.process_time()
        print(f"going on with {NUM_FILES} files: {resumed_s - began_s:.2f} s, writing: {written_s - resumed_s:.2f} s")


if __name__ == "__main__":
    main()
