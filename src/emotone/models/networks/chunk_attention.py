"""The chunk-level attention network: one LSTM over every chunk, then an aggregation over an utterance's chunks.

Lin & Busso, "Chunk-Level Speech Emotion Recognition: A General Framework of Sequence-to-One Dynamic Temporal
Modeling", IEEE Transactions on Affective Computing 14(2), 2023: section 3.2 and the four aggregations of section 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Aggregation = Literal["NonAtten", "GatedVec", "RnnAttenVec", "SelfAttenVec"]


class _Mean(nn.Module):
    """NonAtten: the mean over chunks."""

    def forward(self, chunks: Tensor) -> Tensor:  # [B, C, H] -> [B, H]
        return chunks.mean(dim=1)


class _Gate(nn.Module):
    """GatedVec: the mean of the chunks, each scaled by its own sigmoid gate."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.gate = nn.Linear(hidden_size, 1)

    def forward(self, chunks: Tensor) -> Tensor:  # [B, C, H] -> [B, H]
        return (torch.sigmoid(self.gate(chunks)) * chunks).mean(dim=1)


class _RnnAttention(nn.Module):
    """RnnAttenVec: an RNN over the chunks, attention of its last state to all of its states."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.rnn = nn.RNN(hidden_size, hidden_size)
        self.score = nn.Linear(hidden_size, hidden_size, bias=False)
        self.output = nn.Linear(2 * hidden_size, hidden_size, bias=False)

    def forward(self, chunks: Tensor) -> Tensor:  # [B, C, H] -> [B, H]
        start = 0 * chunks[None, :, 0]  # zeros that depend on the input: the ONNX form then takes any batch size
        states, _ = self.rnn(chunks.transpose(0, 1), start)  # [C, B, H]: in the order of its steps, not copied to it
        last = states[-1]  # [B, H]
        # (W s_c) . s_C = s_c . (W' s_C): one product per utterance instead of one per chunk
        query = last @ self.score.weight  # [B, H]
        attention = torch.softmax((states * query).sum(dim=2), dim=0)  # [C, B]
        context = (attention[:, :, None] * states).sum(dim=0)  # [B, H]
        return torch.tanh(self.output(torch.cat([context, last], dim=1)))


class _SelfAttention(nn.Module):
    """SelfAttenVec: one post-norm Transformer encoder layer over the chunks, then their mean.

    `across_chunks` False is what the published PyTorch weights need: there every chunk is a sequence of length 1 and
    attends only to itself. Written out instead of `nn.TransformerEncoderLayer`, whose ONNX form fixes the batch size.
    """

    def __init__(self, hidden_size: int, num_heads: int, across_chunks: bool, dropout: float = 0.1) -> None:
        super().__init__()
        if hidden_size % num_heads:
            raise ValueError(f"hidden_size {hidden_size} must be a multiple of num_heads {num_heads}")
        self.num_heads, self.across_chunks, self.rate = num_heads, across_chunks, dropout
        self.query_key_value = nn.Linear(hidden_size, 3 * hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)
        self.widen = nn.Linear(hidden_size, 2048)
        self.narrow = nn.Linear(2048, hidden_size)
        self.norm_1, self.norm_2 = nn.LayerNorm(hidden_size), nn.LayerNorm(hidden_size)
        self.dropout = nn.Dropout(dropout)
        nn.init.xavier_uniform_(self.query_key_value.weight)
        nn.init.zeros_(self.query_key_value.bias)
        nn.init.zeros_(self.output.bias)

    def attend(self, chunks: Tensor) -> Tensor:  # [B, C, H] -> [B, C, H]
        query, key, value = self.query_key_value(chunks).chunk(3, dim=2)
        query, key, value = (part.unflatten(2, (self.num_heads, -1)).transpose(1, 2) for part in (query, key, value))
        attended = F.scaled_dot_product_attention(query, key, value, dropout_p=self.rate if self.training else 0.0)
        return self.output(attended.transpose(1, 2).flatten(2))

    def attend_to_self(self, chunks: Tensor) -> Tensor:  # [B, C, H] -> [B, C, H]
        """Attention where each chunk is a sequence of its own: all weight is on its own value, so only that is made."""
        weight, bias = self.query_key_value.weight.chunk(3)[2], self.query_key_value.bias.chunk(3)[2]
        attended = F.linear(chunks, weight, bias)
        if self.training:  # an attention weight that is dropped takes its whole head along
            heads = attended.flatten(0, 1).unflatten(1, (self.num_heads, -1))
            attended = F.dropout1d(heads, self.rate).reshape(chunks.shape)
        return self.output(attended)

    def forward(self, chunks: Tensor) -> Tensor:  # [B, C, H] -> [B, H]
        attended = self.attend(chunks) if self.across_chunks else self.attend_to_self(chunks)
        sequence = self.norm_1(chunks + self.dropout(attended))
        wide = self.dropout(F.relu(self.widen(sequence), inplace=True))  # the widest array: one copy of it is enough
        return self.norm_2(sequence + self.dropout(self.narrow(wide))).mean(dim=1)


class ChunkAttention(nn.Module):
    """LSTM per chunk -> batch norm -> aggregation over chunks -> one hidden layer -> named outputs.

    Args:
        num_features: D, features per frame.
        outputs: {name: number of values}; an attribute has 1 value, a category one logit per class.
        aggregation: one of the paper's four.
        hidden_size: H, of the LSTM, the chunk vectors and the hidden layer; 130 as published.
        dropout: between the two LSTM layers.
        num_heads: of SelfAttenVec; must divide `hidden_size`.
        across_chunks: SelfAttenVec attends across chunks (as in the paper); False as in the published weights.

    >>> network = ChunkAttention(130, {"arousal": 1, "emotion": 7}, "RnnAttenVec").eval()
    >>> {name: tuple(output.shape) for name, output in network(torch.zeros(2, 11, 62, 130)).items()}
    {'arousal': (2,), 'emotion': (2, 7)}
    """

    items: ClassVar[str] = "utterances"

    def __init__(
        self,
        num_features: int,
        outputs: Mapping[str, int],
        aggregation: Aggregation = "RnnAttenVec",
        hidden_size: int = 130,
        dropout: float = 0.5,
        num_heads: int = 2,
        across_chunks: bool = True,
    ) -> None:
        super().__init__()
        self.sizes, self.embedding_size = dict(outputs), hidden_size
        self.lstm = nn.LSTM(num_features, hidden_size, num_layers=2, batch_first=True, dropout=dropout)
        self.norm = nn.BatchNorm1d(hidden_size)
        self.aggregation: nn.Module
        if aggregation == "NonAtten":
            self.aggregation = _Mean()
        elif aggregation == "GatedVec":
            self.aggregation = _Gate(hidden_size)
        elif aggregation == "RnnAttenVec":
            self.aggregation = _RnnAttention(hidden_size)
        else:
            self.aggregation = _SelfAttention(hidden_size, num_heads, across_chunks)
        self.hidden = nn.Linear(hidden_size, hidden_size)
        self.output = nn.Linear(hidden_size, sum(outputs.values()))

    def encode(self, chunks: Tensor) -> Tensor:
        """Chunk vectors [B, C, H] of chunks [B, C, m, D]: the LSTM's last output, batch-normalised."""
        _, (state, _) = self.lstm(chunks.flatten(0, 1))  # [layers, B * C, H]
        return self._normalise(state[-1]).unflatten(0, (-1, chunks.shape[1]))

    def _normalise(self, vectors: Tensor) -> Tensor:  # [B * C, H] -> [B * C, H]
        if self.training and len(vectors) == 1:
            # One vector has no variance: it is normalised by the running moments, which stay as they are.
            norm = self.norm
            return F.batch_norm(vectors, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
        return self.norm(vectors)

    @property
    def heads(self) -> nn.ModuleList:
        """From an utterance's vector to the targets."""
        return nn.ModuleList([self.hidden, self.output])

    def embed(self, chunks: Tensor) -> Tensor:
        """The vector of each utterance [B, H]: its chunks [B, C, m, D], aggregated."""
        return self.aggregation(self.encode(chunks))

    def score(self, vectors: Tensor) -> dict[str, Tensor]:
        """Outputs {name: [B] or [B, K]} of utterances' vectors [B, H]."""
        values = self.output(torch.relu(self.hidden(vectors)))
        parts = values.split(list(self.sizes.values()), dim=1)
        return {
            name: part[:, 0] if size == 1 else part
            for (name, size), part in zip(self.sizes.items(), parts, strict=True)
        }

    def forward(self, chunks: Tensor) -> dict[str, Tensor]:  # [B, C, m, D] -> {name: [B] or [B, K]}
        return self.score(self.embed(chunks))
