"""Chunk batches from the feature store against the published way: `python benchmarks/bench_batches.py`.

128 utterances of EmoDB: from the store, normalised and chunked (ours); from one float64 .mat file each, read,
normalised and chunked one by one with scipy and numpy (theirs). Warm disk cache on both sides.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import os
import tempfile
from pathlib import Path

import numpy as np
from scipy.io import loadmat, savemat

from emotone.base import plugins
from emotone.bundle.view.view import Chunks, Normaliser
from emotone.corpora.readers.emodb import EmoDB
from emotone.data.store import extract

NUM_UTTERANCES, CHUNK_FRAMES, NUM_CHUNKS = 128, 62, 11


def chunk_one_by_one(features: np.ndarray) -> np.ndarray:
    step = int((len(features) - CHUNK_FRAMES) / (NUM_CHUNKS - 1))
    return np.array([features[c * step : c * step + CHUNK_FRAMES] for c in range(NUM_CHUNKS)])


def main() -> None:
    corpus = EmoDB().read(timing.SHARED / "data" / "emodb")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["EMOTONE_CACHE"] = folder
        store = extract(corpus, "lld", plugins.create("features", "lld"), quiet=True)
        ids = [id_ for id_ in store.index.index if store.index.loc[id_, "frames"] > CHUNK_FRAMES][:NUM_UTTERANCES]
        moments = store.moments(ids)
        normaliser = Normaliser.of(moments)
        files = [Path(folder) / f"{number}.mat" for number in range(NUM_UTTERANCES)]
        for file, id_ in zip(files, ids, strict=True):
            savemat(file, {"Audio_data": store.read(id_).astype(np.float64)})
        rows, view = store.rows(ids), Chunks(CHUNK_FRAMES, NUM_CHUNKS)

        def ours() -> np.ndarray:
            return rows.batch(range(NUM_UTTERANCES), view, normaliser)

        def theirs() -> np.ndarray:
            chunks = []
            for file in files:
                features = (loadmat(file)["Audio_data"] - moments.mean) / moments.std
                features[np.isnan(features)] = 0
                chunks.append(chunk_one_by_one(np.clip(features, -3, 3)))
            return np.array(chunks)

        np.testing.assert_allclose(ours(), theirs(), atol=2e-4)
        timing.compare("batch of 128 utterances, [128, 11, 62, 130]", ours, theirs, "theirs/ours >= 3")


if __name__ == "__main__":
    main()
