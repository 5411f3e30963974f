"""Extraction over two processes against one: `python benchmarks/bench_extract.py` (needs two free cores).

openSMILE's low-level descriptors of EmoDB and EmoTale (985 files, 50 minutes) into a new feature store each time: wall
time, with the start of the processes (about a second each). Every store must be the same, byte for byte.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import hashlib
import os
import tempfile

import pandas as pd

from emotone.audio.folder import find_inputs
from emotone.base import plugins
from emotone.corpora.corpus import Corpus
from emotone.data.store import extract


def main() -> None:
    data = timing.SHARED / "data"
    files = [os.path.relpath(file, data) for file in find_inputs([str(data / "emodb"), str(data / "emotale-da")])]
    corpus = Corpus("both", data, pd.DataFrame({"id": files, "file": files}))
    feature = plugins.create("features", "lld")
    stores = set()

    def run(jobs: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["EMOTONE_CACHE"] = folder
            store = extract(corpus, "lld", feature, jobs, quiet=True)
            assert len(store) == len(corpus), store.failed
            shards = b"".join(path.read_bytes() for path in sorted(store.folder.glob("*.data")))
            stores.add(hashlib.sha256(shards).hexdigest())

    print(f"load before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    timing.compare("lld of two corpora, 2 processes against 1", lambda: run(2), lambda: run(1), "theirs/ours >= 1.7")
    assert len(stores) == 1, "the stores differ"


if __name__ == "__main__":
    main()
