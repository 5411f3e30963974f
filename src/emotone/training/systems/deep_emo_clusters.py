"""DeepEmoClusters (Lin, Sridhar & Busso 2021): clusters of speech beside its labels, for any network that embeds."""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from emotone.base import plugins
from emotone.base.settings import check_settings
from emotone.bundle.view.chunk import chunk_size, count_chunks
from emotone.bundle.view.view import Chunks, View, Whole
from emotone.errors import EmotoneError, unknown
from emotone.training.system import FoundClusters, System, num_outputs

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from torch import Tensor, nn

    from emotone.bundle.target import Target
    from emotone.data.recipe import Training
    from emotone.training.examples import Examples
    from emotone.training.learners.learner import Learner, Lesson

NAME = "deep-emo-clusters"
NOT_SETTINGS = ("num_features", "outputs", "chunk_frames")
"""Arguments of a model that follow from the recipe's feature, targets and chunks."""


@dataclass(frozen=True)
class DeepEmoClusters(System):
    """How networks with a cluster branch learn from labelled and unlabelled speech (`learners.clusters`).

    The recipe's `unlabelled` says which speech; without any, the labelled utterances alone are clustered. Training
    counts epochs; `training.learning_rate` is that of Adam in the joint step, `training.batch_size` counts utterances
    (of chunks, as many single ones are drawn as those would have).

    model: any of `emotone.models` that embeds; model_settings: its settings.
    num_clusters: K, or {target: K} with separate networks; 0 is supervised training of the same network alone.
    heads: "trained" in the joint step; "frozen" at their random start, as the published weights are.
    networks: "joint", one network with all targets; "separate", one per target with clusters of its own.
    chunk_s, max_utterance_s: Wc and Tmax of models of chunks, in seconds; null takes the training split's longest.
    shared_rate, top_rate: of SGD, for all layers and for the new top layers.
    hidden_std: of the branch's starting weights; null starts them as torch does.
    start, kmeans_iterations: of k-means; "random" points are the published start.
    draw: what an epoch learns from: items drawn "even" over their clusters; "published", about as often as clusters are
    large, by a slip of the published programs (`learners.kmeans.sample_as_published`).
    best_by: what decides the best weights: scores of "utterances", or of single "chunks", each with the label of its
    utterance, as published.
    ccc: "lin", or "published" with its mixed degrees of freedom.
    """

    distributes: ClassVar[bool] = False

    model: str = NAME
    model_settings: dict[str, Any] = field(default_factory=dict)
    num_clusters: int | dict[str, int] = 10
    heads: Literal["trained", "frozen"] = "trained"
    networks: Literal["joint", "separate"] = "joint"
    chunk_s: float = 1.0
    max_utterance_s: float | None = None
    shared_rate: float = 1e-3
    top_rate: float = 0.05
    hidden_std: float | None = 0.01
    start: Literal["random", "k-means++"] = "random"
    kmeans_iterations: int = 20
    draw: Literal["even", "published"] = "even"
    best_by: Literal["utterances", "chunks"] = "utterances"
    ccc: Literal["lin", "published"] = "lin"

    def __post_init__(self) -> None:
        for name in ("chunk_s", "max_utterance_s", "shared_rate", "top_rate", "hidden_std"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise EmotoneError(f"{NAME}: {name} must be a positive number, not {value}")
        for count in self._counts:
            if count < 0 or count == 1:
                raise EmotoneError(f"{NAME}: num_clusters must be 0 (supervised only), or 2 and more, not {count}")
        if isinstance(self.num_clusters, dict) and self.networks == "joint":
            raise EmotoneError(f"{NAME}: num_clusters of each target needs networks: separate")
        if self.kmeans_iterations < 1:
            raise EmotoneError(f"{NAME}: kmeans_iterations must be at least 1, not {self.kmeans_iterations}")
        self._check_model()
        if self.best_by == "chunks" and self._kind != "chunks":
            raise EmotoneError(f"{NAME}: model {self.model} scores no single chunks; set best_by: utterances")

    def _check_model(self) -> None:
        model = plugins.find("models", self.model)
        if not hasattr(model, "items"):
            able = [name for name in plugins.names("models") if hasattr(plugins.find("models", name), "items")]
            raise EmotoneError(f"{NAME}: model {self.model} has no embedding to cluster; choose {', '.join(able)}")
        own = [name for name in inspect.signature(model).parameters if name not in NOT_SETTINGS]
        for key in self.model_settings:
            if key not in own:
                raise unknown("setting", key, own, where=f"{NAME}: model {self.model}")
        check_settings(model, self.model_settings, f"{NAME}: model {self.model}", is_partial=True)
        for key, given in self.model_settings.items():
            values = given if isinstance(given, list | tuple) else [given]
            if key == "dropout" and not 0 <= given < 1:
                raise EmotoneError(f"{NAME}: model {self.model}: dropout must be from 0 to less than 1, not {given}")
            if not values or any(type(value) is int and value < 1 for value in values if key != "dropout"):
                raise EmotoneError(f"{NAME}: model {self.model}: {key} must be at least 1, not {given}")

    @property
    def takes_unlabelled(self) -> bool:
        """Unless it is supervised only."""
        return any(self._counts)

    @property
    def _counts(self) -> list[int]:
        return list(self.num_clusters.values()) if isinstance(self.num_clusters, dict) else [self.num_clusters]

    @property
    def _kind(self) -> str:
        """The items that the model embeds: chunks, vectors or utterances."""
        return str(plugins.find("models", self.model).items)

    def view(self, hop_s: float | None, longest_s: float) -> View:
        """Chunks, or the one vector of an utterance."""
        if self._kind == "vectors":
            if hop_s is not None:
                raise EmotoneError(f"{NAME}: model {self.model} needs a feature with one vector per utterance")
            return Whole()
        if hop_s is None:
            raise EmotoneError(f"{NAME}: model {self.model} needs a feature with frames, not one vector per utterance")
        return Chunks(chunk_size(self.chunk_s, hop_s), count_chunks(self.max_utterance_s or longest_s, self.chunk_s))

    def utterance_limit_s(self, longest_s: float) -> float:
        """Tmax: beyond it chunks would leave gaps."""
        return self.max_utterance_s or longest_s

    def build(self, num_features: int, targets: list[Target], view: View | None = None) -> nn.Module:
        """The untrained network, with a cluster branch unless it shall learn from labels alone."""
        from emotone.models.cluster_branch import Clustered
        from emotone.models.side_by_side import SeparateNetworks

        model = plugins.find("models", self.model)
        settings = check_settings(model, self.model_settings, NAME, is_partial=True)
        if "chunk_frames" in inspect.signature(model).parameters:
            assert isinstance(view, Chunks)
            settings["chunk_frames"] = view.chunk_frames

        def network(group: list[Target]) -> nn.Module:
            try:
                one = model(num_features, num_outputs(group), **settings)
            except ValueError as error:
                raise EmotoneError(f"{NAME}: model {self.model}: {error}") from None
            num_clusters = self._num_clusters(group[0].name)
            return Clustered(one, num_clusters, self.hidden_std) if num_clusters else one

        if self.networks == "separate":
            return SeparateNetworks({target.name: network([target]) for target in targets})
        return network(targets)

    def _num_clusters(self, target: str) -> int:
        if isinstance(self.num_clusters, int):
            return self.num_clusters
        if target not in self.num_clusters:
            raise EmotoneError(f"{NAME}: num_clusters must say how many for {target} too")
        return self.num_clusters[target]

    def loss(self, outputs: dict[str, Tensor], labels: dict[str, Tensor]) -> Tensor:
        """The sum over targets of CCC loss (attributes, z-normalised) or cross-entropy (categories)."""
        from emotone.models.losses import sum_over_targets

        return sum_over_targets(outputs, labels, self.ccc)

    def learner(self, fabric: Fabric, network: nn.Module, lesson: Lesson) -> Learner:
        """Epochs of an unlabelled and a labelled pass."""
        from emotone.training.learners.clusters import ClusterLearner, ClusterSettings, Rates

        rates = Rates(lesson.settings.learning_rate, self.shared_rate, self.top_rate)
        trains_heads = self.heads == "trained"
        settings = ClusterSettings(self.loss, rates, self.start, self.kmeans_iterations, trains_heads, self.draw)
        return ClusterLearner(fabric, network, lesson, settings)

    def validated(self, examples: Examples) -> Examples:
        """Utterances, or all of their chunks."""
        from emotone.training.examples import ChunkExamples, StoreExamples

        if self.best_by == "utterances":
            return examples
        assert isinstance(examples, StoreExamples)
        return ChunkExamples(examples)

    def check_training(self, training: Training, has_curriculum: bool) -> None:
        """Epochs, one pass each, in full or bfloat16 precision."""
        if training.epochs is None:
            raise EmotoneError(f"{NAME} goes by epochs: set training.epochs")
        if has_curriculum:
            raise EmotoneError(f"{NAME} draws utterances by their clusters, so it takes no curriculum")
        if training.precision == "16-mixed" or training.clip_norm is not None:
            raise EmotoneError(
                f"{NAME} steps three optimisers at once: no 16-mixed precision (bf16-mixed), no clip_norm"
            )

    def find_clusters(
        self, network: nn.Module, examples: Examples, batch_size: int, device: str = "cpu"
    ) -> dict[str, FoundClusters]:
        """Embedding and cluster of every utterance, by each network that has clusters."""
        from emotone.models.cluster_branch import Clustered
        from emotone.models.side_by_side import networks_of
        from emotone.training.examples import StoreExamples
        from emotone.training.learners.clusters import Items, find_clusters

        assert isinstance(examples, StoreExamples)
        return {
            name: find_clusters(part, Items(examples, self._kind), batch_size, device)
            for name, part in networks_of(network).items()
            if isinstance(part, Clustered)
        }
