"""DeepEmoClusters' network: VGG-like convolutions over each chunk of a mel spectrogram, a head for each target.

Lin, Sridhar & Busso, "DeepEmoCluster: A Semi-Supervised Framework for Latent Cluster Representation of Speech
Emotions", ICASSP 2021, section 2, as published. Its cluster branch is `emotone.models.cluster_branch`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, prod, sqrt
from typing import ClassVar

from torch import Tensor, nn

KERNEL = 3
LINEAR_STD = 0.01


class DeepEmoClusters(nn.Module):
    """Convolutions -> embedding of each chunk -> one hidden layer and output for each target -> mean over chunks.

    Args:
        num_features: D, mel bands.
        outputs: {name: number of values}; an attribute has 1 value, a category one logit per class.
        chunk_frames: m, frames per chunk.
        channels: of each convolution; the first two keep the resolution, each further one halves it.
        embedding_size: H, of the embedding and the hidden layers.
        dropout: of the embedding.

    >>> import torch
    >>> network = DeepEmoClusters(128, {"arousal": 1, "emotion": 7}).eval()
    >>> {name: tuple(output.shape) for name, output in network(torch.zeros(2, 11, 62, 128)).items()}
    {'arousal': (2,), 'emotion': (2, 7)}
    """

    items: ClassVar[str] = "chunks"

    def __init__(
        self,
        num_features: int,
        outputs: Mapping[str, int],
        chunk_frames: int = 62,
        channels: tuple[int, ...] = (32, 32, 64, 64, 128, 128, 128),
        embedding_size: int = 256,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.embedding_size = embedding_size
        strides = [1 if place < 2 else 2 for place in range(len(channels))]
        sizes = zip((1, *channels), channels, strides, strict=False)
        self.convolutions = nn.Sequential(*[_convolve(first, second, stride) for first, second, stride in sizes])
        num_maps = channels[-1] * prod(ceil(size / prod(strides)) for size in (chunk_frames, num_features))
        self.embedding = nn.Sequential(nn.Linear(num_maps, embedding_size), nn.ReLU(inplace=True), nn.Dropout(dropout))
        self.heads = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Linear(embedding_size, embedding_size), nn.ReLU(inplace=True), nn.Linear(embedding_size, size)
                )
                for name, size in outputs.items()
            }
        )
        self.apply(_initialise)

    def embed(self, chunks: Tensor) -> Tensor:
        """Embeddings [..., H] of chunks [..., m, D]: of utterances' [B, C, m, D] as of single ones [N, m, D]."""
        maps = self.convolutions(chunks.reshape(-1, 1, *chunks.shape[-2:]))
        return self.embedding(maps.flatten(1)).reshape(*chunks.shape[:-2], self.embedding_size)

    def score(self, embeddings: Tensor) -> dict[str, Tensor]:
        """Outputs {name: [...] or [..., K]} of embeddings [..., H], for each chunk."""
        values = {name: head(embeddings) for name, head in self.heads.items()}
        return {name: value[..., 0] if value.shape[-1] == 1 else value for name, value in values.items()}

    def forward(self, chunks: Tensor) -> dict[str, Tensor]:  # [B, C, m, D] -> {name: [B] or [B, K]}
        return {name: value.mean(dim=1) for name, value in self.score(self.embed(chunks)).items()}


def _convolve(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, KERNEL, stride, padding=1),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def _initialise(layer: nn.Module) -> None:
    """Convolutions N(0, sqrt(2 / (k k out))), linear layers N(0, 0.01), biases 0, as published."""
    if isinstance(layer, nn.Conv2d):
        nn.init.normal_(layer.weight, std=sqrt(2 / (KERNEL**2 * layer.out_channels)))
    elif isinstance(layer, nn.Linear):
        nn.init.normal_(layer.weight, std=LINEAR_STD)
    if isinstance(layer, nn.Conv2d | nn.Linear) and layer.bias is not None:
        nn.init.zeros_(layer.bias)
