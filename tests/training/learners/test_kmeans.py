"""k-means against scikit-learn and brute force, whole and in blocks; agreement and even sampling of clusters."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score
from torch import Tensor

from emotone.errors import EmotoneError
from emotone.training.learners import kmeans as clustering
from emotone.training.learners.kmeans import kmeans, normalised_mutual_information, sample_as_published, sample_evenly


def mixture(num_points: int = 900, num_features: int = 8, num_modes: int = 6, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    modes = 3 * torch.randn(num_modes, num_features, generator=random)
    chosen = torch.randint(num_modes, (num_points,), generator=random)
    return modes[chosen] + torch.randn(num_points, num_features, generator=random)


def oracle(points: Tensor, start: Tensor, iterations: int) -> Any:
    """scikit-learn's, in float64."""
    settings: dict[str, Any] = {"n_init": 1, "max_iter": iterations, "tol": 0, "algorithm": "lloyd"}
    return KMeans(len(start), init=start.double().numpy(), **settings).fit(points.double().numpy())


# ---- Lloyd's iterations -----------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("iterations", [1, 3, 20, 300])
@pytest.mark.parametrize("offset", [0.0, 20.0])
def test_equals_scikit_learn_from_the_same_start(iterations: int, offset: float) -> None:
    points = mixture() + offset
    start = points[:9]
    found, expected = kmeans(points, 9, start, iterations), oracle(points, start, iterations)
    np.testing.assert_allclose(found.centres.numpy(), expected.cluster_centers_, atol=1e-4)
    np.testing.assert_array_equal(found.assignments.numpy(), expected.labels_)
    assert found.inertia == pytest.approx(expected.inertia_, rel=1e-5)
    assert found.centres.dtype == torch.float32 and found.sizes.sum() == len(points)


def test_far_from_the_origin_it_is_as_exact_as_the_points() -> None:
    """There the squared lengths (8e6) that all distances share would leave float32 nothing of them (about 8)."""
    points = mixture() + 1000
    found, expected = kmeans(points, 9, points[:9], 300), oracle(points, points[:9], 300)
    assert (found.assignments.numpy() == expected.labels_).mean() > 0.995
    np.testing.assert_allclose(found.centres.numpy(), expected.cluster_centers_, atol=0.01)
    assert found.inertia == pytest.approx(expected.inertia_, rel=1e-5)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_empty_cluster_begins_anew_as_in_scikit_learn() -> None:
    points = mixture()
    start = torch.cat([points[:5], torch.full((1, 8), 1e3)])
    for iterations in (1, 2, 20):
        found, expected = kmeans(points, 6, start, iterations), oracle(points, start, iterations)
        np.testing.assert_allclose(found.centres.numpy(), expected.cluster_centers_, atol=1e-4)
        np.testing.assert_array_equal(found.assignments.numpy(), expected.labels_)
    assert (found.sizes > 0).all()


def test_several_empty_clusters_all_begin_anew() -> None:
    points = mixture(60)
    found = kmeans(points, 12, points[:1].expand(12, -1), 50)
    assert (found.sizes > 0).all()
    means = torch.stack([points[found.assignments == cluster].mean(dim=0) for cluster in range(12)])
    torch.testing.assert_close(found.centres, means, atol=1e-5, rtol=0)


def test_the_best_of_many_starts_is_the_best_there_is() -> None:
    points = mixture(8, num_features=2, num_modes=3)
    partitions = (np.array(labels) for labels in itertools.product(range(3), repeat=8) if len(set(labels)) == 3)
    best = min(
        sum(float((part - part.mean(0)).square().sum()) for part in (points[labels == k] for k in range(3)))
        for labels in partitions
    )
    for start in ("k-means++", "random"):
        found = min(kmeans(points, 3, start, 50, seed).inertia for seed in range(20))
        assert found == pytest.approx(best, rel=1e-5)


def test_points_are_with_their_nearest_centre() -> None:
    points = mixture(500)
    found = kmeans(points, 7, seed=3)
    distances = torch.cdist(points.double(), found.centres.double())
    assert torch.equal(found.assignments, distances.argmin(dim=1))
    assert found.inertia == pytest.approx(distances.min(dim=1).values.square().sum().item(), rel=1e-6)


@pytest.mark.parametrize("start", ["k-means++", "random"])
def test_as_many_clusters_as_points(start: Any) -> None:
    points = mixture(12)
    found = kmeans(points, 12, start)
    assert sorted(found.assignments.tolist()) == list(range(12)) and found.inertia == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("start", ["k-means++", "random"])
def test_fewer_different_points_than_clusters(start: Any) -> None:
    points = torch.tensor([[0.1, 0.7], [5.3, 5.1], [9.7, -0.2]]).repeat(40, 1)
    found = kmeans(points, 5, start, seed=1)
    assert found.inertia == pytest.approx(0, abs=1e-8)
    assert torch.isfinite(found.centres).all() and torch.equal(points[:3].repeat(40, 1), points)
    assert len(set(found.assignments.tolist())) >= 3
    equal = kmeans(torch.full((3000, 4), 0.1), 5, start)
    assert (equal.sizes > 0).sum() == 1 and torch.isfinite(equal.centres).all()


def test_one_cluster_is_the_mean() -> None:
    points = mixture()
    torch.testing.assert_close(kmeans(points, 1).centres, points.mean(dim=0, keepdim=True), atol=1e-5, rtol=0)


# ---- starts, blocks, repeats ------------------------------------------------------------------------------------


def test_careful_starts_are_better_than_random_ones() -> None:
    points = mixture(2000, num_modes=20)
    careful, random = (
        np.mean([kmeans(points, 20, start, 5, seed).inertia for seed in range(10)]) for start in ("k-means++", "random")
    )
    assert careful < 0.95 * random


@pytest.mark.parametrize("start", ["k-means++", "random"])
def test_a_seed_is_a_result(start: Any) -> None:
    points = mixture()
    first, again, other = (kmeans(points, 6, start, 2, seed) for seed in (5, 5, 6))
    assert torch.equal(first.centres, again.centres) and torch.equal(first.assignments, again.assignments)
    assert first.inertia == again.inertia
    assert not torch.equal(first.centres, other.centres)


@pytest.mark.parametrize("start", ["k-means++", "random"])
@pytest.mark.parametrize("size", [7, 450, 900])
def test_blocks_equal_the_whole(monkeypatch: pytest.MonkeyPatch, start: Any, size: int) -> None:
    points = mixture()
    whole = kmeans(points, 6, start, seed=2)

    def parts() -> Iterator[Tensor]:
        yield from points.split(size)

    monkeypatch.setattr(clustering, "BLOCK_CELLS", 1000)  # and blocks within them
    blocks = kmeans(parts, 6, start, seed=2)
    torch.testing.assert_close(blocks.centres, whole.centres, atol=1e-5, rtol=0)
    assert torch.equal(blocks.assignments, whole.assignments)
    assert blocks.inertia == pytest.approx(whole.inertia, rel=1e-6)


def test_reads_mapped_arrays_of_half_precision(tmp_path: Path) -> None:
    points = mixture().numpy().astype(np.float16)
    np.save(tmp_path / "points.npy", points)
    mapped = np.load(tmp_path / "points.npy", mmap_mode="r")
    found, expected = kmeans(mapped, 6), kmeans(torch.tensor(points).float(), 6)
    assert torch.equal(found.centres, expected.centres)


def test_memory_does_not_grow_with_the_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "BLOCK_CELLS", 2**14)
    sizes: list[int] = []
    nearest = clustering._nearest

    def watch(block: Tensor, directions: Tensor, offsets: Tensor) -> Tensor:
        sizes.append(max(block.numel(), len(block) * len(offsets)))
        return nearest(block, directions, offsets)

    monkeypatch.setattr(clustering, "_nearest", watch)
    kmeans(torch.randn(5000, 3), 40, iterations=1)
    assert max(sizes) <= 2**14


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu_it_is_the_same() -> None:
    points = mixture(5000)
    here, there, again = (kmeans(points, 6, device=device) for device in ("cpu", "cuda", "cuda"))
    torch.testing.assert_close(there.centres.cpu(), here.centres, atol=1e-4, rtol=0)
    assert torch.equal(there.centres, again.centres) and torch.equal(there.assignments, here.assignments)


def test_what_does_not_fit_is_refused() -> None:
    points = mixture(10)
    for num_clusters in (0, 11):
        with pytest.raises(EmotoneError, match=rf"from 1 to that of the points \(10\), not {num_clusters}"):
            kmeans(points, num_clusters)
    with pytest.raises(EmotoneError, match=r"the points \(0\), not 2"):
        kmeans(points[:0], 2)
    points[3, 1], points[7] = float("nan"), float("inf")
    with pytest.raises(EmotoneError, match="2 of 10 points are not finite"):
        kmeans(points, 2)
    with pytest.raises(ValueError, match=r"shape \(3, 8\), not \(2, 8\)"):
        kmeans(mixture(10), 3, mixture(2))
    once = iter([mixture(10)])
    with pytest.raises(ValueError, match="gave 10 of them at first, then 0"):
        kmeans(lambda: once, 2, mixture(2))


# ---- agreement and sampling -------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(-2, 3)), min_size=1, max_size=80))
def test_agreement_equals_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs).T
    found = normalised_mutual_information(a, b)
    assert found == pytest.approx(normalized_mutual_info_score(a, b), abs=1e-12)
    assert found == pytest.approx(normalised_mutual_information(b, a), abs=1e-12)


def test_agreement_of_many_clusters_and_of_anything() -> None:
    random = np.random.default_rng(0)
    a = random.integers(1000, size=50_000)
    b = np.where(random.random(50_000) < 0.7, a * 3, random.integers(3000, size=50_000))
    assert normalised_mutual_information(a, b) == pytest.approx(normalized_mutual_info_score(a, b), abs=1e-12)
    assert normalised_mutual_information(torch.tensor([0, 1, 1]), ["x", "y", "y"]) == pytest.approx(1.0, abs=1e-12)
    assert normalised_mutual_information([4, 4], [2, 2]) == 1.0
    for sides in (([1, 2], [1]), ([], [])):
        with pytest.raises(ValueError, match="must be of the same things"):
            normalised_mutual_information(*sides)


@given(st.lists(st.sampled_from([0, 0, 0, 0, 0, 0, 1, 1, 4]), min_size=1, max_size=200), st.integers(0, 3))
def test_samples_are_even_over_clusters(assignments: list[int], seed: int) -> None:
    labels = np.array(assignments)
    rows = sample_evenly(labels, np.random.default_rng(seed))
    assert len(rows) == len(labels)
    sizes, drawn = (np.bincount(side, minlength=5) for side in (labels, labels[rows]))
    num_clusters = np.count_nonzero(sizes)
    per_cluster = len(labels) // num_clusters + 1
    assert (drawn <= per_cluster).all() and (drawn[sizes > 0] >= per_cluster - num_clusters).all()
    times = np.bincount(rows, minlength=len(labels))
    assert (times[sizes[labels] > per_cluster] <= 1).all()  # no row twice where there are enough


def test_samples_follow_the_generator_and_are_shuffled() -> None:
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    first, again, other = (sample_evenly(labels, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() != other.tolist()
    halves = [np.bincount(labels[half], minlength=3) for half in np.split(first, 2)]
    assert np.abs(halves[0] - halves[1]).max() < 60
    assert sample_evenly(torch.tensor([0, 0, 1]), np.random.default_rng(0)).dtype == np.intp


def test_the_published_draw_is_of_a_list_in_the_order_of_the_clusters() -> None:
    """As in the published programs: a list of items by cluster, and a sampler of their original numbers."""
    labels = np.random.default_rng(1).permutation(np.repeat([0, 1, 2, 3], [600, 200, 100, 100]))
    lists = [np.flatnonzero(labels == cluster) for cluster in range(4)]
    in_order = [(item, cluster) for cluster, items in enumerate(lists) for item in items]
    expected = [in_order[number] for number in sample_evenly(labels, np.random.default_rng(7))]
    rows = sample_as_published(labels, np.random.default_rng(7))
    assert [(int(row), int(labels[row])) for row in rows] == [(int(item), cluster) for item, cluster in expected]
    shares = np.bincount(labels[rows]) / len(rows)
    np.testing.assert_allclose(shares, [0.6, 0.2, 0.1, 0.1], atol=0.04)  # where even ones are .25 each
