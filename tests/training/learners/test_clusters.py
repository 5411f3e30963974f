"""An epoch of cluster training against the same epoch written out in plain loops; seeds, resuming, refusals."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import normalized_mutual_info_score
from torch import Tensor, nn
from torch.nn import functional as F

from emotone.base import plugins
from emotone.bundle.target import Target
from emotone.bundle.view.view import Chunks, Normaliser, View, Whole
from emotone.data.recipe import Training
from emotone.data.rows import Rows
from emotone.errors import EmotoneError
from emotone.models.cluster_branch import ClusterBranch
from emotone.training.examples import StoreExamples
from emotone.training.learners import clusters as cluster_learner
from emotone.training.learners.clusters import Items
from emotone.training.learners.kmeans import sample_evenly
from emotone.training.learners.learner import Learner, Lesson
from emotone.training.loop import Validation, fit

D, CHUNKS = 6, Chunks(5, 3)
NAN = float("nan")
TARGETS = [Target("arousal", "attribute", (1.0, 7.0)), Target("valence", "attribute", (1.0, 7.0))]
SMALL: dict[str, dict[str, Any]] = {
    "deep-emo-clusters": {"channels": [2, 3], "embedding_size": 8},
    "dense-res-net": {"widths": [10, 8], "num_blocks": 1},
    "chunk-attention": {"hidden_size": 8},
    "curriculum-network": {"hidden_size": 8},
}
TRAINING = Training(batch_size=4, epochs=3, learning_rate=5e-3)
JOINT_RATE, SHARED_RATE, TOP_RATE = 5e-3, 1e-2, 0.05


@pytest.fixture(autouse=True)
def _one_seed() -> None:
    torch.manual_seed(0)


def system(model: str = "deep-emo-clusters", **settings: Any) -> Any:
    return plugins.create(
        "systems",
        "deep-emo-clusters",
        {
            "model": model,
            "model_settings": SMALL[model],
            "num_clusters": 3,
            "shared_rate": SHARED_RATE,
            "hidden_std": None,
            **settings,
        },
    )


def view_of(model: str) -> View:
    return Whole() if model in ("dense-res-net", "curriculum-network") else CHUNKS


def examples(num: int = 14, seed: int = 0, view: View = CHUNKS, labels: dict[str, Tensor] | None = None) -> Any:
    """Utterances of random frames, around one of four places, so that there is something to cluster."""
    random = np.random.default_rng(seed)
    lengths = random.integers(3, 30, num) if isinstance(view, Chunks) else np.ones(num, int)
    places = random.normal(0, 1, (4, D))
    frames = [(places[n % 4] + random.normal(0, 0.5, (lengths[n], D))).astype(np.float32) for n in range(num)]
    if labels is None:
        labels = {
            name: torch.from_numpy(random.normal(0, 1, num).astype(np.float32)) for name in ("arousal", "valence")
        }
        labels["valence"][::5] = NAN
    return StoreExamples(Rows(frames, D), view, Normaliser(np.zeros(D), np.ones(D)), labels)


def without_labels(num: int = 11, seed: int = 1, view: View = CHUNKS) -> Any:
    return examples(num, seed, view, {name: torch.full((num,), NAN) for name in ("arousal", "valence")})


def build(owner: Any, view: View = CHUNKS, targets: list[Target] = TARGETS) -> nn.Module:
    torch.manual_seed(3)
    return owner.build(D, targets, view)


def learner_of(
    owner: Any, network: nn.Module, folder: Path, train: Any, unlabelled: Any = None, seed: int = 5
) -> Learner:
    from lightning_fabric import Fabric

    fabric = Fabric(accelerator="cpu", devices=1)
    return owner.learner(fabric, network, Lesson(train, TRAINING, folder, seed, unlabelled))


def run(learner: Learner, epochs: range = range(2)) -> list[float]:
    """Learn, with dropout masks that follow from the epochs alone; the losses of all labelled steps."""
    torch.manual_seed(9)
    return [loss.item() for epoch in epochs for loss in learner.round(epoch)]


def weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def assert_equal(found: dict[str, Tensor], expected: dict[str, Tensor], tolerance: float = 0.0) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, atol=tolerance, rtol=0, msg=lambda text, name=name: name + text)


@dataclass
class Spy:
    """What a learner drew and saw, pass by pass."""

    network: nn.Module
    vectors: list[NDArray[np.float32]] = field(default_factory=list)
    assignments: list[Tensor] = field(default_factory=list)
    iterations: list[Any] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    tops: list[dict[str, Tensor]] = field(default_factory=list)
    batches: list[list[NDArray[np.intp]]] = field(default_factory=list)
    before: list[dict[str, Tensor]] = field(default_factory=list)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """watch(network) -> Spy."""

    def start(network: nn.Module) -> Spy:
        spy = Spy(network)
        kmeans, new_top, read = cluster_learner.kmeans, ClusterBranch.new_top_layer, Items.read

        def spied_kmeans(points: Any, num_clusters: int, start: Any, iterations: int, seed: int, device: Any) -> Any:
            spy.vectors.append(points.numpy().copy())
            spy.before.append(weights(spy.network))
            spy.iterations.append((start, iterations))
            spy.seeds.append(seed)
            found = kmeans(points, num_clusters, start, iterations, seed, device)
            spy.assignments.append(found.assignments)
            return found

        def spied_top(branch: ClusterBranch, *arguments: Any) -> nn.Linear:
            top = new_top(branch, *arguments)
            spy.tops.append(weights(top))
            spy.batches.append([])
            return top

        def spied_read(items: Items, chosen: NDArray[np.intp]) -> Any:
            if not spy.batches:
                spy.batches.append([])
            spy.batches[-1].append(chosen)
            return read(items, chosen)

        monkeypatch.setattr(cluster_learner, "kmeans", spied_kmeans)
        monkeypatch.setattr(ClusterBranch, "new_top_layer", spied_top)
        monkeypatch.setattr(Items, "read", spied_read)
        return spy

    return start


# ---- the epoch, written out -------------------------------------------------------------------------------------


class Double(StoreExamples):
    """In double precision: a bias before batch norm has only rounding for a gradient, which Adam enlarges."""

    def batch(self, *arguments: Any) -> Any:
        inputs, labels = super().batch(*arguments)
        return inputs.double(), labels

    def chunks(self, *arguments: Any) -> Tensor:
        return super().chunks(*arguments).double()


def double(pool: Any) -> Double:
    return Double(**vars(pool) | {"labels": {name: label.double() for name, label in pool.labels.items()}})


def whole_items(pool: Any, kind: str) -> Tensor:
    """All items of a pool, read utterance by utterance."""
    parts = [pool.batch(np.array([row]))[0] for row in range(len(pool))]  # each [1, C, m, D] or [1, 1, D]
    return torch.cat([part[0] if kind in ("chunks", "vectors") else part for part in parts])


def plain_ccc(prediction: Tensor, label: Tensor) -> Tensor:
    known = ~torch.isnan(label)
    p, t = prediction[known], label[known]
    if not len(p):
        return prediction.sum() * 0
    covariance = ((p - p.mean()) * (t - t.mean())).mean()
    return 1 - 2 * covariance / (p.var(correction=0) + t.var(correction=0) + (p.mean() - t.mean()) ** 2 + 1e-8)


class Slow:
    """Epochs as the paper has them: one tensor of all items, the drawn clusters, top layers and batches given."""

    def __init__(self, network: Any, trains_heads: bool) -> None:
        self.clustered, self.network = network, network.network
        shared = [value for name, value in network.named_parameters() if "top" not in name]
        self.sgd, self.adam = torch.optim.SGD(shared, SHARED_RATE), torch.optim.Adam(shared, JOINT_RATE)
        self.trains_heads = trains_heads

    def features(self, items: Tensor) -> Tensor:
        """Of each item alone, in evaluation mode: the hidden layer before its ReLU."""
        self.clustered.eval()
        hidden = self.clustered.branch.hidden
        with torch.no_grad():
            return torch.cat([self.network.embed(item[None]) @ hidden.weight.T + hidden.bias for item in items])

    def learn(
        self, items: Tensor, labels: dict[str, Tensor] | None, clusters: Tensor, top: dict[str, Tensor], batches: Any
    ) -> list[float]:
        branch, losses = self.clustered.branch, []
        branch.top.load_state_dict(top)  # of the same shape; making a new one would draw random numbers
        top_sgd = torch.optim.SGD(branch.top.parameters(), TOP_RATE)
        heads = list(self.network.heads.parameters())
        self.clustered.train()
        for batch in batches:
            for value in self.clustered.parameters():
                value.grad = None
            embeddings = self.network.embed(items[batch])
            loss = F.cross_entropy(branch.top(torch.relu(branch.hidden(embeddings))), clusters[batch])
            if labels is not None:
                scores = self.network.score(embeddings)
                loss = loss + sum(plain_ccc(scores[name], labels[name][batch]) for name in labels)
            loss.backward()
            if labels is None or not self.trains_heads:
                for value in heads:
                    value.grad = None
            self.sgd.step()
            if labels is not None:
                self.adam.step()
                losses.append(loss.item())
            top_sgd.step()
        return losses


@pytest.mark.parametrize("heads", ["trained", "frozen"])
@pytest.mark.parametrize("has_unlabelled", [True, False])
@pytest.mark.parametrize("model", list(SMALL))
def test_epochs_equal_plain_loops(model: str, has_unlabelled: bool, heads: str, watch: Any, tmp_path: Path) -> None:
    """Two epochs, so that Adam remembers and top layers do not: all weights, moments of batch norm and losses."""
    view, owner = view_of(model), system(model, heads=heads)
    train, unlabelled = double(examples(view=view)), double(without_labels(view=view)) if has_unlabelled else None
    network: Any = build(owner, view).double()
    slow, spy = Slow(copy.deepcopy(network), heads == "trained"), watch(network)
    losses = run(learner_of(owner, network, tmp_path, train, unlabelled))
    kind = network.network.items
    pools = [pool for pool in (unlabelled, train) if pool is not None] * 2
    assert len(spy.vectors) == len(spy.tops) == len(spy.batches) == len(pools)
    torch.manual_seed(9)
    expected: list[float] = []
    for pool, vectors, clusters, top, batches in zip(
        pools, spy.vectors, spy.assignments, spy.tops, spy.batches, strict=True
    ):
        items = whole_items(pool, kind)
        torch.testing.assert_close(slow.features(items).float(), torch.from_numpy(vectors), atol=1e-6, rtol=0)
        labels = {name: label.repeat_interleave(len(items) // len(pool)) for name, label in pool.labels.items()}
        expected += slow.learn(items, labels if pool is train else None, clusters, top, batches)
    np.testing.assert_allclose(losses, expected, atol=1e-8)
    assert_equal(weights(network), weights(slow.clustered), 1e-8)


@pytest.mark.parametrize("heads", ["trained", "frozen"])
def test_heads_rest_while_clusters_alone_teach(heads: str, watch: Any, tmp_path: Path) -> None:
    owner = system(heads=heads)
    network = build(owner)
    spy = watch(network)
    run(learner_of(owner, network, tmp_path, examples(), without_labels()), range(1))
    states = [*spy.before, weights(network)]  # before, after the unlabelled pass, after the labelled one
    moved = [
        {name for name in old if not torch.equal(old[name], new[name])}
        for old, new in zip(states, states[1:], strict=False)
    ]
    own = {f"network.heads.{name}" for name in network.network.heads.state_dict()}
    learns = {name for name, _ in network.named_parameters() if name not in own}
    assert learns <= moved[0] and not own & moved[0]
    assert learns <= moved[1] and (own <= moved[1] if heads == "trained" else not own & moved[1])
    assert all(value.requires_grad for value in network.parameters())


def test_every_pass_has_a_new_top_layer(watch: Any, tmp_path: Path) -> None:
    model = {"channels": [2, 3], "embedding_size": 64}
    owner = system(model_settings=model, num_clusters=9)
    network = build(owner)
    spy = watch(network)
    run(learner_of(owner, network, tmp_path, examples(), without_labels()), range(2))
    assert len(spy.tops) == 4
    values = torch.stack([top["weight"] for top in spy.tops])
    assert values.std().item() == pytest.approx(0.01, rel=0.05) and abs(values.mean().item()) < 1e-3
    assert all(not top["bias"].any() for top in spy.tops)
    correlations = np.corrcoef(values.flatten(1).numpy())
    assert np.abs(correlations - np.eye(4)).max() < 0.2


@pytest.mark.parametrize("start", ["random", "k-means++"])
def test_k_means_starts_anew_in_every_pass(start: str, watch: Any, tmp_path: Path) -> None:
    owner = system(start=start, kmeans_iterations=7)
    network = build(owner)
    spy = watch(network)
    run(learner_of(owner, network, tmp_path, examples(), without_labels()), range(3))
    assert set(spy.iterations) == {(start, 7)} and len(set(spy.seeds)) == 6


def test_clusters_are_drawn_evenly_in_batches_of_single_chunks(watch: Any, tmp_path: Path) -> None:
    owner = system()
    network = build(owner)
    spy = watch(network)
    run(learner_of(owner, network, tmp_path, examples(), without_labels()), range(2))
    sizes = [11 * CHUNKS.num_chunks, 14 * CHUNKS.num_chunks] * 2
    for num_items, clusters, batches in zip(sizes, spy.assignments, spy.batches, strict=True):
        assert [len(batch) for batch in batches[:-1]] == [TRAINING.batch_size * CHUNKS.num_chunks] * (len(batches) - 1)
        drawn = clusters[np.concatenate(batches)]
        counts = torch.bincount(drawn)[torch.bincount(clusters) > 0]
        share = num_items // len(counts) + 1
        assert len(drawn) == num_items and counts.max() <= share
        assert counts.min() >= share - (share * len(counts) - num_items)


def test_the_published_draw_is_by_the_sizes_of_clusters(watch: Any, tmp_path: Path) -> None:
    owner = system(draw="published")
    network = build(owner)
    spy = watch(network)
    run(learner_of(owner, network, tmp_path, examples(), without_labels()), range(2))
    passes = [(epoch, which) for epoch in range(2) for which in (1, 0)]  # unlabelled, labelled
    for (epoch, which), clusters, batches in zip(passes, spy.assignments, spy.batches, strict=True):
        numbers = sample_evenly(clusters, np.random.default_rng([5, 0, epoch, 2, which]))
        expected = np.argsort(clusters.numpy(), kind="stable")[numbers]
        np.testing.assert_array_equal(np.concatenate(batches), expected)


@pytest.mark.parametrize("networks", ["joint", "separate"])
def test_agreement_is_that_of_successive_epochs(networks: str, watch: Any, tmp_path: Path) -> None:
    owner = system(networks=networks)
    network = build(owner)
    spy = watch(network)
    learner = learner_of(owner, network, tmp_path, examples(), without_labels())
    pools = ("unlabelled", "labelled")
    names = [
        f"{part}{pool}" for part in (("arousal_", "valence_") if networks == "separate" else ("",)) for pool in pools
    ]
    before: dict[str, Tensor] = {}
    for epoch in range(3):
        run(learner, range(epoch, epoch + 1))
        found = dict(zip(names, spy.assignments[-len(names) :], strict=True))
        measures = learner.measures()
        for name in names:
            part, pool = name.rpartition("_")[::2]
            key = f"{part}_{{}}_{pool}" if part else f"{{}}_{pool}"
            expected = normalized_mutual_info_score(before[name], found[name]) if before else NAN
            assert measures[key.format("nmi")] == pytest.approx(expected, abs=1e-12, nan_ok=True)
            assert measures[key.format("clusters")] == len(found[name].unique())
        before = found
    alone = learner_of(owner, build(owner), tmp_path, examples())
    run(alone, range(1))
    assert not any("unlabelled" in name for name in alone.measures())


@pytest.mark.parametrize("model", list(SMALL))
def test_without_clusters_it_is_plain_training(model: str, watch: Any, tmp_path: Path) -> None:
    """Every item once an epoch, SGD and Adam on the label loss; unlabelled speech changes nothing."""
    view, owner = view_of(model), system(model, num_clusters=0)
    train, network = double(examples(view=view)), build(owner, view).double()
    plain, spy = copy.deepcopy(network), watch(network)
    learner = learner_of(owner, network, tmp_path, train, double(without_labels(view=view)))
    run(learner, range(2))
    assert learner.measures() == {} and not spy.vectors
    items = whole_items(train, network.items)
    labels = {name: label.repeat_interleave(len(items) // len(train)) for name, label in train.labels.items()}
    optimisers = [torch.optim.SGD(plain.parameters(), SHARED_RATE), torch.optim.Adam(plain.parameters(), JOINT_RATE)]
    torch.manual_seed(9)
    plain.train()
    drawn = np.concatenate(spy.batches[0]).reshape(2, -1)
    assert all(sorted(epoch) == list(range(len(items))) for epoch in drawn) and not np.array_equal(*drawn)
    for batch in spy.batches[0]:
        plain.zero_grad()
        scores = plain.score(plain.embed(items[batch]))
        sum(plain_ccc(scores[name], labels[name][batch]) for name in labels).backward()
        for optimiser in optimisers:
            optimiser.step()
    assert_equal(weights(network), weights(plain), 1e-8)


def test_networks_side_by_side_share_nothing(tmp_path: Path) -> None:
    """Each learns as one of its own: what the labels of one target are does not reach the other."""
    owner, found = system(networks="separate"), []
    for sign in (1, -1):
        train = examples()
        train.labels["valence"] *= sign
        network = build(owner)
        run(learner_of(owner, network, tmp_path, train, without_labels()), range(1))
        found.append(weights(network))
    same = {name: torch.equal(found[0][name], found[1][name]) for name in found[0]}
    assert all(is_same for name, is_same in same.items() if name.startswith("networks.arousal."))
    assert not same["networks.valence.branch.hidden.weight"]


def test_each_network_may_have_clusters_of_its_own_number(watch: Any, tmp_path: Path) -> None:
    owner = system(networks="separate", num_clusters={"arousal": 4, "valence": 0})
    network: Any = build(owner)
    spy = watch(network)
    learner = learner_of(owner, network, tmp_path, examples(), without_labels())
    run(learner, range(1))
    assert [len(top["bias"]) for top in spy.tops] == [4, 4]
    assert {name.split("_")[0] for name in learner.measures()} == {"arousal"}


# ---- what decides the result ------------------------------------------------------------------------------------


def trained(folder: Path, unlabelled: Any, seed: int = 5, train: Any = None) -> dict[str, Tensor]:
    owner = system()
    network = build(owner)
    run(learner_of(owner, network, folder, train or examples(), unlabelled, seed), range(2))
    return weights(network)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_unlabelled_speech_matters_and_its_labels_do_not(tmp_path: Path) -> None:
    first = trained(tmp_path, without_labels())
    assert same(first, trained(tmp_path, examples(11, 1)))  # the same speech with labels
    assert not same(first, trained(tmp_path, without_labels(seed=2)))
    assert not same(first, trained(tmp_path, None))


def test_a_seed_is_a_result(tmp_path: Path) -> None:
    first = trained(tmp_path, without_labels())
    assert same(first, trained(tmp_path, without_labels()))
    assert not same(first, trained(tmp_path, without_labels(), seed=6))


def test_how_batches_are_read_does_not_matter_to_what_is_clustered(tmp_path: Path) -> None:
    """Embeddings come item after item whatever the batches, also of utterances of unequal length seen as a whole."""
    network: Any = build(system())
    items = Items(examples(), "chunks")
    found = []
    for batch_size in (1, 4, 100):
        out = np.empty((len(items), 8), np.float32)
        cluster_learner.embed(network, items, batch_size, "cpu", out)
        found.append(out)
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    np.testing.assert_allclose(found[0], found[2], atol=1e-6)


@pytest.mark.parametrize(
    ("model", "networks", "num_done"),
    [
        ("deep-emo-clusters", "joint", 1),
        ("deep-emo-clusters", "separate", 2),
        ("dense-res-net", "joint", 2),
        ("dense-res-net", "separate", 1),
        ("chunk-attention", "joint", 1),
    ],
)
def test_resumed_training_equals_an_undisturbed_one(
    model: str, networks: str, num_done: int, check_resumption: Any, tmp_path: Path
) -> None:
    view, owner = view_of(model), system(model, networks=networks)

    def train(folder: Path, score: Any) -> tuple[dict[str, Tensor], list[dict[str, float]]]:
        lesson = Lesson(examples(view=view), TRAINING, folder, 5, without_labels(view=view))
        validation = Validation(examples(5, 7, view), score)
        network, history = fit(owner, build(owner, view), lesson, validation, quiet=True)
        return weights(network), history

    def score(outputs: dict[str, NDArray[np.float32]]) -> dict[str, float]:
        return {name: -float(np.square(output).mean()) for name, output in outputs.items()}

    history = check_resumption(train, score, num_done)
    assert [row["epoch"] for row in history] == [1, 2, 3]
    text = (tmp_path / "whole" / "metrics.csv").read_text()
    prefix = "arousal_" if networks == "separate" else ""
    assert text.startswith(f"epoch,loss,{prefix}nmi_unlabelled,{prefix}clusters_unlabelled,{prefix}nmi_labelled,")
    assert sorted(path.name for path in (tmp_path / "whole").iterdir()) == [
        "checkpoint.pt",
        "metrics.csv",
        "tensorboard",
    ]


# ---- what was found ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", list(SMALL))
def test_embedding_and_cluster_of_utterances_are_means_over_their_items(model: str) -> None:
    view = view_of(model)
    network: Any = build(system(model), view)
    train = examples(view=view)
    vectors, clusters = cluster_learner.find_clusters(network, Items(train, network.network.items), 4)
    network.eval()
    branch = network.branch
    for row in range(len(train)):
        item = whole_items_of_row(train, row, network.network.items)
        with torch.no_grad():
            features = branch.hidden(network.network.embed(item))
            logits = torch.relu(features) @ branch.top.weight.T + branch.top.bias
        np.testing.assert_allclose(vectors[row], features.mean(dim=0).numpy(), atol=1e-6)
        assert clusters[row] == logits.mean(dim=0).argmax()
    assert not network.training


def whole_items_of_row(pool: Any, row: int, kind: str) -> Tensor:
    inputs = pool.batch(np.array([row]))[0]
    return inputs if kind == "utterances" else inputs[0]


# ---- what cannot be ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "num", "num_unlabelled", "words"),
    [
        (
            "dense-res-net",
            7,
            20,
            "8 clusters are more than there are labelled vectors (7); set system.num_clusters lower",
        ),
        ("dense-res-net", 20, 7, "8 clusters are more than there are unlabelled vectors (7); set system.num_clusters"),
        ("deep-emo-clusters", 2, 20, "8 clusters are more than there are labelled chunks (6)"),
        ("chunk-attention", 20, 7, "8 clusters are more than there are unlabelled utterances (7)"),
    ],
)
def test_fewer_utterances_than_clusters(model: str, num: int, num_unlabelled: int, words: str, tmp_path: Path) -> None:
    view, owner = view_of(model), system(model, num_clusters=8)
    with pytest.raises(EmotoneError, match=".") as caught:
        learner_of(
            owner, build(owner, view), tmp_path, examples(num, view=view), without_labels(num_unlabelled, view=view)
        )
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("model", list(SMALL))
@pytest.mark.parametrize("which", ["labelled", "unlabelled"])
def test_features_that_do_not_differ(model: str, which: str, tmp_path: Path) -> None:
    view, owner = view_of(model), system(model)
    pools = {"labelled": examples(view=view), "unlabelled": without_labels(view=view)}
    for frames in pools[which].rows.utterances:
        frames[:] = 0.5
    learner = learner_of(owner, build(owner, view), tmp_path, pools["labelled"], pools["unlabelled"])
    with pytest.raises(
        EmotoneError, match=rf"all \d+ {which} .* have the same embedding before any training"
    ) as caught:
        run(learner)
    assert "\n" not in str(caught.value)
