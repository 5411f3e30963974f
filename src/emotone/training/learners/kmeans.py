"""k-means on any device over data read in blocks, agreement of two clusterings, and sampling by clusters.

Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28(2), 1982; its start by Arthur &
Vassilvitskii, "k-means++: The Advantages of Careful Seeding", SODA 2007.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from emotone.errors import EmotoneError

Part = Tensor | NDArray[np.floating]
Points = Part | Callable[[], Iterable[Part]]
"""Points [N, D], or a function that gives them anew, in the same order, as parts [n, D] whenever it is called."""
Start = Literal["k-means++", "random"]

BLOCK_CELLS = 2**20
"""Numbers per block (4 MiB): points are worked on in blocks of at most so many coordinates, or distances."""
START_POINTS = 256
"""Points per cluster in the random sample that k-means++ chooses from; faiss takes as many to fit a centre."""
RESOLUTION = 1e-5
"""Distance from a centre, as a share of the point's length, below which a point counts as the centre itself."""


@dataclass(frozen=True)
class Clusters:
    """What k-means found.

    centres: float32 [K, D], on the device.
    assignments: cluster of every point, int64 [N], on the CPU.
    inertia: sum of the squared distances of all points to their centres.
    """

    centres: Tensor
    assignments: Tensor
    inertia: float

    @property
    def sizes(self) -> Tensor:
        """Points per cluster, int64 [K]; 0 where there are fewer different points than clusters."""
        return torch.bincount(self.assignments, minlength=len(self.centres))


def kmeans(
    points: Points,
    num_clusters: int,
    start: Start | Tensor = "k-means++",
    iterations: int = 20,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Clusters:
    """Lloyd's iterations from a start, until no point changes its cluster or their number is reached.

    The same arguments give the same result. Memory holds a block of points at a time, and a few numbers per point. An
    empty cluster begins anew at the point that lies farthest from its centre. `start` is "random" for random points
    (the published way), or centres [K, D]. Raises EmotoneError for fewer points than clusters, and for points that are
    not finite.

    >>> clusters = kmeans(torch.tensor([[0.0], [1.0], [10.0], [11.0]]), 2)
    >>> clusters.centres.flatten().sort().values.tolist(), clusters.inertia
    ([0.5, 10.5], 1.0)
    """
    data = _Data(points, num_clusters, torch.device(device))
    if not 1 <= num_clusters <= data.num_points:
        raise EmotoneError(
            f"k-means: the number of clusters must be from 1 to that of the points ({data.num_points}), "
            f"not {num_clusters}"
        )
    centres = _begin(data, num_clusters, start, seed)
    found = data.assign(centres)
    for _ in range(iterations):
        centres = _update(data, centres, found)
        before, found = found, data.assign(centres, found)
        if torch.equal(before.assignments, found.assignments):
            break
    inertia = data.squared_distances(centres, found.assignments).sum(dtype=torch.float64).item()
    return Clusters(centres.float(), found.assignments, inertia)


@dataclass(frozen=True)
class _Assigned:
    """One pass: every point's nearest centre [N], and sum [K, D] (float64) and number [K] of the points of each."""

    assignments: Tensor
    sums: Tensor
    sizes: Tensor


class _Data:
    """The points in blocks on the device; every method is one pass over all of them."""

    def __init__(self, points: Points, num_clusters: int, device: torch.device) -> None:
        self._points, self._num_clusters, self.device = points, num_clusters, device
        self.num_points, num_broken, self.mean = 0, 0, torch.zeros(0)
        for block in self.blocks():
            sums = block.sum(dim=0).double()
            self.mean = self.mean + sums if self.num_points else sums
            self.num_points += len(block)
            if not torch.isfinite(sums).all():
                num_broken += int((~torch.isfinite(block).all(dim=1)).sum())
        if num_broken:
            raise EmotoneError(f"k-means: {num_broken} of {self.num_points} points are not finite (NaN or infinite)")
        self.mean = self.mean / max(self.num_points, 1)  # float64 [D]

    def blocks(self) -> Iterator[Tensor]:
        """Points float32 [n, D], in order."""
        parts = self._points() if callable(self._points) else (self._points,)
        for part in parts:
            size = max(1, BLOCK_CELLS // max(part.shape[1], self._num_clusters, 1))
            for first in range(0, len(part), size):
                block = part[first : first + size]
                # Arrays are copied: they may be mapped from a file that must not be written.
                block = block.detach() if isinstance(block, Tensor) else torch.tensor(block)
                yield block.to(self.device, torch.float32)

    def _numbered(self) -> Iterator[tuple[int, Tensor]]:
        """Blocks with the number of their first point; ValueError where there are no longer as many points."""
        first = 0
        for block in self.blocks():
            if first + len(block) <= self.num_points:
                yield first, block
            first += len(block)
        if first != self.num_points:
            raise ValueError(f"the function of points gave {self.num_points} of them at first, then {first}")

    def assign(self, centres: Tensor, before: _Assigned | None = None) -> _Assigned:
        """The nearest of the centres [K, D] (float64) for every point; of equally near ones the first."""
        # |x - c|^2 without what all centres share. With centres seen from the mean m, c' = c - m, it is
        # |c'|^2 + 2 m.c' - 2 x.c': far from the origin, float32 then loses no more than the points themselves have.
        relative = centres - self.mean
        offsets = (relative.square().sum(dim=1) + 2 * relative @ self.mean).float()
        directions = (-2 * relative).float().T.contiguous()
        assignments = torch.empty(self.num_points, dtype=torch.int64)
        sums = torch.zeros_like(centres) if before is None else before.sums.clone()
        for first, block in self._numbered():
            chosen = _nearest(block, directions, offsets)
            change = block.new_zeros(centres.shape)
            if before is None:
                _add_by_cluster(change, chosen, block)
            else:  # only what moved: soon that is little
                left = before.assignments[first : first + len(block)].to(self.device)
                moved = (chosen != left).nonzero()[:, 0]
                points = block.index_select(0, moved)
                _add_by_cluster(change, chosen[moved], points)
                _add_by_cluster(change, left[moved], points, -1)
            sums += change
            assignments[first : first + len(block)] = chosen
        return _Assigned(assignments, sums, torch.bincount(assignments, minlength=len(centres)).to(self.device))

    def squared_distances(self, centres: Tensor, assignments: Tensor) -> Tensor:
        """Of every point to its centre, [N] on the CPU: without the cancellation that `assign` may afford."""
        distances = torch.empty(self.num_points)
        for first, block in self._numbered():
            rows = slice(first, first + len(block))
            # index_select of rows is faster than centres[chosen]
            nearest = centres.float().index_select(0, assignments[rows].to(self.device))
            distances[rows] = nearest.sub_(block).square_().sum(dim=1)
        return distances

    def rows(self, wanted: Tensor) -> Tensor:
        """The points of these numbers [n] (on the CPU), in their order: [n, D]."""
        order = wanted.argsort()
        found = []
        for first, block in self._numbered():
            low, high = torch.searchsorted(wanted[order], torch.tensor([first, first + len(block)])).tolist()
            found.append(block[(wanted[order[low:high]] - first).to(self.device)])
        return torch.cat(found)[order.argsort().to(self.device)]


def _nearest(block: Tensor, directions: Tensor, offsets: Tensor) -> Tensor:  # [n, D], [D, K], [K] -> [n]
    if block.device.type == "cpu":  # where numpy's product and argmin are the faster ones
        scores = block.numpy() @ directions.numpy()
        scores += offsets.numpy()
        return torch.from_numpy(scores.argmin(axis=1))
    return torch.addmm(offsets, block, directions).argmin(dim=1)


def _add_by_cluster(sums: Tensor, chosen: Tensor, points: Tensor, sign: int = 1) -> None:  # [K, D] += [n, D] by [n]
    if sums.device.type == "cpu":
        sums.index_add_(0, chosen, points, alpha=sign)
    else:  # there index_add_ adds in any order, so that results differ in their last digits; a product does not
        sums += sign * (torch.nn.functional.one_hot(chosen, len(sums)).T.to(points.dtype) @ points)


def _begin(data: _Data, num_clusters: int, start: Start | Tensor, seed: int) -> Tensor:
    """Centres to start from: float64 [K, D]."""
    if isinstance(start, Tensor):
        expected = (num_clusters, len(data.mean))
        if start.shape != expected:
            raise ValueError(f"start must have the shape {expected}, not {tuple(start.shape)}")
        return start.to(data.device, torch.float64)
    random = torch.Generator().manual_seed(seed)
    num_drawn = num_clusters if start == "random" else min(data.num_points, START_POINTS * num_clusters)
    sample = data.rows(torch.randperm(data.num_points, generator=random)[:num_drawn])
    if start == "k-means++":
        sample = _spread(sample, num_clusters, random)
    return sample.double()


def _spread(sample: Tensor, num_clusters: int, random: torch.Generator) -> Tensor:
    """Points [K, D] of a sample [n, D], each drawn by its squared distance to the nearest of those before it."""
    chosen = [0]  # the sample is in random order
    distances = (sample - sample[0]).square().sum(dim=1)
    while len(chosen) < num_clusters:
        odds = distances.cpu().double().cumsum(dim=0)  # on the CPU: elsewhere it is not deterministic
        place = torch.rand((), generator=random, dtype=torch.float64) * odds[-1]
        # No distance is left where all points are chosen or equal to one that is: then any other will do.
        drawn = int(torch.searchsorted(odds, place, right=True)) if odds[-1] > 0 else len(chosen)
        chosen.append(min(drawn, len(sample) - 1))
        distances = torch.minimum(distances, (sample - sample[chosen[-1]]).square().sum(dim=1))
    return sample[chosen]


def _update(data: _Data, centres: Tensor, found: _Assigned) -> Tensor:
    """The means of the clusters [K, D]; an empty one takes the farthest point of a cluster that can spare it."""
    sums, sizes = found.sums.clone(), found.sizes.clone()
    empty = (sizes == 0).nonzero()[:, 0].tolist()
    if empty:
        for cluster, point, donor in _farthest(data, centres, found, empty):
            sums[donor] -= point
            sizes[donor] -= 1
            sums[cluster], sizes[cluster] = point, 1
    return torch.where((sizes > 0)[:, None], sums / sizes[:, None].clamp(min=1), centres)


def _farthest(data: _Data, centres: Tensor, found: _Assigned, empty: list[int]) -> Iterator[tuple[int, Tensor, int]]:
    """(empty cluster, its new point [D], the cluster that gives it), from the farthest point on, while there are any.

    Points that are their centre but for rounding are not moved: there are no more different points than clusters.
    """
    distances = data.squared_distances(centres, found.assignments)
    lengths = (centres.square().sum(dim=1).cpu())[found.assignments]
    distances = torch.where(distances > RESOLUTION**2 * lengths, distances, 0.0)
    sizes = found.sizes.tolist()
    taken: list[int] = []
    for row in distances.argsort(descending=True, stable=True).tolist():
        if len(taken) == len(empty) or distances[row] == 0:
            break
        donor = int(found.assignments[row])
        if sizes[donor] > 1:
            sizes[donor] -= 1
            taken.append(row)
    if taken:
        points = data.rows(torch.tensor(taken)).double()
        yield from zip(empty, points, found.assignments[taken].tolist(), strict=False)


def normalised_mutual_information(a: ArrayLike, b: ArrayLike) -> float:
    """Agreement of two clusterings of the same N things, 0..1, whatever their labels are called.

    I(a, b) over the mean of the entropies H(a) and H(b) (Vinh, Epps & Bailey, "Information Theoretic Measures for
    Clusterings Comparison", JMLR 11, 2010, table 2). Two clusterings of one cluster each agree: 1.

    >>> round(normalised_mutual_information([0, 0, 1, 1], [7, 7, 3, 5]), 6)
    0.8
    """
    labels = [np.unique(np.asarray(side), return_inverse=True)[1].astype(np.int64) for side in (a, b)]
    if not len(labels[0]) == len(labels[1]) > 0:
        raise ValueError(f"clusterings must be of the same things, not of {len(labels[0])} and {len(labels[1])}")
    rows, columns = labels
    num_columns = int(columns.max()) + 1
    cells, counts = np.unique(rows * num_columns + columns, return_counts=True)
    entropy = [_entropy(np.bincount(side)) for side in labels]
    if not any(entropy):
        return 1.0
    of_row, of_column = np.bincount(rows)[cells // num_columns], np.bincount(columns)[cells % num_columns]
    N = len(rows)
    information = float((counts / N * (np.log(counts / N) - np.log(of_row / N) - np.log(of_column / N))).sum())
    return max(0.0, information) / (sum(entropy) / 2)


def _entropy(counts: NDArray[np.int64]) -> float:
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def sample_evenly(assignments: ArrayLike, random: np.random.Generator) -> NDArray[np.intp]:
    """As many rows as there are points, in random order, with every cluster about equally often: [N] -> int [N].

    int(N / clusters) + 1 rows of each cluster that is not empty, drawn again where it has no more than those; shuffled,
    and cut to N (Caron et al., "Deep Clustering for Unsupervised Learning of Visual Features", ECCV
    2018).

    >>> assignments = np.array([0] * 97 + [4] * 3)
    >>> rows = sample_evenly(assignments, np.random.default_rng(0))
    >>> len(rows), bool(49 <= (assignments[rows] == 4).sum() <= 51)
    (100, True)
    """
    labels = np.asarray(assignments)
    order = np.argsort(labels, kind="stable")
    clusters = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    size = len(labels) // len(clusters) + 1
    drawn = [random.choice(rows, size, replace=len(rows) <= size) for rows in clusters]
    return random.permutation(np.concatenate(drawn))[: len(labels)]


def sample_as_published(assignments: ArrayLike, random: np.random.Generator) -> NDArray[np.intp]:
    """As many rows as there are points, as the published programs draw them: [N] -> int [N].

    They draw numbers evenly over the clusters, as `sample_evenly` does, but take them as places in a list that is in
    the order of the clusters. What is learned from are other rows than those drawn, whose clusters come about as often
    as they are large.

    >>> assignments = np.random.default_rng(0).permutation([0] * 97 + [4] * 3)
    >>> rows = sample_as_published(assignments, np.random.default_rng(0))
    >>> len(rows), bool((assignments[rows] == 4).sum() < 20)
    (100, True)
    """
    by_cluster = np.argsort(np.asarray(assignments), kind="stable")
    return by_cluster[sample_evenly(assignments, random)]
