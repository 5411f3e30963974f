"""Extraction over two processes against one: `python benchmarks/bench_extract.py` (needs two free cores).

openSMILE's low-level descriptors of all of EmoDB into a new feature store each time, wall time, process start included.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import os
import tempfile
from pathlib import Path

from emotone import plugins
from emotone.corpora.emodb import EmoDB
from emotone.store import extract


def main() -> None:
    corpus = EmoDB().read(timing.SHARED / "data" / "emodb")
    feature = plugins.create("features", "lld")

    def run(jobs: int) -> int:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["EMOTONE_CACHE"] = folder
            return len(extract(corpus, "lld", feature, jobs, quiet=True))

    assert run(1) == run(2) == len(corpus)
    with tempfile.TemporaryDirectory() as folder:  # the same store, whatever the number of processes
        stores = []
        for jobs in (1, 2):
            os.environ["EMOTONE_CACHE"] = str(Path(folder) / str(jobs))
            stores.append(extract(corpus, "lld", feature, jobs, quiet=True))
        names = [sorted(path.name for path in store.folder.glob("*.data")) for store in stores]
        assert names[0] == names[1]
        assert all(
            (stores[0].folder / name).read_bytes() == (stores[1].folder / name).read_bytes() for name in names[0]
        )
    print(f"load before: {os.getloadavg()[0]:.2f}")
    timing.compare("lld of EmoDB, 2 processes against 1", lambda: run(2), lambda: run(1), "theirs/ours >= 1.7")


if __name__ == "__main__":
    main()
