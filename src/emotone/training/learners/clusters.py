"""Epochs of semi-supervised training by clusters: pseudo-labels for unlabelled and for labelled speech.

Lin, Sridhar & Busso, "DeepEmoCluster: A Semi-Supervised Framework for Latent Cluster Representation of Speech
Emotions", ICASSP 2021, section 2. For any network with an `emotone.models.cluster_branch`:

1. unlabelled: the embeddings of all items are clustered; a new top layer and the shared layers learn the clusters, on
   items drawn evenly over them (or as the published programs draw: `kmeans.sample_as_published`); the heads rest, for
   this loss does not reach them.
2. labelled: the same clustering of the labelled items, a new top layer, and one pass with the joint loss.

An item is a chunk, or where the network embeds utterances an utterance. Every epoch draws new starts of k-means (the
published code began the unlabelled ones at the same points every epoch, as a side effect). The published code, which
this follows, draws the labelled items by their clusters too, and gives an utterance's label to each of its chunks.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from emotone.errors import EmotoneError
from emotone.models.cluster_branch import Clustered, EmbeddingNetwork
from emotone.models.side_by_side import networks_of
from emotone.training.examples import Examples, Labels, StoreExamples
from emotone.training.learners.kmeans import (
    Clusters,
    Start,
    kmeans,
    normalised_mutual_information,
    sample_as_published,
    sample_evenly,
)

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from emotone.training.learners.learner import Lesson

Draw = Literal["even", "published"]
DRAWS = {"even": sample_evenly, "published": sample_as_published}
Loss = Callable[[dict[str, Tensor], Labels], Tensor]


@dataclass(frozen=True)
class Rates:
    """Learning rates: of Adam and SGD for all layers of the network, and of SGD for a new top layer of clusters."""

    joint: float
    shared: float
    top: float


@dataclass(frozen=True)
class ClusterSettings:
    """How networks learn from clusters: the labels' `loss`, learning rates, and k-means' start and iterations.

    `trains_heads` false leaves the heads at their random start, as the published weights are. `draw` says how the items
    of a pass follow from their clusters.
    """

    loss: Loss
    rates: Rates
    start: Start = "random"
    iterations: int = 20
    trains_heads: bool = True
    draw: Draw = "even"


@dataclass(frozen=True)
class Items:
    """The items that a network embeds: all chunks of the utterances, or each utterance as a whole.

    The items of an utterance follow one another: item n is of the row n // `per_row`.
    """

    examples: StoreExamples
    kind: str

    @property
    def per_row(self) -> int:
        """Items per utterance."""
        return self.examples.num_chunks if self.kind == "chunks" else 1

    def __len__(self) -> int:
        return len(self.examples) * self.per_row

    def read(self, items: NDArray[np.intp]) -> tuple[Tensor, Labels]:
        """Inputs of these items, each with the labels of its utterance."""
        rows, chunks = np.divmod(items, self.per_row)
        labels = {name: label[torch.from_numpy(rows)] for name, label in self.examples.labels.items()}
        if self.kind == "chunks":
            return self.examples.chunks(rows, chunks), labels
        return self._whole(rows), labels

    def groups(self, batch_size: int) -> Iterator[tuple[NDArray[np.intp], Tensor]]:
        """All utterances in batches: their rows [B], and the inputs of their items, one after another."""
        for rows in self.examples.groups(batch_size):
            inputs = self._whole(rows)
            yield rows, inputs.flatten(0, 1) if self.kind == "chunks" else inputs

    def _whole(self, rows: NDArray[np.intp]) -> Tensor:
        inputs, _ = self.examples.batch(rows)
        return inputs[:, 0] if self.kind == "vectors" else inputs


def embed(
    clustered: Clustered, items: Items, batch_size: int, device: torch.device | str, out: NDArray[np.float32]
) -> None:
    """Write the embeddings of all items, as k-means takes them, into `out` [N, H], in evaluation mode."""
    clustered.eval()
    with torch.inference_mode():
        for rows, inputs in items.groups(batch_size):
            vectors = clustered.features(inputs.to(device)).float().cpu().numpy()
            out.reshape(-1, items.per_row, out.shape[1])[rows] = vectors.reshape(len(rows), items.per_row, -1)


def find_clusters(
    clustered: Clustered, items: Items, batch_size: int, device: str = "cpu"
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Embedding [N, H] (the mean over its items) of each utterance, and its cluster [N] by the top layer.

    The cluster of an utterance of chunks is that of the mean of its chunks' logits.
    """
    clustered.to(device).eval()
    vectors = np.empty((len(items.examples), clustered.network.embedding_size), np.float32)
    clusters = np.empty(len(vectors), np.intp)
    with torch.inference_mode():
        for rows, inputs in items.groups(batch_size):
            features = clustered.features(inputs.to(device)).unflatten(0, (len(rows), -1))
            vectors[rows] = features.mean(dim=1).cpu().numpy()
            clusters[rows] = clustered.branch.top(torch.relu(features)).mean(dim=1).argmax(dim=1).cpu().numpy()
    clustered.cpu()
    return vectors, clusters


class ClusterLearner:
    """Epochs as described above, for one network or several side by side: a `Learner`.

    Networks without a cluster branch learn from the labelled utterances alone, by the same steps: the supervised
    system to compare with.
    """

    def __init__(self, fabric: Fabric, network: nn.Module, lesson: Lesson, settings: ClusterSettings) -> None:
        fabric.setup_module(network)
        self.parts = [
            _Part(name, one, number, fabric, lesson, settings)
            for number, (name, one) in enumerate(networks_of(network).items())
        ]

    def round(self, number: int) -> Iterator[Tensor]:
        """One epoch of every network; yields the joint loss of each labelled step."""
        for part in self.parts:
            yield from part.learn(number)

    def measures(self) -> dict[str, float]:
        """NMI of the last epoch's clusters with those before, and the number of clusters that are not empty."""
        return {name: value for part in self.parts for name, value in part.measures.items()}

    def state_dict(self) -> dict[str, Any]:
        """The state of all optimisers, and the last clusters."""
        return {part.name: part.state_dict() for part in self.parts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        for part in self.parts:
            part.load_state_dict(state[part.name])


class _Part:
    """One network in training, the `number`-th of those side by side."""

    def __init__(
        self, name: str, network: nn.Module, number: int, fabric: Fabric, lesson: Lesson, settings: ClusterSettings
    ) -> None:
        self.name, self.seed, self.fabric, self.settings = name, [lesson.seed, number], fabric, settings
        self.folder = lesson.folder
        self.trained, self.clustered = network, network if isinstance(network, Clustered) else None
        self.network = cast(EmbeddingNetwork, network if self.clustered is None else self.clustered.network)
        self.pools = {"labelled": self._items(lesson.train)}
        if lesson.unlabelled is not None and self.clustered is not None:
            self.pools["unlabelled"] = self._items(lesson.unlabelled)
        self.batch_rows = lesson.settings.batch_size
        self.batch_items = self.batch_rows * self.pools["labelled"].per_row
        # A top layer has an optimiser of its own, as new as itself.
        layers = [value for key, value in network.named_parameters() if not key.startswith("branch.top.")]
        self.shared = torch.optim.SGD(layers, settings.rates.shared)
        self.joint = torch.optim.Adam(layers, settings.rates.joint)
        self.before: dict[str, Tensor] = {}
        self.measures: dict[str, float] = {}
        self._check_size()

    def _items(self, examples: Examples) -> Items:
        assert isinstance(examples, StoreExamples)
        return Items(examples, self.network.items)

    def _check_size(self) -> None:
        for name, items in self.pools.items():
            if self.clustered is not None and len(items) < self.clustered.branch.top.out_features:
                raise EmotoneError(
                    f"{self.clustered.branch.top.out_features} clusters are more than there are {name} {items.kind} "
                    f"({len(items)}); set system.num_clusters lower"
                )

    def learn(self, epoch: int) -> Iterator[Tensor]:
        if "unlabelled" in self.pools:
            self._learn_clusters(epoch)
        yield from self._learn_labels(epoch)

    def _learn_clusters(self, epoch: int) -> None:
        """The unlabelled pass."""
        clustered, items = self.clustered, self.pools["unlabelled"]
        assert clustered is not None
        assignments, top = self._new_clusters("unlabelled", epoch)
        for batch in self._batches("unlabelled", epoch, assignments):
            inputs, _ = items.read(batch)
            with self.fabric.autocast():
                logits = clustered.logits(inputs.to(self.fabric.device))
                loss = F.cross_entropy(logits, assignments[torch.from_numpy(batch)].to(self.fabric.device))
            self._step(loss, [self.shared, top])

    def _learn_labels(self, epoch: int) -> Iterator[Tensor]:
        """The labelled pass."""
        items, device = self.pools["labelled"], self.fabric.device
        assignments, optimisers = None, [self.shared, self.joint]
        if self.clustered is not None:
            assignments, top = self._new_clusters("labelled", epoch)
            optimisers.append(top)
        with contextlib.nullcontext() if self.settings.trains_heads else _frozen(self.network.heads):
            for batch in self._batches("labelled", epoch, assignments):
                inputs, labels = items.read(batch)
                inputs, labels = inputs.to(device), {name: label.to(device) for name, label in labels.items()}
                with self.fabric.autocast():
                    if self.clustered is None or assignments is None:
                        loss = self.settings.loss(self.network.score(self.network.embed(inputs)), labels)
                    else:
                        logits, scores = self.clustered.logits_and_scores(inputs)
                        pseudo_labels = assignments[torch.from_numpy(batch)].to(device)
                        loss = F.cross_entropy(logits, pseudo_labels) + self.settings.loss(scores, labels)
                self._step(loss, optimisers)
                yield loss.detach()

    def _step(self, loss: Tensor, optimisers: list[torch.optim.Optimizer]) -> None:
        for optimiser in optimisers:
            optimiser.zero_grad()
        self.fabric.backward(loss)
        for optimiser in optimisers:
            optimiser.step()

    def _new_clusters(self, which: str, epoch: int) -> tuple[Tensor, torch.optim.Optimizer]:
        """The cluster of every item [N], and a new top layer with its optimiser."""
        assert self.clustered is not None
        branch = self.clustered.branch
        found = self._cluster(which, epoch)
        before = self.before.get(which)
        agreement = float("nan") if before is None else normalised_mutual_information(before, found.assignments)
        prefix = f"{self.name}_" if self.name else ""
        self.measures[f"{prefix}nmi_{which}"] = agreement
        self.measures[f"{prefix}clusters_{which}"] = float((found.sizes > 0).sum())
        self.before[which] = found.assignments
        generator = torch.Generator().manual_seed(int(self._random("top", which, epoch).integers(2**63)))
        top = branch.new_top_layer(branch.top.out_features, generator)
        return found.assignments, torch.optim.SGD(top.parameters(), self.settings.rates.top)

    def _cluster(self, which: str, epoch: int) -> Clusters:
        """k-means over the embeddings, which lie in a file that needs no name: memory holds a batch of them."""
        assert self.clustered is not None
        items, num_clusters = self.pools[which], self.clustered.branch.top.out_features
        with tempfile.TemporaryFile(dir=self.folder) as file:
            shape = (len(items), self.network.embedding_size)
            vectors = np.memmap(file, np.float32, "w+", shape=shape)
            embed(self.clustered, items, self.batch_rows, self.fabric.device, vectors)
            seed = int(self._random("k-means", which, epoch).integers(2**31))
            points = torch.from_numpy(vectors)  # as a tensor it is read where it lies, as an array it would be copied
            found = kmeans(
                points, num_clusters, self.settings.start, self.settings.iterations, seed, self.fabric.device
            )
        if epoch == 0 and num_clusters > 1 and (found.sizes > 0).sum() == 1:  # later it is the network's own doing
            raise EmotoneError(
                f"all {len(items)} {which} {items.kind} have the same embedding before any training: their features "
                "do not differ, so there is nothing to cluster"
            )
        return found

    def _batches(self, which: str, epoch: int, assignments: Tensor | None) -> Iterator[NDArray[np.intp]]:
        """Items of one pass, drawn by their clusters, or each once where there are none."""
        random = self._random("items", which, epoch)
        num_items = len(self.pools[which])
        draw = DRAWS[self.settings.draw]
        order = random.permutation(num_items) if assignments is None else draw(assignments, random)
        self.trained.train()
        num_batches = max(1, -(-(num_items - 1) // self.batch_items))  # a last one of one item joins that before it
        for batch in range(num_batches):
            end = None if batch == num_batches - 1 else (batch + 1) * self.batch_items
            yield order[batch * self.batch_items : end]

    def _random(self, what: str, which: str, epoch: int) -> np.random.Generator:
        purposes, pools = ("top", "k-means", "items"), ("labelled", "unlabelled")
        return np.random.default_rng([*self.seed, epoch, purposes.index(what), pools.index(which)])

    def state_dict(self) -> dict[str, Any]:
        return {"shared": self.shared.state_dict(), "joint": self.joint.state_dict(), "before": dict(self.before)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.shared.load_state_dict(state["shared"])
        self.joint.load_state_dict(state["joint"])
        self.before = dict(state["before"])


@contextlib.contextmanager
def _frozen(layers: nn.Module) -> Iterator[None]:
    """Layers that do not learn for a while."""
    layers.requires_grad_(False)
    try:
        yield
    finally:
        layers.requires_grad_(True)
