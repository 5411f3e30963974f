"""The cluster branch: a second head that learns an embedding from pseudo-labels, beside any network that embeds.

Lin, Sridhar & Busso, "DeepEmoCluster: A Semi-Supervised Framework for Latent Cluster Representation of Speech
Emotions", ICASSP 2021, section 2; the pseudo-labels are those of Caron et al., "Deep Clustering for Unsupervised
Learning of Visual Features", ECCV 2018.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

import torch
from torch import Tensor, nn

TOP_LAYER_STD = 0.01
"""Deviation of a new top layer's weights; its biases are 0."""


class EmbeddingNetwork(Protocol):
    """What a network needs to take the branch. `items` says what it embeds one by one:

    "chunks" [..., m, D], "vectors" (the one feature vector [..., D] of an utterance), or whole "utterances"
    [B, C, m, D].
    """

    items: ClassVar[str]
    embedding_size: int

    @property
    def heads(self) -> nn.Module:
        """From embeddings to the targets: frozen where the cluster loss alone shall learn."""
        ...

    def embed(self, inputs: Tensor) -> Tensor:
        """Items -> embeddings [..., H]."""

    def score(self, embeddings: Tensor) -> dict[str, Tensor]:
        """Embeddings [..., H] -> {target: [...] or [..., K]}, for each item."""

    def __call__(self, inputs: Tensor) -> dict[str, Tensor]:
        """Inputs of the view -> {target: [B] or [B, K]}, for each utterance."""


class ClusterBranch(nn.Module):
    """Linear(H, H) -> ReLU -> Linear(H, num_clusters): embeddings [..., H] -> a logit per cluster [..., num_clusters].

    Args:
        embedding_size: H.
        num_clusters: of the top layer.
        hidden_std: deviation of the hidden layer's starting weights, with biases 0; None starts it as torch does.

    >>> branch = ClusterBranch(256, 10)
    >>> tuple(branch(torch.zeros(4, 256)).shape), tuple(branch.features(torch.zeros(4, 256)).shape)
    ((4, 10), (4, 256))
    """

    def __init__(self, embedding_size: int, num_clusters: int, hidden_std: float | None = 0.01) -> None:
        super().__init__()
        self.hidden = nn.Linear(embedding_size, embedding_size)
        if hidden_std is not None:
            nn.init.normal_(self.hidden.weight, std=hidden_std)
            nn.init.zeros_(self.hidden.bias)
        self.new_top_layer(num_clusters)

    def features(self, embeddings: Tensor) -> Tensor:
        """What k-means sees of embeddings [..., H]: the hidden layer's output [..., H] before its ReLU."""
        return self.hidden(embeddings)

    def forward(self, embeddings: Tensor) -> Tensor:
        return self.top(torch.relu(self.features(embeddings)))

    def new_top_layer(self, num_clusters: int, generator: torch.Generator | None = None) -> nn.Linear:
        """Forget what the clusters meant: a fresh top layer, weights N(0, 0.01); returns it, for its own optimiser.

        `generator` is one of the CPU: a seed gives the same weights on every device. None takes torch's own.

        >>> branch = ClusterBranch(256, 10)
        >>> branch.new_top_layer(30, torch.Generator().manual_seed(0))
        Linear(in_features=256, out_features=30, bias=True)
        """
        # skip_init: torch's own start would draw from its global generator, and so change every later dropout mask.
        top = nn.utils.skip_init(nn.Linear, self.hidden.out_features, num_clusters)
        nn.init.normal_(top.weight, std=TOP_LAYER_STD, generator=generator)
        nn.init.zeros_(top.bias)
        self.top = top.to(self.hidden.weight)  # its device and dtype
        return self.top


class Clustered(nn.Module):
    """A network with a cluster branch on its embedding; called, it is the network itself.

    Args:
        network: what embeds and scores.
        num_clusters, hidden_std: of the branch.

    >>> from emotone.models.networks.deep_emo_clusters import DeepEmoClusters
    >>> clustered = Clustered(DeepEmoClusters(128, {"arousal": 1}), num_clusters=10).eval()
    >>> chunks = torch.zeros(2, 11, 62, 128)
    >>> clustered(chunks)["arousal"].shape, clustered.features(chunks).shape
    (torch.Size([2]), torch.Size([2, 11, 256]))
    """

    def __init__(self, network: EmbeddingNetwork, num_clusters: int, hidden_std: float | None = 0.01) -> None:
        super().__init__()
        self.network: EmbeddingNetwork = network
        self.branch = ClusterBranch(network.embedding_size, num_clusters, hidden_std)

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:  # of the view -> {target: [B] or [B, K]}
        return self.network(inputs)

    def features(self, inputs: Tensor) -> Tensor:
        """What k-means sees of items: [..., H]."""
        return self.branch.features(self.network.embed(inputs))

    def logits(self, inputs: Tensor) -> Tensor:
        """Cluster logits of items: [..., num_clusters]."""
        return self.branch(self.network.embed(inputs))

    def logits_and_scores(self, inputs: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Cluster logits and {target: scores} of items, of one embedding: what the joint loss compares."""
        embeddings = self.network.embed(inputs)
        return self.branch(embeddings), self.network.score(embeddings)
