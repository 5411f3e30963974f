"""An epoch of DeepEmoClusters on 2,000 utterances, part by part: `python benchmarks/bench_semi_supervised.py`.

1,000 utterances with and 1,000 without labels, 11 chunks of 62 frames x 128 mels each, K = 10, CPU time. What is not
the network is timed in full, in `ClusterLearner.round` with a network that costs next to nothing; the published network
is timed in the same way on 128 utterances, and scaled. Theirs, the published way: for every chunk of the two passes the
utterance's whole file is read, normalised and chunked, and one chunk is taken (for the clusters, all of them at once);
a tenth of the utterances, and scaled. Its files and moments are float64, as the published moments are.
"""

from __future__ import annotations

import timing  # noqa: F401 - first: it sets the number of threads

# isort: split
import contextlib
import functools
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from bench_batches import chunk_one_by_one
from lightning_fabric import Fabric
from numpy.typing import NDArray
from scipy.io import loadmat, savemat
from speech_store import VIEW, Mean, examples, make_store
from torch import Tensor

from emotone.bundle.view.moments import Moments
from emotone.data.recipe import Training
from emotone.data.store import FeatureStore
from emotone.models.cluster_branch import Clustered
from emotone.models.networks.deep_emo_clusters import DeepEmoClusters as Network
from emotone.training.examples import StoreExamples
from emotone.training.learners import clusters as cluster_learner
from emotone.training.learners.clusters import ClusterLearner, ClusterSettings, Items, Rates
from emotone.training.learners.learner import Lesson
from emotone.training.systems.deep_emo_clusters import DeepEmoClusters

NUM_EACH, NUM_CLUSTERS, BATCH_SIZE = 1000, 10, 64
NUM_NETWORK, NUM_PUBLISHED = BATCH_SIZE, NUM_EACH // 10
NUM_TURNS = 5
READING, SAMPLING, K_MEANS, NETWORK = "reading, normalising, chunking", "sampling", "k-means", "network"
WATCHED: list[tuple[Any, str, str]] = [
    (StoreExamples, "batch", READING),
    (StoreExamples, "chunks", READING),
    (cluster_learner, "sample_evenly", SAMPLING),
    (cluster_learner, "kmeans", K_MEANS),
    (Clustered, "features", NETWORK),
    (Clustered, "logits", NETWORK),
    (Clustered, "logits_and_scores", NETWORK),
    (cluster_learner._Part, "_step", NETWORK),
]
"""Where an epoch spends its time; the rest is moving, files, labels and the agreement of clusters."""


class Epochs:
    """Epochs of a network on the first utterances of the store, half of them with labels."""

    def __init__(self, network: Any, store: FeatureStore, num_each: int, moments: Moments, folder: Path) -> None:
        ids = list(store.index.index)
        self.train = examples(store, ids[:num_each], moments, labelled=True)
        unlabelled = examples(store, ids[NUM_EACH : NUM_EACH + num_each], moments, labelled=False)
        settings = ClusterSettings(DeepEmoClusters().loss, Rates(5e-4, 1e-3, 0.05))
        lesson = Lesson(self.train, Training(BATCH_SIZE, epochs=1), folder, 0, unlabelled)
        fabric = Fabric(accelerator="cpu", devices=1)
        self.learner = ClusterLearner(fabric, Clustered(network, NUM_CLUSTERS), lesson, settings)
        self.number = 0

    def profile(self) -> dict[str, float]:
        """CPU seconds of the parts of one more epoch, and "rest"."""
        spent_s: dict[str, float] = defaultdict(float)
        with contextlib.ExitStack() as patches:
            for owner, name, part in WATCHED:
                patches.enter_context(mock.patch.object(owner, name, watched(getattr(owner, name), part, spent_s)))
            began_s = time.process_time()
            for _ in self.learner.round(self.number):
                pass
            spent_s["rest"] = time.process_time() - began_s - sum(spent_s.values())
        self.number += 1
        return spent_s


def watched(function: Callable[..., Any], part: str, spent_s: dict[str, float]) -> Callable[..., Any]:
    """The function, which adds its CPU time to that of the part."""

    @functools.wraps(function)
    def run(*arguments: Any) -> Any:
        began_s = time.process_time()
        result = function(*arguments)
        spent_s[part] += time.process_time() - began_s
        return result

    return run


class PublishedFiles:
    """The published way: a file per utterance, read again for every chunk."""

    def __init__(self, store: FeatureStore, ids: Sequence[str], moments: Moments, folder: Path) -> None:
        self.files, self.mean, self.std = [folder / f"{id_}.mat" for id_ in ids], moments.mean, moments.std
        for file, id_ in zip(self.files, ids, strict=True):
            savemat(file, {"Audio_data": store.read(id_).astype(np.float64)})

    def chunks(self, number: int) -> NDArray[np.float64]:
        """All chunks of an utterance [C, m, D]."""
        features = (loadmat(self.files[number])["Audio_data"] - self.mean) / self.std
        features[np.isnan(features)] = 0
        return chunk_one_by_one(np.clip(features, -3, 3))

    def batches(self) -> Iterator[Tensor]:
        """What an epoch reads: every utterance once, for the clusters, then as many single chunks as there are."""
        for first in range(0, len(self.files), BATCH_SIZE):
            numbers = range(first, min(first + BATCH_SIZE, len(self.files)))
            yield torch.from_numpy(np.concatenate([self.chunks(number) for number in numbers])).float()
        items = np.random.default_rng(0).permutation(len(self.files) * VIEW.num_chunks)
        size = BATCH_SIZE * VIEW.num_chunks
        for first in range(0, len(items), size):
            places = [divmod(item, VIEW.num_chunks) for item in items[first : first + size]]
            yield torch.from_numpy(np.stack([self.chunks(number)[chunk] for number, chunk in places])).float()

    def read_all(self) -> float:
        """CPU seconds of it."""
        began_s = time.process_time()
        for _ in self.batches():
            pass
        return time.process_time() - began_s


def check_equal(train: StoreExamples, published: PublishedFiles) -> None:
    """Both ways give the same chunks, but for the precision of large z-scores in float32."""
    ours, _ = Items(train, "chunks").read(np.arange(2 * VIEW.num_chunks))
    np.testing.assert_allclose(ours, np.concatenate([published.chunks(0), published.chunks(1)]), atol=1e-5)


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = make_store(folder, 2 * NUM_EACH)
        ids = list(store.index.index)
        moments = store.moments(ids[:NUM_EACH])
        published = PublishedFiles(store, ids[: 2 * NUM_PUBLISHED], moments, folder)
        epochs = Epochs(Mean(), store, NUM_EACH, moments, folder)
        check_equal(epochs.train, published)
        turns = [(epochs.profile(), published.read_all()) for _ in range(NUM_TURNS + 1)][1:]
        of_network = Epochs(Network(128, {"arousal": 1}), store, NUM_NETWORK, moments, folder).profile()
    report([ours for ours, _ in turns], [theirs for _, theirs in turns], of_network)


def report(turns: list[dict[str, float]], theirs: list[float], of_network: dict[str, float]) -> None:
    """Medians, and the network's time scaled to the epoch."""
    ours_s = {part: statistics.median(turn[part] for turn in turns) for part in (READING, SAMPLING, "rest", K_MEANS)}
    their_s = statistics.median(theirs) * NUM_EACH / NUM_PUBLISHED
    ours_s["the network, scaled"] = of_network[NETWORK] * NUM_EACH / NUM_NETWORK
    epoch_s = sum(ours_s.values())
    for part, spent_s in ours_s.items():
        print(f"{part:<48} {spent_s:10.2f} s   {spent_s / epoch_s:7.3%} of the epoch")
    other_s = sum(ours_s[part] for part in (READING, SAMPLING, "rest"))
    print(f"{'all but the network':<48} {(other_s + ours_s[K_MEANS]) / epoch_s:10.2%}   wanted: <= 10%")
    print(f"{'k-means':<48} {ours_s[K_MEANS] / epoch_s:10.2%}   wanted: <= 5%")
    print(
        f"{'all but the network and k-means':<48} {other_s:10.2f} s {their_s:10.2f} s    "
        f"theirs/ours {their_s / other_s:6.2f}   wanted: theirs/ours >= 20"
    )


if __name__ == "__main__":
    main()
