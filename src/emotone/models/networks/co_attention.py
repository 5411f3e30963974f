"""The co-attention network of speech and text: a Transformer per modality, then layers that ask across.

The audio and text network of multi-scale chunk regularisation (Lin & Busso), as published: chunks of speech and tokens
of text, each after a summary token of ones; three self-attention layers per stream; two co-attention layers, in which a
stream is weighed by what the other asks for; both summary tokens to one small head per target.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Parameters of the published network and those here.
PUBLISHED_STREAMS = {"sph": "speech", "txt": "text"}
PUBLISHED_LAYER = re.compile(r"trans\.l(?P<number>\d+)_(?P<own>sph|txt)_(?P<asking>sph|txt)\.(?P<rest>.+)")
PUBLISHED_INNER = {
    "self_attn.in_proj_": "query_key_value.",
    "self_attn.out_proj": "output",
    "linear1": "widen",
    "linear2": "narrow",
    "norm1": "norm_1",
    "norm2": "norm_2",
}
PUBLISHED_OUTER = {
    "proj_sph": "speech",
    "proj_txt": "text",
    "top_layer_act": "heads.arousal",
    "top_layer_dom": "heads.dominance",
    "top_layer_val": "heads.valence",
}


class _Layer(nn.Module):
    """One post-norm attention layer over a stream, asked by itself or, in co-attention, by the other stream.

    What is at step t of the stream that asks decides what is added at step t of its own: both have the same length.
    """

    def __init__(self, hidden_size: int, num_heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query_key_value = nn.Linear(hidden_size, 3 * hidden_size)
        self.output = nn.Linear(hidden_size, hidden_size)
        self.widen = nn.Linear(hidden_size, feed_forward, bias=False)
        self.narrow = nn.Linear(feed_forward, hidden_size, bias=False)
        self.norm_1, self.norm_2 = nn.LayerNorm(hidden_size), nn.LayerNorm(hidden_size)
        self.dropout = nn.Dropout(dropout)
        nn.init.xavier_uniform_(self.query_key_value.weight)
        nn.init.zeros_(self.query_key_value.bias)
        nn.init.zeros_(self.output.bias)

    def attend(self, own: Tensor, asking: Tensor, is_padding: Tensor) -> Tensor:
        """Multi-head attention of `asking` [B, L, H] to the steps of `own` [B, L, H] that are not padding [B, L]."""
        size = own.shape[2]
        weight, bias = (part.split([size, 2 * size]) for part in self.query_key_value.parameters())
        query = F.linear(asking, weight[0], bias[0])
        key, value = F.linear(own, weight[1], bias[1]).chunk(2, dim=2)
        query, key, value = (part.unflatten(2, (self.num_heads, -1)).transpose(1, 2) for part in (query, key, value))
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=~is_padding[:, None, None])
        return self.output(attended.transpose(1, 2).flatten(2))

    def forward(self, own: Tensor, asking: Tensor, is_padding: Tensor) -> Tensor:  # [B, L, H] -> [B, L, H]
        no_step = is_padding[:, :, None]
        attended = self.attend(own, asking, is_padding).masked_fill(no_step, 0.0)
        steps = self.norm_1(own + self.dropout(attended)).masked_fill(no_step, 0.0)
        wide = self.dropout(F.gelu(self.widen(steps)))
        return self.norm_2(steps + self.dropout(self.narrow(wide)))


class CoAttention(nn.Module):
    """Linear per stream -> positions -> self-attention -> co-attention -> both summary tokens -> named outputs.

    A stream of length 0 is absent: it then is its summary token alone, which says nothing of the utterance, and all
    that is known comes from the other. Steps beyond a length change nothing, however many they are and whatever they
    hold that is finite.

    Args:
        num_speech_features: of a chunk; 7 * 1024 as published (`emotone.bundle.view.temporal_pyramid`).
        num_text_features: of a token; 768 as published.
        outputs: {name: number of values}; an attribute has 1 value, a category one logit per class.
        hidden_size: H, even, a multiple of `num_heads`; 256 as published.
        num_heads: of every attention.
        num_self_layers: per stream, before the streams meet.
        num_co_layers: per stream, after; both streams are updated in step.
        feed_forward: width within the layers; twice `hidden_size` where None.
        dropout: in the layers, not of attention weights.
        position_dropout: after positions were added.
        modality_dropout: share of training utterances that have both streams and lose either (0 as published).

    >>> network = CoAttention(7 * 64, 48, {"arousal": 1, "emotion": 6}, hidden_size=32).eval()
    >>> speech, text = torch.zeros(2, 9, 7 * 64), torch.zeros(2, 9, 48)
    >>> outputs = network(speech, text, torch.tensor([9, 4]), torch.tensor([0, 5]))
    >>> {name: tuple(output.shape) for name, output in outputs.items()}
    {'arousal': (2,), 'emotion': (2, 6)}
    """

    def __init__(
        self,
        num_speech_features: int,
        num_text_features: int,
        outputs: Mapping[str, int],
        hidden_size: int = 256,
        num_heads: int = 4,
        num_self_layers: int = 3,
        num_co_layers: int = 2,
        feed_forward: int | None = None,
        dropout: float = 0.3,
        position_dropout: float = 0.1,
        modality_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if hidden_size % num_heads or hidden_size % 2:
            raise ValueError(f"hidden_size {hidden_size} must be even and a multiple of num_heads {num_heads}")
        self.sizes, self.embedding_size, self.modality_dropout = dict(outputs), 2 * hidden_size, modality_dropout
        width = feed_forward or 2 * hidden_size

        def layers(num: int) -> nn.ModuleList:
            return nn.ModuleList(_Layer(hidden_size, num_heads, width, dropout) for _ in range(num))

        self.speech = nn.Linear(num_speech_features, hidden_size, bias=False)
        self.text = nn.Linear(num_text_features, hidden_size, bias=False)
        self.position_dropout = nn.Dropout(position_dropout)
        self.speech_layers, self.text_layers = layers(num_self_layers), layers(num_self_layers)
        self.speech_co_layers, self.text_co_layers = layers(num_co_layers), layers(num_co_layers)
        self.heads = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Linear(2 * hidden_size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, size))
                for name, size in outputs.items()
            }
        )

    def forward(
        self, speech: Tensor, text: Tensor, speech_length: Tensor, text_length: Tensor
    ) -> dict[str, Tensor]:  # [B, L, D], [B, L, D'], [B], [B] -> {name: [B] or [B, K]}
        return self.score(self.embed(speech, text, speech_length, text_length))

    def embed(self, speech: Tensor, text: Tensor, speech_length: Tensor, text_length: Tensor) -> Tensor:
        """The vector of each utterance [B, 2H] from chunks [B, L, D], tokens [B, L, D'] and their numbers [B].

        Both are padded to the same L; the summary token comes on top of it.
        """
        if self.training and self.modality_dropout:
            speech_length, text_length = self.lose_streams(speech_length, text_length)
        step = torch.arange(speech.shape[1] + 1, device=speech.device)
        no_speech, no_text = step > speech_length[:, None], step > text_length[:, None]  # step 0 is the summary
        spoken, written = self.begin(self.speech, speech), self.begin(self.text, text)
        for layer in self.speech_layers:
            spoken = layer(spoken, spoken, no_speech)
        for layer in self.text_layers:
            written = layer(written, written, no_text)
        for of_speech, of_text in zip(self.speech_co_layers, self.text_co_layers, strict=True):
            spoken, written = of_speech(spoken, written, no_speech), of_text(written, spoken, no_text)
        return torch.cat([spoken[:, 0], written[:, 0]], dim=1)

    def score(self, vectors: Tensor) -> dict[str, Tensor]:
        """Outputs {name: [B] or [B, K]} of utterances' vectors [B, 2H]."""
        outputs = {name: head(vectors) for name, head in self.heads.items()}
        return {name: value[:, 0] if self.sizes[name] == 1 else value for name, value in outputs.items()}

    def begin(self, project: nn.Module, steps: Tensor) -> Tensor:
        """A stream [B, L, D] as [B, 1 + L, H]: the summary token of ones before it, projected, with positions."""
        summary = project(steps.new_ones(1, 1, steps.shape[2])).expand(steps.shape[0], -1, -1)
        projected = torch.cat([summary, project(steps)], dim=1)  # after the projection, where steps are far smaller
        return self.position_dropout(projected + positions(projected.shape[1], projected.shape[2], projected.device))

    def lose_streams(self, speech_length: Tensor, text_length: Tensor) -> tuple[Tensor, Tensor]:
        """Lengths [B] where some utterances that have both streams lose either: its length is 0."""
        draw = torch.rand(speech_length.shape, device=speech_length.device)
        lost = (draw < self.modality_dropout) & (speech_length > 0) & (text_length > 0)
        is_speech = draw < self.modality_dropout / 2
        return speech_length.masked_fill(lost & is_speech, 0), text_length.masked_fill(lost & ~is_speech, 0)


def positions(num_steps: int, size: int, device: torch.device | None = None) -> Tensor:
    """Sinusoidal positions, float32 [L, size] (Vaswani et al., "Attention Is All You Need", 2017, section 3.5).

    >>> positions(2, 4)[1].numpy().round(4)
    array([0.8415, 0.5403, 0.01  , 1.    ], dtype=float32)
    """
    rate = torch.exp(torch.arange(0, size, 2, device=device) * (-math.log(10_000.0) / size))
    angle = torch.arange(num_steps, device=device)[:, None] * rate
    return torch.stack([torch.sin(angle), torch.cos(angle)], dim=2).flatten(1)


def rename_published(weights: Mapping[str, Tensor], num_self_layers: int = 3) -> dict[str, Tensor]:
    """Weights of the published code under the names of a `CoAttention` with as many self-attention layers.

    Raises ValueError for a name that the published network does not have.

    >>> list(rename_published({"trans.l4_txt_sph.linear1.weight": torch.zeros(2, 1)}))
    ['text_co_layers.0.widen.weight']
    """
    return {_rename(name, num_self_layers): value for name, value in weights.items()}


def _rename(name: str, num_self_layers: int) -> str:
    match = PUBLISHED_LAYER.fullmatch(name)
    if match is None:
        outer, _, rest = name.partition(".")
        if outer not in PUBLISHED_OUTER:
            raise ValueError(f"the published co-attention network has no parameter {name!r}")
        return f"{PUBLISHED_OUTER[outer]}.{rest}"
    own, asking, rest = match["own"], match["asking"], match["rest"]
    number = int(match["number"]) - 1  # counted through both kinds of layers
    stack, place = ("layers", number) if own == asking else ("co_layers", number - num_self_layers)
    for there, here in PUBLISHED_INNER.items():
        rest = rest.replace(there, here)
    return f"{PUBLISHED_STREAMS[own]}_{stack}.{place}.{rest}"
