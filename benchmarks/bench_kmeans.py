"""k-means against scikit-learn, and faiss where it is installed: `python benchmarks/bench_kmeans.py`.

100,000 points of 256 features, 50 clusters, 20 iterations from the same start, all points, one thread, CPU time; noise
(where no point is sure of its cluster) and a mixture. faiss then looks every point up, which ours and scikit-learn's
assignments include. The start by k-means++ is timed apart.
"""

from __future__ import annotations

import timing  # first: it sets the number of threads

# isort: split
import importlib.util
import time
import warnings

import numpy as np
import torch
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.exceptions import ConvergenceWarning

from emotone.training.learners.kmeans import Clusters, kmeans

NUM_POINTS, NUM_FEATURES, NUM_CLUSTERS, NUM_ITERATIONS = 100_000, 256, 50, 20


def make_points() -> dict[str, torch.Tensor]:
    noise = torch.randn(NUM_POINTS, NUM_FEATURES)
    modes = 0.3 * torch.randn(200, NUM_FEATURES)
    return {"noise": noise, "mixture": modes[torch.randint(200, (NUM_POINTS,))] + noise}


def bench(name: str, points: torch.Tensor) -> None:
    start, array = points[:NUM_CLUSTERS].clone(), points.numpy()

    def ours() -> Clusters:
        return kmeans(points, NUM_CLUSTERS, start, NUM_ITERATIONS)

    def by_scikit_learn() -> KMeans:
        settings = {"n_init": 1, "max_iter": NUM_ITERATIONS, "tol": 0, "algorithm": "lloyd"}
        return KMeans(NUM_CLUSTERS, init=start.numpy(), **settings).fit(array)

    def by_faiss() -> float:
        import faiss

        faiss.omp_set_num_threads(1)
        settings = {"niter": NUM_ITERATIONS, "max_points_per_centroid": NUM_POINTS}
        found = faiss.Kmeans(NUM_FEATURES, NUM_CLUSTERS, **settings)
        found.train(array, init_centroids=start.numpy())
        return float(found.index.search(array, 1)[0].sum(dtype=np.float64))

    inertia = ours().inertia
    np.testing.assert_allclose(inertia, by_scikit_learn().inertia_, rtol=1e-3)
    title = f"k-means, {name}"
    timing.compare(f"{title}, scikit-learn", ours, by_scikit_learn, "ours/theirs <= 1.2", time.process_time)
    if importlib.util.find_spec("faiss"):
        np.testing.assert_allclose(inertia, by_faiss(), rtol=1e-3)
        timing.compare(f"{title}, faiss", ours, by_faiss, "ours/theirs <= 1", time.process_time)
    timing.compare(
        f"{title}, start by k-means++, scikit-learn",
        lambda: kmeans(points, NUM_CLUSTERS, iterations=0),
        lambda: kmeans_plusplus(array, NUM_CLUSTERS, random_state=0),
        "ours/theirs <= 1",
        time.process_time,
    )


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name, points in make_points().items():
        bench(name, points)


if __name__ == "__main__":
    main()
